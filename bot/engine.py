"""The one loop: store each message, work on one turn at a time in each conversation, survive a bad one, stop cleanly.

The ledger decides which process works on a conversation (one file: this process; PostgreSQL: the one that holds the
conversation's lock).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
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
    without_content,
)
from bot.errors import StorageError, TurnGivenUpError, UnreadableMessageError
from bot.log_ids import logging_for
from bot.ports import Ledger, LedgerEntry
from bot.turn import MAX_ATTEMPTS, Turn
from bot.turn_record import REJECTED, Outcome

log = logging.getLogger(__name__)

Handler = Callable[[Turn], Awaitable[None]]
GiveUp = Callable[[Turn, Exception], Awaitable[None]]

MAX_WAITING: Final = 100
"""Messages that may wait in one conversation behind the running one. Further ones are rejected unread."""

_STORAGE_RETRY_S = 1.0


class ConversationQueue:
    """The unfinished turns of one conversation.

    Turns are worked on in the order of their numbers, but a started one goes first: several machines may commit
    numbers out of order.
    """

    def __init__(self) -> None:
        self._turns: dict[int, Turn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def all(self) -> list[Turn]:
        """All turns, in the order in which they are worked on."""
        return sorted(self._turns.values(), key=lambda turn: (turn.attempts == 0, turn.number))

    def get(self, number: int) -> Turn | None:
        """The turn of this number."""
        return self._turns.get(number)

    def of_message(self, message_id: ActivityId) -> Turn | None:
        """The turn of this message."""
        return next((turn for turn in self._turns.values() if turn.message.id == message_id), None)

    def add(self, turn: Turn) -> None:
        """Add an unfinished turn. A question behind too many others is rejected here, if it was not before."""
        if turn.attempts == 0 and turn.state is TurnState.WAITING and self.is_full_for(turn.message):
            turn.message, turn.state = without_content(turn.message), TurnState.REJECTED
        self._turns[turn.number] = turn

    def remove(self, turn: Turn) -> None:
        """Remove a turn that is done."""
        del self._turns[turn.number]

    def is_full_for(self, message: Incoming) -> bool:
        """Whether so many turns are unfinished that this message is rejected: a question, but never a command."""
        return len(self._turns) > MAX_WAITING and isinstance(message, Question | CardPressed)

    def ahead_of(self, message_id: ActivityId) -> int:
        """How many turns come before this message's; 0 once it has started or is done."""
        own = self.of_message(message_id)
        if own is None or own.attempts > 0:
            return 0
        return sum(turn.number < own.number for turn in self._turns.values())

    def ends_rejected(self) -> bool:
        """Whether the last turn is a rejected one that the person has not been told of yet."""
        last = max(self._turns.values(), key=lambda turn: turn.number, default=None)
        return last is not None and _waits_rejected(last)

    def rejected_behind(self, turn: Turn) -> list[Turn]:
        """The turns right behind a rejected one that are rejected too: one notice speaks for all of them."""
        if turn.state is not TurnState.REJECTED:
            return []
        return list(takewhile(_waits_rejected, (each for each in self.all() if each is not turn)))

    def stop_running(self) -> bool:
        """Stop the running turn, unless it is a command's: those have nothing to stop. False if there is none."""
        running = [turn for turn in self._turns.values() if turn.attempts > 0 and not isinstance(turn.message, Command)]
        for turn in running:
            turn.stop()
        return bool(running)


def _waits_rejected(turn: Turn) -> bool:
    return turn.attempts == 0 and turn.state is TurnState.REJECTED


class Engine:
    """Turns in, handled turns out. `give_up` tells the person when a turn cannot be handled."""

    def __init__(self, *, ledger: Ledger, handler: Handler, give_up: GiveUp) -> None:
        self._ledger = ledger
        self._handler = handler
        self._give_up = give_up
        self._queues: dict[str, ConversationQueue] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Open the ledger and go on with what an earlier life left unfinished."""
        self._stopping = False
        await self._ledger.start(self._adopt, self._drop)

    async def accept(self, message: Incoming, *, state: TurnState = TurnState.WAITING) -> bool:
        """Store a message, to be answered in its turn; False if it was accepted before.

        Of a rejected one only the sender is stored, and the person is told once for all rejected in a row.

        Raises StorageError, and then the message was not accepted: the sender should send it again.
        """
        conversation = str(message.key)
        if state is TurnState.REJECTED:
            message = without_content(message)
        payload = message_to_json(message, state)
        number = await self._ledger.add(conversation, message.id, payload)
        if number is None:
            log.info("message came again", extra={"message_id": message.id})
            return False
        queue = self._queues.get(conversation)
        if state is TurnState.REJECTED and queue is not None and queue.ends_rejected():
            await self._ledger.end(number, REJECTED)  # the notice to that one speaks for this one too
        elif self._ledger.owns(conversation):
            entry = LedgerEntry(number=number, conversation=conversation, id=message.id, payload=payload, steps={})
            self._adopt([entry])
        return True

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
        turn = queue.of_message(message.id) if queue is not None else None
        if turn is not None:
            if turn.attempts > 0:
                return False
            turn.message, turn.state = message, state  # before any await, so that the turn cannot start in between
        return await self._ledger.replace(conversation, message.id, message_to_json(message, state))

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

    async def stop(self, *, deadline_s: float = 5.0) -> None:
        """Let each running step end, start no other, and let go. What is unfinished goes on at the next start."""
        self._stopping = True
        turns = [turn for queue in self._queues.values() for turn in queue.all()]
        try:
            async with asyncio.timeout(deadline_s):
                for turn in turns:
                    await turn.between_steps.wait()
        except TimeoutError:
            log.warning("steps were cut off at the stop; they are in doubt and will be looked for")
        started = [turn for queue in self._queues.values() for turn in queue.all() if turn.attempts > 0]
        await self._drop()
        # This attempt must not count as one that brought the process down. A disk that is full does not hold up a stop.
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(_STORAGE_RETRY_S):
                await asyncio.gather(*(self._ledger.uncount_attempt(turn.number) for turn in started))
        await self._ledger.stop()

    def _adopt(self, entries: Sequence[LedgerEntry]) -> None:
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
                known.message, known.state = message_from_json(entry.payload)
            return
        turn = Turn(entry, save=self._save, may_go_on=self._may_go_on)
        queue = self._queues.setdefault(entry.conversation, ConversationQueue())
        queue.add(turn)
        if isinstance(turn.message, Command) and turn.message.name is CommandName.STOP:
            queue.stop_running()  # whether it was said here, to another process, or before a crash
        if entry.conversation not in self._tasks:
            name = f"conversation of turn {entry.number}"
            self._tasks[entry.conversation] = asyncio.create_task(self._converse(entry.conversation), name=name)

    async def _drop(self) -> None:
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
                turn = queue.all()[0]
                turn.attempts += 1
                await _write_until_stored(lambda number=turn.number: self._ledger.begin(number))  # type: ignore[misc]
                rejected = queue.rejected_behind(turn)
                await self._handle(turn)
                await self._end(queue, turn, turn.outcome)
                # One of them may have been edited or deleted meanwhile: that one gets an answer of its own.
                await asyncio.gather(*(self._end(queue, each, REJECTED) for each in rejected if _waits_rejected(each)))
        finally:
            self._queues.pop(conversation, None)
            self._tasks.pop(conversation, None)

    async def _end(self, queue: ConversationQueue, turn: Turn, outcome: Outcome) -> None:
        await _write_until_stored(lambda: self._ledger.end(turn.number, outcome))
        queue.remove(turn)

    async def _handle(self, turn: Turn) -> None:
        """Answer a turn, or at least apologise for it."""
        error: Exception = TurnGivenUpError(f"turn {turn.id} was started {turn.attempts} times")
        if turn.attempts - turn.uncounted_attempts <= MAX_ATTEMPTS:
            failure = await _attempt(turn, self._handler(turn))
            if failure is None:
                return
            error = failure
        await _attempt(turn, self._give_up(turn, error))

    async def _save(self, number: int, step: str, result: str) -> None:
        await _write_until_stored(lambda: self._ledger.save(number, step, result))

    async def _may_go_on(self) -> None:
        if self._stopping:
            await asyncio.Event().wait()  # until `_drop` cancels this task: no step begins during a stop


async def _attempt(turn: Turn, work: Awaitable[None]) -> Exception | None:
    try:
        with logging_for(turn=turn.id, conversation=turn.conversation):
            await work
    except Exception as error:  # the last line of defence: one bad turn must not stop the others
        log.exception("turn failed", extra={"turn": turn.id})
        return error
    return None


async def _write_until_stored(write: Callable[[], Awaitable[None]]) -> None:
    """Write to the ledger until it takes it: a full disk is a pause, not a loss."""
    while True:
        try:
            return await write()
        except StorageError as error:
            log.warning("ledger does not take a write; trying again", extra={"why": str(error)})
            await asyncio.sleep(_STORAGE_RETRY_S)
