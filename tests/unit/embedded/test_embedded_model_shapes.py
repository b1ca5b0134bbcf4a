"""Answers and refusals as real servers sent them; each file of tests/model_shapes says where it comes from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.embedded.models.chat_completions import ChatCompletions, RetryPolicy
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelError,
    ModelMessage,
    ModelPicture,
    ModelRequest,
    ModelTool,
    Speaker,
)
from tests.support.chat_endpoint import DONE, Endpoint, Streamed, chunk, completion, event
from tests.support.waiting import until

SETTINGS = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
SHAPES = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (Path(__file__).parents[2] / "model_shapes").glob("*")
}
QUICK = RetryPolicy(call_deadline_s=30, first_pause_s=0.01, max_pause_s=0.2)
PICTURE = ModelPicture(media_type="image/png", data=b"\x89PNG")
EVERYTHING = ModelRequest(
    instructions="Be a tutor.",
    briefing="Files lie in /mnt/data.",
    temperature=0.5,
    top_p=0.5,
    max_completion_tokens=500,
    tools=(
        ModelTool(name=CODE_INTERPRETER, description="Python", parameters={"type": "object"}),
        ModelTool(name="weather", description="Tells it", parameters={"type": "object"}),
    ),
    messages=(
        *(ModelMessage(speaker=Speaker.USER, text="x" * 1000) for _ in range(60)),
        ModelMessage(speaker=Speaker.ASSISTANT, text="Yes."),
        ModelMessage(speaker=Speaker.USER, text="What is y at 3?", pictures=(PICTURE,)),
    ),
)


def shapes(kind: str, *expected: str) -> list[Any]:
    return [
        pytest.param(shape, id=name)
        for name, shape in sorted(SHAPES.items())
        if name.startswith(kind) and any(key in shape["expected"] for key in expected)
    ]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def model(endpoint: Endpoint) -> AsyncIterator[ChatCompletions]:
    app = web.Application()
    app.router.add_post("/{path:.*}", endpoint.answer)
    async with TestServer(app) as server:
        model = ChatCompletions(
            settings=SETTINGS, base_url=str(server.make_url("/v1")), api_key="k", model="m", retry_policy=QUICK
        )
        yield model
        await model.close()


def sent(shape: dict[str, Any]) -> web.Response:
    return web.json_response(shape["body"], status=shape["status"])


@pytest.mark.parametrize("shape", shapes("answer", "code", "text", "finish"))
async def test_an_answer_is_understood(endpoint: Endpoint, model: ChatCompletions, shape: dict[str, Any]) -> None:
    endpoint.answers = [sent(shape)]
    reply = await model.complete(EVERYTHING)
    expected = shape["expected"]
    if "code" in expected:
        call, *others = reply.tool_calls
        assert call.name == CODE_INTERPRETER
        assert json.loads(call.arguments) == {"code": expected["code"]}
        assert len(others) == expected.get("calls", 1) - 1
        assert reply.text == expected.get("text", "")
    else:
        assert reply.tool_calls == ()
        assert reply.text.strip() == expected.get("text", "")
        assert reply.finish == expected.get("finish", "stop")
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("shape", shapes("", "error"))
async def test_what_is_no_answer_ends_in_one_sentence(
    endpoint: Endpoint, model: ChatCompletions, shape: dict[str, Any]
) -> None:
    endpoint.answers = [sent(shape)]
    with pytest.raises(ModelError) as raised:
        await model.complete(EVERYTHING)
    assert shape["expected"]["error"] in str(raised.value)
    assert raised.value.code == shape["expected"].get("code", "server_error")
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("shape", shapes("refusal", "without"))
async def test_what_is_refused_is_left_out_from_then_on(
    endpoint: Endpoint, model: ChatCompletions, shape: dict[str, Any]
) -> None:
    endpoint.answers = [sent(shape)]
    assert (await model.complete(EVERYTHING)).text == "hi"
    assert (await model.complete(EVERYTHING)).text == "hi"
    whole, *lesser = endpoint.bodies
    assert len(lesser) == 2
    assert lesser[0] == lesser[1]
    (part,) = shape["expected"]["without"]
    assert has(whole, part)
    assert not has(lesser[0], part)
    assert {name for name in PARTS if has(whole, name) and not has(lesser[0], name)} == {part}
    assert model.sees is (part != "pictures")


PARTS = ("tools", "pictures", "temperature", "top_p", "max_completion_tokens", "roles")


def has(body: dict[str, Any], part: str) -> bool:
    match part:
        case "pictures":
            return "image_url" in json.dumps(body["messages"])
        case "roles":
            return bool(body["messages"][0]["role"] == "system")
        case _:
            return part in body


@pytest.mark.parametrize("shape", shapes("refusal", "max_chars"))
async def test_a_conversation_that_is_too_long_is_shortened_once_and_stays_so(
    endpoint: Endpoint, model: ChatCompletions, shape: dict[str, Any]
) -> None:
    endpoint.answers = [sent(shape)]
    await model.complete(EVERYTHING)
    await model.complete(EVERYTHING)
    whole, shorter, again = (body["messages"] for body in endpoint.bodies)
    max_chars = shape["expected"]["max_chars"]
    assert len(json.dumps(whole)) > 60_000
    assert max_chars - 7000 < len(json.dumps(shorter)) < max_chars
    assert shorter[0] == whole[0]
    assert shorter[-1] == whole[-1]
    assert again == shorter
    endpoint.answers = [sent(shape), sent(shape)]
    with pytest.raises(ModelError, match="too long for the model"):
        await model.complete(EVERYTHING)


async def test_a_picture_that_is_refused_for_its_own_sake_makes_nobody_blind(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    endpoint.answers = [web.json_response({"error": {"message": "Could not process image"}}, status=400)]
    assert (await model.complete(EVERYTHING)).text == "hi"
    assert "[Pictures came with this message; you cannot see them" in endpoint.bodies[1]["messages"][-1]["content"]
    assert model.sees


async def test_a_call_that_is_refused_for_its_own_sake_leaves_the_model_its_tools(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    endpoint.answers = [web.json_response({"error": {"message": "a tool message without its call"}}, status=400)]
    await model.complete(EVERYTHING)
    await model.complete(EVERYTHING)
    assert [has(body, "tools") for body in endpoint.bodies] == [True, False, True]


async def test_a_refusal_that_no_lesser_request_helps_is_told(endpoint: Endpoint, model: ChatCompletions) -> None:
    endpoint.answers = [web.json_response({"error": {"message": "image, please"}}, status=400) for _ in range(9)]
    with pytest.raises(ModelError, match=r"refused the request \(400\)"):
        await model.complete(EVERYTHING)
    assert len(endpoint.bodies) == 2
    assert model.sees


async def test_a_model_without_calls_speaks_of_code_in_markdown_and_hears_its_output(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    refusal = SHAPES["refusal_ollama_tools"]
    endpoint.answers = [sent(refusal), completion({"content": "So:\n```python\nprint(12)\n```"})]
    (call,) = (await model.complete(EVERYTHING)).tool_calls
    assert json.loads(call.arguments) == {"code": "print(12)"}
    asked = ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,))
    told = ModelMessage(speaker=Speaker.TOOL, text="12", tool_call_id=call.id)
    question = ModelMessage(speaker=Speaker.USER, text="What is y at 3?")
    await model.complete(ModelRequest(instructions="", tools=EVERYTHING.tools, messages=(question, asked, told)))
    system, *messages = endpoint.bodies[-1]["messages"]
    assert "begins with ```python" in system["content"]
    assert messages == [
        {"role": "user", "content": "What is y at 3?"},
        {"role": "assistant", "content": "```python\nprint(12)\n```"},
        {"role": "user", "content": "[Output of the code:]\n12"},
    ]
    assert "tools" not in endpoint.bodies[-1]


async def test_what_one_exchange_learns_stays_when_another_that_began_before_it_ends(
    endpoint: Endpoint, model: ChatCompletions
) -> None:
    may_end = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield event(chunk({"content": "One."}))
        await may_end.wait()
        yield event(chunk({}, "stop")) + DONE

    refusal = SHAPES["refusal_openai_temperature"]
    refused = web.json_response(refusal["body"], status=refusal["status"])
    endpoint.answers = [Streamed(slow), refused, completion({"content": "Two."})]
    request = replace(EVERYTHING, messages=EVERYTHING.messages[:1])
    first = asyncio.ensure_future(model.complete(request, lambda _: None))
    await until(lambda: len(endpoint.bodies) == 1)
    await model.complete(request)
    may_end.set()
    assert (await first).text == "One."
    await model.complete(request)
    assert ["temperature" in body for body in endpoint.bodies] == [True, True, False, False]
