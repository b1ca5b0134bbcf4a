"""Runs followed by the events of their service, and polled where those are missing or break."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client
from adapters.openai.event_stream import RunEventReader
from bot.conversation import ThreadId
from bot.errors import AssistantRefusedError, RunTooSlowError
from bot.run import (
    FailureCode,
    Progress,
    RunEnd,
    RunEvent,
    RunId,
    RunName,
    RunOutcome,
    RunPhase,
    Settled,
    TextSoFar,
    ToolCallId,
    ToolOutput,
    ToolsWanted,
)
from bot.turn_record import Usage
from httpkit.server_sent_events import ServerSentEvent
from tests.support.fake_assistants import Endpoint as To
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import Plan, code_step, file_path, function_call, image, text
from tests.support.fakes import ask, message
from tests.support.impatient_client import PACE, calling, impatient
from tests.support.openai_stand_in import Fault, RefusalError
from tests.support.waiting import settled, until


@pytest.fixture
async def service() -> AsyncIterator[FakeAssistants]:
    async with FakeAssistants() as service:
        service.streams = True
        service.state.plan = lambda said: Plan(run_s=0.1, messages=[[text(f"You said: {said}")]])
        yield service


@pytest.fixture
async def client(service: FakeAssistants) -> AsyncIterator[Client]:
    async with calling(service) as client:
        yield client


@pytest.fixture
def assistant(client: Client) -> AssistantsBackend:
    return impatient(client)


@pytest.fixture
async def thread(assistant: AssistantsBackend) -> ThreadId:
    return await assistant.open_thread(message().key)


async def started(assistant: AssistantsBackend, thread: ThreadId, text: str = "hi") -> RunId:
    return await assistant.start(thread, ask(text), RunName("turn"))


async def events_of(assistant: AssistantsBackend, thread: ThreadId, run: RunId) -> list[RunEvent]:
    async with aclosing(assistant.follow(thread, run)) as events:
        return [event async for event in events]


async def test_a_streamed_run_is_followed_without_a_request(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    run = await started(assistant, thread)
    *shown, last = await events_of(assistant, thread, run)
    assert isinstance(last, Settled)
    assert last.outcome.end is RunEnd.COMPLETED
    assert shown == [
        Progress(phase=RunPhase.QUEUED),
        Progress(phase=RunPhase.WORKING),
        TextSoFar(text="Yo"),
        TextSoFar(text="You said: hi"),
    ]
    assert service.called(To.GET_RUN) == []
    assert (await assistant.answer(thread, [run])).text == "You said: hi"
    assert service.called(To.LIST_MESSAGES) == []


async def test_an_answer_that_was_streamed_is_the_one_that_the_service_keeps(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    file = file_path("sandbox:/mnt/data/a.csv", "file_csv")
    service.state.plan = lambda _said: Plan(
        messages=[[text("First"), image("file_png")], [text("See [it](sandbox:/mnt/data/a.csv)", file)]]
    )
    run = await started(assistant, thread)
    await events_of(assistant, thread, run)
    streamed = await assistant.answer(thread, [run])
    assert service.called(To.LIST_MESSAGES) == []
    assert streamed == await assistant.answer(thread, [run])
    assert len(service.called(To.LIST_MESSAGES)) == 1  # what the stream told is kept for one reading
    assert (len(streamed.images), len(streamed.files)) == (1, 1)


async def test_the_id_of_a_run_is_known_before_it_has_done_anything(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    run = await started(assistant, thread)
    assert service.state.runs[run].is_active


@pytest.mark.parametrize("events", range(1, 7))
async def test_a_stream_that_breaks_after_any_event_is_followed_by_polling(
    events: int, service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.events_until_cut = events
    run = await started(assistant, thread)
    last = (await events_of(assistant, thread, run))[-1]
    assert isinstance(last, Settled)
    assert len(service.called(To.CREATE_RUN)) == 1
    assert len(service.called(To.GET_RUN)) >= 1
    assert (await assistant.answer(thread, [run])).text == "You said: hi"


async def test_a_stream_that_breaks_before_its_first_event_leaves_a_run_that_is_found(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.events_until_cut = 0
    run = await started(assistant, thread)
    assert list(service.state.runs) == [run]
    assert isinstance((await events_of(assistant, thread, run))[-1], Settled)


async def test_a_stream_that_falls_silent_is_given_up_and_its_run_polled(
    service: FakeAssistants, client: Client, thread: ThreadId
) -> None:
    assistant = AssistantsBackend(assistant_id="asst_1", client=client, pace=PACE, max_silence_s=0.2)
    service.events_until_silence = 2
    run = await started(assistant, thread)
    assert isinstance((await events_of(assistant, thread, run))[-1], Settled)
    assert len(service.called(To.GET_RUN)) >= 1


async def test_events_that_are_no_json_are_followed_by_polling(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.garbled_events = True
    run = await started(assistant, thread)
    assert isinstance((await events_of(assistant, thread, run))[-1], Settled)


async def test_a_streamed_run_that_does_not_end_is_too_slow_at_the_deadline(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    run = await started(assistant, thread)
    began_s = time.monotonic()
    with pytest.raises(RunTooSlowError):
        await events_of(assistant, thread, run)
    assert PACE.deadline_s - 0.2 < time.monotonic() - began_s < 30  # and not the 60 of the run


async def test_a_run_that_another_process_started_is_polled(
    service: FakeAssistants, client: Client, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    run = await started(assistant, thread)
    assert isinstance((await events_of(impatient(client), thread, run))[-1], Settled)
    assert len(service.called(To.GET_RUN)) >= 1


@pytest.mark.parametrize("way", ["no stream", "broken stream", "functions"])
async def test_the_code_of_a_run_is_counted_with_its_time_however_the_run_is_followed(
    way: str, service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    # Else a person's hourly time for code would last for ever where streams break.
    calls = [function_call("call_1", "look_up")] if way == "functions" else []
    steps = [code_step("a", took_ms=59_000), code_step("b", took_ms=1_000)]
    service.state.plan = lambda said: Plan(run_s=0.05, tool_calls=calls, steps=steps, messages=[[text(said)]])
    service.streams = way != "no stream"
    service.events_until_cut = 3 if way == "broken stream" else None
    run = await started(assistant, thread)
    last = (await events_of(assistant, thread, run))[-1]
    if isinstance(last, ToolsWanted):
        outputs = [ToolOutput(call=call.id, output="sunny") for call in last.calls]
        await assistant.resume(thread, run, outputs, RunName("turn, tools"))
        last = (await events_of(assistant, thread, run))[-1]
    assert isinstance(last, Settled)
    assert last.usage == Usage(code_runs=2, code_ms=60_000)


async def test_the_code_of_a_run_is_counted_when_it_is_cancelled_and_not_when_it_had_ended(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60, steps=[code_step("a", took_ms=59_000)])
    run = await started(assistant, thread)
    assert await assistant.cancel(thread, run) == Usage(code_runs=1, code_ms=59_000)
    # The process may have died before that was counted, and the next attempt of the turn cancels again.
    assert await assistant.cancel(thread, run) == Usage(code_runs=1, code_ms=59_000)

    service.state.plan = lambda said: Plan(messages=[[text(said)]], steps=[code_step("a", took_ms=59_000)])
    run = await started(assistant, thread)
    assert isinstance((await events_of(assistant, thread, run))[-1], Settled)
    assert await assistant.cancel(thread, run) == Usage()


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled", "expired"])
def test_the_code_of_a_streamed_step_is_counted_however_the_step_ends(end: str) -> None:
    reader = RunEventReader()
    step = ServerSentEvent(name=f"thread.run.step.{end}", data=json.dumps(code_step("a", took_ms=7)))
    run = ServerSentEvent(name="thread.run.failed", data=json.dumps({"id": "run_1", "status": "failed"}))
    assert [reader.read(sent) for sent in (step, run)][-1] == Settled(
        outcome=RunOutcome(end=RunEnd.FAILED, failure=FailureCode.SERVER), usage=Usage(code_runs=1, code_ms=7)
    )


async def test_all_code_of_a_long_run_is_counted(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    steps = [code_step(f"step {number}", took_ms=number) for number in range(1, 251)]
    service.state.plan = lambda said: Plan(run_s=0.05, steps=steps, messages=[[text(said)]])
    service.streams = False
    run = await started(assistant, thread)
    last = (await events_of(assistant, thread, run))[-1]
    assert isinstance(last, Settled)
    assert last.usage == Usage(code_runs=250, code_ms=sum(range(251)))


async def test_a_list_of_steps_that_never_ends_is_not_read_for_ever(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60, steps=[code_step("a", took_ms=1)] * 2)
    service.ends_lists = False
    run = await started(assistant, thread)
    assert await assistant.cancel(thread, run) == Usage(code_runs=2, code_ms=2)


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LATE_ERROR, Fault.GARBAGE, Fault.WRONG_SHAPE])
async def test_a_streamed_run_whose_start_is_in_doubt_is_found_and_polled(
    fault: Fault, service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.fail(To.CREATE_RUN, fault)
    run = await started(assistant, thread)
    assert list(service.state.runs) == [run]
    assert isinstance((await events_of(assistant, thread, run))[-1], Settled)


async def test_a_service_that_ignores_the_wish_for_a_stream_is_asked_once(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.streams = False
    for _ in range(2):
        assert isinstance((await events_of(assistant, thread, await started(assistant, thread)))[-1], Settled)
    assert ["stream" in call.body for call in service.called(To.CREATE_RUN)] == [True, False]


async def test_a_service_that_refuses_streams_is_asked_without_from_then_on(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.refuses_streams = True
    for _ in range(2):
        assert isinstance((await events_of(assistant, thread, await started(assistant, thread)))[-1], Settled)
    assert ["stream" in call.body for call in service.called(To.CREATE_RUN)] == [True, False, False]
    assert len(service.state.runs) == 2


async def test_a_refusal_for_another_reason_says_nothing_about_streams(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: str, _body: object) -> None:
        raise RefusalError(400, "Invalid 'metadata'.")

    with monkeypatch.context() as patched:
        patched.setattr(service.state, "create_run", refuse)
        with pytest.raises(AssistantRefusedError):
            await started(assistant, thread)
    run = await started(assistant, thread)
    assert isinstance((await events_of(assistant, thread, run))[-1], Settled)
    assert service.called(To.GET_RUN) == []


async def test_a_run_that_wants_tools_says_so_in_its_stream_and_is_polled_afterwards(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda said: Plan(tool_calls=[function_call("call_1", "look_up")], messages=[[text(said)]])
    run = await started(assistant, thread)
    wanted = (await events_of(assistant, thread, run))[-1]
    assert isinstance(wanted, ToolsWanted)
    assert service.called(To.GET_RUN) == []
    outputs = [ToolOutput(call=call.id, output="sunny") for call in wanted.calls]
    assert await assistant.resume(thread, run, outputs, RunName("turn, tools")) == run
    assert isinstance((await events_of(assistant, thread, run))[-1], Settled)
    assert (await assistant.answer(thread, [run])).text == "hi"


async def test_outputs_of_tools_reach_a_service_that_refuses_a_stream_behind_them(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.refuses_streams_after_tools = True
    service.state.plan = lambda said: Plan(tool_calls=[function_call("call_1", "look_up")], messages=[[text(said)]])
    for _ in range(2):
        run = await started(assistant, thread)
        assert isinstance((await events_of(assistant, thread, run))[-1], ToolsWanted)
        outputs = [ToolOutput(call=ToolCallId("call_1"), output="sunny")]
        await assistant.resume(thread, run, outputs, RunName("turn, tools"))
        assert isinstance((await events_of(assistant, thread, run))[-1], Settled)
        assert service.state.runs[run].outputs == [{"tool_call_id": "call_1", "output": "sunny"}]
    assert all("stream" in call.body for call in service.called(To.CREATE_RUN))  # a run's start is still told as events
    assert ["stream" in call.body for call in service.called(To.SUBMIT)] == [True, False, False]


async def test_a_connection_serves_the_next_request_when_its_stream_has_ended(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    for _ in range(5):
        run = await started(assistant, thread)
        await events_of(assistant, thread, run)
        await assistant.answer(thread, [run])
    ports = {call.port for call in service.calls}
    assert len(ports) == 1


async def test_a_stream_that_nobody_follows_is_closed_by_a_cancel(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    run = await started(assistant, thread)
    await until(lambda: service.open_streams == 1)
    await assistant.cancel(thread, run)
    await until(lambda: service.open_streams == 0)


async def test_a_stream_that_nobody_came_to_follow_is_closed_in_time(service: FakeAssistants, client: Client) -> None:
    now_s = [1000.0]
    assistant = AssistantsBackend(assistant_id="asst_1", client=client, pace=PACE, clock=lambda: now_s[0])
    service.state.plan = lambda _said: Plan(run_s=60)
    first, second = [await assistant.open_thread(message().key) for _ in range(2)]
    await started(assistant, first)
    now_s[0] += 61
    await started(assistant, second)
    await until(lambda: service.open_streams == 1)


async def test_a_follower_that_goes_away_closes_its_stream(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    run = await started(assistant, thread)
    following = asyncio.create_task(events_of(assistant, thread, run))
    await settled()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await until(lambda: service.open_streams == 0)


@pytest.mark.parametrize("by", ["backend", "client"])
async def test_what_is_closed_closes_the_streams_that_nobody_follows(
    by: str, service: FakeAssistants, client: Client, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    await started(assistant, thread)
    await until(lambda: service.open_streams == 1)
    await (assistant if by == "backend" else client).close()
    await until(lambda: service.open_streams == 0)


async def test_an_answer_is_fetched_where_the_stream_leaves_it_out(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    service.tells_whole_messages = False
    run = await started(assistant, thread)
    await events_of(assistant, thread, run)
    assert (await assistant.answer(thread, [run])).text == "You said: hi"
    assert len(service.called(To.LIST_MESSAGES)) == 1


def test_messages_of_which_the_stream_told_a_part_are_not_taken_for_the_answer() -> None:
    reader = RunEventReader()

    def read(event: str, **message: object) -> None:
        reader.read(ServerSentEvent(name=f"thread.message.{event}", data=json.dumps(message)))

    read("created", id="msg_0", role="user")  # some services tell of the question too
    read("created", id="msg_1", role="assistant")
    read("completed", id="msg_1", role="assistant", content=[])
    assert [message.text("id") for message in reader.messages] == ["msg_1"]
    read("created", id="msg_2", role="assistant")
    assert reader.messages == []
    read("incomplete", id="msg_2", role="assistant", content=[])
    assert [message.text("id") for message in reader.messages] == ["msg_1", "msg_2"]
    read("completed", id="msg_3", role="assistant")  # some services name the message alone
    assert reader.messages == []


def test_the_work_for_a_long_text_in_small_pieces_is_in_proportion_to_it() -> None:
    reader, shown = RunEventReader(), []
    for number in range(50_000):
        piece = {"index": 0, "type": "text", "text": {"value": f"{number:09} "}}
        delta = {"id": "msg_1", "delta": {"content": [piece]}}
        event = reader.read(ServerSentEvent(name="thread.message.delta", data=json.dumps(delta)))
        if isinstance(event, TextSoFar):
            shown.append(event.text)
    whole = "".join(f"{number:09} " for number in range(50_000))
    assert all(whole.startswith(so_far) for so_far in shown)
    assert len(shown[0]) == 10
    assert len(shown[-1]) > 0.95 * len(whole)
    assert sum(map(len, shown)) < 60 * len(whole)
