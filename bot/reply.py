"""From an answer to the parts of a reply: pictures stored and shown, files linked, every loss told."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from bot.answer import Answer, AnswerFile, AnswerImage, FileRef
from bot.conversation import ConversationKey
from bot.errors import AssistantError, BotError, StorageError
from bot.file_names import plain_name, unlike
from bot.language import N_, _
from bot.media import picture_type
from bot.parts import FilesPart, Part, PicturePart, StoredFile, TextPart
from bot.ports import Assistant, Channel, FileStore, Pictures

log = logging.getLogger(__name__)

NO_ANSWER = N_("The assistant ended without an answer. Please ask again, perhaps in other words.")

MAX_SHOWN_CHARS = 40_000
"""Of an answer's text in a chat: some ten screens in Teams. A longer one comes as a file, with its beginning."""

_SANDBOX = "sandbox:"
_MAX_LINK_CHARS = 400  # of a label, or of a path: without a bound, a text of nothing but brackets takes its square
_BARE_PATH = re.compile(r"/?[^\s)>\]\"'`]*")


@dataclass(slots=True, kw_only=True)
class _Collected:
    """What became of an answer's pictures and files."""

    pictures: list[PicturePart] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # of all that came along
    digests: set[bytes] = field(default_factory=set)  # of the same: what a service names in two places is there once

    def has(self, data: bytes) -> bool:
        """Whether these bytes came along already; from now on they did."""
        digest = hashlib.sha256(data).digest()
        was_there = digest in self.digests
        self.digests.add(digest)
        return was_there


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyWriter:
    """Turns answers into replies; it fetches from the assistant and keeps in the file store."""

    assistant: Assistant
    files: FileStore
    pictures: Pictures

    async def write(self, answer: Answer, key: ConversationKey) -> tuple[Part, ...]:
        """The text first, each picture a part of its own, then all other files as one part."""
        collected = _Collected()
        for number, image in enumerate(answer.images, start=1):
            await self._show(image, number, key, collected)
        for file in answer.files:
            await self._link(file, key, collected)
        text = _without_sandbox_links(answer.text, known={file.name for file in collected.files} | collected.names)
        text = await self._beginning(text.strip(), key, collected)
        text = "\n\n".join(filter(None, (text, *collected.losses)))
        if not text and not collected.pictures and not collected.files:
            text = _(NO_ANSWER)
        files = (FilesPart(files=tuple(collected.files)),) if collected.files else ()
        return (*(say(text) if text else ()), *collected.pictures, *files)

    async def _beginning(self, text: str, key: ConversationKey, collected: _Collected) -> str:
        """The text, or where it is too long for a chat the beginning of it; the whole is a file then."""
        if len(text) <= MAX_SHOWN_CHARS:
            return text
        name = unlike("answer.md", {file.name for file in collected.files})
        try:
            await self._keep(name, text.encode(), key, collected)
        except StorageError as error:
            log.warning("a long answer is not kept as a file", extra={"error": type(error).__name__})
            return text
        ends = (text.rfind(pause, MAX_SHOWN_CHARS // 2, MAX_SHOWN_CHARS) for pause in ("\n\n", "\n", " "))
        end = next((end for end in ends if end >= 0), MAX_SHOWN_CHARS)
        note = _("This is the beginning of a long answer. All of it is in the file {name}.").format(name=name)
        return f"{text[:end]}\n\n*{note}*"

    async def _show(self, image: AnswerImage, number: int, key: ConversationKey, collected: _Collected) -> None:
        """Keep a picture and show it; what cannot be shown safely is linked like any other file."""
        try:
            data = await self._read(image.file)
            collected.names.update(filter(None, [image.name]))
            if collected.has(data):
                return
            fitted = await self.pictures.fit(data) if picture_type(data) else None
            if fitted is None:
                await self._keep(image.name or f"picture-{number}", data, key, collected)
                return
            if image.name and fitted != data:  # code saved it for the person, so they get it as it is, too
                await self._keep(image.name, data, key, collected)
            stored = await self.files.put(key, f"plot-{number}{_extension(fitted)}", fitted)
        except (AssistantError, StorageError) as error:
            collected.losses.append(_loss(_("Plot {number}").format(number=number), image.file, error))
        else:
            alt_text = image.alt_text or _("Plot {number}, drawn by the assistant's code for this question.").format(
                number=number
            )
            collected.pictures.append(PicturePart(file=stored, alt_text=alt_text))

    async def _link(self, file: AnswerFile, key: ConversationKey, collected: _Collected) -> None:
        try:
            data = await self._read(file.file)
            collected.names.add(file.name)
            await self._keep(file.name, data, key, collected)
        except (AssistantError, StorageError) as error:
            collected.losses.append(_loss(_("The file {name}").format(name=file.name), file.file, error))

    async def _read(self, file: FileRef) -> bytes:
        async with self.assistant.open_file(file) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def _keep(self, name: str, data: bytes, key: ConversationKey, collected: _Collected) -> None:
        collected.files.append(await self.files.put(key, name, data))


def say(text: str) -> tuple[Part, ...]:
    """A reply of words alone."""
    return (TextPart(text=text),)


def fitting(parts: Iterable[Part], channel: Channel) -> Iterator[Part]:
    """The same parts, each text as the channel can show it and cut where the channel must cut it."""
    shown = given = 0
    for part in parts:
        given += 1
        pieces = [TextPart(text=piece) for piece in channel.split(part.text)] if isinstance(part, TextPart) else [part]
        yield from pieces
        shown += len(pieces)
    if given and not shown:  # an answer of which nothing can be shown is told, never passed over in silence
        yield from (TextPart(text=piece) for piece in channel.split(_(NO_ANSWER)))


def readable(text_so_far: str) -> str:
    """The beginning of an answer, as it can be shown before its files are known."""
    return _without_sandbox_links(text_so_far, known=None)


def _without_sandbox_links(text: str, known: set[str] | None) -> str:
    """A path inside the sandbox is no address for a person: name the file, and say so when it did not come along.

    Code may have used another name than the file has now (`Q1 & Q2.csv` is kept as `Q1 _ Q2.csv`), and a model writes
    blanks and brackets into an address as they are: the end of a path is where a known file's name ends. `known` holds
    the names of the files that came along; None while that is not known.
    """
    names = {plain_name(name) for name in known or ()}
    said, position = "", 0
    while (start := text.find(_SANDBOX, position)) >= 0:
        rest = (
            text[start + len(_SANDBOX) : start + len(_SANDBOX) + _MAX_LINK_CHARS]
            .partition("\n")[0]
            .partition(_SANDBOX)[0]
        )
        label, begin = _label_before(text, position, start)
        if label is None or ")" not in rest:
            label, begin = None, start
            ends = [found.start() for found in re.finditer(r"[\s)>\]\"'`.,;:!?]|$", rest)]
            first = _BARE_PATH.match(rest)
            fallback = first.end() if first else 0
        else:
            ends = [found.start() for found in re.finditer(r"\)", rest)]
            fallback = ends[0]
        found_at = [end for end in ends if plain_name(_file_name(rest[:end])) in names]
        end = found_at[0] if found_at else fallback
        name = _file_name(rest[:end])
        said += text[position:begin]
        if not text[begin:start].startswith("!"):
            said += (
                (label or name)
                if found_at or known is None
                else _("{name} (this file is not available)").format(name=label or name)
            )
        position = start + len(_SANDBOX) + end + (label is not None)
    return said + text[position:]


def _label_before(text: str, begin: int, end: int) -> tuple[str | None, int]:
    """The label of a Markdown link whose address begins at `end`, and where the link begins; None if there is none."""
    head = text[max(begin, end - _MAX_LINK_CHARS) : end]
    opened = head.rstrip().removesuffix("<").rstrip()
    if not opened.endswith("]("):
        return None, end
    depth = 0
    for at in range(len(opened) - 2, -1, -1):
        depth += (opened[at] == "]") - (opened[at] == "[")
        if opened[at] == "\n":
            break
        if depth == 0:
            start = end - len(head) + at
            is_image = at > 0 and opened[at - 1] == "!"
            return opened[at + 1 : -2], start - is_image
    return None, end


def _file_name(address: str) -> str:
    """The name of the file at the end of a path, without a title behind it."""
    path = re.sub(r"\s+\"[^\"]*\"$", "", address.strip()).removesuffix(">")
    return unquote(path).rsplit("/", 1)[-1]


def _extension(picture: bytes) -> str:
    return {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif"}.get(picture_type(picture) or "", ".webp")


def _loss(what: str, file: FileRef, error: BotError) -> str:
    log.warning("file of an answer is lost", extra={"file": file, "error": type(error).__name__, "why": str(error)})
    sentence = _("{what} could not be brought to you. Please ask again if you need it.").format(what=what)
    return f"*{sentence}*"
