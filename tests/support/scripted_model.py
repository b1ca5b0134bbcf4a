"""A Chat Completions endpoint on loopback that says what a test tells it to."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

Exchange = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCode:
    """The model wants this code run, then says `then` (or what `then` makes of the tool's output)."""

    code: str
    then: str | Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesCode:
    """The model writes `text`, which holds this code, instead of calling for it; then as above."""

    text: str
    code: str
    then: str | Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFunctions:
    """The model wants these functions called, each with its arguments, then says what `then` makes of the outputs."""

    calls: tuple[tuple[str, str], ...]  # name, and arguments as JSON text
    then: Callable[[list[str]], str | CallFunctions] = ", ".join


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The endpoint answers with this instead."""

    status: int = 500
    body: str = '{"error": {"message": "trouble"}}'
    headers: dict[str, str] = field(default_factory=dict)


Line = str | RunCode | WritesCode | CallFunctions | Trouble


class ScriptedModel:
    """Each question takes the next line of the script; when it is used up, `otherwise` decides by the question."""

    def __init__(self, *, otherwise: Callable[[str], Line] = lambda text: f"You said: {text}") -> None:
        self.script: deque[Line] = deque()
        self.otherwise = otherwise
        self.requests: list[Exchange] = []
        self.delay_s = 0.0
        self.weather: Callable[[Exchange], Trouble | None] = lambda _exchange: None  # a status of 0 hangs up
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.streams = False  # word by word, where it is asked to; else it knows no streams and sends all at once
        self.words_before_call = ""  # that it says with each call
        self.words_before_pause = 0  # of each streamed answer; 0 for no pause
        self.may_go_on = asyncio.Event()  # after it
        self.hung_up = asyncio.Event()  # a client has closed its connection in the midst of a stream
        self._server = TestServer(self._app())
        self._call_numbers = itertools.count(1)
        self._functions: dict[tuple[tuple[str, str], ...], Callable[[list[str]], str | CallFunctions]] = {}  # by calls
        self._pending: dict[str, str | Callable[[str], str]] = {}  # by code: ids are the server's to change

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}/v1"

    @property
    def conversations(self) -> list[list[dict[str, Any]]]:
        """The messages of each request, oldest request first."""
        return [request["messages"] for request in self.requests]

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._server.close()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=50_000_000)
        app.router.add_post("/v1/chat/completions", self._complete)
        return app

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        exchange = await request.json()
        response = await self._answer(request, exchange)
        if self.streams and exchange.get("stream") and response.status == 200:
            return await self._stream(request, json.loads(response.text or ""))
        return response

    async def _stream(self, request: web.Request, whole: dict[str, Any]) -> web.StreamResponse:
        choice = whole["choices"][0]
        words = re.findall(r"\s*\S+", choice["message"]["content"] or "")
        calls = [{"index": index, **call} for index, call in enumerate(choice["message"].get("tool_calls", []))]
        deltas = [{"role": "assistant"}, *({"content": word} for word in words), *({"tool_calls": [c]} for c in calls)]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for number, delta in enumerate(deltas):
                if number > self.words_before_pause > 0:
                    await self.may_go_on.wait()
                await response.write(_event(model=whole["model"], choices=[{"index": 0, "delta": delta}]))
                await asyncio.sleep(self.delay_s)
            end = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
            await response.write(_event(choices=[end]) + _event(choices=[], usage=whole["usage"]) + b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionResetError):
            self.hung_up.set()
            raise
        return response

    async def _answer(self, request: web.Request, exchange: Exchange) -> web.Response:
        self.requests.append(exchange)
        await asyncio.sleep(self.delay_s)
        if (trouble := self.weather(exchange)) is not None:
            if trouble.status == 0 and request.transport is not None:
                request.transport.abort()
            return web.Response(status=trouble.status or 500, text=trouble.body, headers=trouble.headers)
        await self.may_answer.wait()
        last = exchange["messages"][-1]
        answered = _answered_calls(exchange["messages"])
        if tuple(answered) in self._functions:
            return self._reply(exchange, self._functions[tuple(answered)](list(answered.values())))
        if last["role"] == "tool" or _text(last).startswith(_OUTPUT):
            then = self._pending[_code_answered_by(exchange["messages"])]
            return self._say(exchange, then if isinstance(then, str) else then(_text(last).removeprefix(_OUTPUT)))
        return self._reply(exchange, self.script.popleft() if self.script else self.otherwise(_text(last)))

    def _reply(self, exchange: Exchange, line: Line) -> web.Response:
        match line:
            case Trouble():
                return web.Response(status=line.status, text=line.body, headers=line.headers)
            case RunCode(code=code, then=then):
                self._pending[code] = then
                return self._call(exchange, {"name": "code_interpreter", "arguments": json.dumps({"code": code})})
            case CallFunctions(calls=calls, then=next_line):
                self._functions[calls] = next_line
                functions = [{"name": name, "arguments": arguments} for name, arguments in calls]
                return self._call(exchange, *functions)
            case WritesCode():
                self._pending[line.code] = line.then
                return self._say(exchange, line.text)
            case str():
                return self._say(exchange, line)

    def _say(self, exchange: Exchange, text: str) -> web.Response:
        return _completion(exchange, {"role": "assistant", "content": text}, "stop")

    def _call(self, exchange: Exchange, *functions: dict[str, str]) -> web.Response:
        calls = [{"id": f"call_{next(self._call_numbers)}", "type": "function", "function": it} for it in functions]
        return _completion(
            exchange,
            {"role": "assistant", "content": self.words_before_call or None, "tool_calls": calls},
            "tool_calls",
        )


def _event(**chunk: Any) -> bytes:
    return b"data: " + json.dumps({"object": "chat.completion.chunk", **chunk}).encode() + b"\n\n"


def _completion(exchange: Exchange, message: dict[str, Any], finish: str) -> web.Response:
    return web.json_response(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": exchange["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": 7,
                "completion_tokens": 3,
                "total_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
        }
    )


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


_OUTPUT = "[Output of the code:]\n"  # to a model that cannot call


def _answered_calls(messages: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """The outputs at the end of a conversation, by the calls that they answer; calls alike count once."""
    outputs = {}
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        outputs[message["tool_call_id"]] = _text(message)
    calls = [call for message in messages for call in message.get("tool_calls") or [] if call["id"] in outputs]
    return {(call["function"]["name"], call["function"]["arguments"]): outputs[call["id"]] for call in calls}


def _code_answered_by(messages: list[dict[str, Any]]) -> str:
    if messages[-1]["role"] == "user":
        return str(messages[-2]["content"]).removeprefix("```python\n").removesuffix("\n```")
    call_id = messages[-1]["tool_call_id"]
    calls = [call for message in messages for call in message.get("tool_calls") or [] if call["id"] == call_id]
    return str(json.loads(calls[-1]["function"]["arguments"])["code"])
