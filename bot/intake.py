"""The way in: every message passes here once, whichever channel it came from."""

from __future__ import annotations

import asyncio
import logging

from bot.conversation import (
    ActivityId,
    Command,
    CommandName,
    ConversationReference,
    Incoming,
    Installed,
    Scope,
    TurnState,
)
from bot.engine import Engine
from bot.errors import ChannelError
from bot.language import ngettext, number, speaking
from bot.parts import TextPart
from bot.ports import Channel

log = logging.getLogger(__name__)

_LAST_PLACE_TOLD = 10
"""Further back nobody counts any more, and a flood of messages must not become a flood of notices."""


class Intake:
    """Accepts messages for the engine, and tells people in one-to-one chats when theirs has to wait."""

    def __init__(self, *, engine: Engine, channel: Channel, patience_s: float = 1.0) -> None:
        """`patience_s`: how long a message waits before its place is told; most do not wait that long."""
        self._engine = engine
        self._channel = channel
        self._patience_s = patience_s
        self._notices: set[asyncio.Task[None]] = set()

    async def accept(self, message: Incoming) -> bool:
        """Make sure the message will be answered: when this returns it is on disk. False if it was there before.

        A /stop acts as soon as the engine that works on the conversation has it. Raises StorageError if the message
        could not be stored.
        """
        waiting = self._engine.waiting(message.key)
        state = TurnState.REJECTED if self._engine.is_full_for(message) else TurnState.WAITING
        is_new = await self._engine.accept(message, state=state)
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

    async def delete(self, message_id: ActivityId, reference: ConversationReference) -> bool:
        """Take back a message that waits; False if its turn has started. StorageError."""
        return await self._engine.delete(message_id, reference)

    async def stop(self) -> None:
        """Send no more notices."""
        for notice in self._notices:
            notice.cancel()
        await asyncio.gather(*self._notices, return_exceptions=True)

    async def _tell_place(self, message: Incoming) -> None:
        await asyncio.sleep(self._patience_s)
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
