"""`/threads/{thread_id}/runs`, their steps, and `/threads/runs`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from adapters.embedded import run_transitions
from adapters.embedded.api_http import answered, body_of, listed, metadata_of, window_of
from adapters.embedded.api_objects import (
    ApiError,
    Assistant,
    RunId,
    Thread,
    ThreadId,
    new_id,
    not_found,
    parse,
)
from adapters.embedded.object_routes import add_thread, new_messages, new_thread
from adapters.embedded.object_store import Rows, Store
from adapters.embedded.run_events import Event, EventBroker, RunJournal, send_events
from adapters.embedded.run_executor import RunTasks
from adapters.embedded.run_objects import Run, RunStep

POLL_AFTER_MS = 200
"""What the openai package's poll helpers are advised to wait between two looks."""

_TAKEN = (
    "model",
    "instructions",
    "tools",
    "metadata",
    "temperature",
    "top_p",
    "response_format",
    "tool_choice",
    "truncation_strategy",
    "max_prompt_tokens",
    "max_completion_tokens",
    "parallel_tool_calls",
)


class Runs:
    """Start, list, read, change, cancel; tool outputs; steps."""

    def __init__(
        self, *, store: Store, journal: RunJournal, tasks: RunTasks, events: EventBroker, run_deadline_s: int
    ) -> None:
        self._store = store
        self._journal = journal
        self._tasks = tasks
        self._events = events
        self._run_deadline_s = run_deadline_s

    def routes(self) -> list[web.RouteDef]:
        """Paths below the API's root."""
        one = "/threads/{thread_id}/runs/{run_id}"
        return [
            web.post("/threads/runs", self._create_with_thread),
            web.post("/threads/{thread_id}/runs", self._create),
            web.get("/threads/{thread_id}/runs", self._list),
            web.get(one, self._get),
            web.post(one, self._change),
            web.post(f"{one}/cancel", self._cancel),
            web.post(f"{one}/submit_tool_outputs", self._submit),
            web.get(f"{one}/steps", self._list_steps),
            web.get(f"{one}/steps/{{step_id}}", self._get_step),
        ]

    async def _create_with_thread(self, request: web.Request) -> web.StreamResponse:
        fields = await body_of(request)
        given = fields.get("thread") or {}
        if not isinstance(given, dict):
            raise ApiError("Invalid value for 'thread': an object is expected.", param="thread")

        with_files = {"tool_resources": fields.get("tool_resources"), **given}
        thread, messages = await asyncio.to_thread(new_thread, with_files)

        def work(rows: Rows, now: int, run_id: RunId) -> list[Event]:
            add_thread(rows, thread, messages)
            run = self._new_run(rows, now, run_id, thread.id, fields)
            created = Event(name="thread.created", data=thread)
            return [created, *run_transitions.start(rows, now, run_id, run=run, messages=())]

        return await self._start(request, work, stream_it=fields.get("stream") is True)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        thread_id = ThreadId(request.match_info["thread_id"])
        fields = await body_of(request)
        messages = await asyncio.to_thread(new_messages, thread_id, fields, "additional_messages")

        def work(rows: Rows, now: int, run_id: RunId) -> list[Event]:
            rows.get(Thread, thread_id)
            run = self._new_run(rows, now, run_id, thread_id, fields)
            return run_transitions.start(rows, now, run_id, run=run, messages=messages)

        return await self._start(request, work, stream_it=fields.get("stream") is True)

    async def _start(
        self,
        request: web.Request,
        start: Callable[[Rows, int, RunId], list[Event]],
        *,
        stream_it: bool,
    ) -> web.StreamResponse:
        run_id = RunId(new_id("run"))
        with self._events.subscribe(run_id) as subscription:
            run: Run = (await self._journal.write(start, run_id))[-1].data
            self._tasks.start(run)
            return await send_events(request, subscription) if stream_it else answered(run)

    async def _list(self, request: web.Request) -> web.Response:
        thread_id, window = request.match_info["thread_id"], window_of(request)
        return await listed(
            self._store, Run, window, {"thread_id": thread_id}, lambda rows: rows.get(Thread, thread_id)
        )

    async def _get(self, request: web.Request) -> web.Response:
        response = answered(await self._store.transact(lambda rows: _named(rows, request)))
        response.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
        return response

    async def _change(self, request: web.Request) -> web.Response:
        wanted = metadata_of(await body_of(request))

        def work(rows: Rows) -> Run:
            run = parse(Run, {**asdict(_named(rows, request)), **wanted})
            rows.update(run)
            return run

        return answered(await self._store.transact(work))

    async def _cancel(self, request: web.Request) -> web.Response:
        def work(rows: Rows, now: int, run_id: RunId) -> list[Event]:
            return run_transitions.request_cancel(rows, now, _named(rows, request).id)

        run: Run = (await self._journal.write(work, RunId(request.match_info["run_id"])))[-1].data
        self._tasks.cancel(run)
        return answered(run)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        fields, id_ = await body_of(request), RunId(request.match_info["run_id"])

        def work(rows: Rows, now: int, run_id: RunId) -> list[Event]:
            run = _named(rows, request)
            return run_transitions.submit_outputs(rows, now, run.id, outputs=outputs_of(fields))

        with self._events.subscribe(id_) as subscription:
            run: Run = (await self._journal.write(work, id_))[-1].data
            self._tasks.wake(id_)
            return await send_events(request, subscription) if fields.get("stream") is True else answered(run)

    async def _list_steps(self, request: web.Request) -> web.Response:
        window, run_id = window_of(request), request.match_info["run_id"]
        return await listed(self._store, RunStep, window, {"run_id": run_id}, lambda rows: _named(rows, request))

    async def _get_step(self, request: web.Request) -> web.Response:
        def work(rows: Rows) -> RunStep:
            run, step = _named(rows, request), rows.get(RunStep, request.match_info["step_id"])
            if step.run_id != run.id:
                raise not_found("run step", step.id)
            return step

        return answered(await self._store.transact(work))

    def _new_run(self, rows: Rows, now: int, run_id: RunId, thread_id: ThreadId, fields: Mapping[str, Any]) -> Run:
        """A run of a client's fields, which go before those of the assistant. Raises ApiError (400, 404)."""
        assistant_id = fields.get("assistant_id")
        if not assistant_id:
            raise ApiError("Missing required parameter: 'assistant_id'.", param="assistant_id")
        assistant = rows.get(Assistant, str(assistant_id))
        taken = {name: fields[name] for name in _TAKEN if fields.get(name) is not None}
        run = parse(
            Run,
            {
                "model": assistant.model,
                "tools": assistant.tools,
                "temperature": assistant.temperature,
                "top_p": assistant.top_p,
                "response_format": assistant.response_format,
                "instructions": assistant.instructions or "",
                **taken,
                **_more_instructions(assistant, fields),
                "id": run_id,
                "created_at": now,
                "expires_at": now + self._run_deadline_s,
                "thread_id": thread_id,
                "assistant_id": assistant.id,
            },
        )
        _check_choice(run)
        return run


def _check_choice(run: Run) -> None:
    """Raises ApiError (400) where the model has to call what is not on offer."""
    match run.tool_choice:
        case {"type": "function", "function": {"name": name}} if any(
            tool["type"] == "function" and tool["function"]["name"] == name for tool in run.tools
        ):
            return
        case {"type": "code_interpreter"} if any(tool["type"] == "code_interpreter" for tool in run.tools):
            return
        case str():
            return
        case _:
            raise ApiError("Invalid value for 'tool_choice': it names no tool of this run.", param="tool_choice")


def _more_instructions(assistant: Assistant, fields: Mapping[str, Any]) -> dict[str, str]:
    more = fields.get("additional_instructions")
    if not more:
        return {}
    return {"instructions": f"{fields.get('instructions') or assistant.instructions or ''}\n\n{more}".strip()}


def _named(rows: Rows, request: web.Request) -> Run:
    thread = rows.get(Thread, request.match_info["thread_id"])
    run = rows.get(Run, request.match_info["run_id"])
    if run.thread_id != thread.id:
        raise not_found("run", run.id)
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What one call gave; no output counts as an empty one."""

    tool_call_id: str
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutputs:
    """All of them."""

    tool_outputs: tuple[ToolOutput, ...]


def outputs_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Outputs by the id of their call. Raises ApiError (400)."""
    submitted = parse(ToolOutputs, fields)
    return {output.tool_call_id: output.output or "" for output in submitted.tool_outputs}
