from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestClient

from bot.conversation import ConversationKey, ThreadId
from bot.errors import StorageError
from bot.ports import Ledger
from service.server import HealthRoutes

Client = Callable[[web.Application], Awaitable[TestClient[web.Request, web.Application]]]


class Turns:
    """Conversations that count how often they are read, and fail or hang when told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.broken = False
        self.hangs = False
        self.takes_messages = True

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        self.reads += 1
        if self.hangs:
            await asyncio.sleep(60)
        if self.broken:
            raise StorageError("the disk at /secret/path is gone")
        return None

    async def check(self) -> None:
        if not self.takes_messages:
            raise StorageError("permission denied for table turns")

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None: ...

    async def forget(self, key: ConversationKey) -> None: ...

    async def chosen_assistant(self, key: ConversationKey) -> str | None: ...

    async def choose_assistant(self, key: ConversationKey, name: str | None) -> None: ...


async def serve(aiohttp_client: Any, turns: Turns, now: list[float]) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    HealthRoutes(
        ledger=cast(Ledger, turns), conversations=turns, sandbox="bubblewrap", clock=lambda: now[0]
    ).add_routes(app)
    client: TestClient[web.Request, web.Application] = await aiohttp_client(app)
    return client


async def test_a_bot_that_cannot_store_messages_is_alive_and_not_ready(aiohttp_client: Any) -> None:
    ledger, now = Turns(), [0.0]
    client = await serve(aiohttp_client, ledger, now)
    ledger.broken = True
    ready = await client.get("/readyz")
    assert ready.status == 503
    assert ready.headers["Retry-After"] == "1"
    assert await ready.json() == {"status": "unavailable", "sandbox": "bubblewrap"}
    assert (await client.get("/healthz")).status == 200
    ledger.broken = False
    now[0] += 1.0
    assert (await client.get("/readyz")).status == 200


async def test_a_bot_that_can_read_and_not_store_is_not_ready(aiohttp_client: Any) -> None:
    ledger = Turns()
    ledger.takes_messages = False
    client = await serve(aiohttp_client, ledger, [0.0])
    assert (await client.get("/readyz")).status == 503


async def test_a_store_that_hangs_makes_the_bot_not_ready_within_seconds(aiohttp_client: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("service.server._CHECK_DEADLINE_S", 0.1)
    ledger = Turns()
    ledger.hangs = True
    client = await serve(aiohttp_client, ledger, [0.0])
    async with asyncio.timeout(30):
        assert (await client.get("/readyz")).status == 503


async def test_a_flood_of_questions_reads_the_store_once_a_second(aiohttp_client: Any) -> None:
    ledger, now = Turns(), [0.0]
    client = await serve(aiohttp_client, ledger, now)
    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert ledger.reads == 1
    now[0] += 1.0
    await client.get("/readyz")
    assert ledger.reads == 2
