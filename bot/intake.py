"""The way in: every message passes here once, whichever channel it came from."""

from __future__ import annotations

from bot.conversation import IncomingMessage
from bot.engine import Engine


class Intake:
    """Accepts messages for the engine."""

    def __init__(self, *, engine: Engine) -> None:
        self._engine = engine

    async def accept(self, message: IncomingMessage) -> bool:
        """Make sure the message will be answered: when this returns it is on disk. False if it was there before.

        A /stop acts as soon as the engine that works on the conversation has it. Raises StorageError if the message
        could not be stored.
        """
        return await self._engine.accept(message)
