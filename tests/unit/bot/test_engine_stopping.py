from __future__ import annotations

import asyncio

import pytest

from bot.codec import message_to_json
from bot.engine import Engine, Handler
from bot.errors import TurnStoppedError
from bot.turn import MAX_ATTEMPTS, STOP, STOP_HEARD, Turn
from bot.turn_record import ANSWERED, STOPPED, Outcome, StepKey, StepKind
from tests.support.engine_driver import Story, accept_all, engine_for
from tests.support.fakes import MemoryLedger, message
from tests.support.waiting import until

ONE, TWO = StepKey(StepKind.PART, 0), StepKey(StepKind.PART, 1)


async def test_stopping_lets_the_step_in_hand_end_and_begins_no_other() -> None:
    ledger, story = MemoryLedger(), Story()
    in_step, done = asyncio.Event(), []

    async def slow() -> str:
        in_step.set()
        await asyncio.sleep(0.05)
        done.append("one")
        return "one"

    async def never() -> str:
        done.append("two")
        return "two"

    async def handler(turn: Turn) -> Outcome:
        await turn.step(ONE, slow)
        await turn.step(TWO, never)
        return ANSWERED

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message())
    await in_step.wait()
    await engine.stop()
    assert done == ["one"]
    assert ledger.entries[1].steps["part/0"] == '"one"'
    assert "part/1" not in ledger.entries[1].steps


async def test_a_step_that_does_not_end_is_cut_off_at_the_deadline_of_a_stop() -> None:
    ledger, story = MemoryLedger(), Story()
    in_step = asyncio.Event()

    async def endless() -> str:
        in_step.set()
        await asyncio.Event().wait()
        return "never"

    async def handler(turn: Turn) -> Outcome:
        await turn.step(ONE, endless)
        return ANSWERED

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message())
    await in_step.wait()
    async with asyncio.timeout(30):
        await engine.stop(deadline_s=0.05)
    assert "part/0" not in ledger.entries[1].steps


async def test_a_turn_that_was_stopped_politely_many_times_is_not_taken_for_one_that_brings_the_process_down() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    await ledger.add("c", "m", message_to_json(message("long")))
    for life in range(2 * MAX_ATTEMPTS):
        engine = engine_for(ledger, story, story)
        await engine.start()
        await until(lambda life=life: len(story.begun) > life)  # type: ignore[misc]
        await engine.stop()
    story.hold.set()
    await engine_for(ledger, story, story).start()
    await until(lambda: ledger.done == [1])
    assert (story.ended, story.given_up) == (["long"], [])


async def test_a_stop_does_not_wait_for_a_disk_that_is_full() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await engine.accept(message("long"))
    await until(lambda: story.begun == ["long"])
    ledger.full = True
    async with asyncio.timeout(30):
        await engine.stop()


async def test_cancel_stops_the_turn_in_hand_and_not_the_ones_that_wait() -> None:
    ledger, story = MemoryLedger(), Story()
    outcome: list[str] = []
    waiting = asyncio.Event()

    async def handler(turn: Turn) -> Outcome:
        if turn.message.text == "long":
            waiting.set()
            try:
                await turn.unless_stopped(asyncio.Event().wait())
            except TurnStoppedError:
                outcome.append("stopped")
        else:
            outcome.append(turn.message.text)
        return ANSWERED

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await accept_all(engine, message("long"), message("next", id="m2"))
    await waiting.wait()
    assert engine.waiting(message().key) == 2
    assert engine.cancel(message().key)
    await until(lambda: len(ledger.done) == 2)
    assert outcome == ["stopped", "next"]
    assert not engine.cancel(message().key)


async def test_a_stop_stops_the_turn_in_hand_when_it_arrives() -> None:
    ledger, story = MemoryLedger(), Story()
    engine = engine_for(ledger, until_stopped(story), story)
    await engine.start()
    await engine.accept(message("long"))
    await until(lambda: story.begun == ["long"])
    await accept_all(engine, message(" /STOP ", id="m2"), message("next", id="m3"))
    await until(lambda: len(ledger.done) == 3)
    assert story.ended == ["long: stopped", " /STOP ", "next"]


async def test_a_second_stop_does_not_cut_off_the_word_to_the_first() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await engine.accept(message("/stop"))
    await until(lambda: story.begun == ["/stop"])
    assert not engine.cancel(message().key)
    story.hold.set()
    await until(lambda: ledger.done == [1])


async def test_a_stop_that_came_before_a_crash_or_to_another_process_stops_the_turn_that_is_resumed() -> None:
    ledger, story = MemoryLedger(), Story()
    for n, text in enumerate(["long", "/stop", "next"]):
        sent = STOP if text == "/stop" else ""
        payload = message_to_json(message(text, id=f"m{n}"))
        number = await ledger.add(str(message().key), f"m{n}", payload, signal=sent)
        if text == "long":
            await ledger.begin(number or 0)
    engine = engine_for(ledger, until_stopped(story), story)
    await engine.start()
    await until(lambda: len(ledger.done) == 3)
    assert story.ended == ["long: stopped", "/stop", "next"]


async def test_an_old_stop_does_not_stop_a_later_turn_after_a_restart() -> None:
    ledger, story = MemoryLedger(), Story()
    where = str(message().key)
    await ledger.add(where, "m0", message_to_json(message("/stop", id="m0")), signal=STOP, hears_signals=False)
    later = await ledger.add(where, "m1", message_to_json(message("later", id="m1")))
    await ledger.begin(later or 0)
    engine = engine_for(ledger, until_stopped(story), story)
    await engine.start()
    await until(lambda: len(ledger.done) == 2)
    assert story.ended == ["later", "/stop"]


async def test_a_stop_passes_over_commands_and_waiting_questions_and_meets_the_one_that_runs() -> None:
    ledger, story = MemoryLedger(), Story()
    engine = engine_for(ledger, until_stopped(story), story)
    await engine.start()
    await accept_all(engine, *(message(text, id=text) for text in ["/help", "long", "next", "/stop"]))
    await until(lambda: len(ledger.done) == 4)
    assert story.ended == ["/help", "long: stopped", "next", "/stop"]


async def test_the_turn_of_a_stop_hears_that_it_stopped_one_and_whether_that_one_told_so() -> None:
    ledger, story = MemoryLedger(), Story()
    heard: list[object] = []

    async def handler(turn: Turn) -> Outcome:
        if turn.message.text == "/stop":
            heard.append(turn.heard(STOP_HEARD))
            return ANSWERED
        with pytest.raises(TurnStoppedError):
            await turn.unless_stopped(asyncio.Event().wait())
        await turn.confirm_stop(told=True)
        return STOPPED

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await accept_all(engine, message("long"), message("/stop", id="m2"), message("/stop", id="m3"))
    await until(lambda: len(ledger.done) == 3)
    assert heard == [True, None]


async def test_a_message_accepted_during_a_stop_is_left_for_the_next_start() -> None:
    ledger, story = MemoryLedger(), Story()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await engine.stop()
    assert await engine.accept(message("late"))
    await asyncio.sleep(0)
    assert engine.waiting(message().key) == 0
    await engine.start()
    await until(lambda: story.ended == ["late"])


def until_stopped(story: Story) -> Handler:
    """Works on `long` until it is stopped, and on anything else not at all."""

    async def handler(turn: Turn) -> Outcome:
        text = turn.message.text
        story.begun.append(text)
        if text == "long":
            with pytest.raises(TurnStoppedError):
                await turn.unless_stopped(asyncio.Event().wait())
            text += ": stopped"
        story.ended.append(text)
        return ANSWERED

    return handler


async def test_a_stop_before_a_turn_is_started_again_does_not_take_back_an_attempt_that_crashed() -> None:
    ledger, story = MemoryLedger(), Story()
    for n in range(2):
        await ledger.add("c", f"m{n}", message_to_json(message("poison", id=f"m{n}")))
        await ledger.begin(n + 1)
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await until(lambda: story.begun == ["poison"])
    await engine.stop()
    counts = [(entry.attempts, entry.uncounted_attempts) for entry in ledger.entries.values()]
    assert counts == [(2, 1), (1, 0)]


async def test_a_turn_whose_person_cannot_be_told_of_its_failure_ends_all_the_same() -> None:
    ledger, story = MemoryLedger(), Story()
    story.fail_with = ZeroDivisionError("boom")

    async def give_up(turn: Turn, error: Exception) -> Outcome:
        raise ConnectionError

    engine = Engine(ledger=ledger, handler=story, give_up=give_up)
    await engine.start()
    await engine.accept(message())
    await until(lambda: ledger.outcomes == {1: "failed:internal"})
