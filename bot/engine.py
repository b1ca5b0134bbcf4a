"""The one loop: accept durably, work on one turn at a time in each conversation, survive a bad one, stop well.

Who may work on a conversation is the ledger's to know (one file: this process; PostgreSQL: whoever holds its lock).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile
from typing import Final

from bot.commands import Command, command_in
from bot.conversation import ConversationKey, IncomingMessage, Standing
from bot.errors import StorageError, TurnGivenUpError, UnreadableMessageError
from bot.log_ids import logging_for
from bot.ports import Ledger, LedgerEntry
from bot.timeline import DECLINED, Outcome
from bot.turn import MAX_ATTEMPTS, Turn

log = logging.getLogger(__name__)

Handler = Callable[[Turn], Awaitable[None]]
GiveUp = Callable[[Turn, Exception], Awaitable[None]]

MAX_WAITING: Final = 100
"""Messages that may wait in one conversation behind the one in hand. Further ones are not read, and say so."""

_STORAGE_RETRY_S = 1.0


class Engine:
    """Turns in, handled turns out. `give_up` tells the person when a turn cannot be handled."""

    def __init__(self, *, ledger: Ledger, handler: Handler, give_up: GiveUp) -> None:
        self._ledger = ledger
        self._handler = handler
        self._give_up = give_up
        self._queues: dict[str, dict[int, Turn]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Open the ledger and go on with what an earlier life left unfinished."""
        self._stopping = False
        await self._ledger.start(self._adopt, self._drop)

    async def accept(self, message: IncomingMessage) -> bool:
        """Put a message on disk, to be answered in its turn; False if it was accepted before.

        Raises StorageError, and then the message was not accepted: whoever sent it should send it again.
        """
        conversation, payload = str(message.key), message.to_json()
        number = await self._ledger.add(conversation, message.id, payload)
        if number is None:
            log.info("message came again", extra={"message_id": message.id})
            return False
        if message.standing is Standing.DECLINED and self._last_in_line_is_declined(conversation):
            await self._ledger.end(number, DECLINED)  # what that one will say is said of this one too
        elif self._ledger.owns(conversation):
            entry = LedgerEntry(
                number=number, conversation=conversation, id=message.id, payload=payload, steps={}, tries=0
            )
            self._adopt([entry])
        return True

    async def replace(self, message: IncomingMessage) -> bool:
        """Put an edited or withdrawn message in the place of the one that waits; False if its turn has begun.

        Raises StorageError, and then whoever sent the edit should send it again.
        """
        conversation = str(message.key)
        turn = self._turn_of(message)
        if turn is not None:
            if turn.tries > 0:
                return False
            turn.message = message  # before any await, so that the turn cannot begin in between
        return await self._ledger.replace(conversation, message.id, message.to_json())

    def waiting(self, key: ConversationKey) -> int:
        """How many turns of a conversation are not done, the one in hand among them."""
        return len(self._queues.get(str(key), {}))

    def ahead_of(self, message: IncomingMessage) -> int:
        """How many turns come before this message's; 0 once it is being worked on, or done, or another process's."""
        queue = self._queues.get(str(message.key), {})
        own = self._turn_of(message)
        return sum(turn.number < own.number for turn in queue.values()) if own is not None and own.tries == 0 else 0

    def cancel(self, key: ConversationKey) -> bool:
        """Stop the turn in hand of a conversation; False if there is none. The word to a command is no work to stop."""
        turns = self._queues.get(str(key), {}).values()
        running = [turn for turn in turns if turn.tries > 0 and command_in(turn.message.text) is None]
        for turn in running:
            turn.stop()
        return bool(running)

    async def stop(self, *, deadline_s: float = 5.0) -> None:
        """Let each step in hand end, begin no other, and let go. What is unfinished goes on at the next start."""
        self._stopping = True
        try:
            async with asyncio.timeout(deadline_s):
                for turn in [turn for queue in self._queues.values() for turn in queue.values()]:
                    await turn.between_steps.wait()
        except TimeoutError:
            log.warning("steps were cut off at the stop; they are in doubt and will be looked for")
        begun = [turn for queue in self._queues.values() for turn in queue.values() if turn.tries > 0]
        await self._drop()
        await self._excuse(begun)
        await self._ledger.stop()

    def _adopt(self, entries: Sequence[LedgerEntry]) -> None:
        if self._stopping:
            return  # they are on disk, for the next start or another process
        for entry in entries:
            try:
                self._put_in_line(entry)
            except UnreadableMessageError as error:  # it stays in the ledger, for a version that can read it
                log.warning("a turn is left alone", extra={"number": entry.number, "why": str(error)})

    def _put_in_line(self, entry: LedgerEntry) -> None:
        known = self._queues.get(entry.conversation, {}).get(entry.number)
        if known is not None:
            _reword(known, entry)
            return
        turn = Turn(entry, save=self._save, may_go_on=self._may_go_on)
        queue = self._queues.setdefault(entry.conversation, {})
        if turn.tries == 0 and is_too_much(turn.message, behind=len(queue)):  # said to another process
            turn.message = turn.message.declined()
        queue[entry.number] = turn
        if command_in(turn.message.text) is Command.STOP:  # said here, to another process or before a crash
            self.cancel(turn.message.key)
        if entry.conversation not in self._tasks:
            name = f"conversation of turn {entry.number}"
            self._tasks[entry.conversation] = asyncio.create_task(self._converse(entry.conversation), name=name)

    def _last_in_line_is_declined(self, conversation: str) -> bool:
        turns = self._queues.get(conversation, {}).values()
        last = max(turns, key=lambda turn: turn.number, default=None)
        return last is not None and _is_declined(last)

    def _turn_of(self, message: IncomingMessage) -> Turn | None:
        queue = self._queues.get(str(message.key), {})
        return next((turn for turn in queue.values() if turn.message.id == message.id), None)

    async def _excuse(self, turns: Sequence[Turn]) -> None:
        """Write down that these turns were begun once more without having brought the process down."""
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(_STORAGE_RETRY_S):
                await asyncio.gather(*(self._ledger.save(turn.number, *turn.excuse()) for turn in turns))

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
                # Numbers may be committed out of order on several machines: what was begun goes first.
                turn = min(queue.values(), key=_in_order)
                turn.tries += 1
                await _insist(lambda number=turn.number: self._ledger.begin(number))  # type: ignore[misc]
                alike = _declined_with(turn, queue)
                await self._handle(turn)
                await self._end(queue, turn, turn.outcome)
                await asyncio.gather(*(self._end(queue, each, DECLINED) for each in alike if _is_declined(each)))
        finally:
            self._queues.pop(conversation, None)
            self._tasks.pop(conversation, None)

    async def _end(self, queue: dict[int, Turn], turn: Turn, outcome: Outcome) -> None:
        await _insist(lambda: self._ledger.end(turn.number, outcome))
        del queue[turn.number]

    async def _handle(self, turn: Turn) -> None:
        """Answer a turn, or at least apologise for it."""
        error: Exception = TurnGivenUpError(f"turn {turn.id} was begun {turn.tries} times")
        if turn.tries - turn.excused <= MAX_ATTEMPTS:
            failure = await _attempt(turn, self._handler(turn))
            if failure is None:
                return
            error = failure
        await _attempt(turn, self._give_up(turn, error))

    async def _save(self, number: int, step: str, result: str) -> None:
        await _insist(lambda: self._ledger.save(number, step, result))

    async def _may_go_on(self) -> None:
        if self._stopping:
            await asyncio.Event().wait()  # until `_drop` cancels this task: no step begins during a stop


def is_too_much(message: IncomingMessage, *, behind: int) -> bool:
    """Whether a question comes while so many turns are not done that it is not read."""
    return behind > MAX_WAITING and message.standing is Standing.ASKED and command_in(message.text) is None


def _in_order(turn: Turn) -> tuple[bool, int]:
    return turn.tries == 0, turn.number


def _is_declined(turn: Turn) -> bool:
    return turn.tries == 0 and turn.message.standing is Standing.DECLINED


def _declined_with(turn: Turn, queue: dict[int, Turn]) -> list[Turn]:
    """The turns right behind a declined one that are declined too: what is said of it is said of them."""
    if turn.message.standing is not Standing.DECLINED:
        return []
    behind = sorted((each for each in queue.values() if each is not turn), key=_in_order)
    return list(takewhile(_is_declined, behind))


def _reword(turn: Turn, entry: LedgerEntry) -> None:
    """Take over an edit that came to another process, unless the turn has begun: it is then left alone."""
    if turn.tries == 0:
        turn.message = IncomingMessage.from_json(entry.payload)


async def _attempt(turn: Turn, work: Awaitable[None]) -> Exception | None:
    try:
        with logging_for(turn=turn.id, conversation=turn.conversation):
            await work
    except Exception as error:  # the last line of defence: one bad turn must not stop the others
        log.exception("turn failed", extra={"turn": turn.id})
        return error
    return None


async def _insist(write: Callable[[], Awaitable[None]]) -> None:
    """Write to the ledger until it takes it: a full disk is a pause, not a loss."""
    while True:
        try:
            return await write()
        except StorageError as error:
            log.warning("ledger does not take a write; trying again", extra={"why": str(error)})
            await asyncio.sleep(_STORAGE_RETRY_S)
