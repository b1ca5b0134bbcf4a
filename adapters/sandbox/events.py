"""Reads what the guest says, trusting nothing: every line and every body is bounded before it is read.

One line of JSON with a fixed set of fields, and `size_bytes` raw bytes after it. Anything else is a violation: the
runner never sends it, so model-written code did.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from adapters.sandbox.errors import GuestEndedError, ProtocolViolationError
from adapters.sandbox.harvest import Harvest, printable
from adapters.sandbox.limits import Limits

LINE_BYTES = 16 * 1024


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

    async def harvest(self, number: int, endings: frozenset[str]) -> Harvest:
        """Read up to the end of the command of this number, which ends in one of `endings`.

        Raises GuestEndedError when the process ends before, ProtocolViolationError for anything forged.
        """
        harvest = Harvest(limits=self._limits)
        while not harvest.ending:
            head = await self._head()
            if _text(head, "event") == "done":
                self._check_ending(head, number, endings)
                harvest.ending, harvest.reason = _text(head, "ending"), printable(_text(head, "reason"))
            else:
                await self._gather(head, harvest)
        return harvest

    async def _gather(self, head: dict[str, Any], harvest: Harvest) -> None:
        event, size_bytes = _text(head, "event"), _number(head, "size_bytes")
        if size_bytes > harvest.room_bytes(event):
            raise ProtocolViolationError("a body is longer than allowed")
        body = await self._body(size_bytes)
        harvest.add(event, body, name=_text(head, "name"), alt_text=_text(head, "alt_text"))

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
