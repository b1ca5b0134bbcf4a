"""The way in: every message passes here once, whichever channel it came from."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace

from bot.conversation import (
    EDIT_MARK,
    ActivityId,
    Command,
    CommandName,
    ConversationKey,
    ConversationReference,
    Incoming,
    Installed,
    Overheard,
    Question,
    Scope,
    TurnState,
    is_for_assistant,
    is_persons,
)
from bot.engine import MAX_WAITING, Engine
from bot.errors import ChannelError
from bot.feedback import Feedback
from bot.language import ngettext, number, speaking
from bot.parts import TextPart
from bot.ports import Channel, FeedbackStore, TurnsOfConversation
from bot.timeline import Timeline

log = logging.getLogger(__name__)

_LOOKED_BACK = 10
"""Turns, for the one of a message that was edited or deleted."""

_OVERHEARD_S = 4 * 3600.0
_MAX_OVERHEARD_CHARS = 500
_MAX_SPEAKER_CHARS = 60
_MAX_CONVERSATIONS = 2_000

_LAST_PLACE_TOLD = 10
"""Further back nobody counts any more, and a flood of messages must not become a flood of notices."""


class OverheardMessages:
    """The last messages to others in each shared conversation: few, short, and of the last hours."""

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._kept: OrderedDict[ConversationKey, deque[tuple[float, Overheard]]] = OrderedDict()

    def add(self, message: Incoming) -> None:
        """Keep a message; one that is edited takes the place of what was said before."""
        if self._limit == 0 or not message.text.strip():
            return
        self.drop(message.key, message.id)
        kept = self._kept.setdefault(message.key, deque(maxlen=self._limit))
        speaker = " ".join(message.reference.user.name.split())[:_MAX_SPEAKER_CHARS] or "Someone"
        text = message.text.strip()[:_MAX_OVERHEARD_CHARS]
        kept.append((self._clock(), Overheard(id=message.id, speaker=speaker, text=text)))
        self._kept.move_to_end(message.key)
        while len(self._kept) > _MAX_CONVERSATIONS:
            self._kept.popitem(last=False)

    def of(self, key: ConversationKey, *, before: ActivityId) -> tuple[Overheard, ...]:
        """What was kept of a conversation, without the message that asks."""
        oldest_s = self._clock() - _OVERHEARD_S
        return tuple(said for at_s, said in self._kept.get(key, ()) if at_s >= oldest_s and said.id != before)

    def drop(self, key: ConversationKey, *message_ids: ActivityId) -> None:
        """Forget messages: they were deleted, or have become part of the thread."""
        if (kept := self._kept.get(key)) is not None:
            for entry in [entry for entry in kept if entry[1].id in message_ids]:
                kept.remove(entry)
            if not kept:
                del self._kept[key]


class Intake:
    """Accepts messages for the engine, and tells people in one-to-one chats when theirs has to wait."""

    def __init__(
        self,
        *,
        engine: Engine,
        channel: Channel,
        turns: TurnsOfConversation,
        feedback: FeedbackStore,
        notice_after_s: float = 1.0,
        max_context: int = 0,
    ) -> None:
        """`notice_after_s`: how long a message waits before its place is told; most do not wait that long.

        `max_context`: how many messages to others a question may bring along as context.
        """
        self._engine = engine
        self._channel = channel
        self._turns = turns
        self._feedback = feedback
        self._notice_after_s = notice_after_s
        self._overheard = OverheardMessages(max_context)
        self._notices: set[asyncio.Task[None]] = set()

    async def accept(self, message: Incoming) -> bool:
        """Make sure the message will be answered: when this returns it is on disk. False if it was there before.

        A /stop acts as soon as the engine that works on the conversation has it. Raises StorageError if the message
        could not be stored.
        """
        if isinstance(message, Question) and message.reference.is_shared and is_for_assistant(message):
            message = replace(message, context=self._overheard.of(message.key, before=message.id))
        waiting = self._engine.waiting(message.key)
        state = TurnState.REJECTED if self._engine.is_full_for(message) else TurnState.WAITING
        is_new = await self._engine.accept(message, state=state)
        if is_new and isinstance(message, Question) and message.reference.is_shared:
            # Not before: an edit of a message that is known must not take the context of the next question.
            self._overheard.drop(message.key, message.id, *(said.id for said in message.context))
        is_stop = isinstance(message, Command) and message.name is CommandName.STOP
        # Where others read along, the place in the queue is of no interest to them.
        alone = message.reference.scope is Scope.PERSONAL and not isinstance(message, Installed)
        tell = alone and not is_stop and 0 < waiting <= _LAST_PLACE_TOLD
        if is_new and tell and self._engine.ahead_of(message) > 0:
            notice = asyncio.create_task(self._tell_place(message), name=f"notice to {message.id}")
            self._notices.add(notice)
            notice.add_done_callback(self._notices.discard)
        return is_new

    async def refuse(self, message: Incoming) -> None:
        """Have the person told, once, that they are not served; nothing of the message is kept. StorageError."""
        await self._engine.refuse(message)

    async def replace(self, message: Incoming) -> bool:
        """Put an edited message in the place of the one that waits; False if its turn has started. StorageError."""
        return await self._engine.replace(message)

    async def ask_again(self, edited: Incoming) -> bool:
        """Ask a message that was edited once more; False if it is not the latest of its conversation. StorageError.

        `edited` has an id of its own, and replies to the message. If that is being answered, its turn is stopped.
        """
        latest = await self._latest(edited.key)
        if latest is None or latest.message_id.partition(EDIT_MARK)[0] != edited.reference.reply_to:
            return False
        if await self._engine.replace(replace(edited, id=ActivityId(latest.message_id))):
            return True  # an earlier edit, which waits
        if await self.accept(edited) and latest.ended_at_s is None:
            await self._engine.supersede(latest.number)
        return True

    async def delete(self, message_id: ActivityId, reference: ConversationReference) -> bool:
        """Take back a message that waits, or stop its turn; False if that has ended. StorageError."""
        self._overheard.drop(reference.key, message_id)
        if await self._engine.delete(message_id, reference):
            return True
        for line in await self._turns.of(reference.key, _LOOKED_BACK):
            if line.message_id.partition(EDIT_MARK)[0] == message_id and line.ended_at_s is None:
                if not await self._engine.delete(ActivityId(line.message_id), reference):
                    await self._engine.supersede(line.number)
                return True
        return False

    async def leave(self, reference: ConversationReference) -> bool:
        """Stop all turns of a conversation without a word; False if none is unfinished. StorageError."""
        unfinished = [line for line in await self._turns.of(reference.key, MAX_WAITING + 1) if line.ended_at_s is None]
        for line in reversed(unfinished):  # the waiting ones first: none of them starts when the running one ends
            await self._engine.supersede(line.number)
        return bool(unfinished)

    async def _latest(self, key: ConversationKey) -> Timeline | None:
        """The latest turn of a conversation that a person asked for."""
        lines = await self._turns.of(key, _LOOKED_BACK)
        return next((line for line in reversed(lines) if is_persons(line.message_id)), None)

    async def rate(self, feedback: Feedback) -> bool:
        """Keep what a person thinks of an answer; False if the bot did not send it. Raises StorageError."""
        if await self._feedback.keep(feedback):
            return True
        log.info("feedback for a message that is not known", extra={"activity": feedback.rated})
        return False

    def overhear(self, message: Incoming) -> None:
        """Keep in mind, for a while and in this process alone, what somebody said to others."""
        self._overheard.add(message)

    async def stop(self) -> None:
        """Send no more notices."""
        for notice in self._notices:
            notice.cancel()
        await asyncio.gather(*self._notices, return_exceptions=True)

    async def _tell_place(self, message: Incoming) -> None:
        await asyncio.sleep(self._notice_after_s)
        ahead = self._engine.ahead_of(message)
        if ahead == 0:
            return
        with speaking(message.reference.locale):
            sentence = ngettext(
                "I will come to this after one other message.",
                "I will come to this after {count} other messages.",
                ahead,
            )
            part = TextPart(text=sentence.format(count=number(ahead)))
        try:
            await self._channel.send(message.reference, part)
        except ChannelError as error:  # a courtesy: the answer itself comes all the same
            log.info("notice was not delivered", extra={"message_id": message.id, "why": str(error)})
