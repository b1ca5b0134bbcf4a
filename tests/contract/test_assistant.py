"""What every assistant must do, whichever service is behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.openai.polling import PollingPace
from bot.conversation import ThreadId
from bot.errors import AssistantError, RunTooSlowError, ThreadBusyError, ThreadGoneError
from bot.ports import Assistant
from bot.run import (
    Absent,
    Ask,
    FailureCode,
    FileRef,
    Found,
    Progress,
    RunEnd,
    RunEvent,
    RunId,
    RunName,
    Settled,
    ToolOutput,
    ToolsWanted,
    UploadedFile,
)
from tests.contract.assistant_worlds import FUNCTION, TABLE, WORLDS, Script, World
from tests.support.fakes import PNG, ask, message
from tests.support.waiting import until


@pytest.fixture(params=WORLDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield await WORLDS[request.param](stack, tmp_path)


async def thread_of(assistant: Assistant) -> ThreadId:
    return await assistant.open_thread(message().key)


async def test_a_message_is_answered(world: World) -> None:
    world.script = Script(text="y = 12")
    assistant = world.assistant()
    thread = await thread_of(assistant)
    run = await assistant.start(thread, ask("What is y?"), RunName("turn 1"))
    settled = await end_of(assistant, thread, run)
    assert (settled.outcome.end, settled.outcome.failure) == (RunEnd.COMPLETED, None)
    assert (await assistant.answer(thread, [run])).text == "y = 12"
    assert world.heard == "What is y?"


async def test_each_thread_is_a_new_one(world: World) -> None:
    assistant = world.assistant()
    assert await thread_of(assistant) != await thread_of(assistant)


async def test_an_answer_holds_only_what_its_own_run_said(world: World) -> None:
    assistant = world.assistant()
    thread = await thread_of(assistant)
    runs = []
    for number in (1, 2):
        world.script = Script(text=f"answer {number}")
        runs.append(await assistant.start(thread, ask(f"question {number}"), RunName(f"turn {number}")))
        await end_of(assistant, thread, runs[-1])
    assert [(await assistant.answer(thread, [run])).text for run in runs] == ["answer 1", "answer 2"]


async def test_the_runs_of_one_turn_make_one_answer(world: World) -> None:
    assistant = world.assistant()
    thread = await thread_of(assistant)
    runs = []
    for number in (1, 2):
        world.script = Script(text=f"part {number}")
        runs.append(await assistant.start(thread, ask("go on"), RunName(f"turn, run {number}")))
        await end_of(assistant, thread, runs[-1])
    assert (await assistant.answer(thread, runs)).text == "part 1\n\npart 2"


async def test_a_run_is_found_by_its_name_and_not_by_another(world: World) -> None:
    assistant = world.assistant()
    thread, other = await thread_of(assistant), await thread_of(assistant)
    first = await assistant.start(thread, ask(), RunName("turn 1"))
    await end_of(assistant, thread, first)
    second = await assistant.start(thread, ask(), RunName("turn 2"))
    found = [await assistant.find(thread, RunName(f"turn {n}")) for n in (1, 2, 3)]
    assert found == [Found(run=first), Found(run=second), Absent()]
    assert await assistant.find(other, RunName("turn 1")) == Absent()


async def test_where_several_people_speak_the_assistant_reads_who_does(world: World) -> None:
    assistant = world.assistant()
    shared = replace(ask("Plot it."), speaker="Ada\nLovelace")
    await assistant.start(await thread_of(assistant), shared, RunName("turn"))
    await until(lambda: world.heard == "Ada Lovelace wrote:\nPlot it.")


async def test_a_picture_comes_with_its_words_and_its_bytes(world: World) -> None:
    world.script = Script(text="Here it is.", picture=PNG, alt_text="A parabola, y from 3 to 12")
    assistant = world.assistant()
    thread, run = await answered(assistant)
    answer = await assistant.answer(thread, [run])
    assert answer.text == "Here it is."
    assert [shown.alt_text for shown in answer.images] == ["A parabola, y from 3 to 12" if world.tells_alt_text else ""]
    assert await content_of(assistant, answer.images[0].file) == PNG


async def test_runs_of_code_are_counted_however_a_run_is_followed(world: World) -> None:
    world.script = Script(picture=PNG)
    assistant = world.assistant()
    thread = await thread_of(assistant)
    run = await assistant.start(thread, long_question(), RunName("turn"))
    usage = (await end_of(assistant, thread, run)).usage
    assert (usage.code_runs if usage else 0) == int(world.counts_code)


async def test_a_written_file_comes_with_the_words_that_stand_for_it(world: World) -> None:
    world.script = Script(text="All values:", file=b"x,y\n1,2\n")
    assistant = world.assistant()
    thread, run = await answered(assistant)
    answer = await assistant.answer(thread, [run])
    assert [(file.name, file.placeholder) for file in answer.files] == [("table.csv", TABLE)]
    assert answer.files[0].placeholder in answer.text
    assert await content_of(assistant, answer.files[0].file) == b"x,y\n1,2\n"


async def test_files_come_with_a_message_and_stay_for_the_later_ones(world: World, tmp_path: Path) -> None:
    world.script = Script(picture=PNG)
    assistant = world.assistant()
    thread = await thread_of(assistant)
    table = await given(assistant, tmp_path, "Größe (1).csv", b"a,b\n1,2\n")
    await assistant.note(thread, replace(ask(" "), files=(table,)))
    picture = await given(assistant, tmp_path, "b.png", PNG, is_picture=True)
    run = await assistant.start(thread, replace(ask("Plot it."), files=(picture,)), RunName("turn"))
    assert (await end_of(assistant, thread, run)).outcome.end is RunEnd.COMPLETED
    assert world.heard == "Plot it."
    assert world.files == [b"a,b\n1,2\n", *([PNG] if world.code_sees_pictures else [])]


async def test_a_large_file_arrives_whole(world: World, tmp_path: Path) -> None:
    world.script = Script(picture=PNG)
    assistant = world.assistant()
    thread = await thread_of(assistant)
    large = await given(assistant, tmp_path, "large.csv", b"1,2\n" * 5_000_000)
    run = await assistant.start(thread, replace(ask("Plot it."), files=(large,)), RunName("turn"))
    assert (await end_of(assistant, thread, run)).outcome.end is RunEnd.COMPLETED
    assert [len(data) for data in world.files] == [20_000_000]


async def given(
    assistant: Assistant, folder: Path, name: str, content: bytes, *, is_picture: bool = False
) -> UploadedFile:
    (folder / "given").write_bytes(content)
    ref = await assistant.upload(name, folder / "given")
    return UploadedFile(ref=ref, name=name, is_picture=is_picture)


async def test_a_file_that_is_not_there_is_an_error_of_the_assistant(world: World) -> None:
    with pytest.raises(AssistantError):
        await content_of(world.assistant(), FileRef("file-nowhere"))


async def test_a_run_that_wants_a_tool_waits_for_its_output_and_goes_on(world: World) -> None:
    world.script = Script(function=True, text="It is sunny.")
    assistant = world.assistant()
    thread = await thread_of(assistant)
    run = await assistant.start(thread, ask(), RunName("turn"))
    wanted = (await events_of(assistant, thread, run))[-1]
    assert isinstance(wanted, ToolsWanted)
    assert [call.name for call in wanted.calls] == [FUNCTION]
    outputs = [ToolOutput(call=call.id, output="sunny") for call in wanted.calls]
    resumed = await assistant.resume(thread, run, outputs, RunName("turn, tools"))
    assert (await end_of(assistant, thread, resumed)).outcome.end is RunEnd.COMPLETED
    assert (await assistant.answer(thread, [run, resumed] if resumed != run else [run])).text == "It is sunny."
    # As a turn does that was resumed after a crash.
    assert await assistant.resume(thread, run, outputs, RunName("turn, tools")) == resumed


async def test_a_cancelled_run_ends_and_its_thread_takes_the_next_message(world: World) -> None:
    world.script = Script(takes_s=60)
    assistant = world.assistant()
    thread = await thread_of(assistant)
    run = await assistant.start(thread, ask(), RunName("turn 1"))
    await assistant.cancel(thread, run)
    assert (await end_of(assistant, thread, run)).outcome.end is RunEnd.CANCELLED
    await assistant.cancel(thread, run)
    world.script = Script()
    next_run = await assistant.start(thread, ask(), RunName("turn 2"))
    assert (await end_of(assistant, thread, next_run)).outcome.end is RunEnd.COMPLETED


async def test_a_run_that_has_ended_cannot_be_harmed_by_a_cancel(world: World) -> None:
    assistant = world.assistant()
    thread, run = await answered(assistant)
    await assistant.cancel(thread, run)
    assert (await end_of(assistant, thread, run)).outcome.end is RunEnd.COMPLETED


async def test_a_run_that_does_not_end_is_too_slow_at_the_deadline(world: World) -> None:
    world.script = Script(takes_s=60)
    assistant = world.assistant(PollingPace(first_s=0.01, max_s=0.05, deadline_s=0.5))
    thread = await thread_of(assistant)
    run = await assistant.start(thread, ask(), RunName("turn"))
    began = time.monotonic()
    with pytest.raises(RunTooSlowError):
        await events_of(assistant, thread, run)
    assert 0.4 < time.monotonic() - began < 30  # and not the 60 of the run


async def test_a_failed_run_says_why_and_when_to_come_again(world: World) -> None:
    world.script = Script(error_code="rate_limit_exceeded")
    assistant = world.assistant()
    thread, run = await answered(assistant, RunEnd.FAILED)
    outcome = (await end_of(assistant, thread, run)).outcome
    assert (outcome.failure, outcome.retry_after_s) == (FailureCode.RATE_LIMIT, 20)
    assert outcome.explanation == "Sorry, try again in 20s."


async def test_a_thread_that_is_gone_is_told_from_other_trouble(world: World) -> None:
    assistant, nowhere = world.assistant(), ThreadId("thread_nowhere")
    for call in (
        assistant.start(nowhere, ask(), RunName("turn")),
        assistant.note(nowhere, ask()),
        assistant.find(nowhere, RunName("turn")),
        events_of(assistant, nowhere, RunId("run_nowhere")),
        assistant.answer(nowhere, [RunId("run_nowhere")]),
    ):
        with pytest.raises(ThreadGoneError):
            await call
    await assistant.cancel(nowhere, RunId("run_nowhere"))


async def test_a_thread_and_a_file_are_deleted_and_once_more_is_no_error(world: World, tmp_path: Path) -> None:
    # S14: deleting a chat left its thread and files at the service
    assistant = world.assistant()
    thread = await thread_of(assistant)
    await end_of(assistant, thread, await assistant.start(thread, ask(), RunName("turn")))
    given = tmp_path / "a.csv"
    given.write_bytes(b"a,b\n1,2\n")
    file = await assistant.upload("a.csv", given)
    for _ in range(2):
        await assistant.delete_thread(thread)
        await assistant.delete_file(file)
    with pytest.raises(ThreadGoneError):
        await end_of(assistant, thread, await assistant.start(thread, ask(), RunName("another turn")))


async def test_a_thread_held_by_another_run_is_told_from_other_trouble(world: World) -> None:
    world.script = Script(takes_s=60)
    assistant = world.assistant()
    thread = await thread_of(assistant)
    if not world.locks:
        assert await assistant.start(thread, ask(), RunName("turn 2"))
        return
    await world.hold(thread)
    with pytest.raises(ThreadBusyError):
        await assistant.start(thread, ask(), RunName("turn 2"))


async def test_conversations_do_not_wait_for_one_another(world: World) -> None:
    world.script = Script(takes_s=1.5)
    assistant = world.assistant()
    waits_s: list[float] = []

    async def timed() -> None:
        began = time.monotonic()
        await answered(assistant)
        waits_s.append(time.monotonic() - began)

    began = time.monotonic()
    await asyncio.gather(*(timed() for _ in range(10)))
    assert sum(waits_s) > 3 * (time.monotonic() - began)  # one after the other, the last alone waits for all of it


async def test_what_a_run_does_is_told_until_it_ends(world: World) -> None:
    world.script = Script(takes_s=0.3)
    assistant = world.assistant()
    thread = await thread_of(assistant)
    run = await assistant.start(thread, ask(), RunName("turn"))
    *before, last = await events_of(assistant, thread, run)
    assert isinstance(last, Settled)
    assert any(isinstance(event, Progress) for event in before)
    assert not any(isinstance(event, Settled | ToolsWanted) for event in before)


async def test_a_run_that_nobody_follows_any_more_goes_on(world: World) -> None:
    world.script = Script(takes_s=0.3)
    assistant = world.assistant()
    thread = await thread_of(assistant)
    run = await assistant.start(thread, ask(), RunName("turn"))
    async with aclosing(assistant.follow(thread, run)) as events:
        assert isinstance(await anext(events), Progress)
    assert (await end_of(assistant, thread, run)).outcome.end is RunEnd.COMPLETED


async def events_of(assistant: Assistant, thread: ThreadId, run: RunId) -> list[RunEvent]:
    async with aclosing(assistant.follow(thread, run)) as events:
        return [event async for event in events]


async def end_of(assistant: Assistant, thread: ThreadId, run: RunId) -> Settled:
    last = (await events_of(assistant, thread, run))[-1]
    assert isinstance(last, Settled)
    return last


async def content_of(assistant: Assistant, file: FileRef) -> bytes:
    async with assistant.open_file(file) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def answered(assistant: Assistant, end: RunEnd = RunEnd.COMPLETED) -> tuple[ThreadId, RunId]:
    """A thread with one message, and the run that has ended on it."""
    thread = await thread_of(assistant)
    run = await assistant.start(thread, long_question(), RunName("turn"))
    assert (await end_of(assistant, thread, run)).outcome.end is end
    return thread, run


def long_question() -> Ask:
    return ask("Solve the equation y = x^2 + 3 for x = 3 and plot the function graph.")
