"""From an answer to the parts of a reply: pictures stored and shown, files linked, every loss told."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from bot.answer import Answer, AnswerFile, AnswerImage, FileRef
from bot.conversation import ConversationKey
from bot.errors import AssistantError, BotError, StorageError
from bot.media import picture_type
from bot.parts import FileLink, FilesPart, Part, PicturePart, TextPart
from bot.ports import Assistant, Channel, FileStore, Pictures

log = logging.getLogger(__name__)

NO_ANSWER = "The assistant ended without an answer. Please ask again, perhaps in other words."

_MARKDOWN_LINK = re.compile(r"(?P<image>!?)\[(?P<label>[^\]\n]*)\]\(\s*<?sandbox:(?P<path>[^)>\s]*)>?[^)\n]*\)")
_BARE_LINK = re.compile(r"sandbox:(?P<path>/?[^\s)>\]\"'`]*)")


@dataclass(slots=True, kw_only=True)
class _Collected:
    """What became of an answer's pictures and files."""

    pictures: list[PicturePart] = field(default_factory=list)
    links: list[FileLink] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)


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
        text = _without_sandbox_links(answer.text, known={link.name for link in collected.links})
        text = "\n\n".join(filter(None, (text.strip(), *collected.losses)))
        if not text and not collected.pictures and not collected.links:
            text = NO_ANSWER
        files = (FilesPart(links=tuple(collected.links)),) if collected.links else ()
        return (*(say(text) if text else ()), *collected.pictures, *files)

    async def _show(self, image: AnswerImage, number: int, key: ConversationKey, collected: _Collected) -> None:
        """Keep a picture and show it; what cannot be shown safely is linked like any other file."""
        try:
            data = await self._read(image.file)
            fitted = await self.pictures.fit(data) if picture_type(data) else None
            if fitted is None:
                await self._keep(f"picture-{number}", data, key, collected)
                return
            stored = await self.files.put(key, f"plot-{number}{_extension(fitted)}", fitted)
        except (AssistantError, StorageError) as error:
            collected.losses.append(_loss(f"Plot {number}", image.file, error))
        else:
            alt_text = image.alt_text or f"Plot {number}, drawn by the assistant's code for this question."
            collected.pictures.append(PicturePart(url=stored.url, alt_text=alt_text))

    async def _link(self, file: AnswerFile, key: ConversationKey, collected: _Collected) -> None:
        try:
            data = await self._read(file.file)
            await self._keep(file.name, data, key, collected)
        except (AssistantError, StorageError) as error:
            collected.losses.append(_loss(f"The file {file.name}", file.file, error))

    async def _read(self, file: FileRef) -> bytes:
        async with self.assistant.open_file(file) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def _keep(self, name: str, data: bytes, key: ConversationKey, collected: _Collected) -> None:
        stored = await self.files.put(key, name, data)
        collected.links.append(FileLink(name=stored.name, url=stored.url, size_bytes=stored.size_bytes))


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
        yield from (TextPart(text=piece) for piece in channel.split(NO_ANSWER))


def _without_sandbox_links(text: str, known: set[str]) -> str:
    """A path inside the sandbox is no address for a person: name the file, and say so when it did not come along."""

    def named(match: re.Match[str]) -> str:
        name = unquote(match["path"]).rsplit("/", 1)[-1]
        label = match.groupdict().get("label") or name
        if match.groupdict().get("image"):
            return ""
        return label if name in known else f"{label} (this file is not available)"

    return _BARE_LINK.sub(named, _MARKDOWN_LINK.sub(named, text))


def _extension(picture: bytes) -> str:
    return {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif"}.get(picture_type(picture) or "", ".webp")


def _loss(what: str, file: FileRef, error: BotError) -> str:
    log.warning("file of an answer is lost", extra={"file": file, "error": type(error).__name__, "why": str(error)})
    return f"*{what} could not be brought to you. Please ask again if you need it.*"
