"""A stand-in for the Bot Connector: a real HTTP server on loopback that remembers what it was told.

It can be told to misbehave. Each fault serves one request, in order; without faults every request is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One activity that arrived, whatever was answered."""

    method: str
    conversation: str
    activity: dict[str, Any]
    activity_id: str = ""  # of PUT and DELETE: which one; of POST: the id that was given, if one was
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    peer_port: int = 0  # tells one connection from another

    @property
    def type(self) -> str:
        return str(self.activity.get("type", ""))

    @property
    def text(self) -> str:
        return str(self.activity.get("text", ""))

    @property
    def words(self) -> str:
        """What a person reads of it: its text, or what its cards say."""
        blocks = [block for card in self.cards for block in card.get("body", ()) if block["type"] == "TextBlock"]
        return self.text or "\n\n".join(str(block["text"]).replace("\\", "") for block in blocks)

    @property
    def stream(self) -> dict[str, Any]:
        """What it says of a stream: its type, id and sequence; empty for an activity of no stream."""
        return next((entity for entity in self.activity.get("entities", []) if entity["type"] == "streaminfo"), {})

    @property
    def is_status(self) -> bool:
        """Whether this message says only that the bot is at work; its answer takes its place."""
        return self.type == "message" and self.text.startswith("Working on it")

    @property
    def cards(self) -> list[dict[str, Any]]:
        return [attachment["content"] for attachment in self.activity.get("attachments", [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What to answer instead."""

    status: int = 502
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0  # answer late
    hang_up: bool = False  # or not at all: the connection breaks
    done: bool = False  # the activity was posted all the same
    endless: bool = False  # the body never ends
    cut_body: bool = False  # the connection breaks within the body

    @classmethod
    def named(cls, status: int, code: str, message: str = "", **headers: str) -> Fault:
        """An error in the connector's own words."""
        body = f'{{"error": {{"code": "{code}", "message": "{message}"}}}}'
        return cls(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(slots=True)
class _Stream:
    """A stream as Teams keeps it."""

    conversation: str
    text: str = ""  # of the answer so far
    sequence: int = 1
    ended: str = ""  # why nothing more is taken, in the connector's words


COMPLETED: Final = "Content stream is not allowed on an already completed streamed message"
CANCELLED: Final = "Content stream was canceled by user"
TOO_LONG: Final = "Content stream finished due to exceeded streaming time"
NOT_A_PREFIX: Final = "Request streamed content should contain the previously streamed content"


class StandInConnector:
    """`async with StandInConnector() as connector: ...`; activities go to `connector.service_url`."""

    def __init__(self) -> None:
        self.requests: list[Posted] = []  # everything that arrived
        self.posted: list[Posted] = []  # what a person would have seen happen, typing included
        self.faults: deque[Fault] = deque()
        self.typing_faults: deque[Fault] = deque()
        self.files: dict[str, bytes] = {}  # that people gave, by their names in `file_url`
        self.fetched: list[Posted] = []  # requests for them
        self.teams: dict[str, str] = {}  # directory ids of teams, by the ids of their threads
        self.weather: Callable[[], Fault | None] = lambda: None  # of requests for which no fault is lined up
        self.weather_of: Callable[[Posted], Fault | None] = lambda _: None  # the same, by what arrived
        self.streams: dict[str, _Stream] = {}  # by id
        self.streaming_fault: Fault | None = None  # of every start of a stream, as where there are none
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self._server = TestServer(self._app())

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}/_connector"

    def file_url(self, name: str) -> str:
        """Where the bot may fetch a file of `files`, as the Emulator has it."""
        return f"http://127.0.0.1:{self._server.port}/v3/attachments/{name}/views/original"

    @property
    def messages(self) -> list[Posted]:
        """What a person would read, oldest first; updates stand where they happened. A status is no message."""
        return [posted for posted in self.posted if posted.type == "message" and not posted.is_status]

    def chat(self, conversation: str) -> list[Posted]:
        """What stands in a conversation now, oldest first: each message as it was changed last, open streams too."""
        standing: dict[str, Posted] = {}
        for posted in self.posted:
            if posted.conversation != conversation:
                continue
            if posted.method == "DELETE":
                standing.pop(posted.activity_id, None)
            elif posted.type == "message" or posted.stream:
                standing[posted.activity_id] = posted
        return list(standing.values())

    def press_stop(self, conversation: str) -> None:
        """The person presses the Stop button that Teams shows at a stream."""
        for stream in self.streams.values():
            if stream.conversation == conversation and not stream.ended:
                stream.ended = CANCELLED

    async def wait_for_messages(self, count: int, *, deadline_s: float = 60.0, conversation: str = "") -> list[Posted]:
        """The first `count` messages, of one conversation if it is named, as soon as they are there."""

        def there() -> list[Posted]:
            return [posted for posted in self.messages if conversation in ("", posted.conversation)]

        async with asyncio.timeout(deadline_s), self._news:
            await self._news.wait_for(lambda: len(there()) >= count)
        return there()[:count]

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._server.close()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=1_000_000)
        activities = "/_connector/v3/conversations/{conversation}/activities"
        app.router.add_get("/v3/attachments/{name}/views/original", self._serve_file)
        app.router.add_get("/_connector/v3/teams/{team}", self._team)
        app.router.add_post(activities, self._take)
        app.router.add_put(activities + "/{activity}", self._take)
        app.router.add_delete(activities + "/{activity}", self._take)
        return app

    async def _team(self, request: web.Request) -> web.Response:
        team = request.match_info["team"]
        if team not in self.teams:
            return web.json_response({"error": {"code": "NotFound", "message": "no such team"}}, status=404)
        return web.json_response({"id": team, "name": "Analytics", "aadGroupId": self.teams[team]})

    async def _serve_file(self, request: web.Request) -> web.Response:
        self.fetched.append(Posted(method="GET", conversation="", activity={}, headers=dict(request.headers)))
        return web.Response(body=self.files[request.match_info["name"]])

    async def _take(self, request: web.Request) -> web.StreamResponse:
        activity = await request.json() if request.body_exists else {}
        posted = Posted(
            method=request.method,
            conversation=request.match_info["conversation"],
            activity=activity,
            activity_id=request.match_info.get("activity", ""),
            headers=dict(request.headers),
            query=dict(request.query),
            peer_port=request.transport.get_extra_info("peername")[1] if request.transport else 0,
        )
        self.requests.append(posted)
        faults = self.typing_faults if posted.type == "typing" else self.faults
        fault = faults.popleft() if faults else self.weather() or self.weather_of(posted)
        if fault is None:
            return await self._done(posted)
        if fault.done:
            await self._done(posted)
        return await self._misbehave(request, fault)

    def _stream_of(self, posted: Posted) -> str | Fault:
        """The stream that an activity belongs to, which it begins or goes on with; or why it is not taken."""
        info, text = posted.stream, posted.text
        if "streamId" not in info:
            return self._started_stream(posted)
        stream = self.streams[info["streamId"]]
        if stream.ended:
            return Fault.named(403, "ContentStreamNotAllowed", stream.ended)
        if info["streamType"] == "final":
            if "streamSequence" in info or posted.type != "message":
                return Fault.named(400, "BadRequest", "a final activity is a message without a sequence")
            stream.ended = COMPLETED
        elif info["streamSequence"] != stream.sequence + 1:
            return Fault.named(202, "ContentStreamSequenceOrderPreConditionFailed")
        elif info["streamType"] == "streaming" and not text.startswith(stream.text):
            return Fault.named(403, "ContentStreamNotAllowed", NOT_A_PREFIX)
        else:
            stream.sequence += 1
            stream.text = text if info["streamType"] == "streaming" else stream.text
        return str(info["streamId"])

    def _started_stream(self, posted: Posted) -> str | Fault:
        if self.streaming_fault is not None:
            return self.streaming_fault
        if posted.activity["conversation"].get("conversationType") != "personal":  # as the Playground has it
            return Fault.named(405, "BadArgument", "Streaming API is not enabled for non personal scope")
        if posted.stream.get("streamSequence") != 1 or not posted.text:
            return Fault.named(400, "BadRequest", "Start streaming activities should include text")
        stream_id = str(next(self._ids))
        text = posted.text if posted.stream["streamType"] == "streaming" else ""
        self.streams[stream_id] = _Stream(posted.conversation, text)
        return stream_id

    async def _done(self, posted: Posted) -> web.Response:
        if posted.stream:
            stream = self._stream_of(posted)
            if isinstance(stream, Fault):
                return web.Response(status=stream.status, text=stream.body, content_type="application/json")
            starts = "streamId" not in posted.stream
            async with self._news:
                self.posted.append(replace(posted, activity_id=stream))
                self._news.notify_all()
            return web.json_response({"id": stream} if starts else {}, status=201 if starts else 202)
        if posted.method == "POST" and posted.type != "typing":
            posted = replace(posted, activity_id=str(next(self._ids)))
        async with self._news:
            self.posted.append(posted)
            self._news.notify_all()
        if posted.type == "typing":
            return web.Response(status=202)
        return web.json_response({"id": posted.activity_id}, status=201 if posted.method == "POST" else 200)

    async def _misbehave(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        await asyncio.sleep(fault.after_s)
        if fault.cut_body and request.transport is not None:
            response = web.StreamResponse(status=fault.status, headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"{")
            request.transport.close()
            return response
        if fault.endless:
            return await _without_end(request, fault.status)
        if fault.hang_up and request.transport is not None:
            request.transport.abort()
        return web.Response(
            status=fault.status,
            text=fault.body,
            content_type=fault.content_type,
            headers=dict(fault.headers),
        )


async def _without_end(request: web.Request, status: int) -> web.StreamResponse:
    """Writes until the caller has had enough."""
    response = web.StreamResponse(status=status)
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b"x" * 10_000)
            await asyncio.sleep(0.01)
    return response
