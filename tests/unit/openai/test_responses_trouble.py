"""What users of the Responses API report, row by row (the table of reported problems), and what this bot does then."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace

import pytest

from bot.attachments import Attachment
from bot.conversation import ThreadId
from bot.errors import AssistantUnavailableError
from bot.run import RunId, RunName, Settled
from tests.support.fakes import PNG, ask, message
from tests.support.hosted_talk import HostedTalk, does, next_is_answered, talking
from tests.support.openai_stand_in import Fault
from tests.support.responses_service import Provider, ResponsesService, To
from tests.support.responses_state import Container, Plan, echo
from tests.support.waiting import until

CSV = b"x,y\n1,2\n"


@pytest.fixture
async def service() -> AsyncIterator[ResponsesService]:
    async with ResponsesService() as started:
        yield started


@pytest.fixture
async def azure() -> AsyncIterator[ResponsesService]:
    async with ResponsesService(Provider.AZURE) as started:
        yield started


@pytest.fixture
async def talk(service: ResponsesService) -> AsyncIterator[HostedTalk]:
    async with talking(service) as talk_begun:
        yield talk_begun


# ------------------------------------------------------------------------------------------------- plots and files


async def test_a_sandbox_link_is_replaced_by_the_name_of_the_file_that_came_along(talk: HostedTalk) -> None:
    text = "All of it: [the table](sandbox:/mnt/data/table.csv)."
    talk.service.state.brain = does(Plan(text=text, saved={"table.csv": CSV}))
    assert await talk.ask("go") == ["All of it: the table."]
    assert talk.linked == {"table.csv": CSV}


async def test_a_sandbox_link_without_its_file_says_so(talk: HostedTalk) -> None:
    talk.service.state.brain = does(Plan(text="Here: [t](sandbox:/mnt/data/gone.csv)", code="1"))
    assert await talk.ask("go") == ["Here: t (this file is not available)"]


@pytest.mark.parametrize("cited", [True, None, False], ids=["cited", "cited with equal indexes", "listed only"])
async def test_a_file_arrives_from_whichever_place_names_it(talk: HostedTalk, cited: bool | None) -> None:
    saved = {"a.csv": CSV, "b.xlsx": b"PK\3\4sheet", "c.pdf": b"%PDF-1.7", "plot.png": PNG}
    text = "See sandbox:/mnt/data/a.csv and ![plot](sandbox:/mnt/data/plot.png)."
    talk.service.state.brain = does(Plan(text=text, saved=saved, cited=cited))
    assert await talk.ask("go") == ["See a.csv and ."]
    assert talk.linked == {name: data for name, data in saved.items() if name != "plot.png"}
    assert [talk.files.kept[picture.file.token] for picture in talk.pictures] == [PNG]


@pytest.mark.parametrize("indexes", [(11, 38), (0, 0), (13, 40), (900, 100), (5, 9_000)])
async def test_indexes_that_count_otherwise_cost_no_file(talk: HostedTalk, indexes: tuple[int, int]) -> None:
    text = "📈📈 and [t](sandbox:/mnt/data/table.csv)."
    container = talk.service.state.containers["cntr_1"] = Container(id="cntr_1")
    file = talk.service.state.save(container, "table.csv", CSV)
    citation = {"type": "container_file_citation", "container_id": "cntr_1", "file_id": file, "filename": "table.csv"}
    annotation = {**citation, "start_index": indexes[0], "end_index": indexes[1]}
    part = {"type": "output_text", "text": text, "annotations": [annotation], "logprobs": []}
    message = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [part]}
    talk.service.state.brain = does(Plan(extra={"output": [message]}))
    [words] = await talk.ask("go")
    assert words.endswith("and t.")
    assert talk.linked == {"table.csv": CSV}


async def test_a_picture_that_code_showed_arrives_without_any_annotation(talk: HostedTalk) -> None:
    talk.service.state.brain = does(Plan(text="Here.", shown=(PNG,)))
    await talk.ask("go")
    assert [talk.files.kept[picture.file.token] for picture in talk.pictures] == [PNG]


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "polled"])
async def test_pictures_that_code_showed_are_read_from_the_response_as_it_ended(
    talk: HostedTalk, streams: bool
) -> None:
    talk.service.streams = streams
    talk.service.state.brain = does(Plan(text="Here.", shown=(PNG, PNG + b"2")))
    await talk.ask("go")
    assert len(talk.pictures) == 2
    fetched = len(talk.service.called(To.GET_RESPONSE))
    assert fetched <= (0 if streams else 1)
    [run] = talk.service.state.responses
    await talk.backend.answer(next(iter(talk.states.kept)), [RunId(run)])
    assert len(talk.service.called(To.GET_RESPONSE)) == fetched + 1  # nothing of it is kept any more


async def test_nothing_is_kept_of_a_response_that_gave_no_answer(talk: HostedTalk) -> None:
    for status, fetched in (("completed", 0), ("cancelled", 1)):
        talk.service.state.brain = does(Plan(text="Here.", status=status))
        thread = await talk.backend.open_thread(message().key)
        run = await talk.backend.start(thread, ask("go"), RunName(status))
        async with aclosing(talk.backend.follow(thread, run)) as events:
            assert isinstance([event async for event in events][-1], Settled)
        await talk.backend.answer(thread, [run])
        assert len(talk.service.called(To.GET_RESPONSE)) == fetched


async def test_the_same_bytes_in_two_places_arrive_once(talk: HostedTalk) -> None:
    talk.service.state.brain = does(Plan(text="Here.", shown=(PNG,), saved={"plot.png": PNG}))
    await talk.ask("go")
    assert len(talk.pictures) == 1


async def test_files_of_an_earlier_turn_are_not_sent_again(talk: HostedTalk) -> None:
    talk.service.state.brain = does(Plan(text="one", saved={"a.csv": CSV}), Plan(text="two", code="1"))
    await talk.ask("one")
    state = talk.service.state
    for shown, _ in state.containers[next(iter(state.containers))].files.values():
        shown["created_at"] -= 60
    said = len(talk.channel.said)
    await talk.ask("two")
    assert len(talk.channel.said) == said + 1


async def test_the_last_text_is_read_and_not_the_pieces_of_the_stream(talk: HostedTalk) -> None:
    talk.service.events_until_cut = 4
    talk.service.resumes_streams = False
    talk.service.state.brain = does(Plan(text="[t](sandbox:/mnt/data/t.csv)", saved={"t.csv": CSV}))
    assert await talk.ask("go") == ["t"]


async def test_a_file_that_is_no_longer_there_costs_a_sentence_and_not_the_answer(talk: HostedTalk) -> None:
    talk.service.state.brain = does(Plan(text="Here it is.", saved={"t.csv": CSV}))
    talk.service.weather = lambda to: Fault.CONTAINER_EXPIRED if to is To.GET_CONTAINER_FILE else None
    [words] = await talk.ask("go")
    assert words.startswith("Here it is.")
    assert "could not be brought to you" in words
    await next_is_answered(talk)


async def test_thirty_files_at_once_arrive(talk: HostedTalk) -> None:
    saved = {f"f{number}.csv": f"{number}".encode() for number in range(30)}
    talk.service.state.brain = does(Plan(text="done", saved=saved, cited=False))
    await talk.ask("go")
    assert talk.linked == saved


async def test_files_arrive_once_when_the_process_dies_between_fetching_and_sending(talk: HostedTalk) -> None:
    saved = {"a.csv": CSV, "b.xlsx": b"PK\3\4sheet", "c.pdf": b"%PDF-1.7"}
    talk.service.state.brain = does(Plan(text="done", saved=saved, shown=(PNG,)))
    talk.die_at = "reply/"
    await asyncio.wait([talk.begin("go")])
    assert talk.channel.said == []
    await talk.ask("go", again=True)
    assert talk.linked == saved
    assert len(talk.pictures) == 1
    assert len(talk.service.called(To.CREATE_RESPONSE)) == 1


# ---------------------------------------------------------------------------------------------- runs that go wrong


@pytest.mark.parametrize("status", ["queued", "in_progress", "pondering"])
async def test_a_response_that_is_stuck_is_cancelled_at_the_deadline_and_told(talk: HostedTalk, status: str) -> None:
    talk.service.state.brain = does(Plan(takes_s=60, before=status))
    [words] = await talk.ask("go")
    assert "longer than I may wait" in words
    await next_is_answered(talk)
    assert "go" in json.dumps(talk.items), "the words of the turn stay in the conversation"


async def test_a_server_error_is_tried_once_more_and_then_told_without_a_request_id(talk: HostedTalk) -> None:
    error = {"code": "server_error", "message": "Sorry, something went wrong. Include the request ID req_abc123."}
    talk.service.state.brain = does(Plan(status="failed", error=error))
    [words] = await talk.ask("go")
    assert "ran into a problem" in words
    assert "req_" not in words
    assert len(talk.service.called(To.CREATE_RESPONSE)) == 2
    await next_is_answered(talk)
    assert json.dumps(talk.items).count('"go"') == 1


async def test_a_rate_limit_inside_a_response_is_waited_for(talk: HostedTalk) -> None:
    error = {"code": "rate_limit_exceeded", "message": "Rate limit reached. Please try again in 200ms."}
    talk.service.state.brain = does(Plan(status="failed", error=error), Plan(text="fine"))
    assert await talk.ask("go") == ["fine"]


@pytest.mark.parametrize("fault", [Fault.LOCKED, Fault.IN_PROGRESS])
async def test_a_locked_conversation_is_waited_for(talk: HostedTalk, fault: Fault) -> None:
    talk.service.fail(To.CREATE_RESPONSE, fault)
    assert await talk.ask("go") == ["You said: go"]


async def test_a_conversation_that_stays_locked_is_told(talk: HostedTalk) -> None:
    talk.service.weather = lambda to: Fault.LOCKED if to is To.CREATE_RESPONSE else None
    [words] = await talk.ask("go")
    assert "still busy" in words
    await next_is_answered(talk)


async def test_tool_outputs_are_given_once_although_the_process_dies_after_it(talk: HostedTalk) -> None:
    talk.functions.outputs["look_up"] = "sunny"
    talk.service.state.brain = does(Plan(calls=(("look_up", "{}"),)), Plan(text="It is sunny."))
    talk.die_at = "tools/"
    await asyncio.wait([talk.begin("weather?")])
    assert await talk.ask("weather?", again=True) == ["It is sunny."]
    assert len(talk.service.called(To.CREATE_RESPONSE)) == 2
    assert len(talk.functions.calls) == 1


@pytest.mark.parametrize("function", ["look_up", "unknown"])
async def test_every_function_call_has_an_output(talk: HostedTalk, function: str) -> None:
    talk.functions.outputs["look_up"] = "sunny"
    calls = ((function, "{}"), ("look_up", "{"), ("look_up", "{}"))
    talk.service.state.brain = does(Plan(calls=calls), Plan(text="done"))
    assert await talk.ask("go") == ["done"]
    await next_is_answered(talk)


async def test_a_conversation_without_a_tool_output_is_repaired(talk: HostedTalk) -> None:
    await talk.ask("first")
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_old", "name": "look_up", "arguments": "{}"}
    talk.items.append({**call, "status": "completed"})
    assert await talk.ask("second") == ["You said: second"]
    await next_is_answered(talk)


async def test_a_conversation_that_cannot_be_repaired_is_begun_anew_and_that_is_said(talk: HostedTalk) -> None:
    await talk.ask("first")
    talk.service.fail(To.CREATE_RESPONSE, Fault.NO_TOOL_OUTPUT, Fault.NO_TOOL_OUTPUT)
    [words] = await talk.ask("second")
    assert words.endswith("You said: second")
    assert len(words) > len("You said: second")
    assert len(talk.service.state.conversations) == 2
    await next_is_answered(talk)


@pytest.mark.parametrize("fault", [Fault.CONTAINER_EXPIRED, Fault.EXPECTED_CONTAINER])
async def test_a_container_that_has_expired_is_replaced(talk: HostedTalk, fault: Fault) -> None:
    await talk.ask("first")
    talk.service.fail(To.CREATE_RESPONSE, fault)
    assert await talk.ask("second") == ["You said: second"]


async def test_a_container_that_dies_between_two_calls_is_asked_for_again(talk: HostedTalk) -> None:
    error = {"code": "server_error", "message": "Container is expired."}
    talk.service.state.brain = does(Plan(status="failed", error=error), Plan(text="fine"))
    assert await talk.ask("go") == ["fine"]


async def test_a_poisoned_history_is_left_behind(talk: HostedTalk) -> None:
    await talk.ask("first")
    error = {"code": "server_error", "message": "Expected container_id: cntr_1"}
    talk.service.state.brain = does(Plan(status="failed", error=error), Plan(text="fine"))
    [words] = await talk.ask("go")
    assert words.endswith("fine")
    await next_is_answered(talk)


async def test_a_conversation_that_is_gone_is_replaced_and_that_is_said(talk: HostedTalk) -> None:
    await talk.ask("first")
    talk.service.state.conversations.clear()
    [words] = await talk.ask("second")
    assert words.endswith("You said: second")
    assert len(words) > len("You said: second")
    await next_is_answered(talk)


async def test_a_chain_whose_responses_are_gone_is_begun_anew_and_that_is_said(azure: ResponsesService) -> None:
    async with talking(azure) as talk:
        await talk.ask("first")
        assert await talk.ask("second") == ["You said: second"]
        azure.state.responses.clear()
        [words] = await talk.ask("third")
        assert words.endswith("You said: third")
        assert len(words) > len("You said: third")


async def test_a_thread_says_whether_it_is_a_conversation_or_a_chain(
    service: ResponsesService, azure: ResponsesService
) -> None:
    for one, prefix in ((service, "conv_"), (azure, "chain_")):
        async with talking(one) as talk:
            assert (await talk.backend.open_thread(ask().conversation)).startswith(prefix)


async def test_each_conversation_has_a_thread_of_its_own(talk: HostedTalk) -> None:
    keys = [ask(conversation=name).conversation for name in ("a", "b")]
    assert len({await talk.backend.open_thread(key) for key in keys}) == 2


# ------------------------------------------------------------------------------------------------ starts in doubt


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LATE_ERROR, Fault.GARBAGE, Fault.WRONG_SHAPE])
@pytest.mark.parametrize("takes_s", [0.0, 1.0])
async def test_where_the_conversation_shows_the_answer_there_is_no_second_response(
    talk: HostedTalk, fault: Fault, takes_s: float
) -> None:
    talk.service.state.brain = does(Plan(text="once", takes_s=takes_s, saved={"t.csv": CSV}, shown=(PNG,)))
    talk.service.fail(To.CREATE_RESPONSE, fault)
    assert await talk.ask("go") == ["once"]
    assert len(talk.service.state.responses) == 1
    assert talk.linked == {"t.csv": CSV}
    assert len(talk.pictures) == 1
    await next_is_answered(talk)


async def test_the_conversation_is_looked_at_before_a_second_response(talk: HostedTalk) -> None:
    talk.service.fail(To.CREATE_RESPONSE, Fault.RESET)
    assert await talk.ask("go") == ["You said: go"]
    calls = [call.to for call in talk.service.calls]
    first, second = (place for place, to in enumerate(calls) if to is To.CREATE_RESPONSE)
    assert To.LIST_ITEMS in calls[first:second]


async def test_a_start_that_did_nothing_is_made_once_more(talk: HostedTalk) -> None:
    talk.service.fail(To.CREATE_RESPONSE, Fault.RESET)
    assert await talk.ask("go") == ["You said: go"]
    assert len(talk.service.called(To.CREATE_RESPONSE)) == 2


async def test_the_same_words_as_before_are_not_taken_for_an_answered_question(talk: HostedTalk) -> None:
    talk.service.state.brain = does(Plan(text="first"), Plan(text="second"))
    assert await talk.ask("again") == ["first"]
    talk.service.fail(To.CREATE_RESPONSE, Fault.RESET)
    assert await talk.ask("again") == ["second"]


async def test_without_conversations_one_more_response_is_asked_for_at_most(azure: ResponsesService) -> None:
    async with talking(azure) as talk:
        azure.fail(To.CREATE_RESPONSE, Fault.LOST_ANSWER)
        assert await talk.ask("go") == ["You said: go"]
        assert len(azure.called(To.CREATE_RESPONSE)) == 2
        azure.fail(To.CREATE_RESPONSE, *[Fault.LOST_ANSWER] * 4)
        [words] = await talk.ask("go")
        assert "cannot be reached" in words
        assert len(azure.called(To.CREATE_RESPONSE)) == 4


async def test_a_start_is_found_after_a_crash(talk: HostedTalk) -> None:
    talk.die_at = "run/"
    await asyncio.wait([talk.begin("go")])
    assert await talk.ask("go", again=True) == ["You said: go"]
    assert len(talk.service.state.responses) == 1


async def test_a_start_that_was_never_confirmed_is_found_after_a_crash(talk: HostedTalk) -> None:
    thread = await talk.backend.open_thread(ask().conversation)
    talk.service.fail(To.CREATE_RESPONSE, Fault.SILENCE, Fault.SILENCE)
    talk.service.weather = lambda to: Fault.SERVER_ERROR if to is To.LIST_ITEMS else None
    with suppress(AssistantUnavailableError):
        await talk.backend.start(thread, ask("go"), RunName("turn 1"))
    state = talk.service.state
    state.conversations[thread] += [
        {"type": "message", "id": "msg_a", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {"type": "message", "id": "msg_b", "role": "assistant", "content": [{"type": "output_text", "text": "y"}]},
    ]
    talk.service.weather = lambda _: None
    async with talking(talk.service) as reborn:
        reborn.states.kept = talk.states.kept
        found = await reborn.backend.find(ThreadId(thread), RunName("turn 1"))
        assert "after_msg_a" in repr(found)


# ------------------------------------------------------------------------------------------- forgotten and moved


async def test_new_deletes_the_conversation_and_the_files_of_people_at_the_service(talk: HostedTalk) -> None:
    talk.incoming.kept["there"] = CSV
    await talk.ask("read it", Attachment(name="a.csv", url="there"))
    assert len(talk.service.state.files) == len(talk.service.state.conversations) == 1
    await talk.ask("/new")
    assert not talk.service.state.files
    assert not talk.service.state.conversations
    await next_is_answered(talk)


async def test_forget_after_new_counts_what_there_is_and_not_what_new_deleted(talk: HostedTalk) -> None:
    talk.incoming.kept["there"] = CSV
    talk.service.state.brain = does(Plan(text="Here.", saved={"t.csv": CSV}))
    await talk.ask("read it", Attachment(name="a.csv", url="there"))
    await talk.ask("/new")
    talk.service.state.brain = echo
    await talk.ask("next")
    [receipt] = await talk.ask("/forget")
    assert "- 1 thread\n" in receipt
    assert "file that you gave" not in receipt
    assert "- 1 file that I made" in receipt


async def test_what_new_could_not_delete_is_left_to_forget(talk: HostedTalk) -> None:
    await talk.ask("first")
    talk.service.weather = lambda to: Fault.SERVER_ERROR if to is To.DELETE_CONVERSATION else None
    await talk.ask("/new")
    talk.service.weather = lambda _: None
    [receipt] = await talk.ask("/forget")
    assert "- 1 thread\n" in receipt
    assert not talk.service.state.conversations


async def test_new_is_confirmed_although_the_service_cannot_be_reached(talk: HostedTalk) -> None:
    await talk.ask("first")
    talk.service.weather = lambda to: Fault.SERVER_ERROR if to is To.DELETE_CONVERSATION else None
    assert await talk.ask("/new")
    assert await talk.conversations.thread_of(ask().conversation) is None
    await next_is_answered(talk)


# --------------------------------------------------------------------------------------------------------- /stop


def _long(**more: object) -> Plan:
    return replace(Plan(takes_s=60, text="late"), **more)  # type: ignore[arg-type]


MOMENTS: dict[str, tuple[To, float, Plan]] = {
    "opening the conversation": (To.CREATE_CONVERSATION, 0.3, Plan(text="fine")),
    "creating the response": (To.CREATE_RESPONSE, 0.3, _long()),
    "creating the response, slowly": (To.CREATE_RESPONSE, 0.8, _long()),
    "queued": (To.CREATE_RESPONSE, 0.0, _long(before="queued")),
    "at work": (To.CREATE_RESPONSE, 0.0, _long()),
    "running code": (To.CREATE_RESPONSE, 0.0, _long(saved={"a.csv": CSV})),
    "calling a function": (To.CREATE_RESPONSE, 0.0, Plan(calls=(("look_up", "{}"),))),
    "giving tool outputs": (To.CREATE_RESPONSE, 0.0, Plan(calls=(("unknown", "{}"),))),
    "listing files": (To.LIST_CONTAINER_FILES, 0.5, Plan(text="fine", saved={"a.csv": CSV})),
    "fetching a file": (To.GET_CONTAINER_FILE, 0.5, Plan(text="fine", saved={"a.csv": CSV})),
}


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "polled"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_stop_leaves_no_locked_conversation(talk: HostedTalk, moment: str, streams: bool) -> None:
    at, slow_s, plan = MOMENTS[moment]
    service = talk.service
    service.streams = streams
    service.slow_s = {at: slow_s}
    service.state.brain = does(plan, _long())
    talk.functions.outputs["look_up"] = "sunny"
    talk.functions.may_return.clear()
    working = talk.begin("go")
    await until(lambda: bool(service.called(at)))
    await asyncio.sleep(0.05 if slow_s else 0.15)
    talk.stop()
    stopped_s = time.monotonic()
    await until(lambda: bool(talk.channel.said))
    assert time.monotonic() - stopped_s < 15  # and not the 60 of the response
    await asyncio.wait_for(working, 30)
    service.slow_s = {}
    await next_is_answered(talk)
