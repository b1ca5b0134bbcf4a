"""What the code printed: read without ever waiting for the code, kept only in part, bounded in all."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable

from adapters.sandbox.session_limits import Limits

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


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
