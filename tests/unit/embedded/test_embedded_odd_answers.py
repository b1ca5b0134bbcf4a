"""Answers of Chat Completions servers whose fields are of another kind than the protocol has them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.embedded.models.chat_completions import ChatCompletions, RetryPolicy
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.port import CODE_INTERPRETER, ModelError, ModelMessage, ModelRequest, ModelTool, Speaker
from tests.support.chat_endpoint import DONE, Endpoint, chunk, streamed

SETTINGS = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
HELLO = ModelRequest(
    instructions="",
    messages=(ModelMessage(speaker=Speaker.USER, text="hello"),),
    tools=tuple(ModelTool(name=name, description="", parameters={}) for name in (CODE_INTERPRETER, "weather")),
)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def model(endpoint: Endpoint) -> AsyncIterator[ChatCompletions]:
    app = web.Application()
    app.router.add_post("/{path:.*}", endpoint.answer)
    async with TestServer(app) as server:
        quick = RetryPolicy(call_deadline_s=30, first_pause_s=0.01, max_pause_s=0.2)
        url = str(server.make_url("/v1"))
        model = ChatCompletions(settings=SETTINGS, base_url=url, api_key="k", model="m", retry_policy=quick)
        yield model
        await model.close()


def whole(message: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}


HI = {"role": "assistant", "content": "Hi"}
ROME = {"name": "weather", "arguments": '{"city": "Rome"}'}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(whole(HI, 1), id="a number as the reason"),
        pytest.param({**whole(HI), "model": 7}, id="a number as the model"),
        pytest.param(whole({**HI, "reasoning": {"summary": "x"}, "refusal": False}), id="thinking that is an object"),
        pytest.param(whole({**HI, "reasoning_content": [{"text": "x"}]}), id="thinking that is a list"),
        pytest.param(whole({**HI, "tool_calls": "none", "function_call": {"name": ""}}), id="calls that are none"),
        pytest.param(whole({**HI, "tool_calls": [None, {"id": "a", "function": None}]}, "tool_calls"), id="null calls"),
        pytest.param(whole({"content": {"type": "text", "text": "Hi"}}), id="one part without its list"),
        pytest.param(
            whole({"content": ["H", None, {"type": "text", "text": {"value": "i"}}]}), id="parts of all kinds"
        ),
        pytest.param(whole({"content": None, "audio": {"transcript": "Hi"}}), id="speech"),
        pytest.param(whole("Hi"), id="a text as the message"),
        pytest.param({"choices": [{"text": "Hi", "finish_reason": "stop"}]}, id="the older interface"),
        pytest.param(
            {"choices": [None, {"index": 1, "message": {"content": "no"}}, {"message": HI}]}, id="more choices"
        ),
        pytest.param({"choices": [{"index": [], "message": HI}]}, id="an index in a list"),
        pytest.param({"choices": [{"index": {}, "message": HI}]}, id="an index in an object"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(whole(HI)).encode() + b"\n\0", id="a mark before and NUL behind"),
        pytest.param(json.dumps(whole(HI)).encode("utf-16"), id="UTF-16"),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
async def test_an_answer_is_read_whatever_stands_beside_its_words(
    endpoint: Endpoint, model: ChatCompletions, answer: Any, status: int
) -> None:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    endpoint.answers = [web.Response(body=data, status=status, content_type="application/json")]
    reply = await model.complete(HELLO)
    assert (reply.text, reply.tool_calls) == ("Hi", ())


@pytest.mark.parametrize("index", [[], {}, None, "0", ""], ids=repr)
async def test_a_stream_is_read_whatever_stands_as_the_number_of_its_choice(
    endpoint: Endpoint, model: ChatCompletions, index: Any
) -> None:
    hi = {"choices": [{"index": index, "delta": HI, "finish_reason": "stop"}]}
    endpoint.answers = [streamed(hi, DONE)]
    heard: list[str] = []
    assert (await model.complete(HELLO, heard.append)).text == "Hi"
    assert [call["stream"] for call in endpoint.bodies] == [True]


async def test_half_a_letter_and_bytes_that_are_no_text_cost_themselves_and_not_the_answer(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    for broken in (b"\\ud83d", b"\xff"):
        data = json.dumps(whole({"content": "Hi @."})).encode().replace(b"@", broken)
        endpoint.answers = [web.Response(body=data, content_type="application/json")]
        assert (await model.complete(HELLO)).text[:3] == "Hi "


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param({"id": "a", "function": ROME}, id="one without its list"),
        pytest.param([{"id": "a", **ROME}], id="flat"),
        pytest.param([{"id": "a", "function": {**ROME, "arguments": [{"city": "Rome"}]}}], id="arguments in a list"),
        pytest.param([{"id": "a", "function": {**ROME, "arguments": {"city": "Rome"}}}], id="unpacked arguments"),
        pytest.param([{"id": 7, "function": ROME}], id="a number as the id"),
    ],
)
@pytest.mark.parametrize("streams", [False, True])
async def test_a_call_is_read_whatever_it_is_wrapped_in(
    endpoint: Endpoint, model: ChatCompletions, calls: Any, streams: bool
) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    answer = streamed(chunk(message), chunk({}, "tool_calls"), DONE) if streams else web.json_response(whole(message))
    endpoint.answers = [answer]
    (call,) = (await model.complete(HELLO, (lambda _: None) if streams else None)).tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Rome"})


async def test_a_custom_tools_input_is_the_source(endpoint: Endpoint, model: ChatCompletions) -> None:
    custom = {"name": CODE_INTERPRETER, "input": "print(1)"}
    endpoint.answers = [web.json_response(whole({"tool_calls": [{"id": "a", "type": "custom", "custom": custom}]}))]
    (call,) = (await model.complete(HELLO)).tool_calls
    assert json.loads(call.arguments) == {"code": "print(1)"}


@pytest.mark.parametrize("choices", [None, []])
async def test_an_error_beside_choices_that_are_none_is_an_error(
    endpoint: Endpoint, model: ChatCompletions, choices: Any
) -> None:
    endpoint.answers = [web.json_response({"choices": choices, "error": {"message": "Provider error", "code": 502}})]
    assert (await model.complete(HELLO)).text == "hi"
    assert len(endpoint.requests) == 2


async def test_a_compression_that_was_not_asked_for_is_no_absent_endpoint(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    endpoint.answers = [web.Response(body=b"?", headers={"Content-Encoding": "zstd"})]
    with pytest.raises(ModelError, match="is no chat completion"):
        await model.complete(HELLO)
    assert len(endpoint.requests) == 1
