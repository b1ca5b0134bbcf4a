"""`/files`: upload, list, read, download, delete."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import Field

from adapters.embedded.api_errors import ApiError
from adapters.embedded.api_http import answered, listed, window_of
from adapters.embedded.api_objects import File, FileId, deleted, plain
from adapters.embedded.blob_folder import FileFolder
from adapters.embedded.object_store import Rows, Store, Window

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

    def lifetime_s(self) -> int | None:
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
        return File(
            id=self.file_id, bytes=self.size_bytes, created_at=now, filename=self.filename, purpose=self.purpose
        )


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
            file, lifetime_s = upload.file(int(time.time())), upload.lifetime_s()
            undo.pop_all()

        def work(rows: Rows) -> None:
            rows.insert(file)
            if lifetime_s is not None:
                rows.expire(file.id, file.created_at + lifetime_s)

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
        return await listed(self._store, File, window_of(request, FileWindow), **where)

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
