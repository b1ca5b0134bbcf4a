"""The one loop: store each message, work on one turn at a time in each conversation, survive a bad one, stop cleanly.

The ledger decides which process works on a conversation (one file: this process; PostgreSQL: the one that holds the
conversation's lock).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

from bot.codec import message_from_json, message_to_json
from bot.conversation import (
    ActivityId,
    CardPressed,
    Command,
    CommandName,
    ConversationKey,
    ConversationReference,
    Incoming,
    Question,
    TurnState,
    refusal_of,
    without_content,
)
from bot.errors import StorageError, TurnGivenUpError, UnreadableMessageError
from bot.language import speaking
from bot.log_ids import logging_for
from bot.ports import Ledger, LedgerEntry
from bot.turn import MAX_ATTEMPTS, STOP, SUPERSEDED, Signals, Turn
from bot.turn_record import GIVEN_UP, REFUSED, REJECTED, Outcome, failed

log = logging.getLogger(__name__)

Handler = Callable[[Turn], Awaitable[Outcome]]
GiveUp = Callable[[Turn, Exception], Awaitable[Outcome]]
Cancel = Callable[[Turn], Awaitable[None]]
Refuses = Callable[[ConversationReference], str | None]
"""Why a person is not served, as a code; None for those who are."""


def everybody(reference: ConversationReference) -> None:
    """Refuse nobody."""


MAX_WAITING: Final = 100
"""Messages that may wait in one conversation behind the running one. Further ones are rejected unread."""

_STORAGE_RETRY_S = 1.0


@dataclass(eq=False, slots=True, kw_only=True)
class _QueuedTurn:
    """An unfinished turn in the queue of its conversation; `turn` is its attempt, while one runs in this process."""

    entry: LedgerEntry
    message: Incoming
    state: TurnState
    attempts: int
    signals: Signals = field(default_factory=Signals)
    turn: Turn | None = None

    @property
    def number(self) -> int:
        return self.entry.number

    @property
    def is_unread(self) -> bool:
        """Whether it is a rejected one, of which the person is not told yet."""
        return self.attempts == 0 and self.state is TurnState.REJECTED


class _ConversationQueue:
    """The unfinished turns of one conversation.

    Turns are worked on in the order of their numbers, but a started one goes first: several machines may commit
    numbers out of order.
    """

    def __init__(self) -> None:
        self._turns: dict[int, _QueuedTurn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def all(self) -> list[_QueuedTurn]:
        """All turns, in the order in which they are worked on."""
        return sorted(self._turns.values(), key=lambda queued: (queued.attempts == 0, queued.number))

    def get(self, number: int) -> _QueuedTurn | None:
        """The turn of this number."""
        return self._turns.get(number)

    def of_message(self, message_id: ActivityId) -> _QueuedTurn | None:
        """The turn of this message."""
        return next((queued for queued in self._turns.values() if queued.message.id == message_id), None)

    def add(self, queued: _QueuedTurn) -> None:
        """Add an unfinished turn. A question behind too many others is rejected here, if it was not before."""
        if queued.attempts == 0 and queued.state is TurnState.WAITING and self.is_full_for(queued.message):
            queued.message, queued.state = without_content(queued.message), TurnState.REJECTED
        self._turns[queued.number] = queued

    def remove(self, queued: _QueuedTurn) -> None:
        """Remove a turn that is done."""
        del self._turns[queued.number]

    def is_full_for(self, message: Incoming) -> bool:
        """Whether so many turns are unfinished that this message is rejected: a question, but never a command."""
        return len(self._turns) > MAX_WAITING and isinstance(message, Question | CardPressed)

    def running(self) -> list[Turn]:
        """The attempts that are running in this process: one at most."""
        return [queued.turn for queued in self._turns.values() if queued.turn is not None]

    def newest_service_url(self) -> str:
        """Where the channel's service was when the last message came: it moves with the region of a tenant."""
        return self._turns[max(self._turns)].message.reference.service_url

    def ahead_of(self, message_id: ActivityId) -> int:
        """How many turns come before this message's; 0 once it has started or is done."""
        own = self.of_message(message_id)
        if own is None or own.attempts > 0:
            return 0
        return sum(queued.number < own.number for queued in self._turns.values())

    def ends_rejected(self) -> bool:
        """Whether the last turn is a rejected one that the person does not know of yet."""
        last = max(self._turns.values(), key=lambda queued: queued.number, default=None)
        return last is not None and last.is_unread

    def rejected_behind(self, first: _QueuedTurn) -> list[_QueuedTurn]:
        """The turns right behind a rejected one that are rejected too: one notice speaks for all of them."""
        if first.state is not TurnState.REJECTED:
            return []
        others = (queued for queued in self.all() if queued is not first)
        return list(takewhile(lambda queued: queued.is_unread, others))

    def stop_running(self) -> bool:
        """Stop the running turn, unless it is a command's: those have nothing to stop. False if there is none."""
        running = [
            queued for queued in self._turns.values() if queued.attempts > 0 and not isinstance(queued.message, Command)
        ]
        for queued in running:
            queued.signals.send(STOP)
        return bool(running)


class Engine:
    """Turns in, handled turns out. `give_up` tells the person when a turn cannot be handled.

    `refuses` judges each turn when it starts: who is served may have changed since it was accepted. Then `cancel` ends
    the runs of an earlier attempt.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        handler: Handler,
        give_up: GiveUp,
        refuses: Refuses = everybody,
        cancel: Cancel | None = None,
    ) -> None:
        self._refuses = refuses
        self._cancel = cancel
        self._ledger = ledger
        self._handler = handler
        self._give_up = give_up
        self._queues: dict[str, _ConversationQueue] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Open the ledger and go on with what an earlier life left unfinished."""
        self._stopping = False
        await self._ledger.start(self._on_assigned, self._on_revoked)

    async def accept(self, message: Incoming, *, state: TurnState = TurnState.WAITING) -> bool:
        """Store a message, to be answered in its turn; False if it was accepted before.

        Of a rejected one only the sender is stored, and the person is told once for all rejected in a row.

        Raises StorageError, and then the message was not accepted: the sender should send it again.
        """
        conversation = str(message.key)
        if state is TurnState.REJECTED:
            message = without_content(message)
        payload = message_to_json(message, state)
        number = await self._ledger.add(
            conversation,
            message.id,
            payload,
            signal=STOP if isinstance(message, Command) and message.name is CommandName.STOP else "",
            hears_signals=isinstance(message, Question | CardPressed),
        )
        if number is None:
            log.info("message came again", extra={"message_id": message.id})
            return False
        queue = self._queues.get(conversation)
        if state is TurnState.REJECTED and queue is not None and queue.ends_rejected():
            await self._ledger.end(number, REJECTED)  # the notice to that one speaks for this one too
        elif self._ledger.owns(conversation):
            entry = LedgerEntry(number=number, conversation=conversation, id=message.id, payload=payload, steps={})
            self._on_assigned([entry])
        return True

    async def refuse(self, message: Incoming) -> None:
        """Have the person told, once and in their turn, that they are not served. Raises StorageError."""
        await self.accept(refusal_of(message), state=TurnState.REFUSED)

    async def replace(self, message: Incoming) -> bool:
        """Put an edited message in the place of the one that waits; False if its turn has started.

        Raises StorageError, and then the sender should send the edit again.
        """
        return await self._replace(message, TurnState.WAITING)

    async def delete(self, message_id: ActivityId, reference: ConversationReference) -> bool:
        """Take back a message that waits, with everything said in it; False if its turn has started. StorageError."""
        return await self._replace(Question(id=message_id, reference=reference), TurnState.DELETED)

    async def _replace(self, message: Incoming, state: TurnState) -> bool:
        conversation = str(message.key)
        queue = self._queues.get(conversation)
        queued = queue.of_message(message.id) if queue is not None else None
        if queued is not None:
            if queued.attempts > 0:
                return False
            if state is TurnState.WAITING:  # of one that is deleted nothing that was said stays
                message = _with_context_of(queued.message, message)
            queued.message, queued.state = message, state  # before any await: the turn must not start in between
        return await self._ledger.replace(conversation, message.id, message_to_json(message, state))

    async def supersede(self, number: int) -> None:
        """Stop a turn without a word, wherever it runs, because its question was edited or deleted. StorageError."""
        await self._ledger.signal(number, STOP, json.dumps(SUPERSEDED))

    def waiting(self, key: ConversationKey) -> int:
        """How many turns of a conversation are unfinished, the running one included."""
        return len(self._queues.get(str(key), ()))

    def is_full_for(self, message: Incoming) -> bool:
        """Whether so many turns of its conversation are unfinished that this message is to be rejected."""
        queue = self._queues.get(str(message.key))
        return queue is not None and queue.is_full_for(message)

    def ahead_of(self, message: Incoming) -> int:
        """How many turns come before this message's; 0 once it has started, or is done, or another process's."""
        queue = self._queues.get(str(message.key))
        return queue.ahead_of(message.id) if queue is not None else 0

    def cancel(self, key: ConversationKey) -> bool:
        """Stop the running turn of a conversation; False if there is none."""
        queue = self._queues.get(str(key))
        return queue is not None and queue.stop_running()

    async def interrupt(self, key: ConversationKey, *, deadline_s: float) -> None:
        """Stop all unfinished turns of a conversation, and wait until they have ended, or for so long."""
        queue = self._queues.get(str(key))
        for queued in queue.all() if queue is not None else ():
            queued.signals.send(STOP)
        if (task := self._tasks.get(str(key))) is not None:
            await asyncio.wait({task}, timeout=deadline_s)

    async def stop(self, *, deadline_s: float = 5.0) -> None:
        """Let each running step end, start no other, and let go. What is unfinished goes on at the next start."""
        self._stopping = True
        try:
            async with asyncio.timeout(deadline_s):
                for turn in self._running():
                    await turn.between_steps.wait()
        except TimeoutError:
            log.warning("steps were cut off at the stop; they are in doubt and will be looked for")
        # These attempts say nothing against their turns. One that was started in an earlier life only, and crashed
        # the process then, still counts.
        cut_off = self._running()
        await self._on_revoked()
        with contextlib.suppress(StorageError, TimeoutError):  # a disk that is full does not hold up a stop
            async with asyncio.timeout(_STORAGE_RETRY_S):
                await asyncio.gather(*(self._ledger.uncount_attempt(turn.number) for turn in cut_off))
        await self._ledger.stop()

    def _on_assigned(self, entries: Sequence[LedgerEntry]) -> None:
        if self._stopping:
            return  # they are on disk, for the next start or another process
        for entry in entries:
            try:
                self._enqueue(entry)
            except UnreadableMessageError as error:  # it stays in the ledger, for a version that can read it
                log.warning("a turn is left alone", extra={"number": entry.number, "why": str(error)})

    def _enqueue(self, entry: LedgerEntry) -> None:
        queue = self._queues.get(entry.conversation)
        known = queue.get(entry.number) if queue is not None else None
        if known is not None:
            if known.attempts == 0:  # an edit that came to another process
                edited, known.state = message_from_json(entry.payload)
                is_edit = known.state is TurnState.WAITING
                known.message = _with_context_of(known.message, edited) if is_edit else edited
            known.signals.send_recorded(entry.steps)
            return
        message, state = message_from_json(entry.payload)
        queued = _QueuedTurn(entry=entry, message=message, state=state, attempts=entry.attempts)
        queued.signals.send_recorded(entry.steps)
        queue = self._queues.setdefault(entry.conversation, _ConversationQueue())
        queue.add(queued)
        for other in queue.running():
            other.recheck_destination()
        if entry.conversation not in self._tasks:
            name = f"conversation of turn {entry.number}"
            self._tasks[entry.conversation] = asyncio.create_task(self._converse(entry.conversation), name=name)

    def _running(self) -> list[Turn]:
        return [turn for queue in self._queues.values() for turn in queue.running()]

    async def _on_revoked(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()  # a task cancelled before its first step never reaches its own clean-up
        self._queues.clear()

    async def _converse(self, conversation: str) -> None:
        queue = self._queues[conversation]
        try:
            while queue and self._ledger.owns(conversation):
                await self._may_go_on()
                queued = queue.all()[0]
                queued.attempts += 1
                await _write_until_stored(lambda number=queued.number: self._ledger.begin(number))  # type: ignore[misc]
                queued.turn = Turn(
                    queued.entry,
                    queued.message,
                    queued.state,
                    signals=queued.signals,
                    save=self._save,
                    signal=self._signal,
                    may_go_on=self._may_go_on,
                    newest_service_url=queue.newest_service_url,
                )
                rejected = queue.rejected_behind(queued)
                await self._end(queue, queued, await self._handle(queued.turn, queued.entry.uncounted_attempts))
                # One of them may have been edited or deleted meanwhile: that one gets an answer of its own.
                await asyncio.gather(*(self._end(queue, each, REJECTED) for each in rejected if each.is_unread))
        finally:
            self._queues.pop(conversation, None)
            self._tasks.pop(conversation, None)

    async def _end(self, queue: _ConversationQueue, queued: _QueuedTurn, outcome: Outcome) -> None:
        used = queued.turn.used if queued.turn is not None else None
        await _write_until_stored(lambda: self._ledger.end(queued.number, outcome, used))
        queue.remove(queued)

    async def _handle(self, turn: Turn, uncounted_attempts: int) -> Outcome:
        """Answer a turn, or at least apologise for it."""
        locale = turn.message.reference.locale
        with logging_for(turn=turn.id, conversation=turn.conversation), speaking(locale):
            error: Exception = TurnGivenUpError(f"turn {turn.id} was started {turn.attempt} times")
            try:
                if turn.state is not TurnState.REFUSED and (code := self._refuses(turn.message.reference)) is not None:
                    log.info("turn refused", extra={"turn": turn.id, "reason": code})
                    await _write_until_stored(lambda: self.refuse(turn.message))
                    if self._cancel is not None:
                        await self._cancel(turn)
                    return REFUSED
                if turn.attempt - uncounted_attempts <= MAX_ATTEMPTS:
                    return await self._handler(turn)
            except Exception as failure:  # the last line of defence: one bad turn must not stop the others
                log.exception("turn failed", extra={"turn": turn.id})
                error = failure
            try:
                return await self._give_up(turn, error)
            except Exception:
                log.exception("turn failed, and its person could not be told", extra={"turn": turn.id})
                return GIVEN_UP if isinstance(error, TurnGivenUpError) else failed(error)

    async def _save(self, number: int, step: str, result: str) -> None:
        await _write_until_stored(lambda: self._ledger.save(number, step, result))

    async def _signal(self, number: int, name: str, value: str) -> None:
        await _write_until_stored(lambda: self._ledger.signal(number, name, value))

    async def _may_go_on(self) -> None:
        if self._stopping:
            await asyncio.Event().wait()  # until `_on_revoked` cancels this task: no step begins during a stop


def _with_context_of(waiting: Incoming, edited: Incoming) -> Incoming:
    """An edited question with what was overheard before the one that waits: the edit came without it."""
    if isinstance(waiting, Question) and isinstance(edited, Question) and not edited.context:
        return replace(edited, context=waiting.context)
    return edited


async def _write_until_stored(write: Callable[[], Awaitable[None]]) -> None:
    """Write to the ledger until it takes it: a full disk is a pause, not a loss."""
    while True:
        try:
            return await write()
        except StorageError as error:
            log.warning("ledger does not take a write; trying again", extra={"why": str(error)})
            await asyncio.sleep(_STORAGE_RETRY_S)
