"""A turn: one message being answered, step by step, each result on disk before the next step begins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NewType, TypeVar

from bot.codec import message_from_json, step_from_text, step_to_text
from bot.errors import TurnStoppedError
from bot.ports import LedgerEntry
from bot.timeline import turn_name
from bot.turn_code import code_of
from bot.turn_record import ANSWERED, Outcome, StepKey

TurnId = NewType("TurnId", str)
T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Attempts that count. A turn that is unfinished after so many has probably crashed the process each time."""


class Turn:
    """One message on its way to an answer. Made by the engine, handed to `run_turn`.

    `save` writes a step's result to disk; `may_go_on` returns at once, or never when the process is stopping.
    """

    def __init__(
        self,
        entry: LedgerEntry,
        *,
        save: Callable[[int, str, str], Awaitable[None]],
        may_go_on: Callable[[], Awaitable[None]],
    ) -> None:
        self.number = entry.number
        self.conversation = entry.conversation
        self.code = code_of(entry.number)
        self.id = TurnId(turn_name(entry.number, entry.id))
        self.message, self.state = message_from_json(entry.payload)
        self.attempts = entry.attempts
        self.uncounted_attempts = entry.uncounted_attempts
        self.outcome: Outcome = ANSWERED  # unless whoever works on it finds another end
        self.between_steps = asyncio.Event()
        self.between_steps.set()
        self._in_doubt = entry.attempts > 0
        self._started: set[StepKey] = set()  # in this attempt
        known = ((step_from_text(name), result) for name, result in entry.steps.items())
        self._results: dict[StepKey, Any] = {key: json.loads(result) for key, result in known if key is not None}
        self._stop_requested = asyncio.Event()
        self._save = save
        self._may_go_on = may_go_on

    async def step(
        self, key: StepKey, do: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]] | None = None
    ) -> T:
        """The JSON result of `do()`, which is done once however often the process dies.

        A turn that is resumed cannot know whether its first unwritten step was done: `find`, if given, is asked then.
        """
        if key in self._results:
            return self._results[key]  # type: ignore[no-any-return]  # what this very step returned in an earlier life
        await self._may_go_on()
        self._started.add(key)
        self.between_steps.clear()
        try:
            result = await find() if find and self._in_doubt else None
            if result is None:
                result = await do()
            await self.record(key, result)
        finally:
            self.between_steps.set()
        return result

    async def record(self, key: StepKey, result: Any) -> None:
        """Write down a result that was worked out without touching the outside, or in a way that may be repeated."""
        await self._save(self.number, step_to_text(key), json.dumps(result))
        self._results[key] = result

    def recorded(self, key: StepKey) -> Any | None:
        """What a step gave, in this life or an earlier one; None if it is not done."""
        return self._results.get(key)

    def may_have_done(self, key: StepKey) -> bool:
        """Whether the outside may know of this step, although its result is not written down."""
        return self._in_doubt or key in self._started

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        """The result of `work`, which is let go the moment the person says /stop. Raises TurnStoppedError then.

        Work that has its result already is not stopped any more.
        """
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stop_requested.wait())
        try:
            if not self._stop_requested.is_set():
                await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self._stop_requested.is_set() and not working.done():
                raise TurnStoppedError(f"turn {self.id} was stopped")
            return await working
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    def stop(self) -> None:
        """The person does not want the answer any more."""
        self._stop_requested.set()
