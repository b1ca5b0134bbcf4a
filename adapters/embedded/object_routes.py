"""`/assistants`, `/threads` and their messages, `/files`: the objects that clients make and change themselves.

`run_routes` has the runs, which do something.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import Field

from adapters.embedded.api_http import answered, body_of, listed, metadata_of, window_of
from adapters.embedded.api_objects import (
    ApiError,
    Assistant,
    ExpiringFile,
    File,
    FileId,
    Message,
    Thread,
    ThreadId,
    code_files,
    deleted,
    new_id,
    not_found,
    parse,
    plain,
)
from adapters.embedded.blob_folder import FileFolder
from adapters.embedded.code_interpreter import Workspace
from adapters.embedded.object_store import Rows, Store, Window
from adapters.embedded.run_executor import RunTasks
from adapters.embedded.run_objects import Run

_FIXED = ("id", "object", "created_at")


class Assistants:
    """Create, list, read, change, delete."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Paths below the API's root."""
        return [
            web.post("/assistants", self._create),
            web.get("/assistants", self._list),
            web.get("/assistants/{assistant_id}", self._get),
            web.post("/assistants/{assistant_id}", self._change),
            web.delete("/assistants/{assistant_id}", self._delete),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        assistant = new_assistant(await body_of(request))

        def work(rows: Rows) -> None:
            rows.check_files(code_files(assistant.tool_resources))
            rows.insert(assistant)

        await self._store.transact(work)
        return answered(assistant)

    async def _list(self, request: web.Request) -> web.Response:
        return await listed(self._store, Assistant, window_of(request))

    async def _get(self, request: web.Request) -> web.Response:
        id_ = request.match_info["assistant_id"]
        return answered(await self._store.transact(lambda rows: rows.get(Assistant, id_)))

    async def _change(self, request: web.Request) -> web.Response:
        id_, fields = request.match_info["assistant_id"], await body_of(request)

        def work(rows: Rows) -> Assistant:
            before = rows.get(Assistant, id_)
            assistant = changed(before, fields)
            _check_added_files(rows, before, assistant)
            rows.update(assistant)
            return assistant

        return answered(await self._store.transact(work))

    async def _delete(self, request: web.Request) -> web.Response:
        id_ = request.match_info["assistant_id"]
        await self._store.transact(lambda rows: rows.delete(rows.get(Assistant, id_).id))
        return answered(deleted("assistant.deleted", id_))


def new_assistant(fields: Mapping[str, Any]) -> Assistant:
    """An assistant of a client's fields. Raises ApiError (400)."""
    fixed = {"id": new_id("asst"), "object": "assistant", "created_at": int(time.time())}
    return parse(Assistant, {**_with_files_of_v1(fields), **fixed})


def changed(assistant: Assistant, fields: Mapping[str, Any]) -> Assistant:
    """An assistant with some fields set anew. Raises ApiError (400)."""
    wanted = {name: value for name, value in _with_files_of_v1(fields).items() if name not in _FIXED}
    return parse(Assistant, {**asdict(assistant), **wanted})


def _with_files_of_v1(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """API version 1 (as of 2024-02-15-preview) gave an assistant's files as `file_ids`."""
    if not fields.get("file_ids") or fields.get("tool_resources"):
        return fields
    return {**fields, "tool_resources": {"code_interpreter": {"file_ids": fields["file_ids"]}}}


def _check_added_files(rows: Rows, before: Assistant | Thread, after: Assistant | Thread) -> None:
    """Raises ApiError (404). Files that it had before may be gone: else nothing else could be changed."""
    had = code_files(before.tool_resources)
    rows.check_files(file_id for file_id in code_files(after.tool_resources) if file_id not in had)


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
        thread, messages = await asyncio.to_thread(new_thread, await body_of(request))
        await self._store.transact(lambda rows: add_thread(rows, thread, messages))
        return answered(thread)

    async def _get(self, request: web.Request) -> web.Response:
        id_ = request.match_info["thread_id"]
        return answered(await self._store.transact(lambda rows: rows.get(Thread, id_)))

    async def _change(self, request: web.Request) -> web.Response:
        id_, fields = request.match_info["thread_id"], await body_of(request)
        wanted = {name: value for name, value in fields.items() if name in _CHANGED}

        def work(rows: Rows) -> Thread:
            before = rows.get(Thread, id_)
            thread = parse(Thread, {**asdict(before), **wanted})
            _check_added_files(rows, before, thread)
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


def new_thread(fields: Mapping[str, Any]) -> tuple[Thread, tuple[Message, ...]]:
    """A thread of a client's fields, and its first messages. Raises ApiError (400)."""
    now = int(time.time())
    thread = parse(Thread, {**fields, "id": new_id("thread"), "object": "thread", "created_at": now})
    return thread, new_messages(thread.id, fields, "messages")


def add_thread(rows: Rows, thread: Thread, messages: tuple[Message, ...]) -> None:
    """Store a thread with its first messages. Raises ApiError (404) when one of their files does not exist."""
    rows.check_files(code_files(thread.tool_resources))
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
        thread_id, run_id = request.match_info["thread_id"], request.query.get("run_id")
        where = {"thread_id": thread_id, **({"run_id": run_id} if run_id else {})}
        return await listed(self._store, Message, window_of(request), where, lambda rows: rows.get(Thread, thread_id))

    async def _get(self, request: web.Request) -> web.Response:
        return answered(await self._store.transact(lambda rows: _message_named(rows, request)))

    async def _change(self, request: web.Request) -> web.Response:
        wanted = metadata_of(await body_of(request))

        def work(rows: Rows) -> Message:
            message = parse(Message, {**asdict(_message_named(rows, request)), **wanted})
            rows.update(message)
            return message

        return answered(await self._store.transact(work))

    async def _delete(self, request: web.Request) -> web.Response:
        def work(rows: Rows) -> Message:
            message = _message_named(rows, request)
            check_unlocked(rows, message.thread_id)
            rows.delete(message.id)
            return message

        return answered(deleted("thread.message.deleted", (await self._store.transact(work)).id))


def new_messages(thread_id: ThreadId, fields: Mapping[str, Any], name: str) -> tuple[Message, ...]:
    """The messages in the field `name` of a body. Raises ApiError (400).

    There may be tens of thousands: call it neither on the event loop nor in a transaction, which would hold up all
    other requests and runs.
    """
    given = fields.get(name) or []
    if not isinstance(given, list) or not all(isinstance(message, dict) for message in given):
        raise ApiError(f"Invalid value for '{name}': a list of messages is expected.", param=name)
    return tuple(new_message(thread_id, message) for message in given)


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


def _message_named(rows: Rows, request: web.Request) -> Message:
    thread = rows.get(Thread, request.match_info["thread_id"])
    message = rows.get(Message, request.match_info["message_id"])
    if message.thread_id != thread.id:
        raise not_found("message", message.id)
    return message


_UPLOADED_FOR = ("assistants", "vision", "user_data", "batch", "fine-tune", "evals")
_DOWNLOADED = ("assistants_output", "vision", "batch_output", "fine-tune-results")
_MALFORMED = (ValueError, AssertionError, web.RequestPayloadError, HttpProcessingError)
"""What aiohttp raises for a body that is no multipart."""
_LIFETIMES_S = range(3600, 30 * 24 * 3600 + 1)  # as the API has it
_CHUNK_BYTES = 256 * 1024
_MAX_PARTS = 20  # each costs time, however small it is (S23)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWindow(Window):
    """Lists of files may be long."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 10_000


@dataclass(slots=True, kw_only=True)
class _Upload:
    """The parts of an upload as they come, in any order."""

    purpose: str = ""
    filename: str = ""
    file_id: FileId | None = None
    size_bytes: int = 0
    lifetime: str = ""

    def _lifetime_s(self) -> int | None:
        """How long it is to be kept; None for ever. Raises ApiError (400)."""
        if not self.lifetime:
            return None
        if not re.fullmatch(r"[0-9]{1,7}", self.lifetime) or int(self.lifetime) not in _LIFETIMES_S:
            allowed = f"{_LIFETIMES_S.start} to {_LIFETIMES_S.stop - 1}"
            raise ApiError(f"Invalid value for 'expires_after': {allowed} seconds are allowed.", param="expires_after")
        return int(self.lifetime)

    def file(self, now: int) -> File:
        """The file, if all is there. Raises ApiError (400)."""
        if self.file_id is None:
            raise ApiError("Missing required parameter: 'file'.", param="file")
        if self.purpose not in _UPLOADED_FOR:
            expected = ", ".join(_UPLOADED_FOR)
            raise ApiError(f"Invalid value for 'purpose': one of {expected} is expected.", param="purpose")
        file = File(
            id=self.file_id, bytes=self.size_bytes, created_at=now, filename=self.filename, purpose=self.purpose
        )
        lifetime_s = self._lifetime_s()
        return file if lifetime_s is None else ExpiringFile(**asdict(file), expires_at=now + lifetime_s)


class Files:
    """Upload, list, read, delete; the content of those that code made."""

    def __init__(self, *, store: Store, folder: FileFolder) -> None:
        self._store = store
        self._folder = folder

    def routes(self) -> list[web.RouteDef]:
        """Paths below the API's root."""
        return [
            web.post("/files", self._upload),
            web.get("/files", self._list),
            web.get("/files/{file_id}", self._get),
            web.delete("/files/{file_id}", self._delete),
            web.get("/files/{file_id}/content", self._content),
        ]

    async def _upload(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            raise ApiError("A file is uploaded as multipart/form-data.")
        upload = _Upload()
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._drop, upload)
            await self._read(request, upload)
            file = upload.file(int(time.time()))
            undo.pop_all()

        def work(rows: Rows) -> None:
            rows.insert(file)
            if isinstance(file, ExpiringFile):
                rows.expire(file.id, file.expires_at)

        await self._store.transact(work)
        await self.tidy()
        return answered(file)

    async def _read(self, request: web.Request, upload: _Upload) -> None:
        try:
            parts = 0
            async for part in await request.multipart():
                parts += 1
                if parts > _MAX_PARTS:
                    raise ApiError(f"An upload has at most {_MAX_PARTS} parts.", status=413)
                if isinstance(part, BodyPartReader):
                    await self._receive(part, upload)
        except _MALFORMED:
            raise ApiError("The multipart body of the request cannot be read.") from None

    async def _drop(self, upload: _Upload) -> None:
        if upload.file_id is not None:
            await self._folder.drop(upload.file_id)

    async def tidy(self) -> None:
        """Let go of uploads whose time has come: at the start and with each further upload, for else none is added."""
        for file_id in await self._store.transact(lambda rows: rows.drop_expired(int(time.time()))):
            await self._folder.drop(FileId(file_id))

    async def _receive(self, part: BodyPartReader, upload: _Upload) -> None:
        if part.name == "purpose":
            upload.purpose = (await part.read_chunk(100)).decode("utf-8", "replace")
        elif part.name == "expires_after[seconds]":
            upload.lifetime = (await part.read_chunk(100)).decode("utf-8", "replace")
        elif part.name == "file" and upload.file_id is None:
            upload.filename = plain(part.filename or "file")[:255]
            upload.file_id, upload.size_bytes = await self._folder.receive(_chunks(part))

    async def _list(self, request: web.Request) -> web.Response:
        purpose = request.query.get("purpose")
        where = {"purpose": purpose} if purpose else {}
        return await listed(self._store, File, window_of(request, FileWindow), where)

    async def _get(self, request: web.Request) -> web.Response:
        return answered(await self._named(request))

    async def _delete(self, request: web.Request) -> web.Response:
        file = await self._named(request)
        await self._store.transact(lambda rows: rows.delete(file.id))
        await self._folder.drop(file.id)
        return answered(deleted("file", file.id))

    async def _content(self, request: web.Request) -> web.Response:
        file = await self._named(request)
        if file.purpose not in _DOWNLOADED:
            raise ApiError(f"Not allowed to download files of purpose: {file.purpose}")
        data = await self._folder.read(file.id)
        # Whatever code wrote is bytes to be saved, never a page that a browser would show.
        return web.Response(
            body=data,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": "attachment",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def _named(self, request: web.Request) -> File:
        id_ = FileId(request.match_info["file_id"])
        return await self._store.transact(lambda rows: rows.get(File, id_))


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        yield chunk
