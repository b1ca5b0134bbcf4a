"""A turn: one message being answered, step by step, each result on disk before the next step begins."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NewType, TypeVar

from bot.codec import results_from_json, step_to_text
from bot.conversation import Command, ConversationReference, Incoming, TurnState
from bot.errors import TurnStoppedError
from bot.ports import LedgerEntry
from bot.run import RunId
from bot.timeline import turn_name
from bot.turn_record import StepKey, StepKind, TurnUsage, Usage, code_of, key_of

TurnId = NewType("TurnId", str)
T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Attempts that count. A turn that is unfinished after so many has probably crashed the process each time."""

STOP: Final = "stop"
"""The signal that the person does not want the answer any more; with it comes the number of the turn of that /stop."""

STOP_HEARD: Final = "stop_heard"
"""The signal to the turn of a /stop that it stopped a turn; with it comes whether that turn has told the person."""


SUPERSEDED: Final = "superseded"
"""What comes with the signal "stop" where the person edited or deleted the question: nobody waits for a word then."""


class Signals:
    """What a turn has to hear at once, by name: sent by the engine, heard by the turn. A signal that was sent stays.

    Each is also a step of its turn, which the ledger keeps: `Ledger.signal` and `Ledger.add` write it down.
    """

    def __init__(self) -> None:
        self._sent: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._values: dict[str, Any] = {}

    def send(self, name: str, value: Any = None) -> None:
        """Wake everything that waits for this signal, now and from now on. What came with it first stays."""
        self._values.setdefault(name, value)
        self._sent[name].set()

    def send_recorded(self, steps: Mapping[str, str]) -> None:
        """Send what the ledger holds among these steps of a turn. Raises UnreadableMessageError."""
        for key, value in results_from_json(steps).items():
            if key.kind is StepKind.SIGNAL:
                self.send(key.reference, value)

    def value(self, name: str) -> Any:
        """What came with this signal; None if it was not sent."""
        return self._values.get(name)

    def was_sent(self, name: str) -> bool:
        """Whether this signal was sent."""
        return self._sent[name].is_set()

    async def wait(self, name: str) -> None:
        """Return when this signal was sent."""
        await self._sent[name].wait()


class Turn:
    """One attempt at answering a message. Made by the engine, handed to `run_turn`, which changes nothing of it.

    `save` writes a step's result to disk; `signal` sends a signal, with a JSON value, to the turn of a number;
    `may_go_on` returns at once, or never when the process is stopping; `newest_service_url` is where the conversation
    is reached now.
    """

    def __init__(  # noqa: PLR0913 - made in one place, by the engine
        self,
        entry: LedgerEntry,
        message: Incoming,
        state: TurnState,
        *,
        signals: Signals,
        save: Callable[[int, str, str], Awaitable[None]],
        signal: Callable[[int, str, str], Awaitable[None]],
        may_go_on: Callable[[], Awaitable[None]],
        newest_service_url: Callable[[], str] | None = None,
    ) -> None:
        """`entry`: as the ledger held it before this attempt."""
        self.number: Final = entry.number
        self.conversation: Final = entry.conversation
        self.code: Final = code_of(entry.number)
        self.id: Final = TurnId(turn_name(entry.number, entry.id))
        self.message: Final = message
        self.state: Final = state
        self.attempt: Final = entry.attempts + 1
        self.between_steps: Final = asyncio.Event()
        self.between_steps.set()
        self._running_steps = 0  # the status message is posted beside the others
        self._in_doubt = entry.attempts > 0
        self._started: set[StepKey] = set()  # in this attempt
        self._results = results_from_json(entry.steps)
        self._usage: Usage | None = None
        self._cancelled: set[RunId] = set()  # whose usage is counted
        self._signals = signals
        self._save = save
        self._signal = signal
        self._may_go_on = may_go_on
        self._newest_service_url = newest_service_url
        self._may_have_moved = asyncio.Event()

    @property
    def destination(self) -> ConversationReference:
        """Where its parts go now: a delivery may wait for a day, in which the tenant moves to another region."""
        reference = self.message.reference
        service_url = self._newest_service_url() if self._newest_service_url else reference.service_url
        return reference if service_url == reference.service_url else replace(reference, service_url=service_url)

    def recheck_destination(self) -> None:
        """Wake what waits for a move: another message of the conversation came."""
        self._may_have_moved.set()

    async def wait_for_move(self, since: ConversationReference) -> None:
        """Return once `destination` has another address than `since`."""
        while self.destination.service_url == since.service_url:
            self._may_have_moved.clear()
            await self._may_have_moved.wait()

    async def step(
        self, key: StepKey, do: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]] | None = None
    ) -> T:
        """The JSON result of `do()`, which is done once however often the process dies.

        A turn that is resumed cannot know whether its first unwritten step was done: `find`, if given, is asked then.
        """
        if key in self._results:
            return self._results[key]  # type: ignore[no-any-return]  # what this very step returned in an earlier attempt
        await self._may_go_on()
        self._started.add(key)
        self._running_steps += 1
        self.between_steps.clear()
        try:
            result = await find() if find and self._in_doubt else None
            if result is None:
                result = await do()
            await self.record(key, result)
        finally:
            self._running_steps -= 1
            if not self._running_steps:
                self.between_steps.set()
        return result

    async def record(self, key: StepKey, result: Any) -> None:
        """Write down a result that was worked out without touching the outside, or in a way that may be repeated."""
        await self._save(self.number, step_to_text(key), json.dumps(result))
        self._results[key] = result

    def recorded(self, key: StepKey) -> Any | None:
        """The result of a step, from this attempt or an earlier one; None if it is not done."""
        return self._results.get(key)

    def results(self, kind: StepKind) -> dict[StepKey, Any]:
        """The results of all steps of a kind, from this attempt or an earlier one."""
        return {key: result for key, result in self._results.items() if key.kind is kind}

    def use(self, usage: Usage, *, cancelled: RunId | None = None) -> None:
        """Add what a run consumed. Counted anew in each attempt, which follows all runs of the turn again.

        A run that is `cancelled` counts once: it may be cancelled as it fails, and again by a /stop.
        """
        if cancelled is not None:
            if cancelled in self._cancelled:
                return
            self._cancelled.add(cancelled)
        self._usage = usage if self._usage is None else self._usage + usage

    @property
    def used(self) -> TurnUsage | None:
        """What it consumed so far; None if it did not ask the assistant."""
        if self._usage is None:
            return None
        reference = self.message.reference
        tenant, person = key_of(reference.key.tenant), key_of(reference.user.key)
        return TurnUsage(tenant=tenant, person=person, usage=self._usage)

    def may_have_done(self, key: StepKey) -> bool:
        """Whether the outside may know of this step, although its result is not written down."""
        return self._in_doubt or key in self._started

    def heard(self, name: str) -> Any:
        """What came with a signal; None if it was not sent."""
        return self._signals.value(name)

    async def confirm_stop(self, *, told: bool) -> None:
        """Let the /stop that stopped this turn know, so that the person is told once. Repeated after a crash."""
        by = self.heard(STOP)
        if isinstance(by, int):
            await self._signal(by, STOP_HEARD, json.dumps(told))

    def stop(self) -> None:
        """Do what /stop does."""
        self._signals.send(STOP)

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        """The result of `work`, which is cancelled the moment the person says /stop. Raises TurnStoppedError then.

        Work that has its result already is not stopped any more, nor is the answer to a command.
        """
        if isinstance(self.message, Command):
            return await work
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._signals.wait(STOP))
        try:
            if not self._signals.was_sent(STOP):
                await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self._signals.was_sent(STOP) and not working.done():
                raise TurnStoppedError(f"turn {self.id} was stopped")
            return await working
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
