"""Answers that an endpoint streams: what the wire may do to them, and what is done where it cannot stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.embedded.models.chat_completions import ChatCompletions, RetryPolicy
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.endpoint_capabilities import LIFETIME_S
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelError,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelUsage,
    Speaker,
)
from tests.support.chat_endpoint import DONE, Endpoint, Streamed, chunk, completion, event, streamed, told

SETTINGS = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
QUICK = RetryPolicy(call_deadline_s=30, silence_deadline_s=30, first_pause_s=0.01, max_pause_s=0.2)
HELLO = ModelRequest(
    instructions="",
    messages=(ModelMessage(speaker=Speaker.USER, text="hello"),),
    tools=(
        ModelTool(name=CODE_INTERPRETER, description="Python", parameters={"type": "object"}),
        ModelTool(name="weather", description="Tells it", parameters={"type": "object"}),
    ),
)
OpenModel = Callable[..., ChatCompletions]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def open_model(endpoint: Endpoint) -> AsyncIterator[OpenModel]:
    app = web.Application()
    app.router.add_post("/{path:.*}", endpoint.answer)
    opened = []

    def open_one(**settings: Any) -> ChatCompletions:
        given = {"model": "m", "retry_policy": QUICK, **settings}
        opened.append(ChatCompletions(settings=SETTINGS, base_url=str(server.make_url("/v1")), api_key="k", **given))
        return opened[-1]

    async with TestServer(app) as server:
        yield open_one
        for model in opened:
            await model.close()


@pytest.fixture
def model(open_model: OpenModel) -> ChatCompletions:
    return open_model()


async def heard(model: ChatCompletions, request: ModelRequest = HELLO) -> tuple[list[str], ModelReply]:
    """What is heard while the answer comes, and the reply."""
    words: list[str] = []
    reply = await model.complete(request, words.append)
    return words, reply


async def test_words_are_heard_as_they_come_and_the_tokens_are_those_of_the_last_chunk(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    endpoint.answers = [told("Hello", ", ", "world", "."), told("Hi there.", finish="length")]
    words, reply = await heard(model)
    assert "".join(words) == reply.text == "Hello, world."
    assert len(words) > 1
    assert (reply.finish, reply.model) == (ModelFinish.STOP, "gpt-x-2026")
    assert reply.usage == ModelUsage(prompt_tokens=9, completion_tokens=3)
    assert reply.original is not None
    assert reply.original.fields == {"role": "assistant", "content": "Hello, world."}
    (body,) = endpoint.bodies
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert (await heard(model))[1].finish is ModelFinish.LENGTH


async def test_an_answer_that_nobody_hears_is_asked_for_in_one_piece(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    await model.complete(HELLO)
    assert not {"stream", "stream_options"} & set(endpoint.bodies[0])


WEATHER = {"name": "weather", "arguments": '{"city": "Rome"}'}


@pytest.mark.parametrize(
    ("deltas", "ids"),
    [
        pytest.param(
            [
                [{"index": 0, "id": "a", "type": "function", "function": {"name": "weather", "arguments": ""}}],
                [{"index": 0, "function": {"arguments": '{"city"'}}],
                [{"index": 1, "id": "b", "type": "function", "function": {"name": "weather", "arguments": ""}}],
                [{"index": 1, "function": {"arguments": '{"city": "Rome"}'}}],
                [{"index": 0, "function": {"arguments": ': "Rome"}'}}],
            ],
            ["a", "b"],
            id="in fragments, two at once",
        ),
        pytest.param(
            [[{"index": 0, "id": "a", "function": WEATHER}], [{"index": 0, "id": "b", "function": WEATHER}]],
            ["a", "b"],
            id="whole, all with index 0",
        ),
        pytest.param(
            [[{"id": "a", "function": WEATHER}, {"id": "b", "function": WEATHER}]], ["a", "b"], id="without an index"
        ),
        pytest.param(
            [[{"index": 0, "function": WEATHER}], [{"index": 0, "function": WEATHER}]], ["", ""], id="without an id"
        ),
        pytest.param(
            [
                [{"index": 0, "id": "a", "function": {"name": "weather", "arguments": '{"city"'}}],
                [{"index": 0, "id": "a", "function": {"name": "weather", "arguments": ': "Rome"}'}}],
                [{"index": 1, "function": {"name": "weather", "arguments": '{"city"'}}],
                [{"index": 1, "function": {"name": "weather", "arguments": ': "Rome"}'}}],
            ],
            ["a", ""],
            id="name and id repeated",
        ),
        pytest.param(
            [
                [{"index": 0, "id": "a", "function": {"name": "weather"}}],
                [{"index": 0, "id": "x", "function": {"name": None, "arguments": '{"city": "Rome"}'}}],
                [{"index": 1, "id": "b", "function": {"name": "weather", "arguments": {"city": "Rome"}}}],
            ],
            ["a", "b"],
            id="a new id for each fragment, arguments as an object",
        ),
    ],
)
async def test_calls_are_put_together_however_they_come(
    endpoint: Endpoint, model: ChatCompletions, deltas: list[Any], ids: list[str]
) -> None:
    calls = [chunk({"tool_calls": entries}) for entries in deltas]
    endpoint.answers = [streamed(chunk({"content": "Let me see."}), *calls, chunk({}, "tool_calls"), DONE)]
    words, reply = await heard(model)
    assert reply.tool_calls == tuple(ModelToolCall(id=id_, name="weather", arguments='{"city": "Rome"}') for id_ in ids)
    assert "".join(words) == reply.text == "Let me see."


async def test_thinking_in_fields_of_its_own_is_not_shown_and_goes_back_as_it_came(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    details: list[dict[str, Any]] = [
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": text}]} for text in ("I ", "think.")
    ]
    pieces = [{"reasoning_content": "I "}, {"reasoning_content": "think."}, *details, {"content": "Twelve it is."}]
    endpoint.answers = [streamed(*map(chunk, pieces), chunk({}, "stop"), DONE)]
    words, reply = await heard(model)
    assert "".join(words) == "Twelve it is."
    assert reply.original is not None
    assert reply.original.fields == {
        "role": "assistant",
        "content": "Twelve it is.",
        "reasoning_content": "I think.",
        "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "I think."}],
    }


@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}])
async def test_content_beside_calls_goes_back_as_it_came(  # F4: what one server sends another refuses
    endpoint: Endpoint, model: ChatCompletions, content: dict[str, Any]
) -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": WEATHER}
    endpoint.answers = [streamed(chunk({"role": "assistant", **content}), chunk({"tool_calls": [call]}), DONE)]
    _, reply = await heard(model)
    assert reply.original is not None
    assert {name: value for name, value in reply.original.fields.items() if name == "content"} == content


@pytest.mark.parametrize(
    ("refusal", "left_out"),
    [
        ((400, '{"error": {"message": "Unknown parameter: \'stream_options\'."}}'), {"stream_options"}),
        (
            (422, '{"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}'),
            {"stream_options"},
        ),
        ((400, '{"error": {"message": "Streaming is not supported with tools"}}'), {"stream", "stream_options"}),
        ((501, '{"error": "stream is not implemented"}'), {"stream", "stream_options"}),
        ((400, "no"), {"stream", "stream_options"}),
    ],
)
async def test_a_server_that_refuses_a_stream_is_asked_for_one_piece_from_then_on_and_again_after_an_hour(
    endpoint: Endpoint, open_model: OpenModel, refusal: tuple[int, str], left_out: set[str]
) -> None:
    now_s = 0.0
    model = open_model(clock_s=lambda: now_s)
    status, words = refusal
    refusals = 2 if words == "no" else 1
    answers = [told("hi") if left_out == {"stream_options"} else completion({"content": "hi"}) for _ in range(2)]
    endpoint.answers = [*(web.Response(status=status, text=words) for _ in range(refusals)), *answers]
    assert (await heard(model))[1].text == "hi"
    assert (await heard(model))[1].text == "hi"
    first, *others = endpoint.bodies
    assert "tools" in others[-1]
    for body in others[refusals - 1 :]:
        assert set(first) - set(body) == left_out
    now_s = LIFETIME_S + 1
    endpoint.answers = [told("Hi ", "there.")]
    assert (await heard(model))[0] == ["Hi", " there."]
    assert endpoint.bodies[-1].keys() == first.keys()


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_a_server_that_answers_a_stream_with_json_is_understood_and_remembered(
    endpoint: Endpoint, model: ChatCompletions, content_type: str
) -> None:
    whole = completion({"content": "Twelve."})
    whole.content_type = content_type
    endpoint.answers = [whole]
    words, reply = await heard(model)
    assert (words, reply.text) == ([], "Twelve.")
    await heard(model)
    assert ["stream" in body for body in endpoint.bodies] == [True, False]


@pytest.mark.parametrize("content_type", ["text/event-stream", "text/plain"])
async def test_a_server_that_always_streams_is_understood(
    endpoint: Endpoint, model: ChatCompletions, content_type: str
) -> None:
    endpoint.answers = [replace(told("Twelve", "."), content_type=content_type) for _ in range(2)]
    assert (await model.complete(HELLO)).text == "Twelve."
    assert (await heard(model))[1].text == "Twelve."
    assert "stream" not in endpoint.bodies[0]


async def test_an_error_with_status_200_is_the_error_that_it_says(endpoint: Endpoint, model: ChatCompletions) -> None:
    endpoint.answers = [web.json_response({"error": {"message": "no such model", "code": 404}})]
    with pytest.raises(ModelError, match="no such address or model"):
        await heard(model)
    overloaded = {"error": {"message": "Overloaded", "code": 502}, "choices": [{"index": 0, "delta": {"content": ""}}]}
    endpoint.answers = [streamed(overloaded), told("Twelve.")]
    assert (await heard(model))[1].text == "Twelve."
    endpoint.answers = [streamed({"error": {"message": "Unsupported parameter: stream_options", "code": 400}})]
    assert (await heard(model))[1].text == "hi"
    assert "stream_options" not in endpoint.bodies[-1]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(streamed(chunk({"content": "Twel"}), breaks=True), id="the connection"),
        pytest.param(streamed(chunk({"content": "Twel"})), id="the stream, without an end"),
        pytest.param(streamed(chunk({"content": "Twel"}), b"data: {\n\n"), id="the JSON"),
        pytest.param(streamed(chunk({"content": "Twel"}), {"error": {"message": "gone", "code": 502}}), id="the model"),
        pytest.param(streamed(b": only a comment\n\n"), id="before anything came"),
    ],
)
async def test_a_stream_that_breaks_is_asked_for_again_in_one_piece_and_nothing_is_shown_twice(
    endpoint: Endpoint, model: ChatCompletions, broken: Streamed
) -> None:
    endpoint.answers = [broken, completion({"content": "Twelve it is."})]
    words, reply = await heard(model)
    assert "".join(words) in {"", "Twel"}
    assert reply.text == "Twelve it is."
    assert ["stream" in body for body in endpoint.bodies] == [True, False]
    endpoint.answers = [told("Once more.")]
    assert "".join((await heard(model))[0]) == "Once more."  # it is not held against the endpoint


@pytest.mark.parametrize(
    "end",
    [
        pytest.param([chunk({}, "stop")], id="no DONE"),
        pytest.param([chunk({}, "stop"), b"data: [DONE]"], id="no empty line at the end"),
        pytest.param([b"data: [DONE]\r\n\r\n"], id="no reason"),
        pytest.param(
            [{"choices": [], "usage": None}, chunk({}, "stop"), {"choices": [], "usage": {}}, DONE], id="empty choices"
        ),
    ],
)
async def test_an_answer_ends_with_its_reason_or_with_done(
    endpoint: Endpoint, model: ChatCompletions, end: list[Any]
) -> None:
    endpoint.answers = [streamed(chunk({"content": "Twelve it is."}), *end)]
    words, reply = await heard(model)
    assert "".join(words) == reply.text == "Twelve it is."
    assert len(endpoint.bodies) == 1


async def test_line_ends_comments_and_letters_may_be_cut_anywhere(endpoint: Endpoint, model: ChatCompletions) -> None:
    text = "Ärger über 漢字 und 😀."
    halves = [{"content": "\ud83d"}, {"content": "\ude00"}]
    events = [b": OPENROUTER PROCESSING\r\n\r\n", b"event: message\r\nid: 1\r\n" + event(chunk({"content": text}))]
    whole = b"\xef\xbb\xbf" + b"".join([*events, *map(event, map(chunk, halves))]).replace(b"\n", b"\r\n")
    raw = json.dumps(chunk({"content": " Ä"}), ensure_ascii=False).encode()
    whole = whole.replace(b"\r\r", b"\r") + b"data:" + raw + b"\rdata:" + raw + b"\n\n" + event(chunk({}, "stop"))
    endpoint.answers = [streamed(*(whole[at : at + 1] for at in range(len(whole))), DONE)]
    words, reply = await heard(model)
    assert "".join(words) == reply.text == f"{text}😀 Ä Ä"


async def test_a_stream_that_falls_silent_is_given_up(endpoint: Endpoint, open_model: OpenModel) -> None:
    async def stalls() -> AsyncIterator[bytes]:
        yield event(chunk({"content": "Twel"}))
        await asyncio.sleep(60)

    endpoint.answers = [Streamed(stalls)]
    model = open_model(retry_policy=replace(QUICK, silence_deadline_s=0.3))
    with pytest.raises(ModelError, match=r"fell silent in the middle of its answer, for 0\.3 s") as raised:
        await heard(model)
    assert raised.value.code == "rate_limit_exceeded"
    async with asyncio.timeout(30):
        await endpoint.hung_up.wait()


async def test_comments_do_not_make_a_silent_model_one_that_answers(endpoint: Endpoint, open_model: OpenModel) -> None:
    async def keeps_alive() -> AsyncIterator[bytes]:
        while True:
            yield b": processing\n\n"
            await asyncio.sleep(0.05)

    endpoint.answers = [Streamed(keeps_alive)]
    model = open_model(retry_policy=replace(QUICK, call_deadline_s=0.5))
    with pytest.raises(ModelError, match=r"no answer within 0\.5 s"):
        await heard(model)


async def test_a_cancelled_exchange_closes_the_connection_at_once(endpoint: Endpoint, model: ChatCompletions) -> None:
    async def goes_on() -> AsyncIterator[bytes]:
        while True:
            yield event(chunk({"content": "word "}))
            await asyncio.sleep(0.01)

    endpoint.answers = [Streamed(goes_on)]
    begun = asyncio.Event()
    exchange = asyncio.create_task(model.complete(HELLO, lambda _: begun.set()))
    async with asyncio.timeout(30):
        await begun.wait()
        exchange.cancel()
        await endpoint.hung_up.wait()
        with pytest.raises(asyncio.CancelledError):
            await exchange


async def test_a_stream_without_end_is_bounded(
    endpoint: Endpoint, model: ChatCompletions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.embedded.models.chat_stream.MAX_STREAM_BYTES", 300_000)

    async def one_line() -> AsyncIterator[bytes]:
        yield b"data: "
        while True:
            yield b"x" * 50_000

    endpoint.answers = [Streamed(one_line)]
    with pytest.raises(ModelError, match="too large"):
        await heard(model)


async def test_a_model_that_writes_programs_into_its_words_is_heard_in_one_piece_from_then_on(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    block = "So:\n\n```python\nprint(3**2 + 3)\n```\n\nThe output is 11."
    endpoint.answers = [told(*block.splitlines(keepends=True)), told(block)]
    words, reply = await heard(model)
    assert "".join(words) == reply.text == "So:"  # what was read stays, what was made up is gone
    assert [call.name for call in reply.tool_calls] == [CODE_INTERPRETER]
    endpoint.answers = [completion({"content": block})]
    words, reply = await heard(model)
    assert (words, reply.text) == ([], "")
    assert [call.name for call in reply.tool_calls] == [CODE_INTERPRETER]
    # An answer that could have held a program and does not ends the habit: the next one is streamed again.
    endpoint.answers = [completion({"content": "Twelve it is."}), told("Twelve ", "again.")]
    assert (await heard(model))[0] == []
    assert "".join((await heard(model))[0]) == "Twelve again."


async def test_a_model_whose_thinking_begins_in_the_prompt_is_known_after_one_answer(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    thought = "Nine and three.\n</think>\n\nTwelve it is."
    for _ in range(2):
        endpoint.answers = [told(*(f"{word} " for word in thought.split(" ")))]
        words, reply = await heard(model)
        assert reply.text.strip() == "Twelve it is."
    assert "".join(words) == "Twelve it is."


async def test_a_reason_in_every_chunk_does_not_end_the_answer(
    endpoint: Endpoint, model: ChatCompletions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.embedded.models.chat_completions.LAST_EVENTS_S", 0.01)

    async def pauses() -> AsyncIterator[bytes]:
        yield event(chunk({"content": "The sum is "}, "stop"))
        await asyncio.sleep(0.2)
        yield event(chunk({"content": "42."}, "stop"))

    endpoint.answers = [Streamed(pauses)]
    words, reply = await heard(model)
    assert "".join(words) == reply.text == "The sum is 42."
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("last", [{"delta": {}}, {}, {"delta": {"content": ""}}])
async def test_a_message_that_repeats_the_whole_answer_at_its_end_adds_nothing(
    endpoint: Endpoint, model: ChatCompletions, last: dict[str, Any]
) -> None:
    whole = {"index": 0, "message": {"role": "assistant", "content": "Hello world"}, "finish_reason": "stop", **last}
    deltas = ({"role": "assistant", "content": ""}, {"content": "Hello "}, {"content": "world"})
    endpoint.answers = [streamed(*map(chunk, deltas), {"choices": [whole]}, DONE)]
    words, reply = await heard(model)
    assert "".join(words) == reply.text == "Hello world"


@pytest.mark.parametrize("delta", [{}, {"delta": {}}])
async def test_a_server_may_call_its_deltas_messages(
    endpoint: Endpoint, model: ChatCompletions, delta: dict[str, Any]
) -> None:
    pieces = [{"choices": [{"index": 0, "message": {"content": words}, **delta}]} for words in ("Hello ", "world")]
    endpoint.answers = [streamed(*pieces, chunk({}, "stop"))]
    words, reply = await heard(model)
    assert "".join(words) == reply.text == "Hello world"


@pytest.mark.parametrize("end", [event(chunk({}, "stop")), DONE])
async def test_comments_after_the_end_neither_hold_an_answer_back_nor_lose_it(
    endpoint: Endpoint, open_model: OpenModel, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    for name in ("LAST_EVENTS_S", "END_S"):
        monkeypatch.setattr(f"adapters.embedded.models.chat_completions.{name}", 0.3)

    async def keeps_alive() -> AsyncIterator[bytes]:
        yield event(chunk({"content": "Twelve it is."})) + end
        while True:
            yield b": processing\n\n"
            await asyncio.sleep(0.02)

    endpoint.answers = [Streamed(keeps_alive)]
    # Its stream runs out of time before the comments do.
    model = open_model(retry_policy=replace(QUICK, stream_deadline_s=0.05))
    async with asyncio.timeout(30):
        words, reply = await heard(model)
    assert "".join(words) == reply.text == "Twelve it is."
    assert len(endpoint.bodies) == 1


def nested(depth: int, name: str = "extra") -> dict[str, Any]:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return {name: value}


@pytest.mark.parametrize("name", ["extra", "tool_calls"])
async def test_chunks_that_nest_too_deep_break_the_stream_and_not_the_exchange(
    endpoint: Endpoint, model: ChatCompletions, name: str
) -> None:
    deep = nested(900) if name == "extra" else {name: [{"index": 0, "function": {"name": "weather"}, **nested(900)}]}
    endpoint.answers = [streamed(chunk(deep), chunk(deep), DONE), completion({"content": "Twelve."})]
    assert (await heard(model))[1].text == "Twelve."
    assert ["stream" in body for body in endpoint.bodies] == [True, False]


async def test_a_refusal_that_names_nothing_is_not_laid_to_a_stream_that_has_worked_before(
    endpoint: Endpoint, open_model: OpenModel
) -> None:
    now_s = 0.0
    model = open_model(clock_s=lambda: now_s)
    endpoint.answers = [told("Hi."), web.Response(status=400, text="no"), told("Hi again.")]
    await heard(model)
    with pytest.raises(ModelError):
        await heard(model)
    assert len(endpoint.bodies) == 2
    assert (await heard(model))[1].text == "Hi again."
    assert endpoint.bodies[-1].keys() == endpoint.bodies[0].keys()
    now_s = LIFETIME_S + 1  # the server may be another one by now
    endpoint.answers = [web.Response(status=400, text="no"), told("Hi.")]
    assert (await heard(model))[1].text == "Hi."
    assert "stream_options" not in endpoint.bodies[-1]
