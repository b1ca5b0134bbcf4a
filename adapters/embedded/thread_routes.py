"""`/threads` and `/threads/{thread_id}/messages`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from adapters.embedded.api_errors import ApiError, not_found
from adapters.embedded.api_http import answered, body_of, listed, window_of
from adapters.embedded.api_objects import FileId, Message, Thread, ThreadId, deleted, new_id, parse
from adapters.embedded.blob_folder import FileFolder
from adapters.embedded.code_interpreter import Workspace
from adapters.embedded.object_store import Rows, Store
from adapters.embedded.run_executor import RunTasks
from adapters.embedded.run_objects import Run

_CHANGED = ("metadata", "tool_resources")


class Threads:
    """Create, read, change, delete. As at OpenAI there is no list of threads."""

    def __init__(self, *, store: Store, folder: FileFolder, tasks: RunTasks, workspace: Workspace) -> None:
        self._store = store
        self._folder = folder
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

        def work(rows: Rows) -> tuple[Thread, Run | None, list[str]]:
            thread, active = rows.get(Thread, id_), rows.active_run(id_)
            made = rows.delete_files_of(id_)
            rows.delete(thread.id)
            return thread, active, made

        thread, active, made = await self._store.transact(work)
        if active:
            self._tasks.cancel(active)
        await self._workspace.forget(thread)
        for file_id in made:
            await self._folder.drop(FileId(file_id))
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
        rows.add_message(message)


_GIVEN = ("role", "content", "attachments", "metadata")


class Messages:
    """Create, list, read, change, delete."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Paths below the API's root."""
        return [
            web.post("/threads/{thread_id}/messages", self._create),
            web.get("/threads/{thread_id}/messages", self._list),
            web.get("/threads/{thread_id}/messages/{message_id}", self._get),
            web.post("/threads/{thread_id}/messages/{message_id}", self._change),
            web.delete("/threads/{thread_id}/messages/{message_id}", self._delete),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        thread_id = ThreadId(request.match_info["thread_id"])
        message = new_message(thread_id, await body_of(request))

        def work(rows: Rows) -> None:
            rows.get(Thread, thread_id)
            check_unlocked(rows, thread_id)
            rows.add_message(message)

        await self._store.transact(work)
        return answered(message)

    async def _list(self, request: web.Request) -> web.Response:
        thread_id, window = request.match_info["thread_id"], window_of(request)
        await self._store.transact(lambda rows: rows.get(Thread, thread_id))
        run_id = request.query.get("run_id")
        where = {"run_id": run_id} if run_id else {}
        return await listed(self._store, Message, window, thread_id=thread_id, **where)

    async def _get(self, request: web.Request) -> web.Response:
        return answered(await self._store.transact(lambda rows: _named(rows, request)))

    async def _change(self, request: web.Request) -> web.Response:
        metadata = (await body_of(request)).get("metadata")

        def work(rows: Rows) -> Message:
            message = parse(Message, {**asdict(_named(rows, request)), "metadata": metadata})
            rows.update(message)
            return message

        return answered(await self._store.transact(work))

    async def _delete(self, request: web.Request) -> web.Response:
        def work(rows: Rows) -> Message:
            message = _named(rows, request)
            check_unlocked(rows, message.thread_id)
            rows.delete(message.id)
            return message

        return answered(deleted("thread.message.deleted", (await self._store.transact(work)).id))


def new_message(thread_id: ThreadId, fields: Mapping[str, Any]) -> Message:
    """A message of a client's fields. Raises ApiError (400)."""
    now = int(time.time())
    given = {name: fields[name] for name in _GIVEN if name in fields}
    if fields.get("file_ids") and not fields.get("attachments"):
        given["attachments"] = _attachments(fields["file_ids"])
    fixed = {"id": new_id("msg"), "created_at": now, "completed_at": now, "thread_id": thread_id}
    return parse(Message, {**given, **fixed})


def check_unlocked(rows: Rows, thread_id: ThreadId) -> None:
    """Raises ApiError (400, never 409: clients of OpenAI repeat a request on 409) while a run is active."""
    active = rows.active_run(thread_id)
    if active:
        raise ApiError(f"Can't add messages to {thread_id} while a run {active.id} is active.")


def _attachments(file_ids: object) -> list[dict[str, Any]]:
    """API version 1 (as of 2024-02-15-preview) gave a message's files as `file_ids`."""
    if not isinstance(file_ids, list):
        raise ApiError("Invalid value for 'file_ids': a list of ids is expected.", param="file_ids")
    return [{"file_id": file_id, "tools": [{"type": "code_interpreter"}]} for file_id in file_ids]


def _named(rows: Rows, request: web.Request) -> Message:
    thread = rows.get(Thread, request.match_info["thread_id"])
    message = rows.get(Message, request.match_info["message_id"])
    if message.thread_id != thread.id:
        raise not_found("message", message.id)
    return message
