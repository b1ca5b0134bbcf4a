"""A stand-in Assistants service on loopback. It remembers every call, and has a switch for each way to misbehave."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from aiohttp import web


class Endpoint(StrEnum):
    """What can be called."""

    CREATE_THREAD = "create thread"
    CREATE_RUN = "create run"
    LIST_RUNS = "list runs"
    GET_RUN = "get run"
    CANCEL = "cancel"
    SUBMIT = "submit"
    LIST_MESSAGES = "list messages"
    GET_FILE = "get file"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it arrived."""

    endpoint: Endpoint
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do: after `run_s` it has this status, and on completion says these messages (content parts)."""

    run_s: float = 0.0
    status: str = "completed"
    before: str = "in_progress"
    messages: Sequence[Sequence[dict[str, Any]]] = ()
    metadata: dict[str, str] = field(default_factory=dict)      # of each message
    extra: dict[str, Any] = field(default_factory=dict)         # of the run: last_error, incomplete_details
    tool_calls: Sequence[dict[str, Any]] = ()                   # the run wants these answered first


@dataclass(slots=True, kw_only=True)
class FakeRun:
    """A run and its plan."""

    id: str
    thread: str
    plan: Plan
    metadata: dict[str, str]
    born: float = field(default_factory=time.monotonic)
    outputs: list[dict[str, str]] | None = None
    cancelled: bool = False
    said: bool = False

    @property
    def status(self) -> str:
        if self.cancelled:
            return "cancelled"
        if time.monotonic() - self.born < self.plan.run_s:
            return self.plan.before
        return "requires_action" if self.plan.tool_calls and self.outputs is None else self.plan.status

    @property
    def is_active(self) -> bool:
        return self.status not in {"completed", "failed", "cancelled", "expired", "incomplete"}


def text(value: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    """A text part."""
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


def image(file: str) -> dict[str, Any]:
    """A picture part."""
    return {"type": "image_file", "image_file": {"file_id": file, "detail": "auto"}}


def file_path(placeholder: str, file: str) -> dict[str, Any]:
    """An annotation for a written file; its indexes are those of a service that gives none."""
    return {"type": "file_path", "text": placeholder, "start_index": 0, "end_index": 0, "file_path": {"file_id": file}}


def echo(said: str) -> Plan:
    """The plan of a run with nothing else planned."""
    return Plan(messages=[[text(f"You said: {said}")]])


class FakeAssistants:
    """The service. `async with FakeAssistants() as service`, then point a client at `service.base_url`."""

    def __init__(self, *, key: str = "key-of-the-stand-in") -> None:
        self.key = key
        self.base_url = ""
        self.plan: Callable[[str], Plan] = echo            # from the user's words
        self.weather: Callable[[Endpoint], Fault | None] = lambda _endpoint: None
        self.poll_after_ms: str | None = None
        self.calls: list[Call] = []
        self.runs: dict[str, FakeRun] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}   # by thread
        self.files: dict[str, bytes] = {}
        self.hidden_lists = 0                              # so many lists of runs are still empty
        self._planned_faults: dict[Endpoint, list[Fault]] = {}
        self._ids = itertools.count(1)
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    def fail(self, endpoint: Endpoint, *faults: Fault) -> None:
        """The next calls of this endpoint go wrong in these ways, one each; then the weather is asked again."""
        self._planned_faults.setdefault(endpoint, []).extend(faults)

    def called(self, endpoint: Endpoint) -> list[Call]:
        """The calls of one endpoint, those that went wrong too."""
        return [call for call in self.calls if call.endpoint is endpoint]

    def forget(self, thread: str) -> None:
        """The thread is gone."""
        del self.messages[thread]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        for path, endpoint, handler in self._routes():
            method = "GET" if endpoint.startswith(("get", "list")) else "POST"
            app.router.add_route(method, path, self._serve(endpoint, handler))
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        if self._runner:
            await self._runner.cleanup()

    def _routes(self) -> Sequence[tuple[str, Endpoint, Callable[[web.Request, Any], web.Response]]]:
        run = "/v1/threads/{thread}/runs/{run}"
        return (
            ("/v1/threads", Endpoint.CREATE_THREAD, self._create_thread),
            ("/v1/threads/{thread}/runs", Endpoint.CREATE_RUN, self._create_run),
            ("/v1/threads/{thread}/runs", Endpoint.LIST_RUNS, self._list_runs),
            (run, Endpoint.GET_RUN, self._get_run),
            (f"{run}/cancel", Endpoint.CANCEL, self._cancel),
            (f"{run}/submit_tool_outputs", Endpoint.SUBMIT, self._submit),
            ("/v1/threads/{thread}/messages", Endpoint.LIST_MESSAGES, self._list_messages),
            ("/v1/files/{file}/content", Endpoint.GET_FILE, self._get_file),
        )

    def _serve(
        self, endpoint: Endpoint, handler: Callable[[web.Request, Any], web.Response],
    ) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            body = await request.json() if request.can_read_body else None
            self.calls.append(Call(endpoint=endpoint, path=request.path, query=dict(request.query),
                                   headers=dict(request.headers), body=body))
            planned = self._planned_faults.get(endpoint)
            fault = planned.pop(0) if planned else self.weather(endpoint)
            if fault:
                return await self._misbehave(fault, request, body, handler)
            if request.headers.get("Authorization") != f"Bearer {self.key}":
                return _error(401, f"Incorrect API key provided: {request.headers.get('Authorization')}", "invalid_api_key")
            return handler(request, body)
        return serve

    async def _misbehave(
        self, fault: Fault, request: web.Request, body: Any, handler: Callable[[web.Request, Any], web.Response],
    ) -> web.StreamResponse:
        if fault in (Fault.LOST_ANSWER, Fault.LATE_ERROR, Fault.GARBAGE, Fault.WRONG_SHAPE):
            handler(request, body)
        match fault:
            case Fault.RATE_LIMIT:
                return _error(429, "Rate limit reached", "rate_limit_exceeded", {"retry-after-ms": "20"})
            case Fault.SERVER_ERROR | Fault.LATE_ERROR:
                return _error(500, "The server had an error processing your request", None)
            case Fault.GARBAGE:
                return web.Response(text="<html>It works!</html>", content_type="text/html")
            case Fault.WRONG_SHAPE:
                return web.json_response([{"status": 7, "data": None}])
            case Fault.NOT_HTTP:
                _transport(request).write(b"220 mail.example ESMTP\r\n\r\n")
            case Fault.SILENCE:
                await self._closing.wait()
            case Fault.RESET | Fault.LOST_ANSWER:
                _transport(request).abort()
        _transport(request).close()
        return web.Response()

    def _create_thread(self, _request: web.Request, _body: Any) -> web.Response:
        thread = f"thread_{next(self._ids)}"
        self.messages[thread] = []
        return web.json_response({"id": thread, "object": "thread", "created_at": 0, "metadata": {}, "tool_resources": {}})

    def _create_run(self, request: web.Request, body: Any) -> web.Response:
        thread = request.match_info["thread"]
        if thread not in self.messages:
            return _error(404, f"No thread found with id '{thread}'.", None)
        active = next((run for run in self.runs.values() if run.thread == thread and run.is_active), None)
        if active:
            return _error(400, f"Thread {thread} already has an active run {active.id}.", None)
        said = [self._add_message(thread, "user", [text(m["content"])]) for m in body["additional_messages"]]
        plan = self.plan(said[-1]["content"][0]["text"]["value"])
        run = FakeRun(id=f"run_{next(self._ids)}", thread=thread, plan=plan, metadata=body.get("metadata") or {})
        self.runs[run.id] = run
        return web.json_response(self._shown(run))

    def _list_runs(self, request: web.Request, _body: Any) -> web.Response:
        thread = request.match_info["thread"]
        if thread not in self.messages:
            return _error(404, f"No thread found with id '{thread}'.", None)
        shown = [self._shown(run) for run in self.runs.values() if run.thread == thread]
        if self.hidden_lists:
            self.hidden_lists -= 1
            shown = []
        return _page(request, shown)

    def _get_run(self, request: web.Request, _body: Any) -> web.Response:
        run = self.runs.get(request.match_info["run"])
        if run is None or run.thread not in self.messages:
            return _error(404, f"No run found with id '{request.match_info['run']}'.", None)
        self._speak(run)
        return web.json_response(
            self._shown(run), headers={"openai-poll-after-ms": self.poll_after_ms} if self.poll_after_ms else {},
        )

    def _cancel(self, request: web.Request, _body: Any) -> web.Response:
        run = self.runs[request.match_info["run"]]
        if not run.is_active:
            return _error(400, f"Cannot cancel run with status '{run.status}'.", None)
        run.cancelled = True
        return web.json_response(self._shown(run))

    def _submit(self, request: web.Request, body: Any) -> web.Response:
        run = self.runs[request.match_info["run"]]
        if run.status != "requires_action":
            return _error(400, f'Runs in status "{run.status}" do not accept tool outputs.', None)
        wanted, given = [c["id"] for c in run.plan.tool_calls], [o["tool_call_id"] for o in body["tool_outputs"]]
        if sorted(wanted) != sorted(given):
            return _error(400, f"Expected tool outputs for call_ids {wanted}, got {given}", None)
        run.outputs = body["tool_outputs"]
        return web.json_response(self._shown(run))

    def _list_messages(self, request: web.Request, _body: Any) -> web.Response:
        return _page(request, self.messages[request.match_info["thread"]])

    def _get_file(self, request: web.Request, _body: Any) -> web.Response:
        file = request.match_info["file"]
        if file not in self.files:
            return _error(404, f"No such File object: {file}", None)
        return web.Response(body=self.files[file], content_type="application/octet-stream")

    def _speak(self, run: FakeRun) -> None:
        if run.status == "completed" and not run.said:
            run.said = True
            for content in run.plan.messages:
                self._add_message(run.thread, "assistant", content, run=run)

    def _add_message(self, thread: str, role: str, content: Any, run: FakeRun | None = None) -> dict[str, Any]:
        message = {
            "id": f"msg_{next(self._ids)}", "object": "thread.message", "created_at": 0, "thread_id": thread, "role": role,
            "status": "completed", "content": content, "run_id": run.id if run else None, "assistant_id": None,
            "metadata": run.plan.metadata if run else {}, "attachments": [],
        }
        self.messages[thread].append(message)
        return message

    def _shown(self, run: FakeRun) -> dict[str, Any]:
        calls = [{"type": "function", **call} for call in run.plan.tool_calls]
        action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
        return {
            "id": run.id, "object": "thread.run", "thread_id": run.thread, "status": run.status, "metadata": run.metadata,
            "required_action": action if run.status == "requires_action" else None, "last_error": None,
            "incomplete_details": None, **(run.plan.extra if run.status == run.plan.status else {}),
        }


def _page(request: web.Request, items: Sequence[dict[str, Any]]) -> web.Response:
    ordered = list(items) if request.query.get("order") == "asc" else list(reversed(items))
    if run := request.query.get("run_id"):
        ordered = [item for item in ordered if item["run_id"] == run]
    if after := request.query.get("after"):
        ordered = ordered[[item["id"] for item in ordered].index(after) + 1:]
    limit = int(request.query.get("limit", 20))
    data = ordered[:limit]
    return web.json_response({
        "object": "list", "data": data, "has_more": len(ordered) > limit,
        "first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None,
    })


def _error(status: int, message: str, code: str | None, headers: dict[str, str] | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def _transport(request: web.Request) -> asyncio.Transport:
    transport = request.transport
    assert isinstance(transport, asyncio.Transport)
    return transport
