"""A chat in the terminal: the channel that hands a reply's parts to whoever prints, and files kept as files."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from bot.attachments import Attachment
from bot.conversation import ActivityId, ConversationKey, ConversationReference, IncomingMessage, Party, Scope
from bot.errors import StorageError
from bot.parts import Part
from bot.ports import StoredFile

_CHANNEL = "terminal"
_UNSAFE = {ord(letter): "_" for letter in '/\\\0<>:"|?*\n\r\t\x1b'}


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn of this message is done."""

    message: ActivityId


class TerminalChannel:
    """Implements `bot.ports.Channel`; what is said comes out of `heard`, in order."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Part | Ended] = asyncio.Queue()

    def split(self, text: str) -> tuple[str, ...]:
        """A terminal takes a text of any length."""
        return (text,) if text.strip() else ()

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        """Hand the part over."""
        await self.heard.put(part)
        return None

    async def show_typing(self, to: ConversationReference) -> None:
        """Whoever prints shows a status line of its own."""

    def end(self, message: ActivityId) -> None:
        """Nothing more will be said to this message."""
        self.heard.put_nowait(Ended(message))


class TerminalFiles:
    """Implements `bot.ports.FileStore`: plots and files by name in a folder, their path as address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: ConversationKey, name: str, data: bytes) -> StoredFile:
        """Keep the bytes; the same bytes again are the same file."""
        safe = name.translate(_UNSAFE).lstrip(".") or "file"
        path = self._folder / f"{hashlib.sha256(str(key).encode() + data).hexdigest()[:12]}-{safe}"
        try:
            await asyncio.to_thread(_write, path, data)
        except OSError as error:
            raise StorageError(f"a file cannot be stored in {self._folder}: {error.strerror}") from error
        return StoredFile(url=str(path), name=safe, size_bytes=len(data))


def said_in_terminal(
    text: str, *, conversation: str, number: int, attachments: tuple[Attachment, ...] = ()
) -> IncomingMessage:
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
    )
    return IncomingMessage(id=message_id, reference=reference, text=text, attachments=attachments)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(data)
