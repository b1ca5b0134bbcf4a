"""Files that come with a message: which are taken, what people read about the others, and how one gets to disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from bot.errors import AttachmentError, StorageError
from bot.file_names import ending_of
from bot.language import N_, _, ngettext, number

MAX_FILES: Final = 10
MAX_FILE_BYTES: Final = 50_000_000
PICTURE_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")
OTHER_WORKBOOKS: Final = (".xls", ".ods")  # than services of others take
WORKBOOKS: Final = (".xlsx", ".xlsm", *OTHER_WORKBOOKS)
_TABLE_ENDINGS: Final = (".csv", ".tsv", ".tab", *WORKBOOKS, ".json", ".jsonl", ".ndjson", ".zip")
ENDINGS: Final = (*_TABLE_ENDINGS, ".txt", ".md", ".docx", ".pptx", ".pdf", *PICTURE_ENDINGS)
"""What the built-in tutor is given, and what people are told in few words that is taken."""

CODE_ENDINGS: Final = (".c", ".cpp", ".cs", ".css", ".html", ".java", ".js", ".php", ".py", ".rb", ".sh", ".tex", ".ts")
_NOT_HOSTED: Final = frozenset({".tab", ".jsonl", ".ndjson"})
HOSTED_ENDINGS: Final = (
    *(ending for ending in ENDINGS if ending not in _NOT_HOSTED),
    *CODE_ENDINGS,
    ".doc",
    ".pkl",
    ".tar",
    ".xml",
)
"""What services of others say that their code interpreter takes."""

PROGRAM_ENDINGS: Final = (".exe", ".dll", ".msi", ".scr", ".lnk", ".hta", ".jar", ".apk")
"""What is taken by nobody: there is nothing to ask about them, and they are what malware is sent as."""

POINTER: Final = "reference"
POSSIBLE_POINTER: Final = "reference, if any"
"""Content types of what is no file: the message has files, or may have, and the channel's service knows which."""

UNSEEN: Final = "unseen"
"""Content type of what people see in a message and its channel gives to no bot; `name` is one of `UNSEEN_KINDS`."""

UNSEEN_KINDS: Final = {
    "voice": N_("I cannot hear voice messages. Please write what you said."),
    "code": N_("Teams does not give me code snippets. Please paste the code into the message itself."),
    "loop": N_("I cannot open Loop components. Please paste their text into the message itself."),
    "card": N_("I cannot see the card in your message. Please write what it is about."),
}
"""What is said to each kind."""

TAKEN: Final = N_(
    "tables (csv, tsv, xlsx), documents (docx, pptx, pdf), text (txt, md, json), and pictures (png, jpeg, gif, webp)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file, not yet read."""

    name: str  # as `plain_name` makes it
    url: str  # where the channel keeps it; only the channel's own adapter opens it
    content_type: str = ""  # what the channel says it is, which need not be true
    size_bytes: int | None = None  # where the channel says it
    link: str = ""  # where people open it themselves, if the channel says so

    @property
    def is_pointer(self) -> bool:
        """Whether this is no file: `IncomingFiles.listed` finds the files in its place."""
        return self.content_type in (POINTER, POSSIBLE_POINTER)


def rejection_reason(attachments: Sequence[Attachment], endings: Collection[str] | None = ENDINGS) -> str | None:
    """Why these files are not taken, as a sentence for their sender; None if they may come.

    `endings`: those that are taken; None where code can be asked about any file.
    """
    if len(attachments) > MAX_FILES:
        return too_many()
    for attachment in attachments:
        if attachment.content_type == UNSEEN:
            return _(UNSEEN_KINDS.get(attachment.name, UNSEEN_KINDS["card"]))
        ending = ending_of(attachment.name)  # without one, the content decides
        if ending in PROGRAM_ENDINGS or (ending and endings is not None and ending not in endings):
            return cannot_read(attachment.name)
        if attachment.size_bytes == 0:
            return empty(attachment.name)
        if (attachment.size_bytes or 0) > MAX_FILE_BYTES:
            return too_large(attachment.name)
    return None


def too_many() -> str:
    """What a person reads of a message with too many files."""
    return _("I can take at most {count} files with one message.").format(count=MAX_FILES)


def cannot_read(name: str) -> str:
    """What a person reads of a file of another kind."""
    return _("I cannot read {name}. I take {kinds}.").format(name=name, kinds=_(TAKEN))


def save_as_xlsx(name: str) -> str:
    """What a person reads of a workbook in a format that the assistant's service does not take."""
    return _("I cannot read {name} in this format. Please save it as xlsx and send it again.").format(name=name)


def protected(name: str) -> str:
    """What a person reads of an Office file that only a password opens."""
    return _("{name} is protected with a password. Please save a copy without one and send that.").format(name=name)


def too_large(name: str) -> str:
    """What a person reads of a file beyond the limit."""
    limit_mb = number(MAX_FILE_BYTES // 1_000_000)
    return _("{name} is larger than {limit_mb} MB, the most that I can take.").format(name=name, limit_mb=limit_mb)


def empty(name: str) -> str:
    """What a person reads of a file without a byte in it."""
    return _("{name} is empty.").format(name=name)


def what_to_do_with(names: Sequence[str]) -> str:
    """The answer to files without a word."""
    sentence = ngettext(
        "I have {names}. What shall I do with it? You could ask, for example: *What is in it?*",
        "I have {names}. What shall I do with them? You could ask, for example: *What is in them?*",
        len(names),
    )
    return sentence.format(names=join_names(names))


def join_names(names: Sequence[str]) -> str:
    """The names as in a sentence: "a.csv, b.csv and c.csv"."""
    return f" {_('and')} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


T = TypeVar("T")


async def receive(chunks: AsyncIterable[bytes], into: Path, *, name: str) -> int:
    """Write a file down as it comes, never more than the limit of it; its size in bytes.

    Raises AttachmentError for one that is too large or empty, StorageError if the disk does not take it. Whatever is
    raised, by `chunks` too, and also when this is cancelled: nothing stays behind.
    """
    size_bytes = 0
    with ExitStack() as undo:
        undo.callback(into.unlink, missing_ok=True)
        file = undo.enter_context(await _on_disk(lambda: into.open("xb")))
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > MAX_FILE_BYTES:
                raise AttachmentError(f"a file has more than {MAX_FILE_BYTES} bytes", apology=too_large(name))
            await _on_disk(partial(file.write, chunk))
        if size_bytes == 0:
            raise AttachmentError("a file has no bytes", apology=empty(name))
        await _on_disk(partial(_finish, file))
        undo.pop_all()
    return size_bytes


async def _on_disk(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise StorageError(f"a file cannot be kept: {error.strerror}") from error


def _finish(file: BinaryIO) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())
