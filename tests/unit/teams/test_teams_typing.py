from __future__ import annotations

import asyncio
from typing import cast

import pytest

from adapters.teams.channel import TeamsChannel
from adapters.teams.connector import Connector
from adapters.teams.place import Place
from bot.errors import DeliveryError
from bot.parts import TextPart
from tests.support.fakes import PlainLinks, message

TO = message().reference


class MemoryConnector:
    """Remembers the text, or else the type, of each activity."""

    def __init__(self, *, typing_s: float = 0.0) -> None:
        self.posted: list[str] = []
        self.typing_failures: list[Exception] = []
        self._typing_s = typing_s

    async def create(self, place: Place, activity: dict[str, object]) -> str | None:
        self.posted.append(str(activity["text"]))
        return str(len(self.posted))

    async def send_ephemeral(self, place: Place, activity: dict[str, object]) -> None:
        await asyncio.sleep(self._typing_s)
        if self.typing_failures:
            raise self.typing_failures.pop(0)
        self.posted.append(str(activity["type"]))


def channel_on(connector: MemoryConnector, *, interval_s: float = 0.01) -> TeamsChannel:
    return TeamsChannel(connector=cast(Connector, connector), links=PlainLinks(), typing_interval_s=interval_s)


async def test_typing_is_shown_at_once_and_again_and_again() -> None:
    connector = MemoryConnector()
    async with channel_on(connector).live(TO):
        await asyncio.sleep(0.001)
        assert connector.posted == ["typing"]
        await asyncio.sleep(0.035)
    assert 3 <= len(connector.posted) <= 5


async def test_typing_ends_with_the_block_even_when_the_block_fails() -> None:
    connector = MemoryConnector()

    async def failing_work() -> None:
        async with channel_on(connector).live(TO):
            await asyncio.sleep(0.015)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing_work()
    posted = len(connector.posted)
    await asyncio.sleep(0.05)
    assert len(connector.posted) == posted


async def test_a_typing_activity_on_its_way_is_waited_for_so_that_it_cannot_come_after_the_answer() -> None:
    connector = MemoryConnector(typing_s=0.03)
    async with channel_on(connector, interval_s=3.0).live(TO):
        await asyncio.sleep(0.01)
    connector.posted.append("answer")
    await asyncio.sleep(0.05)
    assert connector.posted == ["typing", "answer"]


async def test_finishing_sends_the_part_after_the_last_typing_activity_and_before_none() -> None:
    connector = MemoryConnector(typing_s=0.03)
    async with channel_on(connector).live(TO) as live:
        await asyncio.sleep(0.01)
        await live.status("computing")
        await live.text("y =")
        assert await live.finish(TextPart(text="y = 12")) == "2"
        await asyncio.sleep(0.05)
    assert connector.posted == ["typing", "y = 12"]


async def test_an_indicator_that_is_not_delivered_does_not_disturb_the_work() -> None:
    connector = MemoryConnector()
    connector.typing_failures = [DeliveryError("429", retryable=True)]
    async with channel_on(connector).live(TO):
        await asyncio.sleep(0.025)
    assert "typing" in connector.posted
