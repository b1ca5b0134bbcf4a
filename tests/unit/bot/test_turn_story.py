from __future__ import annotations

import asyncio

import pytest

from bot import sentences
from bot.apology import MAX_REPEATED
from bot.conversation import MAX_TEXT_CHARS, ThreadId, TurnState
from bot.errors import (
    AssistantUnavailableError,
    RunTooSlowError,
    StorageError,
    TurnGivenUpError,
    TurnStoppedError,
)
from bot.parts import ApologyPart, FilesPart, Part, PicturePart, TextPart
from bot.run import (
    Answer,
    AnswerFile,
    AnswerImage,
    FailureCode,
    FileRef,
    RunEnd,
    RunEvent,
    RunId,
)
from bot.runs import cancel_runs
from bot.turn import STOP_HEARD
from bot.turn_record import ANSWERED, STOPPED, Usage
from bot.turn_story import give_up, run_turn
from tests.support.fakes import (
    FAILED,
    PNG,
    FakeAssistant,
    MemoryConversations,
    ended,
)
from tests.support.turn_fixtures import World, texts
from tests.support.waiting import settled, until


async def test_a_question_is_answered_after_typing() -> None:
    world = World()
    await world.answer("hi")
    assert world.channel.heard == ["typing", TextPart(text="You said: hi")]


async def test_a_second_question_goes_into_the_same_thread() -> None:
    world = World()
    await world.answer("one")
    world.steps.clear()
    await world.answer("two")
    assert len(world.assistant.threads) == 1
    assert {thread for thread, _, _ in world.assistant.runs.values()} == set(world.assistant.threads)


async def test_the_new_command_gives_the_conversation_a_new_thread() -> None:
    world = World()
    await world.answer("one")
    world.steps.clear()
    await world.answer(" /NEW ")
    world.steps.clear()
    await world.answer("two")
    assert len(world.assistant.threads) == 2


async def test_a_message_of_only_a_mention_gets_a_hint_and_starts_no_run() -> None:
    world = World()
    assert await world.answer("  ") == [TextPart(text=sentences.HINT.format(example=sentences.STARTERS[0]))]
    assert world.assistant.runs == {}


async def test_a_huge_message_is_declined_in_words() -> None:
    world = World()
    said = await world.answer("x" * (MAX_TEXT_CHARS + 1))
    assert "100,001 characters" in texts(said)
    assert world.assistant.runs == {}


async def test_a_plot_comes_as_a_picture_of_its_own_with_its_alternative_text() -> None:
    world = World()
    world.assistant.files[FileRef("f1")] = PNG
    image = AnswerImage(file=FileRef("f1"), alt_text="Line plot of y")
    world.assistant.answer_with = lambda _: Answer(text="Here", images=(image,))
    said = await world.answer()
    assert said[0] == TextPart(text="Here")
    assert isinstance(said[1], PicturePart)
    assert said[1].alt_text == "Line plot of y"
    assert world.files.kept[said[1].file.token] == PNG


async def test_a_picture_that_cannot_be_shown_safely_is_linked_instead() -> None:
    world = World()
    world.assistant.files |= {FileRef("f1"): PNG, FileRef("f2"): b"<svg/>"}
    world.pictures.unfit.add(PNG)
    images = (AnswerImage(file=FileRef("f1")), AnswerImage(file=FileRef("f2")))
    world.assistant.answer_with = lambda _: Answer(text="Here", images=images)
    said = await world.answer()
    assert isinstance(said[1], FilesPart)
    assert len(said[1].files) == 2


async def test_files_come_as_links_and_no_sandbox_address_reaches_the_person() -> None:
    world = World()
    world.assistant.files[FileRef("f1")] = b"a,b\n1,2\n"
    text = (
        "Get [the table](sandbox:/mnt/data/t.csv), ![p](sandbox:/mnt/data/p.png) or [lost](sandbox:/mnt/data/x.csv) "
        "or sandbox:/mnt/data/t.csv."
    )
    file = AnswerFile(file=FileRef("f1"), name="t.csv", placeholder="sandbox:/mnt/data/t.csv")
    world.assistant.answer_with = lambda _: Answer(text=text, files=(file,))
    said = await world.answer()
    assert "sandbox:" not in texts(said)
    assert "the table" in texts(said)
    assert "lost (this file is not available)" in texts(said)
    assert isinstance(said[1], FilesPart)
    assert said[1].files[0].name == "t.csv"


async def test_a_plot_that_cannot_be_stored_is_told_and_the_text_still_comes() -> None:
    world = World()
    world.assistant.files[FileRef("f1")] = PNG
    world.files.full = True
    world.assistant.answer_with = lambda _: Answer(text="y = 12", images=(AnswerImage(file=FileRef("f1")),))
    said = await world.answer()
    assert "y = 12" in texts(said)
    assert "Plot 1 could not be brought to you" in texts(said)


async def test_an_empty_answer_is_said_to_be_one() -> None:
    world = World()
    world.assistant.answer_with = lambda _: Answer(text=" ")
    assert "without an answer" in texts(await world.answer())


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (FAILED, "ran into a problem"),
        (ended(RunEnd.FAILED, FailureCode.RATE_LIMIT, retry_after_s=70), "70 seconds"),
        (ended(RunEnd.FAILED, FailureCode.RATE_LIMIT), "in a minute"),
        (ended(RunEnd.FAILED, FailureCode.PROMPT), "another way"),
        (ended(RunEnd.CANCELLED), "cancelled"),
        (ended(RunEnd.EXPIRED), "longer than"),
        (RunTooSlowError("at its deadline"), "longer than I may wait"),
        (ended(RunEnd.INCOMPLETE, FailureCode.LENGTH), "became too long"),
        (ended(RunEnd.INCOMPLETE, FailureCode.CONTENT_FILTER), "content filter"),
    ],
)
async def test_every_end_of_a_run_but_a_good_one_has_its_sentence(end: RunEvent | Exception, words: str) -> None:
    world = World()
    world.assistant.ends = [end, end]
    assert words in texts(await world.answer())


async def test_a_thread_that_is_gone_is_replaced_and_the_person_is_told() -> None:
    world = World()
    await world.answer("one")
    world.assistant.gone.update(world.assistant.threads)
    world.steps.clear()
    said = texts(await world.answer("two"))
    assert "starts afresh" in said
    assert "You said: two" in said
    assert len(world.assistant.threads) == 2


async def test_an_assistant_that_is_down_costs_one_sentence() -> None:
    world = World()
    world.assistant.ends = [AssistantUnavailableError("connection refused")]
    assert texts(await world.answer()) == AssistantUnavailableError.apology


async def test_stopping_cancels_the_run_at_the_assistant_and_says_so() -> None:
    world = World()
    world.assistant.never_settles = True
    turn = world.turn()
    task = asyncio.create_task(run_turn(turn, world.deps))
    await until(lambda: bool(world.assistant.runs))
    world.stop()
    await asyncio.wait_for(task, 30)
    assert world.assistant.cancelled == ["run_1"]
    assert world.channel.said == [TextPart(text=TurnStoppedError.apology)]


@pytest.mark.parametrize(("heard", "words"), [(None, [sentences.STOP_DONE]), (True, []), (False, [sentences.STOP_CUT])])
async def test_a_stop_is_answered_once(heard: bool | None, words: list[str]) -> None:
    # ux 3.7
    # Issue 9, item 12: "Stopped" came together with "There is nothing left to stop"
    world = World()
    turn = world.turn("/stop")
    if heard is not None:
        world.signals.send(STOP_HEARD, heard)
    assert await run_turn(turn, world.deps) == ANSWERED
    assert world.channel.said == [TextPart(text=each) for each in words]


async def test_a_turn_that_is_given_up_leaves_no_run_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    # S8: the run of a turn that killed the process went on at each start of the assistant's service
    monkeypatch.setattr("bot.runs._FIND_PAUSES_S", (0.0, 0.01))
    world = World()
    world.assistant.never_settles = True
    task = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: bool(world.assistant.runs))
    await settled()
    task.cancel()
    await asyncio.wait({task})
    world.assistant.cancelled.clear()
    await give_up(world.turn(attempts=6), ZeroDivisionError("boom"), world.deps)
    assert world.assistant.cancelled == ["run_1"]
    assert "ask again" in texts(world.channel.said)


async def test_what_a_run_consumed_until_it_was_stopped_counts() -> None:
    world = World()
    world.assistant.never_settles = True
    world.assistant.used_until_cancelled = Usage(code_runs=1, code_ms=59_000)
    turn = world.turn()
    task = asyncio.create_task(run_turn(turn, world.deps))
    await until(lambda: bool(world.assistant.runs))
    world.stop()
    await asyncio.wait_for(task, 30)
    assert turn.used is not None
    assert turn.used.usage == Usage(code_runs=1, code_ms=59_000)


async def test_what_a_stopped_run_consumed_counts_though_the_process_dies_before_the_turn_ends() -> None:
    world = World(die_at="part/0")
    world.assistant.never_settles = True
    world.assistant.used_until_cancelled = Usage(code_runs=1, code_ms=59_000)
    working = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: bool(world.assistant.runs))
    world.stop()
    with pytest.raises(SystemError):
        await asyncio.wait_for(working, 30)
    world.die_at = ""
    turn = world.turn(attempts=1)
    assert await run_turn(turn, world.deps) == STOPPED
    assert turn.used is not None
    assert turn.used.usage == Usage(code_runs=1, code_ms=59_000)


async def test_a_run_that_is_cancelled_twice_is_counted_once() -> None:
    world = World()
    world.assistant.used_until_cancelled = Usage(code_runs=1, code_ms=59_000)
    turn = world.turn()
    await run_turn(turn, world.deps)
    for _ in range(2):
        await cancel_runs(turn, world.deps.assistant, world.deps.conversations)
    assert len(world.assistant.cancelled) == 2
    assert turn.used is not None
    assert turn.used.usage.code_runs == 1


async def test_a_stop_is_a_stop_even_when_the_service_does_not_let_the_run_be_cancelled() -> None:
    class Stubborn(FakeAssistant):
        async def cancel(self, thread: ThreadId, run: RunId) -> Usage:
            raise AssistantUnavailableError("down")

    world = World(assistant=Stubborn())
    world.assistant.never_settles = True
    turn = world.turn()
    task = asyncio.create_task(run_turn(turn, world.deps))
    await until(lambda: bool(world.assistant.runs))
    world.stop()
    await asyncio.wait_for(task, 30)
    assert world.channel.said == [TextPart(text=TurnStoppedError.apology)]


async def test_a_service_that_does_not_answer_a_cancel_holds_up_neither_the_word_nor_the_next_turn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(FakeAssistant):
        def __init__(self) -> None:
            super().__init__()
            self.answers = asyncio.Event()

        async def cancel(self, thread: ThreadId, run: RunId) -> Usage:
            await self.answers.wait()
            return await super().cancel(thread, run)

    slow = Slow()
    world = World(assistant=slow)
    slow.never_settles = True
    working = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: bool(slow.runs))
    world.stop()
    await until(lambda: bool(world.channel.said))
    assert not working.done(), "it still waits for the service"
    slow.answers.set()
    assert await asyncio.wait_for(working, 30) == STOPPED

    monkeypatch.setattr("bot.runs.CANCEL_DEADLINE_S", 0.1)
    silent = Slow()
    world = World(assistant=silent)
    silent.never_settles = True
    working = asyncio.create_task(run_turn(world.turn(), world.deps))
    await until(lambda: bool(silent.runs))
    world.stop()
    assert await asyncio.wait_for(working, 30) == STOPPED
    [told] = [record for record in caplog.records if record.getMessage() == "run not cancelled"]
    assert told.why == "no answer within 0.1 s"  # type: ignore[attr-defined]


async def test_a_file_whose_name_is_quoted_in_its_link_is_known_all_the_same() -> None:
    world = World()
    world.assistant.files[FileRef("f1")] = b"1"
    file = AnswerFile(file=FileRef("f1"), name="my table.csv")
    text = "Here is [it](sandbox:/mnt/data/my%20table.csv)."
    world.assistant.answer_with = lambda _: Answer(text=text, files=(file,))
    assert "not available" not in texts(await world.answer())


@pytest.mark.parametrize("step", ["run/0/thread_1", "reply/0", "part/0", "part/1"])
async def test_a_turn_that_died_at_any_step_is_finished_in_its_next_life(step: str) -> None:
    world = World()
    world.assistant.files[FileRef("f1")] = PNG
    world.assistant.answer_with = lambda _: Answer(text="Here", images=(AnswerImage(file=FileRef("f1")),))
    world.die_at = step
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    await run_turn(world.turn(attempts=1), world.deps)
    assert len(world.assistant.runs) == 1
    assert len(world.files.kept) == 1
    kinds = [type(part) for part in world.channel.said]
    assert set(kinds) == {TextPart, PicturePart}
    assert len(kinds) == (3 if step.startswith("part") else 2)  # at most the one part being sent is said twice


async def test_giving_up_tells_the_person_without_the_words_of_the_error() -> None:
    world = World()
    await give_up(world.turn(), ZeroDivisionError("secret"), world.deps)
    assert "secret" not in texts(world.channel.said)
    assert "ask again" in texts(world.channel.said)


async def test_an_apology_names_the_turn_and_carries_the_question() -> None:
    world = World()
    world.assistant.ends = [AssistantUnavailableError("connection refused")]
    [part] = await world.answer("plot x^2")
    assert isinstance(part, ApologyPart)
    assert part.words.endswith("Code T-0001.")
    assert part.question == "plot x^2"


async def test_a_stop_is_no_fault_and_has_no_code() -> None:
    world = World()
    world.assistant.ends = [FAILED, TurnStoppedError("stopped")]
    assert await world.answer() == [TextPart(text=TurnStoppedError.apology)]


@pytest.mark.parametrize(
    ("error", "question"),
    [(ZeroDivisionError("x"), "hello"), (TurnGivenUpError("five times"), "")],
)
async def test_what_brought_the_process_down_is_not_offered_once_more(error: Exception, question: str) -> None:
    world = World()
    await give_up(world.turn(), error, world.deps)
    [part] = world.channel.said
    assert isinstance(part, ApologyPart)
    assert part.question == question


async def test_a_question_too_long_for_a_card_is_not_repeated_by_a_button() -> None:
    world = World()
    world.assistant.ends = [AssistantUnavailableError("connection refused")]
    [part] = await world.answer("x" * (MAX_REPEATED + 1))
    assert isinstance(part, ApologyPart)
    assert part.question == ""


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [
        ([], "answered"),
        ([AssistantUnavailableError("down")], "failed:assistant_unavailable"),
        ([TurnStoppedError("stopped")], "stopped"),
    ],
)
async def test_the_outcome_of_a_turn_is_known_in_its_next_life_too(
    ends: list[RunEvent | Exception], outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.runs._FIND_PAUSES_S", (0.0, 0.01))
    world = World()
    world.assistant.ends = ends
    world.die_at = "part/0"
    with pytest.raises(SystemError):
        await run_turn(world.turn(), world.deps)
    world.die_at = ""
    assert await run_turn(world.turn(attempts=1), world.deps) == outcome
    assert await run_turn(world.turn(attempts=2), world.deps) == outcome


async def test_a_reply_that_the_first_version_worked_out_is_sent_by_this_one() -> None:
    world = World()
    world.steps["reply"] = '[{"kind": "TextPart", "text": "y = 12"}]'
    assert await world.answer() == [TextPart(text="y = 12")]


@pytest.mark.parametrize(
    ("state", "said", "outcome"),
    [(TurnState.REJECTED, [TextPart(text=sentences.NOT_READ)], "rejected"), (TurnState.DELETED, [], "deleted")],
)
async def test_a_message_that_is_not_to_be_read_starts_no_run(state: TurnState, said: list[Part], outcome: str) -> None:
    world = World()
    assert await run_turn(world.turn("", state=state), world.deps) == outcome
    assert (world.channel.said, world.assistant.runs) == (said, {})


async def test_a_storage_that_fails_while_the_thread_is_looked_up_is_told() -> None:
    class Broken(MemoryConversations):
        async def thread_of(self, key: object) -> None:
            raise StorageError("disk")

    world = World(conversations=Broken())
    assert texts(await world.answer()) == StorageError.apology
