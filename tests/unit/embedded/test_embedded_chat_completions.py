from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

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
from tests.support.chat_endpoint import DONE, Endpoint, chunk, completion, streamed, told

SETTINGS = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
AZURE_SETTINGS = SettingNames(url="AZURE_OPENAI_ENDPOINT", key="AZURE_OPENAI_API_KEY", model="MODEL")
KEY = "sk-secret"
QUICK = RetryPolicy(call_deadline_s=30, first_pause_s=0.01, max_pause_s=0.2)
HELLO = ModelRequest(instructions="", messages=(ModelMessage(speaker=Speaker.USER, text="hello"),))
WITH_TOOLS = replace(
    HELLO, tools=tuple(ModelTool(name=name, description="", parameters={}) for name in (CODE_INTERPRETER, "weather"))
)


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
        ("content_filter: RECITATION", ModelFinish.CONTENT_FILTER),  # Gemini
        ("PROHIBITED_CONTENT", ModelFinish.CONTENT_FILTER),
        ("sensitive", ModelFinish.CONTENT_FILTER),  # GLM
        ("guardrail_intervened", ModelFinish.CONTENT_FILTER),  # Bedrock
        ("MAX_TOKENS", ModelFinish.LENGTH),
        ("model_context_window_exceeded", ModelFinish.LENGTH),  # Anthropic
        ("end_turn", ModelFinish.STOP),
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
        (web.Response(status=402), "no quota left (402)", "rate_limit_exceeded"),
        (
            web.Response(status=403, text='{"error": {"message": "Free credits", "code": "insufficient_quota"}}'),
            "no quota left (403)",
            "rate_limit_exceeded",
        ),
        (
            web.Response(status=400, text='{"error": {"message": "Your credit balance is too low"}}'),
            "no quota left (400)",
            "rate_limit_exceeded",
        ),
        (
            web.Response(status=403, text='{"error": {"message": "Your input was flagged by moderation"}}'),
            "content filter of the model's endpoint stopped this question.",
            "invalid_prompt",
        ),
        (
            web.Response(status=403, text='{"error": {"message": "You do not have access to model gpt-x"}}'),
            "has no such model (403); check MODEL.",
            "server_error",
        ),
        (
            web.Response(status=400, text='{"error": {"message": "The model `x` has been decommissioned"}}'),
            "has no such model (400); check MODEL.",
            "server_error",
        ),
        (web.Response(status=410, text="gone"), "no such address or model (410)", "server_error"),
        (web.Response(status=403, text="<html>Blocked</html>"), "A web page came in place of", "server_error"),
        (web.Response(status=407, text="\n<html>Sign in</html>"), "check OPENAI_BASE_URL.", "server_error"),
        (
            web.json_response({"error": {"message": "no", "code": "insufficient_quota"}}),
            "no quota left (429)",
            "rate_limit_exceeded",
        ),
        (
            web.json_response([{"error": {"message": "API key not valid", "code": 401}}]),
            "refused the key (401)",
            "server_error",
        ),
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
        (408, "failed (408).", "server_error"),
        (409, "failed (409).", "server_error"),
        (499, "failed (499).", "server_error"),
        (529, "failed (529).", "server_error"),
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


@pytest.mark.parametrize(
    ("words", "pause_s"),
    [
        ('{"error": {"message": "Please retry after 26 seconds.", "code": "429"}}', 26),  # Azure
        (
            '[{"error": {"code": 429, "message": "You exceeded your current quota, please check your plan and billing '
            "details. " + "* Quota exceeded for metric: requests, limit: 10 " * 10 + 'Please retry in 38.8s."}}]',
            38.8,  # Gemini: a limit of the minute, in the words of an empty purse
        ),
    ],
)
async def test_a_pause_that_is_named_in_words_alone_is_known(
    endpoint: Endpoint, model: ChatCompletions, words: str, pause_s: float
) -> None:
    endpoint.answers = [web.Response(status=429, text=words)]
    error = await fault(model)
    assert (error.code, error.retry_after_s, error.refusal) == ("rate_limit_exceeded", pause_s, None)
    assert str(error).endswith(f"try again in {pause_s:g}s.")


async def test_a_model_that_is_being_loaded_says_so(endpoint: Endpoint, model: ChatCompletions) -> None:
    loading = '{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}'  # llama.cpp
    endpoint.answers = [web.Response(status=503, text=loading, headers={"Retry-After": "0.01"}) for _ in range(4)]
    assert str(await fault(model)) == "The model is still being loaded (503); ask again in a minute."


@pytest.mark.parametrize(
    "broken",
    [
        completion({"content": None}, finish="function_call_filter: MALFORMED_FUNCTION_CALL"),  # Gemini
        completion({"content": "Twel"}, finish="insufficient_system_resource"),  # DeepSeek
        completion({"content": ""}, finish="network_error"),  # GLM
        web.json_response({"object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 9}}),  # Gemini
    ],
)
async def test_an_answer_that_the_endpoint_could_not_finish_is_asked_for_again(
    endpoint: Endpoint, model: ChatCompletions, broken: web.Response
) -> None:
    endpoint.answers = [broken, completion({"content": "Twelve."})]
    assert (await model.complete(HELLO)).text == "Twelve."


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "refusal", "refusal": "I cannot help with that."}],
        [{"type": "output_text", "text": "I cannot help "}, {"type": "text", "text": "with that."}],
        [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "I cannot help with that."}],
    ],
)
async def test_every_part_that_a_person_is_to_read_is_read(
    endpoint: Endpoint, model: ChatCompletions, content: list[dict[str, str]]
) -> None:
    endpoint.answers = [completion({"content": content})]
    assert (await model.complete(HELLO)).text == "I cannot help with that."


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


async def heard(model: ChatCompletions) -> tuple[list[str], ModelReply]:
    """What is heard while the answer comes, and the reply."""
    words: list[str] = []
    return words, await model.complete(WITH_TOOLS, words.append)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ({"error": {"message": "no", "code": "insufficient_quota"}}, "no quota left"),
        ({"error": {"message": "no", "type": "insufficient_quota", "code": None}}, "no quota left"),
        ({"error": {"message": "no", "code": "invalid_api_key"}}, "refused the key"),
        ({"object": "error", "message": "no such model", "type": "NotFoundError", "code": 404}, "no such address"),
    ],
)
async def test_an_error_in_mid_stream_that_asking_again_does_not_help_is_told_at_once(
    endpoint: Endpoint, model: ChatCompletions, error: dict[str, Any], sentence: str
) -> None:
    endpoint.answers = [streamed(chunk({"content": "Twel"}), error)]
    with pytest.raises(ModelError, match=sentence):
        await heard(model)
    assert len(endpoint.bodies) == 1


async def test_a_stream_that_says_nothing_but_that_it_is_done_is_asked_for_again(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    endpoint.answers = [streamed(chunk({"role": "assistant"}), DONE), completion({"content": "Twelve."})]
    assert (await heard(model))[1].text == "Twelve."


async def test_half_a_program_is_not_run(endpoint: Endpoint, model: ChatCompletions) -> None:
    begun = '{"code": "import shutil\\nshutil.rmtree(\'/mnt/data/old'
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": CODE_INTERPRETER, "arguments": begun}}
    endpoint.answers = [streamed(chunk({"tool_calls": [call]}), chunk({}, "length"), DONE)]
    _, reply = await heard(model)
    assert [call.arguments for call in reply.tool_calls] == [begun]  # no JSON: the model is told so


async def test_how_a_model_writes_is_remembered_for_longer_than_an_hour(endpoint: Endpoint, server: TestServer) -> None:
    now_s = 0.0
    url = str(server.make_url("/v1/"))
    model = ChatCompletions(settings=SETTINGS, base_url=url, api_key=KEY, model="m", clock_s=lambda: now_s)
    thought = "Nine and three.\n</think>\n\nTwelve it is."
    for _ in range(3):  # the first answer teaches it
        endpoint.answers = [told(*(f"{word} " for word in thought.split(" ")))]
        words, _reply = await heard(model)
        now_s += LIFETIME_S + 1
    assert "".join(words) == "Twelve it is."
    await model.close()


@pytest.mark.parametrize(
    "written",
    [
        "name: code_interpreter\narguments:\n  code: |\n    print(12)\n",
        "```yaml\ntool_call:\n  name: code_interpreter\n  arguments:\n    code: print(12)\n```",
        "- name: weather\n  parameters:\n    city: Bern",
    ],
)
async def test_a_call_that_is_written_as_yaml_is_named_and_not_shown_as_an_answer(
    endpoint: Endpoint, model: ChatCompletions, written: str
) -> None:
    endpoint.answers = [completion({"content": written}), completion({"content": f"As YAML:\n\n{written}"})]
    with pytest.raises(ModelError, match="wrote its call as YAML"):
        await model.complete(WITH_TOOLS)
    assert (await model.complete(WITH_TOOLS)).text.startswith("As YAML:")
