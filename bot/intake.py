"""The way in: every message passes here once, whichever channel it came from."""

from __future__ import annotations

import logging

from bot.commands import Command, command_in
from bot.conversation import IncomingMessage
from bot.engine import Engine

log = logging.getLogger(__name__)


class Intake:
    """Accepts messages for the engine."""

    def __init__(self, *, engine: Engine) -> None:
        self._engine = engine

    async def accept(self, message: IncomingMessage) -> bool:
        """Make sure the message will be answered: when this returns it is on disk. False if it was there before.

        A /stop acts at once, on the turn in hand; being a message too, it is also answered in its turn.
        Raises StorageError if the message could not be stored.
        """
        fresh = await self._engine.accept(message)
        if fresh and command_in(message.text) is Command.STOP:
            stopped = self._engine.cancel(message.key)
            log.info("stop was asked for", extra={"message_id": message.id, "stopped": stopped})
        return fresh
