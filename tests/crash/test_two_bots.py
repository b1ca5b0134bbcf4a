"""Two whole bots on one PostgreSQL: each is killed in turn, the server too, while people talk to either of them."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.crash.bot_process import BotProcess
from tests.crash.conftest import Talk
from tests.crash.outside import Dependencies
from tests.support.fake_assistants_state import Plan, text
from tests.support.postgres_server import PostgresServer

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

PEOPLE = 20
ROUNDS = 6
LIVENESS_S = 60.0
# Nobody listens there; answers without plots do not need it.
STORAGE = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a;"


@dataclass
class Town:
    """The bots, the people, and what was acknowledged: by conversation, in order."""

    talks: list[Talk]
    outside: Dependencies
    acked: dict[str, list[str]] = field(default_factory=dict)

    async def say(self, conversation: str, tag: str, dice: random.Random) -> None:
        """To any of them, and again until it is acknowledged; now and then twice."""
        async with asyncio.timeout(30):
            while await dice.choice(self.talks).say(tag, conversation=conversation, id=tag) != 202:
                await asyncio.sleep(0.1)
        self.acked.setdefault(conversation, []).append(tag)
        if dice.random() < 0.2:
            await dice.choice(self.talks).say(tag, conversation=conversation, id=tag)

    async def chat(self, conversation: str, rounds: int, dice: random.Random) -> None:
        for number in range(rounds):
            await self.say(conversation, f"{conversation}#{number}", dice)
            await asyncio.sleep(dice.uniform(0.2, 2))


@pytest.fixture
async def town(tmp_path: Path, outside: Dependencies, postgres: PostgresServer) -> AsyncIterator[Town]:
    url = postgres.url(postgres.new_database())
    ids = itertools.count(1)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        talks = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            bot = BotProcess(
                data_dir=tmp_path / name / "data",
                service_address=outside.service_address,
                DATABASE_URL=url,
                AZURE_STORAGE_CONNECTION_STRING=STORAGE,
            )
            await bot.start()
            talks.append(Talk(bot=bot, outside=outside, session=session, _ids=ids))
        yield Town(talks=talks, outside=outside)
        for talk in talks:
            talk.bot.kill()
            await talk.bot.ended()


async def test_two_bots_that_die_in_turn_and_a_server_that_dies_too_lose_nothing(
    town: Town, postgres: PostgresServer, seed: int
) -> None:
    dice = random.Random(seed)
    state = town.outside.service.state
    state.plan = lambda said: Plan(run_s=dice.uniform(0.1, 1.5), messages=[[text(said)]])
    people = [asyncio.create_task(town.chat(f"a:{n}", ROUNDS, random.Random(f"{seed} {n}"))) for n in range(PEOPLE)]
    for talk in town.talks:
        await asyncio.sleep(dice.uniform(0.5, 2))
        talk.bot.kill()
        await talk.bot.ended()
        await asyncio.sleep(dice.uniform(0, 1))
        await talk.bot.start()
    await asyncio.to_thread(postgres.kill)
    await asyncio.sleep(dice.uniform(0, 1))
    await asyncio.to_thread(postgres.start)
    await asyncio.gather(*people)
    assert sum(len(tags) for tags in town.acked.values()) == PEOPLE * ROUNDS
    heard = town.talks[0].heard
    async with asyncio.timeout(LIVENESS_S):
        while any(set(tags) - set(heard(where)) for where, tags in town.acked.items()):
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    assert {where: list(dict.fromkeys(heard(where))) for where in town.acked} == town.acked
    runs = Counter(run.metadata["turn"] for run in state.runs.values())
    assert (len(runs), set(runs.values())) == (PEOPLE * ROUNDS, {1})
    parts = sum(len(heard(where)) for where in town.acked)
    assert parts <= PEOPLE * ROUNDS * 1.1, "only what was on its way at a kill may come twice"
    print(f"{PEOPLE * ROUNDS} asked, {parts - PEOPLE * ROUNDS} parts repeated")
