"""How the parts of a reply reach a connector that is down, gone, or will not take them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from bot.errors import ConversationGoneError, DeliveryError, DeliveryUnknownError
from bot.turn_record import STOPPED, UNDELIVERABLE, UNKNOWN
from bot.turn_story import give_up, run_turn
from tests.support.turn_fixtures import World, texts
from tests.support.waiting import until


async def test_a_part_is_sent_again_while_the_connector_is_down() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True), DeliveryError("429", retryable=True)]
    assert texts(await world.answer("hi")) == "You said: hi"


async def test_a_stop_ends_the_wait_for_a_connector_that_is_down() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True, retry_after_s=60)]
    turn = world.turn()
    working = asyncio.create_task(run_turn(turn, world.outside))
    while world.channel.failures:
        await asyncio.sleep(0)
    await asyncio.wait_for(turn.between_steps.wait(), 1)  # nor does the end of the process wait for it
    world.stop()
    assert await asyncio.wait_for(working, 1) == STOPPED
    assert world.channel.said == []


async def test_an_apology_too_is_sent_again_while_the_connector_is_down() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True)] * 2
    await give_up(world.turn(), ZeroDivisionError("boom"), world.outside)
    assert "ask again" in texts(world.channel.said)


async def test_an_apology_that_the_connector_will_never_take_is_written_down_as_undeliverable() -> None:
    world = World()
    world.channel.failures = [DeliveryError("401", retryable=False)]
    assert await give_up(world.turn(), ZeroDivisionError("boom"), world.outside) == UNDELIVERABLE


async def test_what_the_connector_will_never_take_is_not_sent_again() -> None:
    world = World()
    world.channel.failures = [DeliveryError("413", retryable=False)]
    with pytest.raises(DeliveryError):
        await world.answer()
    assert world.channel.said == []


async def test_a_conversation_that_is_gone_ends_the_turn_quietly() -> None:
    world = World()
    world.channel.failures = [ConversationGoneError("ConversationNotFound")]
    assert await world.answer() == []


async def test_an_answer_to_nobody_is_an_outcome_of_its_own() -> None:
    world = World()
    world.channel.failures = [ConversationGoneError("ConversationNotFound")]
    assert await run_turn(world.turn(), world.outside) == UNDELIVERABLE


async def test_a_part_whose_arrival_is_unknown_is_not_sent_again_and_is_the_outcome() -> None:
    world = World()
    world.channel.failures = [DeliveryUnknownError("504 twice")]
    assert await run_turn(world.turn(), world.outside) == UNKNOWN
    assert world.channel.said == []


async def test_a_part_whose_arrival_is_unknown_is_remembered_as_that_by_a_later_attempt() -> None:
    world = World()
    world.channel.failures = [DeliveryUnknownError("504 twice")]
    await world.answer("hi")
    assert await run_turn(world.turn("hi", attempts=1), world.outside) == UNKNOWN
    assert world.channel.said == []


async def test_a_delivery_that_waits_is_woken_by_the_first_success_of_anything() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True)]
    outside = replace(world.outside, send_pauses_s=(60,))
    working = asyncio.create_task(run_turn(world.turn("hi"), outside))
    await until(lambda: not world.channel.failures)
    world.channel.success.set()
    await asyncio.wait_for(working, 5)
    assert texts(world.channel.said) == "You said: hi"


async def test_a_delivery_that_was_woken_in_vain_waits_its_pause_in_full() -> None:
    world = World()
    world.channel.success.set()  # others succeed all the time
    world.channel.failures = [DeliveryError("502", retryable=True)] * 6
    outside = replace(world.outside, send_pauses_s=(0.05, 0.05, 0.05))
    before = time.monotonic()
    await run_turn(world.turn("hi"), outside)
    assert texts(world.channel.said) == "You said: hi"
    assert time.monotonic() - before >= 0.15


async def test_a_pause_that_the_connector_asks_for_is_not_cut_short() -> None:
    world = World()
    world.channel.success.set()
    world.channel.failures = [DeliveryError("429", retryable=True, retry_after_s=0.2)]
    before = time.monotonic()
    await world.answer("hi")
    assert time.monotonic() - before >= 0.2
