"""Conversations that go on after something in them was refused, grew too long, or came garbled."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.openai.responses.response_events import ResponseEventReader
from bot.attachments import Attachment
from bot.errors import AssistantUnavailableError
from bot.run import TextSoFar
from httpkit.server_sent_events import ServerSentEvent
from tests.support.fakes import PNG
from tests.support.hosted_talk import HostedTalk, does, next_is_answered, talking
from tests.support.openai_stand_in import Json, RefusalError
from tests.support.responses_service import Provider, ResponsesService, To
from tests.support.responses_state import Asked, Plan, Response, echo


@pytest.fixture(params=[Provider.OPENAI, Provider.AZURE], ids=["conversation", "chain"])
async def talk(request: pytest.FixtureRequest) -> AsyncIterator[HostedTalk]:
    async with ResponsesService(request.param) as service, talking(service) as started:
        yield started


def refuse(talk: HostedTalk, words: str, refusal: RefusalError, *, part: str = "input") -> None:
    """From now on the service refuses whatever holds these words, as a filter does: each time, and not once."""
    create = talk.service.state.create

    def judge(body: Json) -> Response:
        if words in json.dumps(body[part]):
            raise refusal
        return create(body)

    talk.service.state.create = judge  # type: ignore[method-assign]  # the stand-in grows a filter


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (RefusalError(400, "The response was filtered.", "content_filter"), "put it in another way"),
        (RefusalError(400, "Invalid image.", "invalid_value"), "not available"),
    ],
)
async def test_a_question_that_is_refused_for_good_does_not_take_the_next_one_along(
    talk: HostedTalk, refusal: RefusalError, told: str
) -> None:
    assert await talk.ask("first") == ["You said: first"]
    refuse(talk, "forbidden", refusal)
    assert told in (await talk.ask("forbidden"))[0]
    assert await talk.ask("second") == ["You said: second"]
    assert await talk.ask("third") == ["You said: third"]
    sent = [json.dumps(call.body["input"]) for call in talk.service.called(To.CREATE_RESPONSE)]
    assert ["forbidden" in each for each in sent][-2:] == [False, False]


@pytest.mark.parametrize("code", ["invalid_prompt", "invalid_image_format", "image_too_large"])
async def test_a_response_that_fails_for_earlier_words_is_asked_for_without_them(talk: HostedTalk, code: str) -> None:
    async def think(asked: Asked) -> Plan:
        if "forbidden" in json.dumps(asked.items):
            return Plan(status="failed", error={"code": code, "message": "No."})
        return await echo(asked)

    talk.service.state.brain = think
    assert await talk.ask("first") == ["You said: first"]
    assert "put it in another way" in (await talk.ask("forbidden"))[0]
    assert await talk.ask("second") == ["You said: second"]
    assert await talk.ask("third") == ["You said: third"]


@pytest.mark.parametrize("how", ["refused", "failed"])
async def test_words_that_are_refused_are_not_said_again_and_those_of_a_failed_turn_before_are(
    talk: HostedTalk, how: str
) -> None:
    async def think(asked: Asked) -> Plan:
        if "lost" in json.dumps(asked.items[-1]):
            return Plan(status="failed", error={"code": "server_error", "message": "no"})
        if "forbidden" in json.dumps(asked.items):
            return Plan(status="failed", error={"code": "invalid_prompt", "message": "No."})
        return await echo(asked)

    talk.service.state.brain = think
    assert await talk.ask("first") == ["You said: first"]
    await talk.ask("lost words")
    if how == "refused":
        refuse(talk, "forbidden", RefusalError(400, "The response was filtered.", "content_filter"))
    assert "put it in another way" in (await talk.ask("forbidden"))[0]
    before = len(talk.service.called(To.CREATE_RESPONSE))
    assert await talk.ask("second") == ["You said: second"]
    [sent] = [json.dumps(call.body["input"]) for call in talk.service.called(To.CREATE_RESPONSE)[before:]]
    assert ("lost words" in sent, "forbidden" in sent) == (True, False)


@pytest.mark.parametrize("how", ["refused", "failed", "413"])
async def test_a_conversation_that_is_too_long_for_the_model_goes_on_in_a_new_one(talk: HostedTalk, how: str) -> None:
    await talk.ask("first")
    words = "Your input exceeds the context window of this model. Please adjust your input and try again."
    if how == "failed":
        error = {"code": "context_length_exceeded", "message": words}
        talk.service.state.brain = does(Plan(status="failed", error=error), Plan(text="fine"))
        assert (await talk.ask("second"))[0].endswith("fine")
    else:
        status, code = (413, None) if how == "413" else (400, "context_length_exceeded")
        plain, tried = talk.service.state.create, []

        def create(body: Json) -> Response:
            tried.append(body)
            if len(tried) == 1:
                raise RefusalError(status, words, code)
            return plain(body)

        talk.service.state.create = create  # type: ignore[method-assign]  # the model's window is full
        [answer] = await talk.ask("second")
        assert answer.endswith("You said: second")
        assert "became too long" in answer
    await next_is_answered(talk)


async def test_a_question_that_is_too_long_by_itself_says_so(talk: HostedTalk) -> None:
    refuse(talk, "endless", RefusalError(400, "too long", "context_length_exceeded"))
    [words] = await talk.ask("endless")
    assert "longer than the assistant can read" in words
    assert (await talk.ask("next"))[-1].endswith("You said: next")


async def test_words_of_a_failed_turn_are_given_once_where_the_next_one_calls_functions() -> None:
    async with ResponsesService(Provider.AZURE) as service, talking(service) as talk:
        failed = Plan(status="failed", error={"code": "server_error", "message": "no"})
        service.state.brain = does(failed, failed, Plan(calls=(("look_up", "{}"),)), Plan(text="sunny"))
        await talk.ask("lost words")
        assert await talk.ask("next") == ["sunny"]
        with_words = [call for call in service.called(To.CREATE_RESPONSE)[2:] if "lost words" in json.dumps(call.body)]
        assert len(with_words) == 1


PART: Json = {"type": "output_text", "text": "Twelve.", "annotations": [], "logprobs": []}


@pytest.mark.parametrize(
    "garbled",
    [
        {"type": "container_file_citation", "container_id": None, "file_id": "cfile_1"},
        {"type": "container_file_citation"},
        {"type": "file_path", "file_id": ""},
        {"type": "file_citation", "file_id": "file_gone", "index": -1},
        {"type": "brand_new"},
        {},
        None,
        7,
    ],
)
async def test_a_garbled_annotation_costs_no_answer(talk: HostedTalk, garbled: Json) -> None:
    message = {"type": "message", "id": "m1", "role": "assistant", "content": [{**PART, "annotations": [garbled]}]}
    talk.service.state.brain = does(Plan(extra={"output": [message]}))
    assert await talk.ask("go") == ["Twelve."]


@pytest.mark.parametrize(
    "extra",
    [
        {"output": [None, "x", {"type": "message", "id": "m1", "role": "assistant", "content": [PART]}]},
        {"output": [{"type": "message", "id": "m1", "role": "assistant", "content": "Twelve."}]},
        {"usage": "many"},
        {"usage": {"input_tokens": 7, "input_tokens_details": [1]}},
        {"error": "none", "incomplete_details": "none"},
    ],
)
async def test_what_is_of_another_kind_beside_the_words_costs_no_answer(talk: HostedTalk, extra: Json) -> None:
    talk.service.state.brain = does(Plan(text="Twelve.", extra=extra))
    assert await talk.ask("go") == ["Twelve."]


@pytest.mark.parametrize("error", ["boom", {"code": 500, "message": None}, None])
async def test_a_failure_that_does_not_say_why_is_a_failure(talk: HostedTalk, error: Any) -> None:
    failed = Plan(status="failed", extra={"error": error})
    talk.service.state.brain = does(failed, failed)
    assert "ran into a problem" in (await talk.ask("go"))[0]
    await next_is_answered(talk)


@pytest.mark.parametrize("names_it", [True, False])
async def test_a_file_that_is_gone_at_the_service_does_not_lock_its_conversation(
    talk: HostedTalk, names_it: bool
) -> None:
    talk.incoming.kept["there"] = b"x,y\n1,2\n"
    await talk.ask("read it", Attachment(name="a.csv", url="there"))
    await talk.ask("read that too", Attachment(name="b.csv", url="there"))
    [first, second] = talk.service.state.files
    plain = talk.service.state.create

    def create(body: Json) -> Response:
        if first in json.dumps(body["tools"]):
            words = f"File with id '{first}' not found." if names_it else "A file of this request has expired."
            raise RefusalError(404 if names_it else 400, words, None)
        return plain(body)

    talk.service.state.create = create  # type: ignore[method-assign]  # the service keeps files for some weeks
    [words] = await talk.ask("second")
    assert "Please send them again" in words
    assert words.endswith("You said: second")
    tools = json.dumps(talk.service.called(To.CREATE_RESPONSE)[-1].body["tools"])
    assert (second in tools) is names_it
    before = len(talk.service.called(To.CREATE_RESPONSE))
    assert await talk.ask("third") == ["You said: third"]
    assert len(talk.service.called(To.CREATE_RESPONSE)) == before + 1, "it is known from then on"


async def lose_a_file(talk: HostedTalk) -> None:
    """Give a file, and let the service forget it, as it does after some weeks."""
    talk.incoming.kept["there"] = b"x,y\n1,2\n"
    await talk.ask("read it", Attachment(name="a.csv", url="there"))
    [file] = talk.service.state.files
    refuse(talk, file, RefusalError(404, f"File with id '{file}' not found.", None), part="tools")


async def test_that_files_are_gone_is_said_with_the_answer_that_comes_after_a_failure(talk: HostedTalk) -> None:
    await lose_a_file(talk)
    failed = Plan(status="failed", error={"code": "server_error", "message": "no"})
    talk.service.state.brain = does(failed, failed, Plan(text="fine"))
    assert "ran into a problem" in (await talk.ask("first"))[0]
    [words] = await talk.ask("second")
    assert "Please send them again" in words
    assert await talk.ask("third") == ["fine"]


async def test_that_files_are_gone_is_said_with_the_answer_that_follows_a_function(talk: HostedTalk) -> None:
    await lose_a_file(talk)
    talk.functions.outputs["look_up"] = "sunny"
    talk.service.state.brain = does(Plan(calls=(("look_up", "{}"),)), Plan(text="It is sunny."))
    [words] = await talk.ask("weather?")
    assert "Please send them again" in words


async def test_that_files_are_gone_is_said_although_the_process_dies_before_the_reply(talk: HostedTalk) -> None:
    await lose_a_file(talk)
    talk.die_at = "reply/"
    await asyncio.wait([talk.begin("go")])
    [words] = await talk.ask("go", again=True)
    assert "Please send them again" in words


@pytest.mark.parametrize(
    "response", [{"status": "in_progress", "output": []}, {"status": "completed", "output": []}], ids=str
)
def test_a_last_event_that_does_not_hold_the_end_is_no_end(response: Json) -> None:
    reader = ResponseEventReader()
    reader.read_json({"type": "response.output_text.delta", "sequence_number": 1, "delta": "Hi"})
    with pytest.raises(AssistantUnavailableError):
        reader.read_json({"type": "response.completed", "response": {"id": "resp_1", **response}})


@pytest.mark.parametrize("number", [-1, 0, None, "7"])
@pytest.mark.parametrize("usage", [{"input_tokens": 7.5, "output_tokens": -1}, {"input_tokens": "many"}, None])
async def test_numbers_that_are_none_cost_no_answer(talk: HostedTalk, number: object, usage: Any) -> None:
    tell = talk.service.state._tell

    async def misnumbered(response: Response, kind: str, **more: Any) -> None:
        await tell(response, kind, **more)
        response.events[-1]["sequence_number"] = number
        response.events[-1].get("response", {})["usage"] = usage

    talk.service.state._tell = misnumbered  # type: ignore[method-assign]  # as compatible servers count
    assert await talk.ask("go") == ["You said: go"]
    assert talk.service.called(To.GET_RESPONSE) == []


async def test_a_picture_that_an_agent_generated_arrives(talk: HostedTalk) -> None:
    made = {"type": "image_generation_call", "id": "ig_1", "status": "completed"}
    pictures = [{**made, "result": base64.b64encode(PNG).decode()}, {**made, "id": "ig_2", "result": None}]
    message = {"type": "message", "id": "m1", "role": "assistant", "content": [PART]}
    talk.service.state.brain = does(Plan(extra={"output": [*pictures, message]}))
    assert await talk.ask("go") == ["Twelve."]
    assert len(talk.pictures) == 1


async def test_a_call_with_one_id_and_unpacked_arguments_is_made(talk: HostedTalk) -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "fc_1", "name": "look_up", "arguments": {"city": "Bern"}}
    talk.service.state.brain = does(Plan(extra={"output": [call]}), Plan(text="sunny"))
    talk.functions.outputs["look_up"] = "20 degrees"
    assert await talk.ask("go") == ["sunny"]
    assert [json.loads(arguments) for _, arguments, _ in talk.functions.calls] == [{"city": "Bern"}]


def event(kind: str, number: int, **more: object) -> ServerSentEvent:
    return ServerSentEvent(kind, json.dumps({"type": kind, "sequence_number": number, **more}))


def test_an_event_that_a_resumed_stream_sends_once_more_is_not_heard_twice() -> None:
    reader = ResponseEventReader()
    words = [event("response.output_text.delta", number, delta=f"word{number} ") for number in range(1, 6)]
    for each in words[:3]:
        reader.read(each)
    reader.goes_on()
    assert [reader.read(each) for each in words[1:3]] == [None, None]
    assert reader.read(words[3]) == TextSoFar(text="word1 word2 word3 word4 ")
    assert reader.after == 4


def test_an_event_whose_data_does_not_repeat_its_name_is_known_by_it() -> None:
    reader = ResponseEventReader()
    assert reader.read(ServerSentEvent("response.output_text.delta", '{"delta": "Hi"}')) == TextSoFar(text="Hi")
    assert reader.read(ServerSentEvent("keepalive", "{}")) is None
