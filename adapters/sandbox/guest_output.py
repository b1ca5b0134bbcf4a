"""Reads what the guest says and prints, trusting nothing: all of it is bounded before it is read.

An event is one line of JSON with a fixed set of fields, and `size_bytes` raw bytes after it. Anything else is a
violation: the runner never sends it, so model-written code did. What the code printed comes through a pipe of its own,
is read without ever waiting for the code, and is kept only in part.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from adapters.sandbox.code_result import GuestEndedError, GuestFile, GuestImage, ProtocolViolationError
from adapters.sandbox.session_limits import Limits
from bot.file_names import plain_name, unique_name
from bot.media import picture_type

LINE_BYTES = 16 * 1024
MAX_ALT_TEXT_CHARACTERS = 400


class EventReader:
    """The reading end of the guest's event pipe."""

    def __init__(self, stream: asyncio.StreamReader, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits

    async def wait_ready(self) -> None:
        """Wait for the runner's first word. Raises GuestLostError."""
        head = await self._head()
        if head.get("event") != "ready":
            raise ProtocolViolationError("the first word was not `ready`")

    async def read_command(self, number: int, endings: frozenset[str], *, max_output_bytes: int = 0) -> CommandResult:
        """Read up to the end of the command of this number, which ends in one of `endings`.

        `max_output_bytes`: how much output may come among the events, where it has no pipe of its own.

        Raises GuestEndedError when the process ends before, ProtocolViolationError for anything forged.
        """
        result = CommandResult(limits=self._limits, output_room_bytes=max_output_bytes)
        while not result.ending:
            head = await self._head()
            if _text(head, "event") == "done":
                self._check_ending(head, number, endings)
                result.ending, result.reason = _text(head, "ending"), printable(_text(head, "reason"))
            else:
                await self._read_body_of(head, result)
        return result

    async def _read_body_of(self, head: dict[str, Any], result: CommandResult) -> None:
        event, size_bytes = _text(head, "event"), _number(head, "size_bytes")
        if size_bytes > result.max_body_bytes(event):
            raise ProtocolViolationError("a body is longer than allowed")
        body = await self._body(size_bytes)
        result.add(event, body, name=_text(head, "name"), alt_text=_text(head, "alt_text"))

    @staticmethod
    def _check_ending(head: dict[str, Any], number: int, endings: frozenset[str]) -> None:
        if _number(head, "size_bytes") or _number(head, "number") != number or _text(head, "ending") not in endings:
            raise ProtocolViolationError("the end of another command was announced")

    async def _head(self) -> dict[str, Any]:
        try:
            head = orjson.loads(await self._stream.readuntil(b"\n"))
        except asyncio.IncompleteReadError as error:
            raise GuestEndedError from error
        except (asyncio.LimitOverrunError, orjson.JSONDecodeError) as error:
            raise ProtocolViolationError("a line is not an event") from error
        if not isinstance(head, dict):
            raise ProtocolViolationError("a line is not an event")
        return head

    async def _body(self, size_bytes: int) -> bytes:
        try:
            return await self._stream.readexactly(size_bytes)
        except asyncio.IncompleteReadError as error:
            raise GuestEndedError from error


def _text(head: dict[str, Any], name: str) -> str:
    value = head.get(name, "")
    if not isinstance(value, str):
        raise ProtocolViolationError(f"{name} is not text")
    return value


def _number(head: dict[str, Any], name: str) -> int:
    value = head.get(name, 0)
    if type(value) is not int or value < 0:
        raise ProtocolViolationError(f"{name} is not a number")
    return value


@dataclass(slots=True, kw_only=True)
class CommandResult:
    """Filled by EventReader; `ending` is empty until the command has ended."""

    limits: Limits
    ending: str = ""
    reason: str = ""
    output_room_bytes: int = 0  # for the output, which comes once
    output: bytes = b""
    images: list[GuestImage] = field(default_factory=list)
    files: list[GuestFile] = field(default_factory=list)
    _latest: list[GuestImage] | list[GuestFile] | None = None  # the list that grew last: points belong to its end

    def max_body_bytes(self, event: str) -> int:
        """Return how long the next body of this kind may be. Raises ProtocolViolationError when there is no next."""
        limits = self.limits
        if event == "output" and not self.output:
            return self.output_room_bytes
        if event == "points" and self._latest is not None and not self._latest[-1].points:
            return limits.points_bytes
        if event == "image" and len(self.images) < limits.image_count:
            return limits.image_total_bytes - sum(len(image.data) for image in self.images)
        if event == "file" and len(self.files) < limits.result_file_count:
            return limits.result_file_total_bytes - sum(len(file.data) for file in self.files)
        raise ProtocolViolationError("too much was handed out, or something that is neither image nor file")

    def add(self, event: str, body: bytes, *, name: str, alt_text: str) -> None:
        """Take an image or a file. Raises ProtocolViolationError when an image is not a PNG."""
        alt_text = printable(alt_text)
        if event == "output":
            self.output = body
        elif event == "points":
            self._add_points(body)
        elif event == "file":
            own_name = unique_name(plain_name(name), {file.name for file in self.files})
            self.files.append(GuestFile(name=own_name, data=body, alt_text=alt_text))
            self._latest = self.files
        elif picture_type(body) == "image/png":
            self.images.append(GuestImage(data=body, alt_text=alt_text or "A plot."))
            self._latest = self.images
        else:
            raise ProtocolViolationError("an image is not a PNG")

    def _add_points(self, body: bytes) -> None:
        if self._latest is self.files:
            self.files[-1] = replace(self.files[-1], points=body)
        else:
            self.images[-1] = replace(self.images[-1], points=body)


def printable(text: str) -> str:
    """Return what the guest said on one line, without signs that act on a screen, and not too long."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split())[:MAX_ALT_TEXT_CHARACTERS]


CHUNK_BYTES = 64 * 1024
MAX_CHUNKS_AT_END = 32  # more than the largest pipe holds, so that a code that goes on printing is left

CONTROL_CHARACTERS = dict.fromkeys({*range(32), *range(127, 160)} - {ord("\n"), ord("\t")}, "\N{REPLACEMENT CHARACTER}")


COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # and all else that ECMA-48, 5.4 has a terminal do


class KeptText:
    """The beginning and the end of a stream of bytes; what lies between is counted."""

    def __init__(self, max_bytes: int) -> None:
        self._half_bytes = max_bytes // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total_bytes = 0

    def add(self, data: bytes) -> None:
        """Keep what fits."""
        self.total_bytes += len(data)
        room = self._half_bytes - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room < len(data) else b""
        if len(self._tail) > 2 * self._half_bytes:
            del self._tail[: -self._half_bytes]

    def text(self) -> str:
        """Return printable text as a terminal leaves it; what was left out is said where it is missing."""
        tail = bytes(self._tail[-self._half_bytes :])
        left_out = self.total_bytes - len(self._head) - len(tail)
        gap = f"\n[... {left_out} bytes left out ...]\n" if left_out else ""
        text = _decoded(bytes(self._head)) + gap + _decoded(tail) if gap else _decoded(bytes(self._head) + tail)
        text = COLOURS.sub("", text)
        if "\r" in text:  # a progress bar writes its line again and again
            text = "\n".join(_rewritten(line) for line in text.split("\n"))
        if "\b" in text:
            text = "\n".join(_overwritten(line) if "\b" in line else line for line in text.split("\n"))
        return text.translate(CONTROL_CHARACTERS)


class OutputPipe:
    """The reading end of the guest's standard output and error. Belongs to the running event loop."""

    def __init__(self, fd: int, *, limits: Limits, on_flood: Callable[[], None]) -> None:
        """`on_flood` is called once, when more came since the last `take` than the limits allow."""
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._on_flood = on_flood
        self._kept = KeptText(limits.log_bytes)
        self._reading = True
        self._loop.add_reader(fd, self._read_once)

    def take(self) -> str:
        """Return what was printed since the last call, with what is still in the pipe, and start afresh."""
        for _ in range(MAX_CHUNKS_AT_END):
            if not self._read_once():
                break
        kept, self._kept = self._kept, KeptText(self._limits.log_bytes)
        return kept.text()

    def close(self) -> None:
        """Stop reading and close the pipe. May be called twice."""
        self._stop_reading()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read_once(self) -> bool:
        if not self._reading:
            return False
        try:
            data = os.read(self._fd, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._stop_reading()
            return False
        self._kept.add(data)
        if self._kept.total_bytes > self._limits.output_bytes:
            self._stop_reading()
            self._on_flood()
        return True

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)


def _rewritten(line: str) -> str:
    """Return what is seen of a line in the end: the last that was written over it, unless that is blank."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def _overwritten(line: str) -> str:
    """Return what is seen of a line in which the cursor goes back."""
    seen: list[str] = []
    for sign in line:
        if sign != "\b":
            seen.append(sign)
        elif seen:
            seen.pop()
    return "".join(seen)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
