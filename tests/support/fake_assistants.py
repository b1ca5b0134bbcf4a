"""A stand-in Assistants service on loopback. It remembers every call, and has a switch for each way to misbehave.

async with FakeAssistants() as service:
    service.state.plan = lambda said: Plan(messages=[[text("y = 12"), image("file-1")]])
    service.fail(Endpoint.CREATE_RUN, Fault.LOST_ANSWER)          # the next call of this kind
    service.weather = lambda endpoint: random.choice(faults)      # all calls for which nothing is planned
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.fake_assistants_state import FakeRun, FakeState, Json, RefusalError

KEY = "key-of-the-stand-in"


class Endpoint(StrEnum):
    """What can be called."""

    LIST_ASSISTANTS = "list assistants"
    CREATE_ASSISTANT = "create assistant"
    UPDATE_ASSISTANT = "update assistant"
    GET_ASSISTANT = "get assistant"
    CREATE_THREAD = "create thread"
    DELETE_THREAD = "delete thread"
    DELETE_FILE = "delete file"
    CREATE_RUN = "create run"
    LIST_RUNS = "list runs"
    GET_RUN = "get run"
    CANCEL = "cancel"
    SUBMIT = "submit"
    LIST_MESSAGES = "list messages"
    ADD_MESSAGE = "add message"
    UPLOAD = "upload"
    GET_FILE = "get file"
    GET_CONTENT = "get content"


class Fault(StrEnum):
    """What can go wrong with a call."""

    RATE_LIMIT = "429"
    SERVER_ERROR = "500"
    RESET = "reset before anything is done"
    LOST_ANSWER = "done, then reset"
    LATE_ERROR = "done, then 500"
    GARBAGE = "done, then an answer that is no JSON"
    WRONG_SHAPE = "done, then JSON of another shape"
    NOT_HTTP = "an answer that is no HTTP"
    SILENCE = "no answer"


_DONE_BEFORE = frozenset({Fault.LOST_ANSWER, Fault.LATE_ERROR, Fault.GARBAGE, Fault.WRONG_SHAPE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it arrived, and what went wrong with it."""

    endpoint: Endpoint
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    fault: Fault | None
    port: int  # of the client's side of the connection


Handler = Callable[[web.Request, Any], web.Response]

_PIECE_BYTES = 256 * 1024


class FakeAssistants:
    """The service."""

    def __init__(self) -> None:
        self.state = FakeState()
        self.base_url = ""
        self.weather: Callable[[Endpoint], Fault | None] = lambda _endpoint: None
        self.slow_s: dict[Endpoint, float] = {}  # before anything is done, whether the caller waits for it or not
        self.poll_after_ms: str | None = None
        self.streams = False  # whether runs are created as event streams where that is asked for; else it is ignored
        self.word_pause_s = 0.0  # after each word of a message in a stream; else it comes in two pieces
        self.refuses_streams = False  # with a 400
        self.events_until_cut: int | None = None  # the connection breaks after so many events of a stream
        self.events_until_silence: int | None = None  # nothing more comes after so many
        self.garbled_events = False
        self.open_streams = 0
        self.calls: list[Call] = []
        self._planned: dict[Endpoint, list[Fault]] = {}
        self._closing = asyncio.Event()
        self._runner = web.AppRunner(self._application(), shutdown_timeout=0.1)

    def fail(self, endpoint: Endpoint, *faults: Fault) -> None:
        """The next calls of this kind go wrong in these ways, one each."""
        self._planned.setdefault(endpoint, []).extend(faults)

    def called(self, endpoint: Endpoint) -> list[Call]:
        """The calls of one kind, those that went wrong too."""
        return [call for call in self.calls if call.endpoint is endpoint]

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        for path, endpoint, handler in self._routes():
            method = "GET" if endpoint.startswith(("get", "list")) else "POST"
            method = "DELETE" if endpoint.startswith("delete") else method
            app.router.add_route(method, f"/v1/{path}", self._serve(endpoint, handler))
        return app

    def _routes(self) -> Sequence[tuple[str, Endpoint, Handler]]:
        state, run = self.state, "threads/{thread}/runs/{run}"
        return (
            ("assistants", Endpoint.LIST_ASSISTANTS, lambda r, _: _page(r, list(state.assistants.values()))),
            ("assistants", Endpoint.CREATE_ASSISTANT, lambda _, body: web.json_response(state.create_assistant(body))),
            ("assistants/{assistant}", Endpoint.UPDATE_ASSISTANT, self._update_assistant),
            ("assistants/{assistant}", Endpoint.GET_ASSISTANT, self._get_assistant),
            ("threads", Endpoint.CREATE_THREAD, lambda _, __: web.json_response(state.create_thread())),
            ("threads/{thread}/runs", Endpoint.CREATE_RUN, self._create_run),
            ("threads/{thread}/runs", Endpoint.LIST_RUNS, lambda r, _: _page(r, state.runs_of(_in(r, "thread")))),
            ("threads/{thread}", Endpoint.DELETE_THREAD, self._delete_thread),
            ("files/{file}", Endpoint.DELETE_FILE, self._delete_file),
            (run, Endpoint.GET_RUN, self._get_run),
            (f"{run}/cancel", Endpoint.CANCEL, self._cancel),
            (f"{run}/submit_tool_outputs", Endpoint.SUBMIT, self._submit),
            ("threads/{thread}/messages", Endpoint.LIST_MESSAGES, self._list_messages),
            ("threads/{thread}/messages", Endpoint.ADD_MESSAGE, self._add_message),
            ("files", Endpoint.UPLOAD, lambda _, body: web.json_response(state.upload(body))),
            ("files/{file}", Endpoint.GET_FILE, self._get_file),
            ("files/{file}/content", Endpoint.GET_CONTENT, lambda r, _: web.Response(body=state.file(_in(r, "file")))),
        )

    def _serve(self, endpoint: Endpoint, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            body = await _body(request)
            planned = self._planned.get(endpoint)
            fault = planned.pop(0) if planned else self.weather(endpoint)
            self.calls.append(
                Call(
                    endpoint=endpoint,
                    path=request.path,
                    query=dict(request.query),
                    headers=dict(request.headers),
                    body=body,
                    fault=fault,
                    port=_transport(request).get_extra_info("peername")[1],
                )
            )
            await asyncio.sleep(self.slow_s.get(endpoint, 0))
            try:
                _authenticate(request)
                answer = handler(request, body) if fault is None or fault in _DONE_BEFORE else web.Response()
            except RefusalError as refusal:
                return _error(refusal.status, str(refusal), refusal.code)
            if fault is None and endpoint is Endpoint.CREATE_RUN and self.streams and body.get("stream"):
                run = list(self.state.runs.values())[-1]  # the one that the handler has just made
                return await self._stream(request, run)
            if fault is None and endpoint is Endpoint.GET_CONTENT:
                return await in_pieces(request, self.state.file(_in(request, "file")))
            return answer if fault is None else await self._misbehave(fault, request)

        return serve

    async def _stream(self, request: web.Request, run: FakeRun) -> web.StreamResponse:
        """The events of a run, one chunk each; a message comes in two deltas."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        self.open_streams += 1
        try:
            with suppress(ConnectionResetError):  # the client went away
                await self._send_events(request, response, run)
        finally:
            self.open_streams -= 1
        return response

    async def _send_events(self, request: web.Request, response: web.StreamResponse, run: FakeRun) -> None:
        sent = 0
        async for name, data in self._events(run):
            if not name:  # a sign of life, by which a client's going away is noticed
                await response.write(b": still running\n\n")
                continue
            if sent == self.events_until_cut:
                _transport(request).abort()
                break
            if sent == self.events_until_silence:
                await self._closing.wait()
            text = "{" if self.garbled_events and sent else json.dumps(data)
            await response.write(f"event: {name}\ndata: {text}\n\n".encode())
            sent += 1
        else:
            await response.write(b"event: done\ndata: [DONE]\n\n")

    async def _events(self, run: FakeRun) -> AsyncIterator[tuple[str, Json]]:
        yield "thread.run.created", {**run.shown(), "status": "queued"}
        yield "thread.run.queued", {**run.shown(), "status": "queued"}
        yield "thread.run.in_progress", {**run.shown(), "status": "in_progress"}
        while run.is_active and run.status != "requires_action":
            await asyncio.sleep(0.005)
            yield "", {}
        self.state.run(run.thread, run.id)  # it speaks
        for message in self.state.messages_of(run.thread, run.id):
            yield "thread.message.created", {**message, "content": []}
            for index, part in enumerate(message["content"]):
                value = part["text"]["value"] if part["type"] == "text" else None
                for piece in self._pieces(value) if value is not None else ():
                    await asyncio.sleep(self.word_pause_s)
                    content = [{"index": index, "type": "text", "text": {"value": piece, "annotations": []}}]
                    yield "thread.message.delta", {"id": message["id"], "delta": {"content": content}}
            yield "thread.message.completed", message
        yield f"thread.run.{run.status}", run.shown()

    def _pieces(self, value: str) -> list[str]:
        return re.findall(r"\s*\S+", value) if self.word_pause_s else [value[:2], value[2:]]

    async def _misbehave(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        match fault:
            case Fault.RATE_LIMIT:
                return _error(429, "Rate limit reached", "rate_limit_exceeded", {"retry-after-ms": "20"})
            case Fault.SERVER_ERROR | Fault.LATE_ERROR:
                return _error(500, "The server had an error processing your request")
            case Fault.GARBAGE:
                return web.Response(text="<html>It works!</html>", content_type="text/html")
            case Fault.WRONG_SHAPE:
                return web.json_response({"id": 7, "status": None, "data": "none"})
            case Fault.NOT_HTTP:
                _transport(request).write(b"220 mail.example ESMTP\r\n\r\n")
                _transport(request).close()
            case Fault.SILENCE:
                await self._closing.wait()
            case Fault.RESET | Fault.LOST_ANSWER:
                _transport(request).abort()
        return web.Response()

    def _update_assistant(self, request: web.Request, body: Json) -> web.Response:
        assistant = self.state.assistants[_in(request, "assistant")]
        assistant.update(body)
        return web.json_response(assistant)

    def _get_assistant(self, request: web.Request, _body: Any) -> web.Response:
        return web.json_response(self.state.assistants[_in(request, "assistant")])

    def _create_run(self, request: web.Request, body: Json) -> web.Response:
        if self.refuses_streams and "stream" in body:
            raise RefusalError(400, "Unknown parameter: 'stream'.", "unknown_parameter")
        return _run(self.state.create_run(_in(request, "thread"), body))

    def _add_message(self, request: web.Request, body: Json) -> web.Response:
        return web.json_response(self.state.add_given(_in(request, "thread"), body))

    def _delete_thread(self, request: web.Request, _body: Json) -> web.Response:
        thread = _in(request, "thread")
        self.state.delete_thread(thread)
        return web.json_response({"id": thread, "object": "thread.deleted", "deleted": True})

    def _delete_file(self, request: web.Request, _body: Json) -> web.Response:
        file = _in(request, "file")
        self.state.file(file)  # raises where there is none
        del self.state.files[file]
        return web.json_response({"id": file, "object": "file", "deleted": True})

    def _get_run(self, request: web.Request, _body: Any) -> web.Response:
        headers = {"openai-poll-after-ms": self.poll_after_ms} if self.poll_after_ms else {}
        return web.json_response(self._run_of(request).shown(), headers=headers)

    def _cancel(self, request: web.Request, _body: Any) -> web.Response:
        self.state.cancel(self._run_of(request))
        return _run(self._run_of(request))

    def _submit(self, request: web.Request, body: Json) -> web.Response:
        self.state.submit(self._run_of(request), body["tool_outputs"])
        return _run(self._run_of(request))

    def _list_messages(self, request: web.Request, _body: Any) -> web.Response:
        return _page(request, self.state.messages_of(_in(request, "thread"), request.query.get("run_id")))

    def _get_file(self, request: web.Request, _body: Any) -> web.Response:
        file = _in(request, "file")
        size_bytes = len(self.state.file(file))
        return web.json_response({"id": file, "object": "file", "bytes": size_bytes, "filename": f"{file}.pdf"})

    def _run_of(self, request: web.Request) -> FakeRun:
        return self.state.run(_in(request, "thread"), _in(request, "run"))


async def _body(request: web.Request) -> Any:
    """What was asked, as JSON; a file by its name and bytes."""
    if not request.can_read_body:
        return None
    if not request.content_type.startswith("multipart/"):
        return await request.json()
    posted = await request.post()
    file = posted["file"]
    assert isinstance(file, web.FileField)
    with file.file:
        return {"purpose": posted["purpose"], "name": file.filename, "content": file.file.read()}


def _authenticate(request: web.Request) -> None:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if KEY not in (bearer, request.headers.get("api-key")):
        raise RefusalError(401, f"Incorrect API key provided: {bearer}", "invalid_api_key")


def _in(request: web.Request, name: str) -> str:
    return request.match_info[name]


def _run(run: FakeRun) -> web.Response:
    return web.json_response(run.shown())


def _page(request: web.Request, items: Sequence[Json]) -> web.Response:
    ordered = list(items) if request.query.get("order") == "asc" else list(reversed(items))
    if after := request.query.get("after"):
        ordered = ordered[[item["id"] for item in ordered].index(after) + 1 :]
    data = ordered[: int(request.query.get("limit", 20))]
    return web.json_response(
        {
            "object": "list",
            "data": data,
            "has_more": len(ordered) > len(data),
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


def _error(status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def _transport(request: web.Request) -> asyncio.Transport:
    transport = request.transport
    assert isinstance(transport, asyncio.Transport)
    return transport


async def in_pieces(request: web.Request, data: bytes) -> web.StreamResponse:
    """A large body that is not in memory a second time while it is sent."""
    response = web.StreamResponse(headers={"Content-Length": str(len(data))})
    await response.prepare(request)
    for at in range(0, len(data), _PIECE_BYTES):
        await response.write(data[at : at + _PIECE_BYTES])
    return response
