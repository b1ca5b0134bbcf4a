"""What two replicas do when one is killed, and when PostgreSQL crashes, under signed traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.scenario.test_rolling_restart import Company, company, everybody
from tests.support.fake_assistants_state import Plan, image, text
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until

__all__ = ["company", "everybody"]
pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]
PEOPLE = 6


async def talking(company: Company, trouble: Callable[[], Any], *, pause_s: float = 0.7) -> None:
    """People talk while the trouble lasts, and a little longer."""
    over = asyncio.Event()

    async def chat(conversation: str) -> None:
        number = 0
        while not over.is_set():
            await company.say(conversation, f"{conversation}#{number}")
            number += 1
            await asyncio.sleep(pause_s)

    people = [asyncio.create_task(chat(f"a:{n}")) for n in range(PEOPLE)]
    await until(lambda: len(company.answers()) >= PEOPLE)
    await trouble()
    answered = len(company.answers())
    await until(lambda: len(company.answers()) > answered + PEOPLE, deadline_s=90)
    over.set()
    await asyncio.gather(*people)


def with_plots(company: Company) -> None:
    company.service.state.plan = lambda said: Plan(run_s=0.3, messages=[[image("plot"), text(f"You said: {said}")]])


async def test_a_replica_that_is_killed_under_load_loses_nothing(company: Company) -> None:
    with_plots(company)

    async def kill() -> None:
        for bot in company.replicas:
            bot.kill()
            await bot.ended()
            await asyncio.sleep(1.0)
            await bot.start()

    await talking(company, kill)
    heard = await company.all_answered()
    assert set(heard) == set(company.acked)
    assert max(heard.values()) <= 2  # the one part that was being sent may come twice
    await until(lambda: len(company.pictures()) >= len(company.acked))


async def test_a_postgresql_that_crashes_under_load_loses_nothing(company: Company, postgres: PostgresServer) -> None:
    with_plots(company)

    async def crash() -> None:
        await asyncio.to_thread(postgres.kill)
        await asyncio.sleep(3.0)
        await asyncio.to_thread(postgres.start)

    await talking(company, crash)
    heard = await company.all_answered()
    assert set(heard) == set(company.acked)
    assert max(heard.values()) <= 2
    assert all(bot.is_alive for bot in company.replicas)
    await until(lambda: len(company.pictures()) >= len(company.acked))


async def test_forgetting_and_asking_at_once_at_two_replicas_ends_well(company: Company) -> None:
    with_plots(company)
    await company.say("a:one", "first")
    await until(lambda: len(company.answers()) == 1)
    said = [company.say("a:one", word) for word in ("/forget", "second", "/forget ", "third", "/new", "fourth")]
    await asyncio.gather(*said)
    await until(
        lambda: (
            {"You said: second", "You said: third", "You said: fourth"} <= {posted.text for posted in company.answers()}
        ),
        deadline_s=90,
    )

    def receipts() -> int:
        return len([posted for posted in company.heard() if "deleted" in posted.words.lower()])

    await until(lambda: receipts() == 2)
