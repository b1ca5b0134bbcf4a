"""A turn: one message being answered, step by step, each result on disk before the next step begins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NewType, TypeVar

from bot.conversation import message_from_json
from bot.errors import TurnStoppedError
from bot.ports import LedgerEntry
from bot.timeline import ANSWERED, EXCUSED, Outcome, turn_name
from bot.turn_code import code_of

TurnId = NewType("TurnId", str)
T = TypeVar("T")

MAX_ATTEMPTS = 5
"""A turn that was begun this often and is still unfinished has probably brought the process down each time."""


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
        self.tries = entry.tries
        self.outcome: Outcome = ANSWERED  # unless whoever works on it finds another end
        self.between_steps = asyncio.Event()
        self.between_steps.set()
        self._in_doubt = entry.tries > 0
        self._begun: set[str] = set()  # steps, in this life
        self._results: dict[str, Any] = {name: json.loads(result) for name, result in entry.steps.items()}
        self._stop_requested = asyncio.Event()
        self._save = save
        self._may_go_on = may_go_on

    async def step(
        self, name: str, do: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]] | None = None
    ) -> T:
        """The JSON result of `do()`, which is done once however often the process dies.

        A turn that is resumed cannot know whether its first unwritten step was done: `find`, if given, is asked then.
        """
        if name in self._results:
            return self._results[name]  # type: ignore[no-any-return]  # what this very step returned in an earlier life
        await self._may_go_on()
        self._begun.add(name)
        self.between_steps.clear()
        try:
            result = await find() if find and self._in_doubt else None
            if result is None:
                result = await do()
            await self.record(name, result)
        finally:
            self.between_steps.set()
        return result

    async def record(self, name: str, result: Any) -> None:
        """Write down a result that was worked out without touching the outside, or in a way that may be repeated."""
        await self._save(self.number, name, json.dumps(result))
        self._results[name] = result

    def recorded(self, name: str) -> Any | None:
        """What a step gave, in this life or an earlier one; None if it is not done."""
        return self._results.get(name)

    def may_have_done(self, name: str) -> bool:
        """Whether the outside may know of this step, although its result is not written down."""
        return self._in_doubt or name in self._begun

    @property
    def excused(self) -> int:
        """How many of its tries ended in a way that says nothing against it."""
        return int(self._results.get(EXCUSED, 0))

    def excuse(self) -> tuple[str, str]:
        """The step, and its result, that says so of this try too."""
        return EXCUSED, json.dumps(self.excused + 1)

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
