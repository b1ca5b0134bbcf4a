"""How the parts of a reply reach a connector that is down, gone, or will not take them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from bot.conversation import ActivityId
from bot.delivery import MAX_NAMED_PAUSE_S
from bot.errors import ConversationGoneError, DeliveryError, DeliveryUnknownError
from bot.parts import PicturePart, TextPart
from bot.run import Answer, AnswerImage, FileRef
from bot.turn_record import STOPPED, UNDELIVERABLE, UNKNOWN
from bot.turn_story import give_up, run_turn
from tests.support.fakes import PNG
from tests.support.turn_fixtures import World, texts
from tests.support.virtual_time import in_warped_time
from tests.support.waiting import until


async def test_a_part_is_sent_again_while_the_connector_is_down() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True), DeliveryError("429", retryable=True)]
    assert texts(await world.answer("hi")) == "You said: hi"


async def test_a_stop_ends_the_wait_for_a_connector_that_is_down() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True, retry_after_s=60)]
    turn = world.turn()
    working = asyncio.create_task(run_turn(turn, world.deps))
    while world.channel.failures:
        await asyncio.sleep(0)
    await asyncio.wait_for(turn.between_steps.wait(), 30)  # nor does the end of the process wait for it
    world.stop()
    assert await asyncio.wait_for(working, 30) == STOPPED
    assert world.channel.said == []


async def test_an_apology_too_is_sent_again_while_the_connector_is_down() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True)] * 2
    await give_up(world.turn(), ZeroDivisionError("boom"), world.deps)
    assert "ask again" in texts(world.channel.said)


async def test_an_apology_that_the_connector_will_never_take_is_written_down_as_undeliverable() -> None:
    world = World()
    world.channel.failures = [DeliveryError("401", retryable=False)]
    assert await give_up(world.turn(), ZeroDivisionError("boom"), world.deps) == UNDELIVERABLE


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
    assert await run_turn(world.turn(), world.deps) == UNDELIVERABLE


async def test_a_part_whose_arrival_is_unknown_is_not_sent_again_and_is_the_outcome() -> None:
    world = World()
    world.channel.failures = [DeliveryUnknownError("504 twice")]
    assert await run_turn(world.turn(), world.deps) == UNKNOWN
    assert world.channel.said == []


async def test_a_part_whose_arrival_is_unknown_is_remembered_as_that_by_a_later_attempt() -> None:
    world = World()
    world.channel.failures = [DeliveryUnknownError("504 twice")]
    await world.answer("hi")
    assert await run_turn(world.turn("hi", attempts=1), world.deps) == UNKNOWN
    assert world.channel.said == []


async def test_a_delivery_that_waits_is_woken_by_the_first_success_of_anything() -> None:
    # ux 3.12
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True)]
    deps = replace(world.deps, send_pauses_s=(60,))
    working = asyncio.create_task(run_turn(world.turn("hi"), deps))
    await until(lambda: not world.channel.failures)
    world.channel.success.set()
    await asyncio.wait_for(working, 30)
    assert texts(world.channel.said) == "You said: hi"


async def test_a_delivery_that_was_woken_in_vain_waits_its_pause_in_full() -> None:
    world = World()
    world.channel.success.set()  # others succeed all the time
    world.channel.failures = [DeliveryError("502", retryable=True)] * 6
    deps = replace(world.deps, send_pauses_s=(0.05, 0.05, 0.05))
    before = time.monotonic()
    await run_turn(world.turn("hi"), deps)
    assert texts(world.channel.said) == "You said: hi"
    assert time.monotonic() - before >= 0.15


@pytest.mark.parametrize("retry_after_s", [None, 3600.0])
async def test_a_delivery_that_waits_goes_to_the_new_address_of_its_conversation_at_once(
    retry_after_s: float | None,
) -> None:
    world = World()
    world.channel.failures = [DeliveryError("503", retryable=True, retry_after_s=retry_after_s)] * 2
    deps = replace(world.deps, send_pauses_s=(3600, 3600))
    turn = world.turn("hi")
    url = turn.message.reference.service_url
    turn._newest_service_url = lambda: url
    working = asyncio.create_task(run_turn(turn, deps))
    for failed, moved_to in enumerate(("http://localhost:2/", "http://localhost:3/"), start=1):
        while len(world.channel.places) < failed:
            await asyncio.sleep(0)
        url = moved_to
        turn.recheck_destination()
    await asyncio.wait_for(working, 30)
    assert texts(world.channel.said) == "You said: hi"
    assert world.channel.places[-3:] == [
        turn.message.reference.service_url,
        "http://localhost:2/",
        "http://localhost:3/",
    ]


async def test_a_pause_that_the_connector_asks_for_is_not_cut_short() -> None:
    world = World()
    world.channel.success.set()
    world.channel.failures = [DeliveryError("429", retryable=True, retry_after_s=0.2)]
    before = time.monotonic()
    await world.answer("hi")
    assert time.monotonic() - before >= 0.2


async def test_an_absurd_pause_that_the_connector_asks_for_does_not_hold_an_answer_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.channel.failures = [DeliveryError("429", retryable=True, retry_after_s=999_999_999)]
    working = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: "part is not delivered yet" in caplog.messages)
    [waiting] = [record for record in caplog.records if record.message == "part is not delivered yet"]
    assert vars(waiting)["pause_s"] == MAX_NAMED_PAUSE_S
    working.cancel()
    await asyncio.wait({working})


async def test_the_first_part_takes_the_place_of_what_was_shown_and_the_others_are_sent() -> None:
    world = World()
    world.assistant.files[FileRef("f1")] = PNG
    world.assistant.answer_with = lambda _: Answer(text="Here", images=(AnswerImage(file=FileRef("f1")),))
    await world.answer()
    [live] = world.channel.lives
    assert [type(part) for part in live.finished] == [TextPart]
    assert [type(part) for part in world.channel.said] == [TextPart, PicturePart]


async def test_the_message_that_shows_the_work_is_remembered_by_the_next_attempt() -> None:
    world = World()
    world.assistant.never_settles = True
    working = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: bool(world.assistant.runs))
    shown = world.channel.lives[0].remembered
    assert (shown.id, shown.may_be_posted) == (None, True)

    async def post() -> ActivityId:
        return ActivityId("s1")

    assert await shown.post(post) == "s1"
    assert not shown.may_be_posted
    working.cancel()
    await asyncio.wait({working})
    world.assistant.never_settles = False
    await run_turn(world.turn(attempts=1), world.deps)
    after = world.channel.lives[1].remembered
    assert (after.id, after.may_be_posted) == ("s1", False)


async def test_an_attempt_that_cannot_know_whether_the_work_was_shown_shows_it_by_no_second_message() -> None:
    world = World()
    await run_turn(world.turn(attempts=1), world.deps)
    remembered = world.channel.lives[0].remembered
    assert (remembered.id, remembered.may_be_posted) == (None, False)


async def test_the_end_of_the_process_waits_for_a_status_that_is_being_posted() -> None:
    world = World()
    world.assistant.never_settles = True
    turn = world.turn()
    working = asyncio.create_task(run_turn(turn, world.deps))
    await until(lambda: bool(world.assistant.runs) and turn.between_steps.is_set())
    posted = asyncio.Event()

    async def post() -> ActivityId:
        await posted.wait()
        return ActivityId("s1")

    posting = asyncio.create_task(world.channel.lives[0].remembered.post(post))
    await until(lambda: not turn.between_steps.is_set())
    posted.set()
    await posting
    assert turn.between_steps.is_set()
    working.cancel()
    await asyncio.wait({working})


async def test_the_stop_button_of_a_channel_does_what_the_stop_command_does() -> None:
    world = World()
    world.assistant.never_settles = True
    working = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: bool(world.assistant.runs))
    world.channel.lives[0].remembered.stop_turn()
    assert await asyncio.wait_for(working, 30) == STOPPED
    assert world.assistant.cancelled == ["run_1"]


async def test_a_delivery_that_is_stopped_takes_back_what_was_shown() -> None:
    world = World()
    world.channel.failures = [DeliveryError("502", retryable=True, retry_after_s=60)]
    working = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: not world.channel.failures)
    world.stop()
    assert await asyncio.wait_for(working, 30) == STOPPED
    assert world.channel.heard == ["typing", "cleared"]


async def test_an_apology_of_a_turn_that_is_given_up_takes_the_place_of_what_was_shown() -> None:
    world = World()
    await give_up(world.turn(attempts=6), ZeroDivisionError("boom"), world.deps)
    assert world.channel.lives[0].finished == world.channel.said


def test_a_service_that_asks_for_an_hour_each_time_does_not_keep_an_answer_for_days() -> None:
    async def deliver() -> tuple[int, float]:
        world = World()
        world.channel.failures = [DeliveryError("429", retryable=True, retry_after_s=3600)] * 50
        with pytest.raises(DeliveryError):
            await run_turn(world.turn("hi"), replace(world.deps, send_pauses_s=(60,) * 50))
        return len(world.channel.failures), asyncio.get_running_loop().time()

    left, took_s = in_warped_time(deliver())
    assert left > 40
    assert took_s < 50 * 60 + 3 * 3600
