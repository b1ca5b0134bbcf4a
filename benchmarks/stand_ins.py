"""Stand-ins of an Assistants service and of the Bot Connector: as little work as can be, and a clock on everything.

A message says how it wants to be answered: its text is `<tag> <run seconds>`. The answer is the tag.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import web

WORD_S = 0.2
"""Between two words of a streamed answer."""

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Seen:
    """When things happened to one message, in seconds of one clock."""

    sent_at_s: float = 0.0
    acked_at_s: float = 0.0
    run_ends_at_s: float = 0.0
    run_s: float = 0.0
    first_token_at_s: float = 0.0
    typing_at_s: list[float] = field(default_factory=list)
    answered_at_s: list[float] = field(default_factory=list)
    conversation: str = ""


@dataclass(slots=True)
class Run:
    """A run of the stand-in service."""

    id: str
    thread: str
    tag: str
    turn: str
    ends_at_s: float


class StandIns:
    """Both services in one aiohttp application."""

    def __init__(
        self,
        *,
        streams: bool = False,
        words_s: float = 0.0,
        openai_faults: float = 0.0,
        connector_faults: float = 0.0,
        seed: int = 1,
    ) -> None:
        """`streams`: runs are created as event streams where the client asks for that; else they are to be polled.

        `words_s`: for how long before its end a streamed run writes words.
        """
        self._streams = streams
        self._words_s = words_s
        self.shown: dict[str, list[tuple[float, str]]] = {}  # by conversation: when, and typing, update or message
        self.seen: dict[str, Seen] = {}
        self.typing: dict[str, list[float]] = {}
        self.said: dict[str, list[str]] = {}  # tags by conversation, in order
        self.calls = 0
        self.faults = 0
        self.connector_times_s: list[float] = []
        self._openai_faults = openai_faults
        self._connector_faults = connector_faults
        self._dice = random.Random(seed)  # noqa: S311 - replays the run
        self._ids = itertools.count(1)
        self._runs: dict[str, Run] = {}
        self._runs_of: dict[str, list[Run]] = {}
        self._posted: dict[str, str] = {}  # the last message of a thread, for bots that post it first

    def app(self) -> web.Application:
        """Routes of both."""
        app = web.Application(client_max_size=10_000_000)
        add = app.router.add_route
        add("POST", "/v1/threads", self.around(self._thread))
        add("POST", "/v1/threads/{thread}/runs", self.around(self._start))
        add("GET", "/v1/threads/{thread}/runs", self.around(self._list))
        add("GET", "/v1/threads/{thread}/runs/{run}", self.around(self._look))
        add("GET", "/v1/threads/{thread}/runs/{run}/steps", self.around(self._steps))
        add("GET", "/v1/threads/{thread}/messages", self.around(self._messages))
        add("POST", "/v1/threads/{thread}/messages", self.around(self._message))
        add("POST", "/connector/v3/conversations/{conversation}/activities", self._post)
        add("POST", "/connector/v3/conversations/{conversation}/activities/{reply}", self._post)
        add("PUT", "/connector/v3/conversations/{conversation}/activities/{activity}", self._post)
        return app

    def around(self, handler: Serve) -> Serve:
        """The handler of a call of the assistant's service, counted, and with the faults that are due."""

        async def serve(request: web.Request) -> web.StreamResponse:
            self.calls += 1
            if self._dice.random() < self._openai_faults:
                self.faults += 1
                kind = self._dice.choice(("429", "500", "reset"))
                if kind == "reset" and request.transport is not None:
                    request.transport.close()
                return _json({"error": {"message": "trouble"}}, 429 if kind == "429" else 500)
            return await handler(request)

        return serve

    async def _thread(self, _request: web.Request) -> web.Response:
        return _json({"id": f"thread_{next(self._ids)}", "object": "thread", "created_at": 0, "metadata": {}})

    async def _message(self, request: web.Request) -> web.Response:
        self._posted[request.match_info["thread"]] = str(orjson.loads(await request.read())["content"])
        return _json({"id": f"msg_{next(self._ids)}", "object": "thread.message"})

    async def _start(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        thread = request.match_info["thread"]
        added = body.get("additional_messages")
        tag, seconds = (added[0]["content"] if added else self._posted[thread]).split()[-2:]
        run = Run(
            id=f"run_{next(self._ids)}",
            thread=thread,
            tag=tag,
            turn=(body.get("metadata") or {}).get("turn", ""),
            ends_at_s=time.monotonic() + float(seconds),
        )
        self._runs[run.id] = run
        self._runs_of.setdefault(run.thread, []).append(run)
        seen = self.seen.setdefault(tag, Seen())
        seen.run_ends_at_s, seen.run_s = run.ends_at_s, float(seconds)
        if self._streams and body.get("stream") is True:
            return await _stream(request, run, seen, self._words_s)
        return _json(_shown(run))

    async def _list(self, request: web.Request) -> web.Response:
        runs = self._runs_of.get(request.match_info["thread"], [])
        return _json({"object": "list", "data": [_shown(run) for run in reversed(runs)], "has_more": False})

    async def _look(self, request: web.Request) -> web.Response:
        return _json(_shown(self._runs[request.match_info["run"]]))

    async def _steps(self, _request: web.Request) -> web.Response:
        return _json({"object": "list", "data": [], "has_more": False})  # no run here runs code

    async def _messages(self, request: web.Request) -> web.Response:
        of_thread = self._runs_of[request.match_info["thread"]]
        run = self._runs[request.query["run_id"]] if "run_id" in request.query else of_thread[-1]
        return _json({"object": "list", "data": [_message(run)], "has_more": False})

    async def _post(self, request: web.Request) -> web.Response:
        now_s = time.monotonic()
        self.connector_times_s.append(now_s)
        activity = orjson.loads(await request.read())
        conversation = request.match_info["conversation"]
        stream = next((e for e in activity.get("entities", ()) if e["type"] == "streaminfo"), {})
        shown = self.shown.setdefault(conversation, [])
        if activity["type"] == "typing" and not stream:
            shown.append((now_s, "typing"))
            self.typing.setdefault(conversation, []).append(now_s)
            return web.Response(status=202)
        text = activity.get("text", "")
        tag = text.rpartition("</at>")[2].rpartition("word ")[2].strip()
        is_status = text.startswith("Working on it")
        shown.append(
            (now_s, stream["streamType"] if activity["type"] == "typing" else "status" if is_status else "answer")
        )
        if activity["type"] == "typing" or is_status:
            return _json({"id": f"a{next(self._ids)}"}, 201 if "streamId" not in stream else 202)
        if self._dice.random() < self._connector_faults:
            self.faults += 1
            status = self._dice.choice((429, 502))
            return web.Response(status=status, headers={"Retry-After": "1"} if status == 429 else {})
        self.said.setdefault(conversation, []).append(tag)
        self.seen.setdefault(tag, Seen()).answered_at_s.append(now_s)
        return _json({"id": f"a{next(self._ids)}"}, 201)


def _shown(run: Run) -> dict[str, object]:
    status = "completed" if time.monotonic() >= run.ends_at_s else "in_progress"
    return {
        "id": run.id,
        "object": "thread.run",
        "thread_id": run.thread,
        "status": status,
        "metadata": {"turn": run.turn},
        "required_action": None,
        "last_error": None,
        "incomplete_details": None,
    }


def _message(run: Run) -> dict[str, object]:
    content = [{"type": "text", "text": {"value": run.tag, "annotations": []}}]
    return {
        "id": f"msg_{run.id}",
        "object": "thread.message",
        "created_at": 0,
        "thread_id": run.thread,
        "role": "assistant",
        "status": "completed",
        "content": content,
        "run_id": run.id,
        "metadata": {},
    }


async def _stream(request: web.Request, run: Run, seen: Seen, words_s: float) -> web.StreamResponse:
    """The events of a run, with a write for what happens at once, as the embedded server sends them."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    working, message = _shown(run), _message(run)
    names = ("thread.run.created", "thread.run.queued", "thread.run.in_progress")
    await response.write(b"".join(_event(name, {**working, "status": name.rsplit(".")[-1]}) for name in names))
    await asyncio.sleep(max(0.0, run.ends_at_s - words_s - time.monotonic()))
    seen.first_token_at_s = time.monotonic()
    while run.ends_at_s - time.monotonic() > WORD_S:
        word = {"index": 0, "type": "text", "text": {"value": "word ", "annotations": []}}
        await response.write(_event("thread.message.delta", {"id": message["id"], "delta": {"content": [word]}}))
        await asyncio.sleep(WORD_S)
    await asyncio.sleep(max(0.0, run.ends_at_s - time.monotonic()))
    part = {"index": 0, "type": "text", "text": {"value": run.tag, "annotations": []}}
    events = (
        ("thread.message.created", {**message, "content": []}),
        ("thread.message.delta", {"id": message["id"], "delta": {"content": [part]}}),
        ("thread.message.completed", message),
        ("thread.run.completed", {**working, "status": "completed"}),
    )
    await response.write(b"".join(_event(name, data) for name, data in events) + b"event: done\ndata: [DONE]\n\n")
    return response


def _event(name: str, data: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


async def listening(app: web.Application) -> tuple[web.AppRunner, int]:
    """The application at a free loopback port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    await asyncio.sleep(0)
    return runner, int(runner.addresses[0][1])
