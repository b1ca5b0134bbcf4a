from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bot.conversation import IncomingMessage
from bot.engine import Engine
from bot.errors import StorageError, TurnGivenUpError, TurnStoppedError
from bot.timeline import STOPPED
from bot.turn import MAX_TRIES, Turn
from tests.fakes import MemoryLedger, message


class Story:
    """A handler that remembers, and can be told to hold a turn or to fail it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.given_up: list[tuple[str, type[Exception]]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.fail_with: Exception | None = None
        self.running: dict[str, int] = {}
        self.overlaps = 0

    async def __call__(self, turn: Turn) -> None:
        text = turn.message.text
        self.begun.append(text)
        self.running[turn.conversation] = self.running.get(turn.conversation, 0) + 1
        self.overlaps += self.running[turn.conversation] > 1
        try:
            await self.hold.wait()
            if self.fail_with:
                raise self.fail_with
            self.ended.append(text)
        finally:
            self.running[turn.conversation] -= 1

    async def give_up(self, turn: Turn, error: Exception) -> None:
        self.given_up.append((turn.message.text, type(error)))


async def until(condition: Callable[[], bool], *, deadline_s: float = 2.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.001)


def engine_for(ledger: MemoryLedger, handler: Callable[[Turn], Awaitable[None]], story: Story) -> Engine:
    return Engine(ledger=ledger, handler=handler, give_up=story.give_up)


async def accept_all(engine: Engine, *messages: IncomingMessage) -> None:
    for each in messages:
        await engine.accept(each)


async def test_turns_of_one_conversation_run_one_at_a_time_and_in_order() -> None:
    ledger, story = MemoryLedger(), Story()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await accept_all(engine, *(message(str(n), id=f"m{n}") for n in range(20)))
    await until(lambda: len(ledger.done) == 20)
    assert story.ended == [str(n) for n in range(20)]
    assert story.overlaps == 0


async def test_conversations_run_side_by_side() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await accept_all(engine, *(message(str(n), conversation=f"c{n}") for n in range(5)))
    await until(lambda: len(story.begun) == 5)
    assert not story.ended
    story.hold.set()
    await until(lambda: len(ledger.done) == 5)


async def test_a_message_delivered_twice_is_one_turn_and_the_same_id_elsewhere_is_another() -> None:
    ledger, story = MemoryLedger(), Story()
    engine = engine_for(ledger, story, story)
    await engine.start()
    assert await engine.accept(message("a"))
    assert not await engine.accept(message("a"))
    assert await engine.accept(message("b", conversation="c2"))
    await until(lambda: len(ledger.done) == 2)
    assert not await engine.accept(message("a"))
    assert sorted(story.ended) == ["a", "b"]


async def test_a_turn_that_fails_unexpectedly_is_given_up_and_the_next_one_runs() -> None:
    ledger, story = MemoryLedger(), Story()
    story.fail_with = ZeroDivisionError("boom")
    engine = engine_for(ledger, story, story)
    await engine.start()
    await engine.accept(message("bad"))
    await until(lambda: len(ledger.done) == 1)
    story.fail_with = None
    await engine.accept(message("good", id="m2"))
    await until(lambda: len(ledger.done) == 2)
    assert story.given_up == [("bad", ZeroDivisionError)]
    assert story.ended == ["good"]


async def test_what_a_stopped_process_left_goes_on_after_the_last_finished_step() -> None:
    ledger, story = MemoryLedger(), Story()
    done: list[str] = []
    gate = asyncio.Event()

    async def handler(turn: Turn) -> None:
        async def note(name: str) -> str:
            done.append(name)
            return name

        assert await turn.step("one", lambda: note("one")) == "one"
        await gate.wait()
        assert await turn.step("two", lambda: note("two")) == "two"

    first = engine_for(ledger, handler, story)
    await first.start()
    await first.accept(message())
    await until(lambda: done == ["one"])
    await first.stop()
    gate.set()
    second = engine_for(ledger, handler, story)
    await second.start()
    await until(lambda: len(ledger.done) == 1)
    assert done == ["one", "two"]


async def test_a_step_in_doubt_is_looked_for_before_it_is_done_again() -> None:
    ledger, story = MemoryLedger(), Story()
    asked, done = [], []

    async def do() -> str:
        done.append(1)
        return "done"

    async def find() -> str | None:
        asked.append(1)
        return "found"

    async def handler(turn: Turn) -> None:
        assert await turn.step("one", do, find) == ("found" if turn.tries > 1 else "done")

    await ledger.add("c", "m", message().to_json())
    await ledger.begin(1)  # an earlier life began it and died
    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message("fresh", conversation="c9"))
    await until(lambda: len(ledger.done) == 2)
    assert (len(asked), len(done)) == (1, 1)


async def test_a_turn_that_brought_the_process_down_five_times_is_given_up() -> None:
    ledger, story = MemoryLedger(), Story()
    await ledger.add("c", "m", message("poison").to_json())
    for _ in range(MAX_TRIES):
        await ledger.begin(1)
    engine = engine_for(ledger, story, story)
    await engine.start()
    await until(lambda: len(ledger.done) == 1)
    assert story.begun == []
    assert story.given_up == [("poison", TurnGivenUpError)]


async def test_a_message_is_not_accepted_when_the_disk_is_full() -> None:
    ledger, story = MemoryLedger(), Story()
    engine = engine_for(ledger, story, story)
    await engine.start()
    ledger.full = True
    with pytest.raises(StorageError):
        await engine.accept(message())
    ledger.full = False
    assert await engine.accept(message())
    await until(lambda: len(ledger.done) == 1)


async def test_a_disk_that_fills_up_in_mid_turn_pauses_it_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.engine._STORAGE_RETRY_S", 0.01)
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await engine.accept(message("a"))
    await until(lambda: story.begun == ["a"])
    ledger.full = True
    story.hold.set()
    await until(lambda: story.ended == ["a"])
    await asyncio.sleep(0.03)
    assert ledger.done == []
    ledger.full = False
    await until(lambda: ledger.done == [1])
    assert story.begun == ["a"]


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

    async def handler(turn: Turn) -> None:
        await turn.step("one", slow)
        await turn.step("two", never)

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message())
    await in_step.wait()
    await engine.stop()
    assert done == ["one"]
    assert ledger.entries[1].steps == {"one": '"one"'}


async def test_a_step_that_does_not_end_is_cut_off_at_the_deadline_of_a_stop() -> None:
    ledger, story = MemoryLedger(), Story()
    in_step = asyncio.Event()

    async def endless() -> str:
        in_step.set()
        await asyncio.Event().wait()
        return "never"

    async def handler(turn: Turn) -> None:
        await turn.step("one", endless)

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message())
    await in_step.wait()
    async with asyncio.timeout(1):
        await engine.stop(deadline_s=0.05)
    assert ledger.entries[1].steps == {}


async def test_cancel_stops_the_turn_in_hand_and_not_the_ones_that_wait() -> None:
    ledger, story = MemoryLedger(), Story()
    outcome: list[str] = []
    waiting = asyncio.Event()

    async def handler(turn: Turn) -> None:
        if turn.message.text == "long":
            waiting.set()
            try:
                await turn.unless_stopped(asyncio.Event().wait())
            except TurnStoppedError:
                outcome.append("stopped")
        else:
            outcome.append(turn.message.text)

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


async def test_a_stop_that_came_before_a_crash_or_to_another_process_stops_the_turn_that_is_resumed() -> None:
    ledger, story = MemoryLedger(), Story()
    for n, text in enumerate(["long", "/stop", "next"]):
        number = await ledger.add(str(message().key), f"m{n}", message(text, id=f"m{n}").to_json())
        if text == "long":
            await ledger.begin(number or 0)
    engine = engine_for(ledger, until_stopped(story), story)
    await engine.start()
    await until(lambda: len(ledger.done) == 3)
    assert story.ended == ["long: stopped", "/stop", "next"]


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


@pytest.mark.parametrize("payload", ["", "{", "[]", '{"id": "m"}', '{"scope": "of another world"}'])
async def test_a_turn_that_a_newer_version_wrote_is_left_in_the_ledger_and_stops_nobody(payload: str) -> None:
    ledger, story = MemoryLedger(), Story()
    await ledger.add(str(message().key), "m0", payload)
    await ledger.add(str(message().key), "m1", message("readable").to_json())
    engine = engine_for(ledger, story, story)
    await engine.start()
    await until(lambda: story.ended == ["readable"])
    await until(lambda: ledger.done == [2])
    assert list(ledger.entries) == [1]


async def test_an_edit_of_a_message_that_waits_is_what_is_answered() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await accept_all(engine, message("one"), message("two", id="m2"))
    await until(lambda: story.begun == ["one"])
    assert await engine.replace(message("two, edited", id="m2"))
    assert not await engine.replace(message("one, too late"))
    assert not await engine.replace(message("of another chat", id="m2", conversation="c2"))
    story.hold.set()
    await until(lambda: len(ledger.done) == 2)
    assert story.ended == ["one", "two, edited"]


async def test_an_edit_survives_the_process() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    first = engine_for(ledger, story, story)
    await first.start()
    await accept_all(first, message("one"), message("two", id="m2"))
    await until(lambda: story.begun == ["one"])
    await first.replace(message("two, edited", id="m2"))
    await first.stop()
    story.hold.set()
    await engine_for(ledger, story, story).start()
    await until(lambda: len(ledger.done) == 2)
    assert story.ended == ["one", "two, edited"]


async def test_an_edit_that_came_to_another_process_reaches_the_turn_that_waits_and_not_the_one_in_hand() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await accept_all(engine, message("one"), message("two", id="m2"))
    await until(lambda: story.begun == ["one"])
    for number, text in ((1, "one, too late"), (2, "two, edited")):
        payload = message(text, id=f"m{number}").to_json()
        engine._adopt([replace(ledger.entries[number], payload=payload)])  # as the ledger does when it hears of it
    story.hold.set()
    await until(lambda: len(ledger.done) == 2)
    assert story.ended == ["one", "two, edited"]


async def test_how_a_turn_ended_is_written_down() -> None:
    ledger, story = MemoryLedger(), Story()

    async def handler(turn: Turn) -> None:
        turn.outcome = STOPPED

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message())
    await until(lambda: ledger.outcomes == {1: "stopped"})


def until_stopped(story: Story) -> Callable[[Turn], Awaitable[None]]:
    """Works on `long` until it is stopped, and on anything else not at all."""

    async def handler(turn: Turn) -> None:
        text = turn.message.text
        story.begun.append(text)
        if text == "long":
            with pytest.raises(TurnStoppedError):
                await turn.unless_stopped(asyncio.Event().wait())
            text += ": stopped"
        story.ended.append(text)

    return handler
