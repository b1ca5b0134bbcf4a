"""Paths of files: `/files`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, web

from adapters.embedded.errors import ApiError
from adapters.embedded.folder import FileFolder
from adapters.embedded.http import answered, listed, window_of
from adapters.embedded.ids import FileId
from adapters.embedded.objects import File, deleted
from adapters.embedded.store import Store

_UPLOADED_FOR = ("assistants", "vision", "user_data", "batch", "fine-tune", "evals")
_DOWNLOADED = ("assistants_output", "vision", "batch_output", "fine-tune-results")
_CHUNK_BYTES = 256 * 1024


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
        purpose, filename, file_id, size_bytes = None, "", None, 0
        if not request.content_type.startswith("multipart/"):
            raise ApiError("A file is uploaded as multipart/form-data.")
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "purpose":
                purpose = await part.text()
            elif part.name == "file":
                filename = part.filename or "file"
                file_id, size_bytes = await self._folder.receive(_chunks(part))
        if file_id is None:
            raise ApiError("Missing required parameter: 'file'.", param="file")
        if purpose not in _UPLOADED_FOR:
            await self._folder.drop(file_id)
            expected = ", ".join(_UPLOADED_FOR)
            raise ApiError(f"Invalid value for 'purpose': one of {expected} is expected.", param="purpose")
        file = File(
            id=file_id, bytes=size_bytes, created_at=int(time.time()), filename=filename[:255], purpose=purpose,
        )
        await self._store.transact(lambda rows: rows.insert(file))
        return answered(file)

    async def _list(self, request: web.Request) -> web.Response:
        purpose = request.query.get("purpose")
        where = {"purpose": purpose} if purpose else {}
        return await listed(self._store, File, window_of(request), **where)

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
        return web.Response(body=data, headers={
            "Content-Type": "application/octet-stream", "Content-Disposition": "attachment",
            "X-Content-Type-Options": "nosniff",
        })

    async def _named(self, request: web.Request) -> File:
        id_ = FileId(request.match_info["file_id"])
        return await self._store.transact(lambda rows: rows.get(File, id_))


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        yield chunk
