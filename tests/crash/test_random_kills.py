"""Kills at random moments under load, with double deliveries and bursts: safety while it lasts, liveness afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.crash.conftest import Talk
from tests.crash.test_weather import CONNECTOR_FAULTS, CONNECTOR_SHARE, SERVICE_FAULTS, SERVICE_SHARE
from tests.support.fake_assistants_state import Plan, text
from tests.support.waiting import until_done

pytestmark = pytest.mark.timeout(600)  # many lives, on a machine that may be busy

PEOPLE = 40
DOUBLED_SHARE = 0.2


@dataclass
class Record:
    """What people did, for the judgement at the end."""

    acked: dict[str, list[str]] = field(default_factory=dict)  # by conversation: tags in order of acknowledgement
    refused: int = 0
    doubled: int = 0
    kills: int = 0


async def test_three_random_kills_under_load_lose_nothing(talk: Talk, seed: int) -> None:
    await destroy(talk, kills=3, seed=seed)


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_thirty_random_kills_under_load_lose_nothing(talk: Talk, seed: int) -> None:
    await destroy(talk, kills=30, seed=seed)


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_kills_in_bad_weather_lose_nothing_and_cost_no_apology(talk: Talk, seed: int) -> None:
    dice = random.Random(f"weather {seed}")
    talk.outside.service.weather = lambda _to: dice.choice(SERVICE_FAULTS) if dice.random() < SERVICE_SHARE else None
    talk.outside.connector.weather = lambda: dice.choice(CONNECTOR_FAULTS) if dice.random() < CONNECTOR_SHARE else None
    await destroy(talk, kills=12, seed=seed, people=PEOPLE // 3)


async def destroy(talk: Talk, *, kills: int, seed: int, people: int = PEOPLE) -> None:
    dice = random.Random(seed)
    talk.outside.service.state.plan = lambda said: Plan(run_s=dice.uniform(0.05, 0.5), messages=[[text(said)]])
    record = Record()
    await talk.bot.start()
    over = asyncio.Event()
    talking = [
        asyncio.create_task(person(talk, f"a:{n}", random.Random(f"{seed} {n}"), record, over)) for n in range(people)
    ]
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(0.3, 1.5))
        talk.bot.kill()
        await talk.bot.ended()
        record.kills += 1
        await talk.bot.start()
    await asyncio.sleep(1)
    over.set()
    await asyncio.gather(*talking)
    await all_answered(talk, record)
    judge(talk, record, kills)


async def person(talk: Talk, conversation: str, dice: random.Random, record: Record, over: asyncio.Event) -> None:
    """Says things, now and then several at once, some twice, each again until it is acknowledged, as Teams does."""
    number = 0
    while not over.is_set():
        for _ in range(dice.choice((1, 1, 1, 4))):
            number += 1
            tag = f"{conversation}#{number}"
            await deliver(talk, conversation, tag, dice, record)
        await asyncio.sleep(dice.uniform(0.5, 4))  # Teams lets a bot say one thing a second, in the long run


async def deliver(talk: Talk, conversation: str, tag: str, dice: random.Random, record: Record) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if await talk.say(tag, conversation=conversation, id=tag) == 202:
            record.acked.setdefault(conversation, []).append(tag)
            if dice.random() < DOUBLED_SHARE:
                record.doubled += 1
                await talk.say(tag, conversation=conversation, id=tag)
            return
        await asyncio.sleep(0.1)
    record.refused += 1


async def all_answered(talk: Talk, record: Record) -> None:
    """The faults have stopped: no minute passes without an answer until nothing is pending."""
    await until_done(lambda: sum(len(set(tags) - set(talk.heard(where))) for where, tags in record.acked.items()))
    await asyncio.sleep(0.5)


def judge(talk: Talk, record: Record, kills: int) -> None:
    asked = sum(len(tags) for tags in record.acked.values())
    # A run in which little was acknowledged proves nothing.
    assert asked >= 0.95 * (asked + record.refused)
    assert asked >= 5 * kills
    assert record.kills == kills
    assert record.doubled >= 0.1 * asked
    repeated = 0
    for where, tags in record.acked.items():
        heard = talk.heard(where)
        assert set(heard) == set(tags), where
        firsts = list(dict.fromkeys(heard))
        assert firsts == tags, f"{where}: out of order"
        repeated += len(heard) - len(firsts)
    assert repeated <= kills * PEOPLE * 0.5, "a crash repeats at most the part that was being sent"
    runs = Counter(run.metadata["turn"] for run in talk.outside.service.state.runs.values())
    assert len(runs) == asked
    assert set(runs.values()) == {1}, "no run was started twice: the service could be asked"
    print(f"{asked} asked, {kills} kills, {record.doubled} doubled, {repeated} parts repeated")
