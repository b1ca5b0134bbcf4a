"""Paths of threads: `/threads`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from adapters.embedded.errors import ApiError
from adapters.embedded.http import answered, body_of
from adapters.embedded.ids import ThreadId, new_id
from adapters.embedded.messages import add_message, new_message
from adapters.embedded.objects import Message, Thread, deleted
from adapters.embedded.rows import Rows
from adapters.embedded.run_objects import Run
from adapters.embedded.run_tasks import RunTasks
from adapters.embedded.store import Store
from adapters.embedded.wire import parse
from adapters.embedded.workspace import Workspace

_CHANGED = ("metadata", "tool_resources")


class Threads:
    """Create, read, change, delete. As at OpenAI there is no list of threads."""

    def __init__(self, *, store: Store, tasks: RunTasks, workspace: Workspace) -> None:
        self._store = store
        self._tasks = tasks
        self._workspace = workspace

    def routes(self) -> list[web.RouteDef]:
        """Paths below the API's root."""
        return [
            web.post("/threads", self._create),
            web.get("/threads/{thread_id}", self._get),
            web.post("/threads/{thread_id}", self._change),
            web.delete("/threads/{thread_id}", self._delete),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        thread, messages = new_thread(await body_of(request))
        await self._store.transact(lambda rows: add_thread(rows, thread, messages))
        return answered(thread)

    async def _get(self, request: web.Request) -> web.Response:
        id_ = request.match_info["thread_id"]
        return answered(await self._store.transact(lambda rows: rows.get(Thread, id_)))

    async def _change(self, request: web.Request) -> web.Response:
        id_, fields = request.match_info["thread_id"], await body_of(request)
        wanted = {name: value for name, value in fields.items() if name in _CHANGED}

        def work(rows: Rows) -> Thread:
            thread = parse(Thread, {**asdict(rows.get(Thread, id_)), **wanted})
            rows.update(thread)
            return thread

        return answered(await self._store.transact(work))

    async def _delete(self, request: web.Request) -> web.Response:
        id_ = request.match_info["thread_id"]

        def work(rows: Rows) -> Run | None:
            thread, active = rows.get(Thread, id_), rows.active_run(id_)
            rows.delete(thread.id)
            return active

        active = await self._store.transact(work)
        if active:
            self._tasks.cancel(active)
        await self._workspace.forget(ThreadId(id_))
        return answered(deleted("thread.deleted", id_))


def new_thread(fields: Mapping[str, Any]) -> tuple[Thread, list[Message]]:
    """A thread of a client's fields, and its first messages. Raises ApiError (400)."""
    now = int(time.time())
    thread = parse(Thread, {**fields, "id": new_id("thread"), "object": "thread", "created_at": now})
    given = fields.get("messages") or []
    if not isinstance(given, list) or not all(isinstance(message, dict) for message in given):
        raise ApiError("Invalid value for 'messages': a list of messages is expected.", param="messages")
    return thread, [new_message(thread.id, message) for message in given]


def add_thread(rows: Rows, thread: Thread, messages: list[Message]) -> None:
    """Store a thread with its first messages."""
    rows.insert(thread)
    for message in messages:
        add_message(rows, message)
