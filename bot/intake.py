"""The way in: every message passes here once, whichever channel it came from."""

from __future__ import annotations

import asyncio
import logging

from bot.commands import Command, command_in
from bot.conversation import IncomingMessage, Scope, Standing
from bot.engine import Engine, is_too_much
from bot.errors import ChannelError
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

    async def accept(self, message: IncomingMessage) -> bool:
        """Make sure the message will be answered: when this returns it is on disk. False if it was there before.

        A /stop acts as soon as the engine that works on the conversation has it. Raises StorageError if the message
        could not be stored.
        """
        if message.standing is Standing.INSTALLED:
            return await self._engine.accept(message)
        command = command_in(message.text)
        waiting = self._engine.waiting(message.key)
        if is_too_much(message, behind=waiting):  # so that it is not even stored
            message = message.declined()
        fresh = await self._engine.accept(message)
        if fresh and 0 < waiting <= _LAST_PLACE_TOLD and command is not Command.STOP:
            self._tell_place(message)
        return fresh

    async def replace(self, message: IncomingMessage) -> bool:
        """Take an edited or withdrawn message for the one that waits; False if its turn has begun. StorageError."""
        return await self._engine.replace(message)

    async def stop(self) -> None:
        """Send no more notices."""
        for notice in self._notices:
            notice.cancel()
        await asyncio.gather(*self._notices, return_exceptions=True)

    def _tell_place(self, message: IncomingMessage) -> None:
        if message.reference.scope is Scope.PERSONAL and self._engine.ahead_of(message) > 0:
            notice = asyncio.create_task(self._say(message), name=f"notice to {message.id}")
            self._notices.add(notice)
            notice.add_done_callback(self._notices.discard)

    async def _say(self, message: IncomingMessage) -> None:
        await asyncio.sleep(self._patience_s)
        ahead = self._engine.ahead_of(message)
        if ahead == 0:
            return
        others = "one other message" if ahead == 1 else f"{ahead} other messages"
        try:
            await self._channel.send(message.reference, TextPart(text=f"I will come to this after {others}."))
        except ChannelError as error:  # a courtesy: the answer itself comes all the same
            log.info("notice was not delivered", extra={"message_id": message.id, "why": str(error)})
