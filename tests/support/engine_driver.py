"""What tests of the engine share: a handler that remembers, and ways to start."""

from __future__ import annotations

import asyncio

from bot.conversation import Incoming
from bot.engine import Engine, Handler
from bot.turn import Turn
from bot.turn_record import ANSWERED, GIVEN_UP, Outcome
from tests.support.fakes import MemoryLedger


class Story:
    """A handler that remembers, and can be told to hold a turn or to fail it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.given_up: list[tuple[str, type[Exception]]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.fail_with: Exception | None = None
        self.running: dict[str, int] = {}
        self.overlaps = 0

    async def __call__(self, turn: Turn) -> Outcome:
        text = turn.message.text
        self.begun.append(text)
        self.running[turn.conversation] = self.running.get(turn.conversation, 0) + 1
        self.overlaps += self.running[turn.conversation] > 1
        try:
            await self.hold.wait()
            if self.fail_with:
                raise self.fail_with
            self.ended.append(text)
        finally:
            self.running[turn.conversation] -= 1
        return ANSWERED

    async def give_up(self, turn: Turn, error: Exception) -> Outcome:
        self.given_up.append((turn.message.text, type(error)))
        return GIVEN_UP


def engine_for(ledger: MemoryLedger, handler: Handler, story: Story) -> Engine:
    return Engine(ledger=ledger, handler=handler, give_up=story.give_up)


async def accept_all(engine: Engine, *messages: Incoming) -> None:
    for each in messages:
        await engine.accept(each)
