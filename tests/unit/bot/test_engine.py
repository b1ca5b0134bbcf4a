from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.codec import message_from_json, message_to_json
from bot.conversation import ActivityId, ConversationReference, Incoming, Overheard, Party, Question, TurnState
from bot.engine import MAX_WAITING, Engine
from bot.errors import StorageError, TurnGivenUpError
from bot.turn import MAX_ATTEMPTS, Turn
from bot.turn_record import ANSWERED, REJECTED, STOPPED, Outcome, StepKey, StepKind
from tests.support.engine_driver import Story, accept_all, engine_for
from tests.support.fakes import MemoryLedger, message
from tests.support.waiting import until

ONE, TWO = StepKey(StepKind.PART, 0), StepKey(StepKind.PART, 1)


def question(text: str, *, id: str) -> Question:  # noqa: A002
    asked = message(text, id=id)
    assert isinstance(asked, Question)
    return asked


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

    async def handler(turn: Turn) -> Outcome:
        async def note(name: str) -> str:
            done.append(name)
            return name

        assert await turn.step(ONE, lambda: note("one")) == "one"
        await gate.wait()
        assert await turn.step(TWO, lambda: note("two")) == "two"
        return ANSWERED

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

    async def handler(turn: Turn) -> Outcome:
        assert await turn.step(ONE, do, find) == ("found" if turn.attempt > 1 else "done")
        return ANSWERED

    await ledger.add("c", "m", message_to_json(message()))
    await ledger.begin(1)  # an earlier life began it and died
    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message("fresh", conversation="c9"))
    await until(lambda: len(ledger.done) == 2)
    assert (len(asked), len(done)) == (1, 1)


async def test_a_turn_that_brought_the_process_down_five_times_is_given_up() -> None:
    ledger, story = MemoryLedger(), Story()
    await ledger.add("c", "m", message_to_json(message("poison")))
    for _ in range(MAX_ATTEMPTS):
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


@pytest.mark.parametrize("payload", ["", "{", "[]", '{"id": "m"}', '{"scope": "of another world"}'])
async def test_a_turn_that_a_newer_version_wrote_is_left_in_the_ledger_and_stops_nobody(payload: str) -> None:
    ledger, story = MemoryLedger(), Story()
    await ledger.add(str(message().key), "m0", payload)
    await ledger.add(str(message().key), "m1", message_to_json(message("readable")))
    engine = engine_for(ledger, story, story)
    await engine.start()
    await until(lambda: story.ended == ["readable"])
    await until(lambda: ledger.done == [2])
    assert list(ledger.entries) == [1]


async def test_a_turn_with_a_damaged_step_is_left_in_the_ledger_and_stops_nobody() -> None:
    ledger, story = MemoryLedger(), Story()
    await ledger.add(message().reference.key.conversation, "m0", message_to_json(message("damaged", id="m0")))
    ledger.entries[1] = replace(ledger.entries[1], steps={"reply/0": '{"version": 2, "par'}, attempts=1)
    engine = engine_for(ledger, story, story)
    await engine.start()
    await accept_all(engine, message("readable", conversation=message().reference.key.conversation))
    await until(lambda: story.ended == ["readable"])
    assert list(ledger.entries) == [1]


async def test_a_turn_that_cannot_be_refused_is_given_up_and_the_next_one_runs() -> None:
    ledger, story = MemoryLedger(), Story()

    async def cancel(turn: Turn) -> None:
        raise KeyError("run")

    def refuses(reference: ConversationReference) -> str | None:
        return "UserNotAllowed" if reference.user.id == "mallory" else None

    engine = Engine(ledger=ledger, handler=story, give_up=story.give_up, refuses=refuses, cancel=cancel)
    await engine.start()
    asked = message("let me in")
    stranger = replace(asked, reference=replace(asked.reference, user=Party(id="mallory")))
    await accept_all(engine, stranger, message("next", id="m2"))
    await until(lambda: "next" in story.ended)
    assert ("let me in", KeyError) in story.given_up


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


async def test_an_edited_question_keeps_what_was_said_to_others_before_it() -> None:
    ledger, heard = MemoryLedger(), list[Incoming]()
    may_end = asyncio.Event()

    async def handler(turn: Turn) -> Outcome:
        heard.append(turn.message)
        await may_end.wait()
        return ANSWERED

    engine = engine_for(ledger, handler, Story())
    await engine.start()
    said = (Overheard(id=ActivityId("m0"), speaker="Bo", text="it is 42"),)
    waiting = [replace(question(f"{number}?", id=f"m{number}"), context=said) for number in (2, 3)]
    await accept_all(engine, message("one"), *waiting)
    await until(lambda: len(heard) == 1)
    assert await engine.replace(question("two, edited", id="m2"))
    stored, _ = message_from_json(ledger.entries[2].payload)
    assert isinstance(stored, Question)
    assert stored.context == said  # also for the next life of the process
    payload = message_to_json(question("three, edited", id="m3"))
    ledger.on_assigned([replace(ledger.entries[3], payload=payload)])  # the edit came to another process
    may_end.set()
    await until(lambda: len(ledger.done) == 3)
    assert [(each.text, each.context) for each in heard if isinstance(each, Question)][1:] == [
        ("two, edited", said),
        ("three, edited", said),
    ]


@pytest.mark.parametrize("by_another_process", [False, True])
async def test_of_a_question_that_is_deleted_nothing_that_was_said_stays(*, by_another_process: bool) -> None:
    ledger, heard, may_end = MemoryLedger(), list[Incoming](), asyncio.Event()

    async def handler(turn: Turn) -> Outcome:
        heard.append(turn.message)
        await may_end.wait()
        return ANSWERED

    engine = engine_for(ledger, handler, Story())
    await engine.start()
    said = (Overheard(id=ActivityId("m0"), speaker="Bo", text="it is 42"),)
    await accept_all(engine, message("one"), replace(question("two", id="m2"), context=said))
    await until(lambda: len(heard) == 1)
    empty = Question(id=ActivityId("m2"), reference=message().reference)
    if by_another_process:
        payload = message_to_json(empty, TurnState.DELETED)
        ledger.entries[2] = replace(ledger.entries[2], payload=payload)
        ledger.on_assigned([ledger.entries[2]])
        assert engine._queues[str(empty.key)].get(2).message == empty  # type: ignore[union-attr]
    else:
        assert await engine.delete(empty.id, empty.reference)
    assert message_from_json(ledger.entries[2].payload) == (empty, TurnState.DELETED)
    may_end.set()
    await until(lambda: len(ledger.done) == 2)


async def test_an_answer_that_waits_goes_where_the_conversation_was_heard_of_last() -> None:
    ledger, places = MemoryLedger(), list[str]()

    async def handler(turn: Turn) -> Outcome:
        places.append(turn.destination.service_url)
        if turn.message.text == "one":
            await turn.wait_for_move(turn.destination)
            places.append(turn.destination.service_url)
        return ANSWERED

    engine = engine_for(ledger, handler, Story())
    await engine.start()
    later = message("two", id="m2")
    moved = replace(later, reference=replace(later.reference, service_url="http://localhost:2/_connector"))
    await accept_all(engine, message("one"))
    await until(lambda: len(places) == 1)
    await accept_all(engine, replace(moved, reference=replace(moved.reference, key=message(conversation="c2").key)))
    await accept_all(engine, message("from the same place", id="m4"), moved)
    await until(lambda: len(ledger.done) == 4)
    assert places[0] == message().reference.service_url
    assert set(places[1:]) == {"http://localhost:2/_connector"}


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
        payload = message_to_json(message(text, id=f"m{number}"))
        ledger.on_assigned([replace(ledger.entries[number], payload=payload)])  # it has heard of the edit
    story.hold.set()
    await until(lambda: len(ledger.done) == 2)
    assert story.ended == ["one", "two, edited"]


async def test_messages_that_are_rejected_one_after_another_are_told_once_and_known_when_they_come_again() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    rejected = [message("not read", id=f"d{n}") for n in range(4)]
    await engine.accept(message("in hand"))
    for each in rejected[:3]:
        await engine.accept(each, state=TurnState.REJECTED)
    await engine.accept(message("asked", id="m2"))
    await engine.accept(rejected[3], state=TurnState.REJECTED)
    await until(lambda: story.begun == ["in hand"])
    assert [ledger.outcomes[number] for number in ledger.done] == ["rejected"] * 2
    assert not await engine.accept(rejected[2], state=TurnState.REJECTED)
    story.hold.set()
    await until(lambda: len(ledger.done) == 6)
    assert story.ended == ["in hand", "", "asked", ""]


async def test_what_is_rejected_while_that_is_being_said_is_told_by_itself() -> None:
    ledger, story = MemoryLedger(), Story()
    story.hold.clear()
    engine = engine_for(ledger, story, story)
    await engine.start()
    await engine.accept(message("not read", id="d1"), state=TurnState.REJECTED)
    await until(lambda: story.begun == [""])
    await engine.accept(message("not read", id="d2"), state=TurnState.REJECTED)
    story.hold.set()
    await until(lambda: story.ended == ["", ""])


async def test_how_a_turn_ended_is_written_down() -> None:
    ledger, story = MemoryLedger(), Story()

    async def handler(turn: Turn) -> Outcome:
        return STOPPED

    engine = engine_for(ledger, handler, story)
    await engine.start()
    await engine.accept(message())
    await until(lambda: ledger.outcomes == {1: "stopped"})


async def test_a_flood_that_came_to_another_process_is_rejected_once_by_the_owner_of_the_conversation() -> None:
    ledger, story = MemoryLedger(), Story()
    begun: list[tuple[str, TurnState]] = []

    async def handler(turn: Turn) -> Outcome:
        begun.append((turn.message.text, turn.state))
        return ANSWERED

    texts = [f"question {number}" for number in range(MAX_WAITING + 200)]
    texts.insert(MAX_WAITING + 50, "/new")
    for number, text in enumerate(texts):
        await ledger.add(str(message().key), f"m{number}", message_to_json(message(text, id=f"m{number}")))
    await engine_for(ledger, handler, story).start()
    await until(lambda: len(ledger.done) == len(texts))
    read = [(text, TurnState.WAITING) for text in texts[: MAX_WAITING + 1]]
    assert begun == [*read, ("", TurnState.REJECTED), ("/new", TurnState.WAITING), ("", TurnState.REJECTED)]
    assert list(ledger.outcomes.values()).count(REJECTED) == len(texts) - len(begun)
