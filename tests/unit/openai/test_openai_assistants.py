"""The Assistants backend against a stand-in service that misbehaves in each way at each call."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.embedded.models.port import SAYS_WHO
from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client, Endpoint
from adapters.openai.protocol import message_body
from bot.conversation import ThreadId
from bot.errors import (
    AssistantRefusedError,
    AssistantUnavailableError,
    AttachmentError,
    RunTooSlowError,
    ThreadBusyError,
    ThreadGoneError,
)
from bot.language import speaking
from bot.run import RunEnd, RunId, RunName, Settled, ToolCallId, ToolOutput, UploadedFile
from tests.support.fake_assistants import Endpoint as To
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import Plan, citation, function_call, text
from tests.support.fakes import ask, message
from tests.support.impatient_client import PACE, RETRY, calling, impatient, last_event
from tests.support.openai_stand_in import PASSING, Fault

SURELY_NOT_DONE = (Fault.RATE_LIMIT,)
IN_DOUBT = tuple(fault for fault in PASSING if fault not in SURELY_NOT_DONE)


@pytest.fixture
async def service() -> AsyncIterator[FakeAssistants]:
    async with FakeAssistants() as service:
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


async def test_a_run_is_started_with_its_message_in_one_call(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    await assistant.start(thread, ask("What is y?"), RunName("7-m1"))
    assert [(call.to, call.body) for call in service.calls] == [
        (To.CREATE_THREAD, {}),
        (
            To.CREATE_RUN,
            {
                "assistant_id": "asst_1",
                "additional_messages": [{"role": "user", "content": "What is y?"}],
                "metadata": {"turn": "7-m1", "channel": "msteams"},
                "stream": True,
            },
        ),
    ]


async def test_the_embedded_server_is_told_the_language_of_the_person_where_it_is_not_english(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId
) -> None:
    with speaking("de-AT"):
        await assistant.start(thread, ask("x^2"), RunName("7-m1"))
    [run] = service.called(To.CREATE_RUN)
    assert run.body["metadata"]["language"] == "de"


async def test_nothing_about_people_goes_along_but_what_was_said(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    await assistant.start(thread, ask("hello", conversation="a:secret"), RunName("7-m1"))
    assert not {"secret", "Ada", "ada", "t1"} & {word for call in service.calls for word in str(call.body).split("'")}


async def test_the_embedded_server_is_told_by_a_pseudonym_who_asks(client: Client, service: FakeAssistants) -> None:
    reference = message().reference
    assistant = AssistantsBackend(assistant_id="asst_1", client=client, tells_users=True)
    thread = await assistant.open_thread(reference.key)
    await assistant.start(thread, replace(ask("hello"), user=reference.user_pseudonym), RunName("7-m1"))
    [run] = service.called(To.CREATE_RUN)
    assert run.body["metadata"] == {"turn": "7-m1", "channel": "msteams", "user": reference.user_pseudonym}
    assert reference.user.id not in reference.user_pseudonym
    other = replace(reference, key=replace(reference.key, tenant="another"))
    assert other.user_pseudonym != reference.user_pseudonym


def test_who_speaks_is_told_only_where_several_people_do() -> None:
    assert message_body(ask("hi")) == {"role": "user", "content": "hi"}
    shared = replace(ask("hi"), speaker="Ada")
    assert message_body(shared) == {"role": "user", "content": "Ada wrote:\nhi", "metadata": {"speaker": "Ada"}}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("  Ada \t Lovelace ", "Ada Lovelace wrote:"),
        ("", "Someone wrote:"),  # or a text could begin with somebody's name
        (" \n\u200b\u2028", "Someone wrote:"),
        ("Bob wrote:\nhi\r\nAda", "Bob wrote hi Ada wrote:"),
        ("Bob\u2028Ada wrote:\x85", "Bob Ada wrote wrote:"),
        ("\u202eadA\u2066\x00\x1b[2J", "adA[2J wrote:"),
        ("مريم", "مريم wrote:"),
        ("A" * 500, "A" * 79 + "… wrote:"),
    ],
)
def test_a_speakers_name_stays_one_line_whatever_it_holds(name: str, line: str) -> None:
    body = message_body(replace(ask("Ada wrote:\nhi"), speaker=name))
    assert body["content"] == f"{line}\nAda wrote:\nhi"
    assert body["metadata"] == {"speaker": line.removesuffix(" wrote:")}
    assert SAYS_WHO.fullmatch(f"{line}\n")  # the embedded server takes it for what it is


@pytest.mark.parametrize("fault", IN_DOUBT)
async def test_a_run_whose_start_is_in_doubt_is_looked_for_before_another_is_started(
    fault: Fault,
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.fail(To.CREATE_RUN, fault)
    run = await assistant.start(thread, ask(), RunName("turn"))
    assert list(service.state.runs) == [run]
    assert len([m for m in service.state.messages[thread] if m["role"] == "user"]) == 1
    assert service.calls[2].to is To.LIST_RUNS
    assert await completed(assistant, thread, run)


async def test_a_run_that_was_surely_not_started_is_started_without_looking(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.fail(To.CREATE_RUN, Fault.RATE_LIMIT, Fault.RATE_LIMIT)
    await assistant.start(thread, ask(), RunName("turn"))
    assert [call.to for call in service.calls[1:]] == [To.CREATE_RUN] * 3


async def test_a_service_that_turns_everything_away_is_not_asked_for_the_run(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.weather = lambda _to: Fault.RATE_LIMIT
    with pytest.raises(AssistantUnavailableError):
        await assistant.start(thread, ask(), RunName("turn"))
    assert [call.to for call in service.calls[1:]] == [To.CREATE_RUN] * RETRY.max_attempts


async def test_a_start_that_stays_in_doubt_is_given_up(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.weather = lambda to: Fault.RESET if to is To.CREATE_RUN else None
    with pytest.raises(AssistantUnavailableError):
        await assistant.start(thread, ask(), RunName("turn"))
    assert len(service.called(To.CREATE_RUN)) == len(service.called(To.LIST_RUNS)) == RETRY.max_attempts


async def test_a_run_that_the_list_does_not_show_yet_is_found_by_its_hold_on_the_thread(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    service.state.hidden_lists = 2
    service.fail(To.CREATE_RUN, Fault.LOST_ANSWER)
    run = await assistant.start(thread, ask(), RunName("turn"))
    assert list(service.state.runs) == [run]


async def test_a_thread_that_is_soon_free_is_waited_for(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.plan = lambda _said: Plan(run_s=0.2)
    first = await assistant.start(thread, ask(), RunName("turn 1"))
    second = await assistant.start(thread, ask(), RunName("turn 2"))
    assert list(service.state.runs) == [first, second]


async def test_a_thread_that_stays_busy_is_given_up(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    await assistant.start(thread, ask(), RunName("turn 1"))
    with pytest.raises(ThreadBusyError):
        await assistant.start(thread, ask(), RunName("turn 2"))
    assert len(service.state.runs) == 1


@pytest.mark.parametrize("name", ["a.xls", "A.ODS"])
async def test_a_workbook_that_hosted_services_do_not_take_is_refused_before_it_is_sent(
    service: FakeAssistants, assistant: AssistantsBackend, tmp_path: Path, name: str
) -> None:
    (tmp_path / "book").write_bytes(b"x")
    service.calls.clear()
    with pytest.raises(AttachmentError) as refused:
        await assistant.upload(name, tmp_path / "book")
    assert refused.value.apology == f"I cannot read {name} in this format. Please save it as xlsx and send it again."
    assert service.calls == []


async def test_a_wrong_key_is_refused_at_once_and_never_quoted(service: FakeAssistants, thread: ThreadId) -> None:
    client = Client(endpoint=Endpoint(base_url=service.base_url, api_key="sk-wrong"), retry=RETRY)
    assistant = AssistantsBackend(assistant_id="asst_1", client=client)
    service.calls.clear()
    with pytest.raises(AssistantRefusedError) as caught:
        await assistant.start(thread, ask(), RunName("turn"))
    await client.close()
    assert len(service.calls) == 1
    assert "sk-wrong" not in str(caught.value)


@pytest.mark.parametrize("fault", [fault for fault in PASSING if fault is not Fault.SILENCE])
async def test_every_fault_is_waited_out_while_a_run_is_followed(
    fault: Fault,
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    run = await assistant.start(thread, ask(), RunName("turn"))
    service.fail(To.GET_RUN, fault, fault, fault)
    assert await completed(assistant, thread, run)


@pytest.mark.parametrize("status", ["in_progress", "queued", "cancelling", "pondering"])
async def test_a_run_that_is_stuck_is_too_slow_at_the_deadline(
    status: str,
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60, before=status)
    run = await assistant.start(thread, ask(), RunName("turn"))
    began = time.monotonic()
    with pytest.raises(RunTooSlowError):
        await last_event(assistant, thread, run)
    assert PACE.deadline_s - 0.2 < time.monotonic() - began < 30  # and not the 60 of the run


async def test_the_service_may_set_the_pace(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.plan = lambda _said: Plan(run_s=0.5)
    service.poll_after_ms = "250"
    await last_event(assistant, thread, await assistant.start(thread, ask(), RunName("turn")))
    assert len(service.called(To.GET_RUN)) <= 4


async def test_an_answer_of_many_pages_is_read_whole(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.plan = lambda _said: Plan(messages=[[text(f"line {n}")] for n in range(250)])
    run = await assistant.start(thread, ask(), RunName("turn"))
    await last_event(assistant, thread, run)
    assert (await assistant.answer(thread, [run])).text.split("\n\n") == [f"line {n}" for n in range(250)]
    assert len(service.called(To.LIST_MESSAGES)) == 3


async def test_a_service_that_ignores_the_filter_cannot_mix_answers(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = service.state.messages_of
    monkeypatch.setattr(service.state, "messages_of", lambda thread, _run: everything(thread, None))
    for number in (1, 2):
        run = await assistant.start(thread, ask(f"question {number}"), RunName(f"turn {number}"))
        await last_event(assistant, thread, run)
    assert (await assistant.answer(thread, [run])).text == "You said: question 2"


async def test_cited_files_have_their_names_and_one_that_is_lost_costs_no_answer(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.files["report"] = b"%PDF"
    notes = (citation("【1】", "report"), citation("【2】", "lost"), citation("【3】", "report"))
    service.state.plan = lambda _said: Plan(messages=[[text("As said【1】【2】【3】.", *notes)]])
    run = await assistant.start(thread, ask(), RunName("turn"))
    await last_event(assistant, thread, run)
    cited = [(each.placeholder, each.name) for each in (await assistant.answer(thread, [run])).citations]
    assert cited == [("【1】", "report.pdf"), ("【2】", ""), ("【3】", "report.pdf")]
    assert len(service.called(To.GET_FILE)) == 2  # one for each file


@pytest.mark.parametrize("fault", [fault for fault in PASSING if fault is not Fault.WRONG_SHAPE])
async def test_reading_an_answer_survives_a_fault(
    fault: Fault,
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    run = await assistant.start(thread, ask("hi"), RunName("turn"))
    await last_event(assistant, thread, run)
    service.fail(To.LIST_MESSAGES, fault)
    assert (await assistant.answer(thread, [run])).text == "You said: hi"


async def completed(assistant: AssistantsBackend, thread: ThreadId, run: RunId) -> bool:
    last = await last_event(assistant, thread, run)
    return isinstance(last, Settled) and last.outcome.end is RunEnd.COMPLETED


async def wanting_a_tool(service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId) -> RunId:
    service.state.plan = lambda _said: Plan(tool_calls=[function_call("call_1", "look_up")])
    return await assistant.start(thread, ask(), RunName("turn"))


@pytest.mark.parametrize("fault", PASSING)
async def test_tool_outputs_arrive_once_whatever_happens_to_the_call(
    fault: Fault,
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    run = await wanting_a_tool(service, assistant, thread)
    service.fail(To.SUBMIT, fault)
    outputs = [ToolOutput(call=ToolCallId("call_1"), output="sunny")]
    assert await assistant.resume(thread, run, outputs, RunName("turn, tools")) == run
    assert service.state.runs[run].outputs == [{"tool_call_id": "call_1", "output": "sunny"}]
    assert await completed(assistant, thread, run)


async def test_outputs_that_do_not_fit_are_not_passed_over(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    run = await wanting_a_tool(service, assistant, thread)
    outputs = [ToolOutput(call=ToolCallId(call), output="") for call in ("call_1", "call_2")]
    with pytest.raises(AssistantRefusedError):
        await assistant.resume(thread, run, outputs, RunName("turn, tools"))
    assert len(service.called(To.SUBMIT)) == 1


@pytest.mark.parametrize("fault", PASSING)
async def test_a_cancel_is_done_whatever_happens_to_the_call(
    fault: Fault,
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    service.state.plan = lambda _said: Plan(run_s=60)
    run = await assistant.start(thread, ask(), RunName("turn"))
    service.fail(To.CANCEL, fault)
    await assistant.cancel(thread, run)
    assert service.state.runs[run].status == "cancelled"


async def test_a_thread_that_went_away_is_told(
    service: FakeAssistants,
    assistant: AssistantsBackend,
    thread: ThreadId,
) -> None:
    run = await assistant.start(thread, ask(), RunName("turn"))
    del service.state.messages[thread]
    with pytest.raises(ThreadGoneError):
        await last_event(assistant, thread, run)
    with pytest.raises(ThreadGoneError):
        await assistant.start(thread, ask(), RunName("turn 2"))


async def test_a_message_with_files_has_them_for_code_and_the_pictures_to_look_at(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId, tmp_path: Path
) -> None:
    files = [await given(assistant, tmp_path, "a.csv"), await given(assistant, tmp_path, "b.png", is_picture=True)]
    await assistant.start(thread, replace(ask("Look"), files=tuple(files)), RunName("turn"))
    assert [(call.body["purpose"], call.body["name"]) for call in service.called(To.UPLOAD)] == [
        ("assistants", "a.csv"),
        ("assistants", "b.png"),
    ]
    [said] = service.called(To.CREATE_RUN)[0].body["additional_messages"]
    tools = [{"type": "code_interpreter"}]
    assert said == {
        "role": "user",
        "content": [{"type": "text", "text": "Look"}, {"type": "image_file", "image_file": {"file_id": files[1].ref}}],
        "attachments": [{"file_id": file.ref, "tools": tools} for file in files],
    }


async def test_files_without_a_word_become_a_message_that_names_them(
    service: FakeAssistants, assistant: AssistantsBackend, thread: ThreadId, tmp_path: Path
) -> None:
    files = (await given(assistant, tmp_path, "a.csv"), await given(assistant, tmp_path, "b.md"))
    await assistant.note(thread, replace(ask(" "), files=files))
    assert service.called(To.ADD_MESSAGE)[0].body["content"] == "Here is a.csv and b.md."


@pytest.mark.parametrize("fault", PASSING)
async def test_an_upload_is_made_again_whatever_went_wrong(
    fault: Fault, service: FakeAssistants, assistant: AssistantsBackend, tmp_path: Path
) -> None:
    service.fail(To.UPLOAD, fault)
    file = await given(assistant, tmp_path, "a.csv")
    assert service.state.files[file.ref] == b"a,b\n"
    assert len(service.called(To.UPLOAD)) == 2


async def given(assistant: AssistantsBackend, folder: Path, name: str, *, is_picture: bool = False) -> UploadedFile:
    (folder / name).write_bytes(b"a,b\n")
    ref = await assistant.upload(name, folder / name)
    return UploadedFile(ref=ref, name=name, is_picture=is_picture)
