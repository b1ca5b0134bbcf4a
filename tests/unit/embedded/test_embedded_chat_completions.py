from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from adapters.embedded.models.chat_completions import ChatCompletions, RetryPolicy
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.port import (
    ModelError,
    ModelFinish,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelUsage,
    Speaker,
)
from tests.support.chat_endpoint import Endpoint, completion

SETTINGS = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
AZURE_SETTINGS = SettingNames(url="AZURE_OPENAI_ENDPOINT", key="AZURE_OPENAI_API_KEY", model="MODEL")
KEY = "sk-secret"
QUICK = RetryPolicy(call_deadline_s=30, first_pause_s=0.01, max_pause_s=0.2)
HELLO = ModelRequest(instructions="", messages=(ModelMessage(speaker=Speaker.USER, text="hello"),))


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def server(endpoint: Endpoint) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_post("/{path:.*}", endpoint.answer)
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def model(server: TestServer) -> AsyncIterator[ChatCompletions]:
    model = ChatCompletions(
        settings=SETTINGS, base_url=str(server.make_url("/v1/")), api_key=KEY, model="gpt-x", retry_policy=QUICK
    )
    yield model
    await model.close()


async def fault(model: ChatCompletions) -> ModelError:
    with pytest.raises(ModelError) as raised:
        await model.complete(HELLO)
    assert KEY not in str(raised.value)
    return raised.value


async def test_it_asks_the_model_it_is_set_to_whatever_the_assistant_names(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    reply = await model.complete(
        ModelRequest(
            instructions="Be a tutor.",
            model="gpt-4-preview",
            temperature=0.5,
            max_completion_tokens=300,
            messages=(ModelMessage(speaker=Speaker.USER, text="hello"),),
        )
    )
    assert (reply.text, reply.model, reply.finish, reply.tool_calls) == ("hi", "gpt-x-2026", ModelFinish.STOP, ())
    assert endpoint.bodies == [
        {
            "model": "gpt-x",
            "temperature": 0.5,
            "max_completion_tokens": 300,
            "messages": [
                {"role": "system", "content": "Be a tutor."},
                {"role": "user", "content": "hello"},
            ],
        }
    ]
    (request,) = endpoint.requests
    assert (request.path, request.headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")


async def test_calls_and_their_outputs_travel_in_the_shape_of_the_protocol(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    endpoint.answers = [
        completion(
            {
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "code_interpreter", "arguments": '{"code": "1"}'},
                    },
                    {"function": {"name": "weather", "arguments": {"city": "Rome"}}},
                ],
            },
            finish="tool_calls",
            usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        )
    ]
    weather = ModelTool(name="weather", description="Tells it", parameters={"type": "object"})
    call = ModelToolCall(id="c0", name="weather", arguments="{}")
    reply = await model.complete(
        ModelRequest(
            instructions="",
            tools=(weather,),
            tool_choice="weather",
            messages=(
                ModelMessage(speaker=Speaker.USER, text="plot it", file_names=("a.csv", "b.csv")),
                ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,)),
                ModelMessage(speaker=Speaker.TOOL, text="warm", tool_call_id="c0"),
                ModelMessage(speaker=Speaker.ASSISTANT, text="It is warm."),
            ),
        )
    )
    assert reply.tool_calls == (
        ModelToolCall(id="c1", name="code_interpreter", arguments='{"code": "1"}'),
        ModelToolCall(id="", name="weather", arguments='{"city": "Rome"}'),
    )
    assert (reply.text, reply.finish) == ("", ModelFinish.TOOL_CALLS)
    assert reply.usage == ModelUsage(prompt_tokens=9, completion_tokens=3)
    (body,) = endpoint.bodies
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells it",
                "parameters": {"type": "object"},
            },
        }
    ]
    assert body["messages"] == [
        {"role": "user", "content": "plot it\n\n[Attached files: /mnt/data/a.csv, /mnt/data/b.csv]"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c0", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c0", "content": "warm"},
        {"role": "assistant", "content": "It is warm."},
    ]


@pytest.mark.parametrize(
    ("said", "finish"),
    [
        ("length", ModelFinish.LENGTH),
        ("content_filter", ModelFinish.CONTENT_FILTER),
        (None, ModelFinish.STOP),
        ("eos", ModelFinish.STOP),
    ],
)
async def test_why_the_model_stopped_is_understood(
    endpoint: Endpoint, model: ChatCompletions, said: str | None, finish: ModelFinish
) -> None:
    endpoint.answers = [completion({"content": "x"}, finish=said)]
    assert (await model.complete(HELLO)).finish is finish


@pytest.mark.parametrize(
    ("version", "url"),
    [
        ("2024-10-21", "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (None, "/openai/v1/chat/completions"),
    ],
)
async def test_azure_is_asked_by_deployment_or_by_its_v1_api(
    endpoint: Endpoint, server: TestServer, version: str | None, url: str
) -> None:
    model = ChatCompletions.on_azure(
        settings=AZURE_SETTINGS,
        endpoint=str(server.make_url("/")),
        api_key=KEY,
        api_version=version,
        model="my gpt",
        retry_policy=QUICK,
    )
    endpoint.answers = [completion({"content": "hi"}), web.Response(status=401)]
    assert (await model.complete(HELLO)).text == "hi"
    assert (endpoint.requests[0].raw_path, endpoint.requests[0].headers["api-key"]) == (url, KEY)
    assert "Authorization" not in endpoint.requests[0].headers
    assert str(await fault(model)) == "The model's endpoint refused the key (401); check AZURE_OPENAI_API_KEY."
    await model.close()


@pytest.mark.parametrize(
    ("answer", "sentence", "code"),
    [
        (web.Response(status=401, text=KEY), "refused the key (401); check OPENAI_API_KEY.", "server_error"),
        (web.Response(status=403), "refused the key (403); check OPENAI_API_KEY.", "server_error"),
        (
            web.Response(status=404),
            "has no such address or model (404); check OPENAI_BASE_URL and MODEL.",
            "server_error",
        ),
        (
            web.Response(status=302, headers={"Location": "/x"}),
            "unexpected answer (302); check OPENAI_BASE_URL.",
            "server_error",
        ),
        (
            web.Response(status=400, text='{"error": {"code": "context_length_exceeded"}}'),
            "too long for the model",
            "invalid_prompt",
        ),
        (web.Response(status=400, text="does not support tools"), "check that MODEL can call tools.", "server_error"),
        (
            web.Response(status=400, text='{"error":' * 950 + "1" + "}" * 950),
            "refused the request (400)",
            "server_error",
        ),
        (web.Response(text="<html>"), "is no chat completion; check OPENAI_BASE_URL.", "server_error"),
        (web.json_response({"choices": []}), "is no chat completion; check OPENAI_BASE_URL.", "server_error"),
        (
            web.json_response({"choices": [{"message": {"content": 5}}]}),
            "is no chat completion; check OPENAI_BASE_URL.",
            "server_error",
        ),
        (web.Response(body=b"x" * 17_000_000), "too large.", "server_error"),
    ],
)
async def test_an_endpoint_that_cannot_be_used_is_told_in_one_sentence_at_once(
    endpoint: Endpoint, model: ChatCompletions, answer: web.Response, sentence: str, code: str
) -> None:
    endpoint.answers = [answer]
    error = await fault(model)
    assert sentence in str(error)
    assert error.code == code
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("status", "sentence", "code"),
    [
        (429, "over its rate limit or its quota (429)", "rate_limit_exceeded"),
        (500, "failed (500).", "server_error"),
        (503, "failed (503).", "server_error"),
    ],
)
async def test_trouble_that_may_pass_is_tried_four_times(
    endpoint: Endpoint, model: ChatCompletions, status: int, sentence: str, code: str
) -> None:
    endpoint.answers = [web.Response(status=status) for _ in range(4)]
    error = await fault(model)
    assert (sentence in str(error), error.code, len(endpoint.requests)) == (True, code, 4)
    endpoint.answers = [web.Response(status=status)]
    assert (await model.complete(HELLO)).text == "hi"


async def test_the_pause_that_the_endpoint_asks_for_is_kept_if_it_is_short(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    endpoint.answers = [web.Response(status=429, headers={"Retry-After": "0.15"})]
    begun = asyncio.get_running_loop().time()
    await model.complete(HELLO)
    assert asyncio.get_running_loop().time() - begun >= 0.15
    endpoint.answers = [web.Response(status=429, headers={"Retry-After": "3600"})]
    error = await fault(model)
    assert (error.code, error.retry_after_s) == ("rate_limit_exceeded", 3600)


async def test_a_silent_model_is_given_up_at_the_deadline(endpoint: Endpoint, server: TestServer) -> None:
    endpoint.answers = [5.0]
    model = ChatCompletions(
        settings=SETTINGS,
        base_url=str(server.make_url("/v1/")),
        api_key=KEY,
        model="m",
        retry_policy=replace(QUICK, call_deadline_s=0.5),
    )
    error = await fault(model)
    assert (str(error), error.code) == ("The model gave no answer within 0.5 s.", "rate_limit_exceeded")
    assert len(endpoint.requests) == 1
    await model.close()


async def test_an_endpoint_that_nobody_serves_is_told(endpoint: Endpoint) -> None:
    model = ChatCompletions(
        settings=SETTINGS, base_url=f"http://127.0.0.1:{unused_port()}/v1", api_key=KEY, model="m", retry_policy=QUICK
    )
    assert "cannot be reached; check that it is running, and OPENAI_BASE_URL." in str(await fault(model))
    await model.close()


async def test_a_connection_that_breaks_is_told() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        model = ChatCompletions(
            settings=SETTINGS, base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, model="m", retry_policy=QUICK
        )
        assert str(await fault(model)) == "The connection to the model's endpoint broke off."
        await model.close()
