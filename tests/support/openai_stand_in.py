"""What the stand-ins of OpenAI's two protocols share: calls are remembered, and go wrong where a test wants it."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from aiohttp import web

KEY = "key-of-the-stand-in"

_PIECE_BYTES = 256 * 1024

Json = dict[str, Any]
To = TypeVar("To", bound=StrEnum)
Handler = Callable[[web.Request, Any], web.StreamResponse | Awaitable[web.StreamResponse]]


class Fault(StrEnum):
    """What can go wrong with a call."""

    RATE_LIMIT = "429"
    NO_QUOTA = "429 for good"
    SERVER_ERROR = "500"
    RESET = "reset before anything is done"
    LOST_ANSWER = "done, then reset"
    LATE_ERROR = "done, then 500"
    GARBAGE = "done, then an answer that is no JSON"
    WRONG_SHAPE = "done, then JSON of another shape"
    NOT_HTTP = "an answer that is no HTTP"
    SILENCE = "no answer"
    REDIRECT = "302 to another host"
    NOT_FOUND = "404 of a web server"
    FORBIDDEN = "403"
    CONTENT_FILTER = "400 of Azure's filter"
    LOCKED = "400 conversation_locked"
    IN_PROGRESS = "400 another response in progress"
    CONTAINER_EXPIRED = "400 container is expired"
    EXPECTED_CONTAINER = "400 expected container_id"
    NO_TOOL_OUTPUT = "400 no tool output found"


PASSING = (
    Fault.RATE_LIMIT,
    Fault.SERVER_ERROR,
    Fault.RESET,
    Fault.LOST_ANSWER,
    Fault.LATE_ERROR,
    Fault.GARBAGE,
    Fault.WRONG_SHAPE,
    Fault.NOT_HTTP,
    Fault.SILENCE,
)
"""Those after which the same call may succeed."""

_DONE_BEFORE = frozenset({Fault.LOST_ANSWER, Fault.LATE_ERROR, Fault.GARBAGE, Fault.WRONG_SHAPE})
_SENTENCES: dict[Fault, tuple[int, str, str | None]] = {
    Fault.RATE_LIMIT: (429, "Rate limit reached", "rate_limit_exceeded"),
    Fault.NO_QUOTA: (429, "You exceeded your current quota, please check your plan.", "insufficient_quota"),
    Fault.SERVER_ERROR: (500, "The server had an error processing your request", None),
    Fault.LATE_ERROR: (500, "The server had an error processing your request", None),
    Fault.CONTENT_FILTER: (400, "The response was filtered due to the prompt triggering the policy.", "content_filter"),
    Fault.FORBIDDEN: (403, "The principal lacks the required data action.", "PermissionDenied"),
    Fault.LOCKED: (400, "Another process is currently operating on this conversation.", "conversation_locked"),
    Fault.IN_PROGRESS: (400, "Another response is already in progress for this conversation.", None),
    Fault.CONTAINER_EXPIRED: (400, "Container is expired.", None),
    Fault.EXPECTED_CONTAINER: (400, "Expected container_id: cntr_000001", None),
    Fault.NO_TOOL_OUTPUT: (400, "No tool output found for function call call_gone.", None),
}


class RefusalError(Exception):
    """The service refuses a request, in its own words."""

    def __init__(self, status: int, message: str, code: str | None = None, *, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[To]):
    """A call as it arrived, and what went wrong with it."""

    to: To
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    fault: Fault | None
    at_s: float
    port: int  # of the client's side of the connection


class StandIn(ABC, Generic[To]):
    """A service on loopback. A subclass gives the routes, each served by `serve(to, handler)`."""

    def __init__(self) -> None:
        self.weather: Callable[[To], Fault | None] = lambda _to: None  # for all calls for which nothing is planned
        self.slow_s: dict[To, float] = {}  # before anything is done, whether the caller waits for it or not
        self.streams = False  # whether events are sent where they are asked for; else that is ignored
        self.events_until_cut: int | None = None  # the connection breaks after so many events of a stream
        self.open_streams = 0
        self.address = ""
        self.calls: list[Call[To]] = []
        self.closing = asyncio.Event()
        self._port = 0
        self._planned: dict[To, list[Fault]] = {}
        self._runner = web.AppRunner(self._application(), shutdown_timeout=0.1)

    def fail(self, to: To, *faults: Fault) -> None:
        """The next calls of this kind go wrong in these ways, one each."""
        self._planned.setdefault(to, []).extend(faults)

    def called(self, to: To) -> list[Call[To]]:
        """The calls of one kind, those that went wrong too."""
        return [call for call in self.calls if call.to is to]

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        await self._runner.cleanup()

    @abstractmethod
    def _application(self) -> web.Application:
        """The routes of the service."""

    @abstractmethod
    def _authenticate(self, request: web.Request) -> None:
        """Raises RefusalError for a wrong key."""

    async def _do_unseen(self, to: To, handler: Handler, request: web.Request, body: Any) -> None:
        """Do what is asked for, for a caller that will not see the answer."""
        await _answer(handler, request, body)

    def serve(self, to: To, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A route: remembered, late, refused, done or broken, as the test wants it."""

        async def serve(request: web.Request) -> web.StreamResponse:
            body = await _body(request)
            planned = self._planned.get(to)
            fault = planned.pop(0) if planned else self.weather(to)
            self.calls.append(
                Call(
                    to=to,
                    path=request.path,
                    query=dict(request.query),
                    headers=dict(request.headers),
                    body=body,
                    fault=fault,
                    at_s=time.monotonic(),
                    port=transport_of(request).get_extra_info("peername")[1],
                )
            )
            await asyncio.sleep(self.slow_s.get(to, 0))
            try:
                self._authenticate(request)
                if fault is None:
                    return await _answer(handler, request, body)
                if fault in _DONE_BEFORE:
                    await self._do_unseen(to, handler, request, body)
            except RefusalError as refusal:
                return _error(refusal.status, str(refusal), refusal.code, param=refusal.param)
            return await self._misbehave(fault, request)

        return serve

    async def _misbehave(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        if sentence := _SENTENCES.get(fault):
            status, words, code = sentence
            return _error(status, words, code, headers={"retry-after-ms": "20", "x-request-id": "req_123"})
        match fault:
            case Fault.GARBAGE:
                return web.Response(text="<html>It works!</html>", content_type="text/html")
            case Fault.WRONG_SHAPE:
                return web.json_response({"id": 7, "status": None, "data": "none"})
            case Fault.NOT_HTTP:
                transport_of(request).write(b"220 mail.example ESMTP\r\n\r\n")
                transport_of(request).close()
            case Fault.SILENCE:
                await self.closing.wait()
            case Fault.NOT_FOUND:
                return web.Response(status=404, text="<html>Not Found</html>", content_type="text/html")
            case Fault.REDIRECT:
                return web.Response(status=302, headers={"Location": f"{self.address}/elsewhere"})
            case _:
                transport_of(request).abort()
        return web.Response()

    @asynccontextmanager
    async def event_stream(self, request: web.Request) -> AsyncIterator[web.StreamResponse]:
        """A response that takes events, and ends quietly where the client goes away."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await stream.prepare(request)
        self.open_streams += 1
        try:
            with suppress(ConnectionResetError):
                yield stream
        finally:
            self.open_streams -= 1


async def _answer(handler: Handler, request: web.Request, body: Any) -> web.StreamResponse:
    answer = handler(request, body)
    return await answer if isinstance(answer, Awaitable) else answer


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


def _error(
    status: int,
    message: str,
    code: str | None = None,
    *,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def listed(data: Sequence[Json], *, has_more: bool) -> Json:
    """A list as the API writes it."""
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": list(data), "first_id": first, "last_id": last, "has_more": has_more}


def page(request: web.Request, items: Sequence[Json]) -> web.Response:
    """The page of a list that is asked for: newest first, unless in the order of their making."""
    ordered = list(items) if request.query.get("order") == "asc" else list(reversed(items))
    if after := request.query.get("after"):
        ordered = ordered[[item["id"] for item in ordered].index(after) + 1 :]
    data = ordered[: int(request.query.get("limit", 20))]
    return web.json_response(listed(data, has_more=len(ordered) > len(data)))


async def send_event(stream: web.StreamResponse, name: str, data: Json | str) -> None:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data)
    await stream.write(f"event: {name}\ndata: {text}\n\n".encode())


def transport_of(request: web.Request) -> asyncio.Transport:
    """The connection that a request came by."""
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
