"""When what is shown of the work falls silent, and when it speaks though nothing new is to be said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.teams.channel import TeamsChannel
from adapters.teams.connector import Connector, connector_session
from adapters.teams.live import LiveTiming
from adapters.teams.pace import Pace
from adapters.teams.retries import RetryPolicy
from bot.conversation import ConversationReference, Scope
from bot.parts import TextPart
from tests.support.connector_double import CANCELLED, Fault, StandInConnector
from tests.support.fakes import MemoryStatus, PlainLinks, message
from tests.support.waiting import until

QUICK = LiveTiming(typing_interval_s=0.02, stream_after_s=0.02, text_after_s=0.0, update_interval_s=0.02, tick_s=0.05)


class NoLimits(Pace):
    """These tests live faster than Teams."""

    async def take(self, tenant: str, conversation: str) -> None:
        pass

    def has_room(self, tenant: str, conversation: str) -> bool:
        return True


@pytest.fixture
async def teams() -> AsyncIterator[StandInConnector]:
    async with StandInConnector() as started:
        yield started


@pytest.fixture
async def connector() -> AsyncIterator[Connector]:
    async with connector_session(answer_s=5.0) as session:
        yield Connector(session=session, policy=RetryPolicy(attempts=2, first_pause_s=0.01), pace=NoLimits())


def channel(connector: Connector, **timing: float) -> TeamsChannel:
    return TeamsChannel(connector=connector, links=PlainLinks(), timing=replace(QUICK, **timing))  # type: ignore[arg-type]


def to(teams: StandInConnector, scope: Scope = Scope.PERSONAL) -> ConversationReference:
    return replace(message().reference, service_url=teams.service_url, scope=scope)


async def test_what_is_passing_is_not_shown_for_as_long_as_teams_asks_for_quiet(
    teams: StandInConnector, connector: Connector
) -> None:
    teams.typing_faults.append(Fault(status=429, headers={"Retry-After": "3600"}))
    async with channel(connector).live(to(teams, Scope.GROUP), MemoryStatus()) as live:
        await live.begin()
        await until(lambda: len(teams.requests) == 1)
        await asyncio.sleep(0.2)  # ten times the interval
        assert len(teams.requests) == 1
        await live.finish(TextPart(text="done"))
    assert [posted.text for posted in teams.messages] == ["done"]


async def test_nothing_more_is_shown_where_the_bot_was_blocked(teams: StandInConnector, connector: Connector) -> None:
    teams.weather = lambda: Fault.named(403, "MessageWritesBlocked")
    async with channel(connector).live(to(teams, Scope.GROUP), MemoryStatus()) as live:
        await live.begin()
        await until(lambda: len(teams.requests) == 1)
        await asyncio.sleep(0.2)
        assert len(teams.requests) == 1


async def test_a_stream_that_is_told_to_wait_waits_and_its_end_does_not(
    teams: StandInConnector, connector: Connector
) -> None:
    async with channel(connector).live(to(teams), MemoryStatus()) as live:
        await live.begin()
        await until(lambda: bool(teams.streams))
        teams.typing_faults.append(Fault(status=429, headers={"Retry-After": "3600"}))
        await until(lambda: not teams.typing_faults)
        asked = len(teams.requests)
        await live.text("y = 12")
        await asyncio.sleep(0.2)  # ten times the interval
        assert len(teams.requests) == asked
        await live.finish(TextPart(text="y = 12"))
    assert [posted.text for posted in teams.chat(to(teams).key.conversation)] == ["y = 12"]


async def test_a_pause_that_teams_asks_for_does_not_keep_a_stream_from_becoming_a_message_in_time(
    teams: StandInConnector, connector: Connector
) -> None:
    async with channel(connector, max_stream_s=2.0).live(to(teams), MemoryStatus()) as live:
        await live.begin()
        await until(lambda: bool(teams.streams))
        teams.typing_faults.append(Fault(status=429, headers={"Retry-After": "3600"}))
        await live.text("y = 12")
        await until(lambda: any(posted.stream.get("streamType") == "final" for posted in teams.posted))
        await live.finish(TextPart(text="y = 12"))
    assert [posted.text for posted in teams.chat(to(teams).key.conversation)] == ["y = 12"]


async def test_a_stop_is_heard_while_nothing_new_is_to_be_shown(teams: StandInConnector, connector: Connector) -> None:
    status = MemoryStatus()
    async with channel(connector, keep_alive_s=0.1).live(to(teams), status) as live:
        await live.begin()
        await live.text("Words that stay.")
        await until(lambda: [posted.text for posted in teams.posted].count("Words that stay.") >= 3)
        teams.press_stop(to(teams).key.conversation)
        await until(lambda: status.stops == 1)


async def test_a_stop_that_comes_as_the_stream_becomes_a_message_is_heard(
    teams: StandInConnector, connector: Connector
) -> None:
    status = MemoryStatus()
    teams.weather_of = lambda posted: (
        Fault.named(403, "ContentStreamNotAllowed", CANCELLED) if posted.stream.get("streamType") == "final" else None
    )
    async with channel(connector, max_stream_s=0.2).live(to(teams), status) as live:
        await live.begin()
        await live.text("Words that stay.")
        await until(lambda: status.stops == 1)
        assert await live.finish(TextPart(text="Stopped.")) is not None
    assert [posted.text for posted in teams.messages] == ["Stopped."]


@pytest.mark.parametrize("scope", Scope)
async def test_an_answer_goes_to_the_region_that_its_tenant_has_moved_to(
    teams: StandInConnector, connector: Connector, scope: Scope
) -> None:
    here = to(teams, scope)
    async with (
        StandInConnector() as elsewhere,
        channel(connector, message_after_s=0.0).live(here, MemoryStatus()) as live,
    ):
        await live.begin()
        await live.status("Thinking")
        await until(lambda: len(teams.requests) >= 2 or (scope is Scope.CHANNEL and bool(teams.requests)))
        await live.finish(TextPart(text="y = 12"), to(elsewhere, scope))
        assert [posted.words for posted in elsewhere.posted][-1] == "y = 12"
    assert all(posted.words != "y = 12" for posted in teams.posted)
