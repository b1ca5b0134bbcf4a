"""Reads what the guest says, trusting nothing: every line and every body is bounded before it is read.

One line of JSON with a fixed set of fields, and `size_bytes` raw bytes after it. Anything else is a violation: the
runner never sends it, so model-written code did.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from adapters.sandbox.errors import GuestLost, ProtocolViolation
from adapters.sandbox.limits import Limits
from adapters.sandbox.names import clean_name, unlike
from adapters.sandbox.results import GuestFile, GuestImage

LINE_BYTES = 16 * 1024
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ALT_TEXT_CHARACTERS = 400
REASON_CHARACTERS = 200
STATUSES = frozenset({"ok", "raised", "interrupted", "refused"})


@dataclass(slots=True)
class Harvest:
    """What one command brought: how it ended, and what was handed out before."""

    number: int
    limits: Limits
    status: str = ""
    reason: str = ""
    images: list[GuestImage] = field(default_factory=list)
    files: list[GuestFile] = field(default_factory=list)

    def add_image(self, alt_text: str, data: bytes) -> None:
        """Raises ProtocolViolation when it is not a PNG."""
        if not data.startswith(PNG_SIGNATURE):
            raise ProtocolViolation("an image is not a PNG")
        self.images.append(GuestImage(data=data, alt_text=alt_text or "A plot."))

    def add_file(self, name: str, alt_text: str, data: bytes) -> None:
        """Give the file a clean name of its own."""
        name = unlike(clean_name(name), {file.name for file in self.files})
        self.files.append(GuestFile(name=name, data=data, alt_text=alt_text))

    def room_for(self, event: str) -> int:
        """Return how many bytes the next body of this kind may have. Raises ProtocolViolation when there is none."""
        if event == "image" and len(self.images) < self.limits.image_count:
            return self.limits.image_total_bytes - sum(len(image.data) for image in self.images)
        if event == "file" and len(self.files) < self.limits.result_file_count:
            return self.limits.result_file_total_bytes - sum(len(file.data) for file in self.files)
        if event in ("ready", "done"):
            return 0
        raise ProtocolViolation("more was handed out than allowed")


class EventReader:
    """The reading end of the guest's event pipe."""

    def __init__(self, stream: asyncio.StreamReader, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits

    async def wait_ready(self) -> None:
        """Wait for the runner's first word. Raises GuestLost."""
        head = await self._head()
        if head.get("event") != "ready":
            raise ProtocolViolation("the first word was not `ready`")

    async def harvest(self, number: int) -> Harvest:
        """Read up to the end of the command of this number. Raises GuestLost, and ProtocolViolation for forgeries."""
        harvest = Harvest(number=number, limits=self._limits)
        while not harvest.status:
            await self._one_event(harvest)
        return harvest

    async def _one_event(self, harvest: Harvest) -> None:
        head = await self._head()
        event, size_bytes = _text(head, "event"), _number(head, "size_bytes")
        if size_bytes > harvest.room_for(event):
            raise ProtocolViolation("a body is longer than allowed")
        body = await self._body(size_bytes)
        match event:
            case "image":
                harvest.add_image(_printable(_text(head, "alt_text")), body)
            case "file":
                harvest.add_file(_text(head, "name"), _printable(_text(head, "alt_text")), body)
            case "done":
                if _number(head, "number") != harvest.number or _text(head, "status") not in STATUSES:
                    raise ProtocolViolation("the end of another command was announced")
                harvest.status, harvest.reason = _text(head, "status"), _text(head, "reason")[:REASON_CHARACTERS]
            case _:
                raise ProtocolViolation("an event came at the wrong time")

    async def _head(self) -> dict[str, Any]:
        try:
            line = await self._stream.readuntil(b"\n")
            head = orjson.loads(line)
        except asyncio.IncompleteReadError as error:
            raise GuestLost("The session's process has ended.") from error
        except (asyncio.LimitOverrunError, orjson.JSONDecodeError) as error:
            raise ProtocolViolation("a line is not an event") from error
        if not isinstance(head, dict):
            raise ProtocolViolation("a line is not an event")
        return head

    async def _body(self, size_bytes: int) -> bytes:
        try:
            return await self._stream.readexactly(size_bytes)
        except asyncio.IncompleteReadError as error:
            raise GuestLost("The session's process has ended.") from error


def _text(head: dict[str, Any], name: str) -> str:
    value = head.get(name, "")
    if not isinstance(value, str):
        raise ProtocolViolation(f"{name} is not text")
    return value


def _number(head: dict[str, Any], name: str) -> int:
    value = head.get(name, 0)
    if type(value) is not int or value < 0:
        raise ProtocolViolation(f"{name} is not a number")
    return value


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text[:ALT_TEXT_CHARACTERS])
    return " ".join(shown.split())
