"""The model's own messages go back as they came, and no refusal of their shape costs a model its tools (F4).

The endpoints here refuse what real ones refuse, in their words; each names its report.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from openai import AsyncOpenAI

from adapters.embedded.assistants_server import open_server
from adapters.embedded.models.chat_completions import ChatCompletions, RetryPolicy
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.endpoint_capabilities import LIFETIME_S
from adapters.embedded.models.port import CODE_INTERPRETER, ModelMessage, ModelRequest, ModelTool, Speaker
from adapters.sandbox.code_result import CodeResult, CodeStatus
from tests.support.chat_endpoint import completion
from tests.support.embedded_server import KEY, RememberingSandbox

SETTINGS = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
QUICK = RetryPolicy(call_deadline_s=30, first_pause_s=0.01, max_pause_s=0.2)
Messages = list[dict[str, Any]]
Check = Callable[[dict[str, Any], Messages], bool]


def called(*, id_: str | None = "call_1", arguments: str = '{"code": "print(6*7)"}', **more: Any) -> dict[str, Any]:
    call: dict[str, Any] = {"type": "function", "function": {"name": "code_interpreter", "arguments": arguments}}
    if id_ is not None:
        call["id"] = id_
    return {"content": None, "tool_calls": [call], **more}


@dataclass
class StrictEndpoint:
    """Calls Code Interpreter once for each question, and refuses requests whose own messages fail `takes`."""

    message: dict[str, Any]
    takes: Check
    status: int = 400
    body: Any = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        exchange = await request.json()
        self.requests.append(exchange)
        own = [message for message in exchange["messages"] if message.get("tool_calls")]
        if own and not all(self.takes(message, exchange["messages"]) for message in own):
            self.refused += 1
            return web.json_response(self.body, status=self.status)
        last = exchange["messages"][-1]
        if last["role"] == "tool" or last["content"].startswith("[Output of the code:]"):
            return completion({"content": "It is 42."})
        if "tools" not in exchange:
            return completion({"content": "I cannot run code."})
        return completion(self.message, finish="tool_calls")


def said(text: str) -> dict[str, Any]:
    return {"error": {"message": text}}


def nine(message: dict[str, Any], _: Messages) -> bool:
    return all(len(call["id"]) == 9 and call["id"].isalnum() for call in message["tool_calls"])


def text_content(message: dict[str, Any], _: Messages) -> bool:
    return isinstance(message.get("content"), str | list)


REASONED = called(reasoning_content="Six by seven.")
SIGNED = called(id_="sig")
SIGNED["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
DETAILS = [{"type": "reasoning.text", "text": "Six by seven.", "signature": "x"}]

REPORTS = {
    "DeepSeek, openagent#2206": StrictEndpoint(
        REASONED,
        lambda message, _: message.get("reasoning_content") == "Six by seven.",
        body=said("The reasoning_content in the thinking mode must be passed back to the API."),
    ),
    "Kimi, kimi-agent-sdk#169": StrictEndpoint(
        REASONED,
        lambda message, _: "reasoning_content" in message,
        body=said("thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"),
    ),
    "LM Studio, bug-tracker#261": StrictEndpoint(
        called(), text_content, body=said("Invalid 'content': 'content' field must be a string or an array of objects.")
    ),
    "Ollama, cheetahclaws PR#72": StrictEndpoint(
        called(), text_content, body={"error": "invalid message content type: <nil>"}
    ),
    "FastAPI, mistral-common#324": StrictEndpoint(
        called(),
        text_content,
        status=422,
        body={"detail": [{"loc": ["body", "messages", 2, "content"], "msg": "Input should be a valid string"}]},
    ),
    "FastAPI of a server that names the tool calls": StrictEndpoint(
        called(),
        text_content,
        status=422,
        body={"detail": [{"loc": ["body", "messages", 2, "tool_calls"], "msg": "function: value is not valid"}]},
    ),
    "mlx-lm#1375, no id given": StrictEndpoint(
        called(id_=None),
        nine,
        status=404,
        body={"error": "Tool call IDs should be alphanumeric strings with length 9!"},
    ),
    "mlx-lm#1375, a long id given": StrictEndpoint(
        called(id_="call_0123456789"),
        nine,
        status=404,
        body={"error": "Tool call IDs should be alphanumeric strings with length 9!"},
    ),
    "omlx PR#1997": StrictEndpoint(
        called(id_="chatcmpl-tool-5f"),
        nine,
        status=500,
        body={"detail": "Tool call IDs should be alphanumeric strings with a length of 9"},
    ),
    "Mistral, opencode#1680": StrictEndpoint(
        called(id_="D681PevKs"),
        lambda message, messages: (
            message["tool_calls"][0]["id"] == "D681PevKs"
            and all(one.get("tool_call_id", "D681PevKs") == "D681PevKs" for one in messages)
        ),
        body=said("Unexpected tool call id"),
    ),
    "Gemini 3, dify#29187": StrictEndpoint(
        SIGNED,
        lambda message, _: message["tool_calls"][0].get("extra_content") == {"google": {"thought_signature": "c2ln"}},
        body=said("Function call is missing a thought_signature in functionCall parts."),
    ),
    "OpenRouter": StrictEndpoint(
        called(reasoning_details=DETAILS),
        lambda message, _: message.get("reasoning_details") == DETAILS,
        body=said("no"),
    ),
    "a list of parts, as it came": StrictEndpoint(
        called() | {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        lambda message, _: isinstance(message["content"], list),
        body=said("content must be a list"),
    ),
    "an endpoint that takes no field that it does not know": StrictEndpoint(
        called(reasoning="hm", provider_specific_fields={"a": 1}),
        lambda message, _: set(message) <= {"role", "content", "tool_calls"},
        body=said("Extra inputs are not permitted: messages.2.reasoning"),
    ),
    "a server that says nothing but no": StrictEndpoint(called(id_="long-identifier"), nine, body=said("Bad request")),
}
AS_IT_CAME = ["DeepSeek, openagent#2206", "Kimi, kimi-agent-sdk#169", "Mistral, opencode#1680", "Gemini 3, dify#29187",
              "OpenRouter", "a list of parts, as it came", "mlx-lm#1375, no id given"]  # fmt: skip


@dataclass
class Bot:
    """The embedded server with this endpoint behind it."""

    client: AsyncOpenAI
    assistant: str
    thread: str
    sandbox: RememberingSandbox

    async def ask(self, text: str) -> tuple[str, str]:
        threads = self.client.beta.threads
        await threads.messages.create(self.thread, role="user", content=text)
        run = await threads.runs.create_and_poll(thread_id=self.thread, assistant_id=self.assistant)
        page = await threads.messages.list(self.thread, run_id=run.id)
        return run.status, "".join(part.text.value for m in page.data for part in m.content if part.type == "text")


async def asked_twice(endpoint: StrictEndpoint, folder: Path) -> tuple[list[tuple[str, str]], RememberingSandbox]:
    app = web.Application()
    app.router.add_post("/{path:.*}", endpoint.answer)
    async with TestServer(app) as upstream:
        url = str(upstream.make_url("/v1"))
        model = ChatCompletions(settings=SETTINGS, base_url=url, api_key="k", model="m", retry_policy=QUICK)
        sandbox = RememberingSandbox(*(CodeResult(status=CodeStatus.OK, logs="42\n") for _ in range(2)))
        server = await open_server(data_dir=folder, model=model, sandbox=sandbox, api_key=KEY)
        async with AsyncOpenAI(api_key=KEY, base_url=server.base_url, max_retries=0) as client:
            assistant = await client.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}])
            thread = await client.beta.threads.create()
            bot = Bot(client, assistant.id, thread.id, sandbox)
            answers = [await bot.ask("What is 6*7?"), await bot.ask("And again?")]
        await server.stop()
        await model.close()
    return answers, sandbox


@pytest.mark.parametrize("report", REPORTS)
async def test_a_question_that_needs_code_is_answered_and_the_model_keeps_its_tools(
    tmp_path: Path, report: str
) -> None:
    endpoint = REPORTS[report]
    answers, sandbox = await asked_twice(endpoint, tmp_path)
    assert answers == [("completed", "It is 42."), ("completed", "It is 42.")]
    assert len(sandbox.ran) == 2
    fresh = [request for request in endpoint.requests if request["messages"][-1]["role"] == "user"]
    assert all("tools" in request for request in fresh)
    # What was run is in the request that is answered, in whatever shape.
    assert "42" in json.dumps(endpoint.requests[-1]["messages"][-1])
    assert "6*7" in json.dumps(endpoint.requests[-1]["messages"][-2])


@pytest.mark.parametrize("report", AS_IT_CAME)
async def test_what_came_goes_back_so_that_nothing_is_refused(tmp_path: Path, report: str) -> None:
    endpoint = REPORTS[report]
    endpoint.refused = 0
    await asked_twice(endpoint, tmp_path)
    assert endpoint.refused == 0


async def test_a_shape_that_was_refused_is_not_sent_again(tmp_path: Path) -> None:
    endpoint = REPORTS["LM Studio, bug-tracker#261"]
    endpoint.refused = 0
    await asked_twice(endpoint, tmp_path)
    assert endpoint.refused == 1


async def test_two_calls_with_one_id_are_told_apart(tmp_path: Path) -> None:
    message = called(id_="same")
    message["tool_calls"] = [message["tool_calls"][0], dict(message["tool_calls"][0])]

    def distinct(own: dict[str, Any], messages: Messages) -> bool:
        ids = [call["id"] for call in own["tool_calls"]]
        after = messages[messages.index(own) + 1 :][: len(ids)]
        return len(set(ids)) == 2 and [one["tool_call_id"] for one in after] == ids

    endpoint = StrictEndpoint(message, distinct, body=said("duplicate ids"))
    answers, _ = await asked_twice(endpoint, tmp_path)
    assert (answers[0], endpoint.refused) == (("completed", "It is 42."), 0)


ASKING = ModelRequest(
    instructions="",
    messages=(ModelMessage(speaker=Speaker.USER, text="hello"),),
    tools=(ModelTool(name=CODE_INTERPRETER, description="Python", parameters={"type": "object"}),),
)


async def test_a_refusal_after_a_call_never_switches_tools_off_for_others() -> None:
    answers = [completion(called()), web.json_response(said("This tool is not supported here"), status=400)]
    bodies: list[dict[str, Any]] = []
    async with _model(answers, bodies) as model:
        assert (await model.complete(ASKING)).tool_calls
        await model.complete(ASKING)
        await model.complete(ASKING)
    assert ["tools" in body for body in bodies] == [True, True, False, True]


async def test_what_an_endpoint_cannot_do_is_asked_anew_after_an_hour() -> None:
    now_s = [0.0]
    refusal = said("m does not support tools")
    answers = [web.json_response(refusal, status=400), *(completion({"content": "hi"}) for _ in range(4))]
    bodies: list[dict[str, Any]] = []
    async with _model(answers, bodies, lambda: now_s[0]) as model:
        await model.complete(ASKING)
        await model.complete(ASKING)
        now_s[0] = LIFETIME_S + 1
        await model.complete(ASKING)
    assert ["tools" in body for body in bodies] == [True, False, False, True]


async def test_parallel_calls_are_switched_off_at_the_model(tmp_path: Path) -> None:
    # F16
    bodies: list[dict[str, Any]] = []
    async with _model([completion({"content": "hi"}), completion({"content": "hi"})], bodies) as model:
        await model.complete(ASKING)
        await model.complete(
            ModelRequest(instructions="", messages=ASKING.messages, tools=ASKING.tools, parallel_tool_calls=False)
        )
    assert [body.get("parallel_tool_calls") for body in bodies] == [None, False]


async def test_thinking_is_switched_off_where_answers_that_come_whole_demand_it() -> None:
    refusal = said("parameter.enable_thinking must be set to false for non-streaming calls")
    bodies: list[dict[str, Any]] = []
    async with _model([web.json_response(refusal, status=400), completion({"content": "hi"})], bodies) as model:
        assert (await model.complete(ASKING)).text == "hi"
    assert [body.get("enable_thinking") for body in bodies] == [None, False]


class _model:  # noqa: N801 - reads as a function
    def __init__(
        self, answers: list[web.Response], bodies: list[dict[str, Any]], clock_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        async def answer(request: web.Request) -> web.Response:
            bodies.append(await request.json())
            return answers.pop(0) if answers else completion({"content": "hi"})

        app = web.Application()
        app.router.add_post("/{path:.*}", answer)
        self._server = TestServer(app)
        self._clock_s = clock_s

    async def __aenter__(self) -> ChatCompletions:
        await self._server.start_server()
        self._model = ChatCompletions(
            settings=SETTINGS,
            base_url=str(self._server.make_url("/v1")),
            api_key="k",
            model="m",
            retry_policy=QUICK,
            clock_s=self._clock_s,
        )
        return self._model

    async def __aexit__(self, *_: object) -> None:
        await self._model.close()
        await self._server.close()
