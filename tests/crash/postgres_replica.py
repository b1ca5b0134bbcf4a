"""One replica as a process of its own: the engine on the PostgreSQL ledger, with a way in and an outside over HTTP.

It is a bot whose answers are five calls. Started as `python -m tests.crash.postgres_replica NAME DATABASE_URL OUTSIDE`;
it prints its port when it takes messages, and leaves on SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from bot.engine import Engine
from bot.errors import StorageError, TurnStoppedError
from bot.turn import Turn
from bot.turn_record import ANSWERED, Outcome, StepKey, StepKind
from storage.ledger_postgres import PostgresLedger
from storage.postgres import PostgresSession
from tests.support.fakes import message

STEPS = 5
LONG = "long"
_DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a turn touches: a server that counts what was done to it, and can be asked whether something was."""

    name: str
    url: str
    http: aiohttp.ClientSession

    async def answer(self, turn: Turn) -> Outcome:
        if turn.message.text == LONG:
            await self._until_stopped(turn)
        for n in range(STEPS):
            await self._step(turn, n)
        return ANSWERED

    async def give_up(self, turn: Turn, error: Exception) -> Outcome:
        raise error

    async def _until_stopped(self, turn: Turn) -> None:
        try:
            await turn.unless_stopped(asyncio.Event().wait())
        except TurnStoppedError:
            return

    async def _step(self, turn: Turn, number: int) -> None:
        step = f"step {number}"
        act = {"turn": turn.id, "conversation": turn.message.key.conversation, "step": step, "by": self.name}

        async def do() -> str:
            async with self.http.post(f"{self.url}/do", json=act) as response:
                return await response.text()

        async def find() -> str | None:
            async with self.http.post(f"{self.url}/find", json=act) as response:
                return await response.text() if response.status == 200 else None

        await turn.step(StepKey(StepKind.PART, number), do, find)


async def run(name: str, database_url: str, outside_url: str) -> None:
    asked_to_leave = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_leave.set)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        outside = Dependencies(name, outside_url, http)
        ledger = PostgresLedger(PostgresSession(database_url))
        engine = Engine(ledger=ledger, handler=outside.answer, give_up=outside.give_up)
        await engine.start()
        way_in = await listening(engine)
        await asked_to_leave.wait()
        await way_in.cleanup()
        await engine.stop(deadline_s=_DRAIN_S)


async def listening(engine: Engine) -> web.AppRunner:
    async def accept(request: web.Request) -> web.Response:
        told = await request.json()
        try:
            fresh = await engine.accept(message(told["text"], id=told["id"], conversation=told["conversation"]))
        except StorageError as error:
            return web.Response(status=503, text=str(error))
        return web.Response(status=202 if fresh else 200)

    app = web.Application()
    app.router.add_post("/messages", accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    return runner


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(run(*sys.argv[1:]))
