"""Replicas as processes, people who talk to them, and the judgement of what became of it."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.crash.postgres_outside import Dependencies, running_outside
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until_done

PEOPLE = 40
_READY_S = 120.0
_LIVENESS_S = 60.0
_DOUBLED_SHARE = 0.18
_BURST = 5


class Replica:
    """A process with its own log; `port` is where it takes messages."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.name = name
        self.port = port
        self.takes_messages = True
        self._process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()
        self.takes_messages = False

    async def leave(self, *, deadline_s: float) -> int:
        """SIGTERM; the exit code."""
        self.takes_messages = False
        self._process.terminate()
        async with asyncio.timeout(deadline_s):
            return await self._process.wait()

    def freeze(self) -> None:
        self.takes_messages = False
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.takes_messages = True
        self._process.send_signal(signal.SIGCONT)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None


class Fleet:
    """Some replicas on one database, and the outside that they share."""

    def __init__(self, postgres: PostgresServer, outside: Dependencies, folder: Path, seed: int) -> None:
        self.outside = outside
        self.seed = seed
        self.replicas: list[Replica] = []
        self._postgres = postgres
        self._database = postgres.new_database()
        self._folder = folder

    async def start(self, name: str, *, by_port: int | None = None) -> Replica:
        """One more replica; `by_port` is a way to PostgreSQL of its own."""
        log = self._folder / f"{name}.log"
        url = self._postgres.url(self._database, port=by_port)
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.crash.postgres_replica", name, url, self.outside.url,
                stdout=asyncio.subprocess.PIPE, stderr=errors, cwd=Path(__file__).parents[2],
            )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(_READY_S):
            port = await process.stdout.readline()
        assert port, log.read_text()[-3000:]
        replica = Replica(name, process, int(port), log)
        self.replicas.append(replica)
        return replica

    def a_way_in(self, chance: random.Random) -> Replica:
        """As a load balancer chooses."""
        return chance.choice([each for each in self.replicas if each.takes_messages] or self.replicas)

    async def tell(self, replica: Replica, conversation: str, message_id: str, text: str) -> None:
        """Say one thing to this very replica."""
        told = {"conversation": conversation, "id": message_id, "text": text}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"http://127.0.0.1:{replica.port}/messages", json=told) as response,
        ):
            assert response.status == 202

    def unfinished(self) -> list[str]:
        """Messages that were acknowledged once and are not done, by what PostgreSQL says."""
        rows = self._postgres.sql(self._database, "SELECT message_id FROM teamsbot.turns")
        return [message_id for [message_id] in rows]


@dataclass
class People:
    """Who talk in conversations of their own, in bursts, and like Teams deliver again what was not acknowledged."""

    fleet: Fleet
    acked: dict[str, list[str]] = field(default_factory=dict)  # by conversation, in order of acknowledgement
    said: int = 0
    deliveries: int = 0
    refused: int = 0

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """While in here they talk; afterwards nobody does, and what was said last is acknowledged."""
        over = asyncio.Event()
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
            talkers = [asyncio.create_task(self._talk(f"c{n}", http, over)) for n in range(PEOPLE)]
            try:
                yield
            finally:
                over.set()
                await asyncio.gather(*talkers)

    async def _talk(self, conversation: str, http: aiohttp.ClientSession, over: asyncio.Event) -> None:
        chance = random.Random(f"{self.fleet.seed} {conversation}")
        said = self.acked.setdefault(conversation, [])
        await asyncio.sleep(chance.uniform(0, 1))
        while not over.is_set():
            for _ in range(chance.choice((1, 1, 2, _BURST))):
                message_id = f"{conversation}-m{len(said)}"
                self.said += 1
                if await self._say_until_acknowledged(conversation, message_id, chance, http):
                    said.append(message_id)
            if chance.random() < _DOUBLED_SHARE / 2:
                await self._say(conversation, chance.choice(said), chance, http)  # an old one once more
            await asyncio.sleep(chance.uniform(2, 5))

    async def _say_until_acknowledged(
        self, conversation: str, message_id: str, chance: random.Random, http: aiohttp.ClientSession
    ) -> bool:
        end_s = time.monotonic() + _LIVENESS_S
        while time.monotonic() < end_s:
            times = 2 if chance.random() < _DOUBLED_SHARE else 1
            outcomes = await asyncio.gather(*(self._say(conversation, message_id, chance, http) for _ in range(times)))
            if any(outcomes):
                return True
            await asyncio.sleep(0.2)
        return False

    async def _say(
        self, conversation: str, message_id: str, chance: random.Random, http: aiohttp.ClientSession, text: str = "hi"
    ) -> bool:
        port = self.fleet.a_way_in(chance).port
        told = {"conversation": conversation, "id": message_id, "text": text}
        self.deliveries += 1
        try:
            async with http.post(f"http://127.0.0.1:{port}/messages", json=told) as response:
                taken = response.status in {200, 202}
        except (aiohttp.ClientError, TimeoutError):
            taken = False
        self.refused += not taken
        return taken

    async def judge(self, *, least: int) -> None:
        """Liveness: no minute without progress. Safety: nothing lost, doubled, overlapping, late or out of order."""
        outside = self.fleet.outside
        acked = {message_id for said in self.acked.values() for message_id in said}
        await until_done(lambda: len(acked - outside.answered()), silence_s=_LIVENESS_S)
        await until_done(lambda: len(self.fleet.unfinished()), silence_s=_LIVENESS_S, pause_s=0.5)
        print(f"{len(acked)} acknowledged, {self.refused} of {self.deliveries} deliveries refused")
        assert len(acked) >= max(least, 0.95 * self.said), "void: too little was acknowledged"
        assert outside.overlaps() == []
        assert outside.doubled() == []
        assert outside.late() == []
        orders = {conversation: outside.order(conversation) for conversation in self.acked}
        assert [(orders[each], said) for each, said in self.acked.items() if orders[each] != said] == []


@asynccontextmanager
async def running_fleet(postgres: PostgresServer, folder: Path, seed: int) -> AsyncIterator[Fleet]:
    async with running_outside(random.Random(seed)) as outside:
        fleet = Fleet(postgres, outside, folder, seed)
        try:
            yield fleet
        finally:
            for replica in fleet.replicas:
                if replica.alive:
                    await replica.kill()
