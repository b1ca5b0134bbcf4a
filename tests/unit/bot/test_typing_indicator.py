from __future__ import annotations

import asyncio

import pytest

from bot.conversation import ConversationReference
from bot.errors import DeliveryError
from bot.typing_indicator import keep_typing
from tests.support.fakes import FakeChannel, message

TO = message().reference


async def test_typing_is_shown_at_once_and_again_and_again() -> None:
    channel = FakeChannel()
    async with keep_typing(channel, TO, interval_s=0.01):
        await asyncio.sleep(0)
        assert channel.heard == ["typing"]
        await asyncio.sleep(0.035)
    assert 3 <= len(channel.heard) <= 5


async def test_typing_ends_with_the_block_even_when_the_block_fails() -> None:
    channel = FakeChannel()

    async def failing_work() -> None:
        async with keep_typing(channel, TO, interval_s=0.01):
            await asyncio.sleep(0.015)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing_work()
    heard = len(channel.heard)
    await asyncio.sleep(0.05)
    assert len(channel.heard) == heard


async def test_a_typing_activity_on_its_way_is_waited_for_so_that_it_cannot_come_after_the_answer() -> None:
    class SlowChannel(FakeChannel):
        async def show_typing(self, to: ConversationReference) -> None:
            await asyncio.sleep(0.03)
            await super().show_typing(to)

    channel = SlowChannel()
    async with keep_typing(channel, TO):
        await asyncio.sleep(0.01)
    channel.heard.append("answer")
    await asyncio.sleep(0.05)
    assert channel.heard == ["typing", "answer"]


async def test_an_indicator_that_is_not_delivered_does_not_disturb_the_work() -> None:
    channel = FakeChannel()
    channel.typing_failures = [DeliveryError("429", retryable=True)]
    async with keep_typing(channel, TO, interval_s=0.01):
        await asyncio.sleep(0.025)
    assert "typing" in channel.heard
