"""A chat in the terminal: its channel, the files of answers, and the files that a person names by path."""

from __future__ import annotations

import asyncio
import hashlib
import html
import io
import os
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from typing_extensions import override

from bot.attachments import ENDINGS, Attachment, rejection_reason
from bot.conversation import ActivityId, Command, ConversationKey, ConversationReference, Party, Question, Scope, typed
from bot.errors import AttachmentError, StorageError
from bot.file_names import plain_name
from bot.language import N_, _
from bot.links import NO_LINKS, LinkRules, judged_markdown
from bot.parts import (
    ApologyPart,
    ChoicePart,
    FilesPart,
    Part,
    PicturePart,
    SavedFilePart,
    StoredFile,
    TablePart,
    TextPart,
    WelcomePart,
)
from bot.ports import Channel, FileStore, IncomingFiles, Live, StatusMessage

_CHANNEL = "terminal"
_HELP = N_("- **/file PATH** gives a file with the next question\n- **/quit** leaves")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_PIECE_BYTES = 1024 * 1024
_UNSAFE = {ord(letter): "_" for letter in '/\\\0<>:"|?*\n\r\t\x1b'}


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn of this message is done."""

    message: ActivityId


def printable(text: str) -> str:
    """The text without anything that a terminal obeys instead of showing it (CWE-150), or that reorders words.

    Left are printable characters, line ends and tabs. Markdown's character references to others go too.
    """
    seen = "".join(letter if letter.isprintable() or letter in "\n\t" else " " * letter.isspace() for letter in text)
    return _ENTITY.sub(lambda found: found[0] if html.unescape(found[0]).isprintable() else "", seen)


def _printable_part(part: Part) -> Part:  # noqa: PLR0911 - one case for each kind
    match part:
        case TablePart():
            return replace(part, table=replace(part.table, block=printable(part.table.block)))
        case TextPart() | ApologyPart():
            return replace(part, text=printable(part.text))
        case WelcomePart():  # the answer to /help: nobody adds the bot to a terminal
            return replace(part, text=f"{printable(part.text)}\n{_(_HELP)}")
        case ChoicePart():
            return TextPart(text=printable(part.words))
        case PicturePart():
            return replace(part, alt_text=printable(part.alt_text))
        case SavedFilePart():
            return replace(part, name=printable(part.name), url=printable(part.url))
        case FilesPart():
            return replace(part, files=tuple(replace(file, name=printable(file.name)) for file in part.files))


class TerminalChannel(Channel):
    """Puts what is said into `heard`, in order, as printable text.

    Once a message is set as `answered`, what is said to another one is dropped: an earlier process left its turn.
    """

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Part | Ended] = asyncio.Queue()
        self.answered: ActivityId | None = None

    @override
    def split(self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None) -> tuple[str, ...]:
        return (judged_markdown(text, links),) if text.strip() else ()  # a terminal takes a text of any length

    @override
    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        self._say(to, part)
        return None

    @override
    async def replace(self, to: ConversationReference, sent: ActivityId, part: Part) -> None:
        self._say(to, part)  # what is printed stays

    @override
    async def delete(self, to: ConversationReference, sent: ActivityId) -> None:
        """Do nothing: what is printed stays."""

    @override
    async def wait_for_success(self, to: ConversationReference) -> None:
        """Return at once: nothing fails here."""

    @override
    @asynccontextmanager
    async def live(
        self, to: ConversationReference, status: StatusMessage, links: LinkRules = NO_LINKS
    ) -> AsyncIterator[Live]:
        yield _TerminalLive(self, to)

    def _say(self, to: ConversationReference, part: Part) -> None:
        if self.answered in {None, to.reply_to}:
            self.heard.put_nowait(_printable_part(part))

    def end(self, message: ActivityId) -> None:
        """Nothing more will be said to this message."""
        self.heard.put_nowait(Ended(message))


class _TerminalLive(Live):
    """Shows nothing: the program that prints has a status line of its own."""

    def __init__(self, channel: TerminalChannel, to: ConversationReference) -> None:
        self._channel = channel
        self._to = to

    @override
    async def begin(self) -> None:
        """Do nothing."""

    @override
    async def status(self, text: str) -> None:
        """Do nothing."""

    @override
    async def text(self, so_far: str) -> None:
        """Do nothing."""

    @override
    async def finish(self, part: Part, to: ConversationReference | None = None) -> ActivityId | None:
        return await self._channel.send(self._to, part)

    @override
    async def clear(self) -> None:
        """Do nothing."""


class TerminalFiles(FileStore):
    """Plots and files of answers by name in a folder; the token of a file is its path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    async def put(self, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
        safe = printable(name.translate(_UNSAFE)).lstrip(".") or "file"
        try:
            return await asyncio.to_thread(_kept, self._folder, key, safe, content)
        except OSError as error:
            raise StorageError(f"a file cannot be stored in {self._folder}: {error.strerror}") from error

    @override
    async def delete(self, token: str) -> None:
        if (path := Path(token)).parent == self._folder:
            await asyncio.to_thread(path.unlink, missing_ok=True)


def place_of(file: StoredFile) -> str:
    """The path of a file that is listed; the name alone of one that lies at the assistant's service."""
    return (file.link or file.name) if file.is_given else file.token


def said_in_terminal(
    text: str, *, conversation: str, number: int, attachments: tuple[Attachment, ...] = (), locale: str = ""
) -> Question | Command:
    """What a person typed, as a message of this channel."""
    key = ConversationKey(channel=_CHANNEL, tenant="", conversation=conversation)
    message_id = ActivityId(f"{os.getpid()}-{number}")
    reference = ConversationReference(
        service_url="",
        key=key,
        scope=Scope.PERSONAL,
        bot=Party(id="bot"),
        user=Party(id="you"),
        reply_to=message_id,
        locale=locale,
    )
    return typed(text, id=message_id, reference=reference, attachments=attachments)


def _kept(folder: Path, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256(str(key).encode())
    with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as source:
        for piece in iter(partial(source.read, _PIECE_BYTES), b""):
            digest.update(piece)
        path = folder / f"{digest.hexdigest()[:12]}-{name}"
        source.seek(0)
        with path.open("wb") as file:
            shutil.copyfileobj(source, file)
    return StoredFile(token=str(path), name=name, size_bytes=path.stat().st_size)


class GivenPaths(IncomingFiles):
    """A person's own files, read from their paths when the question is asked."""

    looks_for_more = False

    @override
    async def listed(self, pointer: Attachment, reference: ConversationReference) -> tuple[Attachment, ...]:
        return ()

    @override
    @asynccontextmanager
    async def opened(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[Path]:
        yield Path(_file_at(attachment.url, None).url)  # checked again: it may have changed since it was named


def files_at(words: str, endings: Collection[str] | None = ENDINGS) -> tuple[Attachment, ...]:
    """The files that a line of paths names, quoted as in a shell, or one path as it is. Raises AttachmentError."""
    if Path(words).expanduser().is_file():
        return (_file_at(words, endings),)
    try:
        paths = shlex.split(words)
    except ValueError:  # a quote that is not closed
        paths = [words]
    if not paths:
        raise _refused(_("Which file? Say, for example: /file data.csv"))
    return tuple(_file_at(path, endings) for path in paths)


def _file_at(said: str, endings: Collection[str] | None) -> Attachment:
    path = Path(said).expanduser().absolute()
    name = plain_name(path.name)
    try:
        size_bytes = path.stat().st_size
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else _("this is no path")
        raise _refused(_("{path} cannot be read: {reason}.").format(path=said, reason=why)) from None
    if path.is_dir():
        raise _refused(_("{path} is a folder. I take files.").format(path=said))
    if not path.is_file():
        raise _refused(_("{path} is not a file.").format(path=said))
    if not os.access(path, os.R_OK):
        raise _refused(_("{path} cannot be read: you may not read it.").format(path=said))
    attachment = Attachment(name=name, url=str(path), size_bytes=size_bytes, link=str(path))
    objection = rejection_reason([attachment], endings)
    if objection is not None:
        raise _refused(objection)
    return attachment


def _refused(sentence: str) -> AttachmentError:
    return AttachmentError("a path names no file that is taken", apology=sentence)
