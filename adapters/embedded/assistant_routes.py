"""`/assistants`: create, list, read, change, delete."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from adapters.embedded.api_http import answered, body_of, listed, window_of
from adapters.embedded.api_objects import Assistant, deleted, new_id, parse
from adapters.embedded.object_store import Rows, Store

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
        await self._store.transact(lambda rows: rows.insert(assistant))
        return answered(assistant)

    async def _list(self, request: web.Request) -> web.Response:
        return await listed(self._store, Assistant, window_of(request))

    async def _get(self, request: web.Request) -> web.Response:
        id_ = request.match_info["assistant_id"]
        return answered(await self._store.transact(lambda rows: rows.get(Assistant, id_)))

    async def _change(self, request: web.Request) -> web.Response:
        id_, fields = request.match_info["assistant_id"], await body_of(request)

        def work(rows: Rows) -> Assistant:
            assistant = changed(rows.get(Assistant, id_), fields)
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
    return parse(Assistant, {**_modern(fields), **fixed})


def changed(assistant: Assistant, fields: Mapping[str, Any]) -> Assistant:
    """An assistant with some fields set anew. Raises ApiError (400)."""
    wanted = {name: value for name, value in _modern(fields).items() if name not in _FIXED}
    return parse(Assistant, {**asdict(assistant), **wanted})


def _modern(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """API version 1 (as of 2024-02-15-preview) gave an assistant's files as `file_ids`."""
    if not fields.get("file_ids") or fields.get("tool_resources"):
        return fields
    return {**fields, "tool_resources": {"code_interpreter": {"file_ids": fields["file_ids"]}}}
