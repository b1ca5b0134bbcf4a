"""Two or three replicas on one PostgreSQL, attacked from outside."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crash.postgres_fleet import Fleet, People, running_fleet
from tests.crash.postgres_replica import LONG
from tests.support.postgres_proxy import running_proxy
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until


@pytest.fixture
async def fleet(postgres: PostgresServer, tmp_path: Path, seed: int) -> AsyncIterator[Fleet]:
    async with running_fleet(postgres, tmp_path, seed) as running:
        yield running


async def test_a_replica_killed_for_good_is_replaced_by_the_other_within_five_seconds(fleet: Fleet) -> None:
    doomed, other = await fleet.start("doomed"), await fleet.start("other")
    people = People(fleet)
    async with people.talking():
        await until(lambda: len(fleet.outside.in_hand(doomed.name)) >= 10)
        await doomed.kill()
        left, at_s = fleet.outside.in_hand(doomed.name), time.monotonic()
        await until(lambda: set(fleet.outside.taken_over(left, other.name)) == left)
        delays = [when_s - at_s for when_s in fleet.outside.taken_over(left, other.name).values()]
        print(f"{len(left)} turns went on after {min(delays):.1f} to {max(delays):.1f} s")
    assert max(delays) < 5
    await people.judge(least=40)


async def test_a_replica_that_leaves_politely_cuts_nothing_off(fleet: Fleet) -> None:
    leaving, other = await fleet.start("leaving"), await fleet.start("other")
    people = People(fleet)
    async with people.talking():
        await until(lambda: len(fleet.outside.in_hand(leaving.name)) >= 10)
        assert await leaving.leave(deadline_s=30) == 0
        await until(lambda: not fleet.outside.in_hand(leaving.name))
        assert fleet.outside.taken_over(fleet.outside.begun(leaving.name), other.name), "void: nothing was in hand"
    assert "cut off" not in leaving.log
    await people.judge(least=40)


async def test_a_stop_reaches_the_turn_in_hand_through_any_replica_and_through_a_crash(fleet: Fleet) -> None:
    one, two = await fleet.start("one"), await fleet.start("two")
    talks = [f"c{n}" for n in range(10)]
    for talk in talks:
        await fleet.tell(one, talk, f"{talk}-long", LONG)
    await asyncio.sleep(1.5)  # until the shares are even
    assert not fleet.outside.acts
    for talk in talks[:5]:
        await fleet.tell(two, talk, f"{talk}-stop", "/stop")
    await until(lambda: {f"{talk}-stop" for talk in talks[:5]} <= fleet.outside.answered())
    await asyncio.gather(*(fleet.tell(two, talk, f"{talk}-stop", "/stop") for talk in talks[5:]))
    await one.kill()
    await until(lambda: {f"{talk}-stop" for talk in talks} <= fleet.outside.answered())
    assert all(fleet.outside.order(talk) == [f"{talk}-long", f"{talk}-stop"] for talk in talks)
    assert fleet.outside.doubled() == []


async def test_a_server_that_crashes_under_load_loses_nothing(fleet: Fleet, postgres: PostgresServer) -> None:
    await crash_the_server(fleet, postgres, times=2)


@pytest.mark.crash
@pytest.mark.timeout(300)
async def test_a_server_that_crashes_six_times_under_load_loses_nothing(fleet: Fleet, postgres: PostgresServer) -> None:
    await crash_the_server(fleet, postgres, times=6)


async def crash_the_server(fleet: Fleet, postgres: PostgresServer, *, times: int) -> None:
    await fleet.start("one")
    await fleet.start("two")
    people = People(fleet)
    chance = random.Random(fleet.seed)
    async with people.talking():
        for _ in range(times):
            await asyncio.sleep(chance.uniform(1.5, 3))
            await asyncio.to_thread(postgres.kill)
            await asyncio.sleep(chance.uniform(0, 1))
            await asyncio.to_thread(postgres.start)
            acts = len(fleet.outside.acts)
            took_s = await until(lambda acts=acts: len(fleet.outside.acts) > acts)  # type: ignore[misc]
            print(f"went on {took_s:.1f} s after the server was back")
        await asyncio.sleep(2)
    await people.judge(least=40)


async def test_kills_at_random_under_load_lose_nothing(fleet: Fleet) -> None:
    await kill_at_random(fleet, replicas=2, kills=3)


@pytest.mark.crash
@pytest.mark.timeout(600)
async def test_twenty_kills_at_random_of_three_replicas_lose_nothing(fleet: Fleet) -> None:
    await kill_at_random(fleet, replicas=3, kills=20)


async def kill_at_random(fleet: Fleet, *, replicas: int, kills: int) -> None:
    chance = random.Random(fleet.seed)
    for n in range(replicas):
        await fleet.start(f"replica {n}")
    people = People(fleet)
    async with people.talking():
        await until(lambda: len(fleet.outside.acts) > 50)
        for n in range(kills):
            await asyncio.sleep(chance.uniform(0.3, 2))
            victim = chance.choice([each for each in fleet.replicas if each.alive])
            await victim.kill()
            await asyncio.sleep(chance.uniform(0, 0.5))
            await fleet.start(f"replica {replicas + n}")
    assert sum(not each.alive for each in fleet.replicas) == kills
    await people.judge(least=10 * kills)


@pytest.mark.crash
@pytest.mark.timeout(300)
async def test_a_replica_frozen_for_thirty_seconds_has_no_late_effect(fleet: Fleet) -> None:
    frozen, other = await fleet.start("frozen"), await fleet.start("other")
    people = People(fleet)
    async with people.talking():
        await until(lambda: len(fleet.outside.in_hand(frozen.name)) >= 10)
        frozen.freeze()
        left, at_s = fleet.outside.in_hand(frozen.name), time.monotonic()
        await until(lambda: set(fleet.outside.taken_over(left, other.name)) == left)
        delays = [when_s - at_s for when_s in fleet.outside.taken_over(left, other.name).values()]
        print(f"{len(left)} turns went on after {min(delays):.1f} to {max(delays):.1f} s")
        await asyncio.sleep(30 - (time.monotonic() - at_s))
        frozen.thaw()
        acts = len(fleet.outside.acts)
        await until(lambda: any(act.by == frozen.name for act in fleet.outside.acts[acts:]))
    assert max(delays) < 20
    await people.judge(least=80)


@pytest.mark.crash
@pytest.mark.timeout(300)
async def test_a_replica_cut_off_from_the_database_without_a_word_has_no_late_effect(
    fleet: Fleet, postgres: PostgresServer
) -> None:
    async with running_proxy(postgres.port) as proxy:
        alone, other = await fleet.start("alone", by_port=proxy.port), await fleet.start("other")
        people = People(fleet)
        async with people.talking():
            await until(lambda: len(fleet.outside.in_hand(alone.name)) >= 10)
            proxy.cut()
            at_s = time.monotonic()
            await asyncio.sleep(1)  # what it was doing ends; it cannot begin anything
            left = fleet.outside.in_hand(alone.name)
            assert left
            await until(lambda: set(fleet.outside.taken_over(left, other.name)) == left)
            delays = [when_s - at_s for when_s in fleet.outside.taken_over(left, other.name).values()]
            print(f"{len(left)} turns went on after {min(delays):.1f} to {max(delays):.1f} s")
            assert not [act for act in fleet.outside.acts if act.by == alone.name and act.at_s > at_s + 1]
            await asyncio.sleep(max(0, 30 - (time.monotonic() - at_s)))
            proxy.heal()
            acts = len(fleet.outside.acts)
            await until(lambda: any(act.by == alone.name for act in fleet.outside.acts[acts:]))
    assert max(delays) < 20
    await people.judge(least=80)
