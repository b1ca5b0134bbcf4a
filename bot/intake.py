"""The way in: every message passes here once, whichever channel it came from."""

from __future__ import annotations

import asyncio
import logging

from bot.commands import Command, command_in
from bot.conversation import IncomingMessage, Scope
from bot.engine import Engine
from bot.errors import ChannelError
from bot.parts import TextPart
from bot.ports import Channel

log = logging.getLogger(__name__)

_LAST_PLACE_TOLD = 10
"""Further back nobody counts any more, and a flood of messages must not become a flood of notices."""


class Intake:
    """Accepts messages for the engine, and tells people in one-to-one chats when theirs has to wait."""

    def __init__(self, *, engine: Engine, channel: Channel) -> None:
        self._engine = engine
        self._channel = channel
        self._notices: set[asyncio.Task[None]] = set()

    async def accept(self, message: IncomingMessage) -> bool:
        """Make sure the message will be answered: when this returns it is on disk. False if it was there before.

        A /stop acts as soon as the engine that works on the conversation has it. Raises StorageError if the message
        could not be stored.
        """
        fresh = await self._engine.accept(message)
        if fresh and command_in(message.text) is not Command.STOP:
            self._tell_place(message, before=self._engine.waiting(message.key) - 1)
        return fresh

    async def stop(self) -> None:
        """Send no more notices."""
        for notice in self._notices:
            notice.cancel()
        await asyncio.gather(*self._notices, return_exceptions=True)

    def _tell_place(self, message: IncomingMessage, before: int) -> None:
        if message.reference.scope is Scope.PERSONAL and 0 < before <= _LAST_PLACE_TOLD:
            notice = asyncio.create_task(self._say(message, before), name=f"notice to {message.id}")
            self._notices.add(notice)
            notice.add_done_callback(self._notices.discard)

    async def _say(self, message: IncomingMessage, before: int) -> None:
        others = "one other message" if before == 1 else f"{before} other messages"
        try:
            await self._channel.send(message.reference, TextPart(text=f"I will come to this after {others}."))
        except ChannelError as error:  # a courtesy: the answer itself comes all the same
            log.info("notice was not delivered", extra={"message_id": message.id, "error": str(error)})
