"""The bytes of files, in one folder under their ids. No name that a user or a model chose ever reaches the disk."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from adapters.embedded.api_objects import ApiError, FileId, new_id
from adapters.embedded.object_store import StoreError

_ID = re.compile(r"file-[0-9a-f]{24}")


class FileFolder:
    """Keeps bytes; writes are whole or not at all."""

    def __init__(self, *, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes

    async def keep(self, data: bytes) -> FileId:
        """Write bytes down, safe against a crash. Raises StoreError."""
        file_id = FileId(new_id("file"))
        await asyncio.to_thread(self._write, file_id, data)
        return file_id

    async def receive(self, chunks: AsyncIterable[bytes]) -> tuple[FileId, int]:
        """Write an upload down as it comes; returns its id and size. Raises ApiError (413) and StoreError."""
        file_id, size_bytes = FileId(new_id("file")), 0
        with ExitStack() as undo, _as_store_error():
            undo.callback((self._path / file_id).unlink, missing_ok=True)
            file = undo.enter_context(await asyncio.to_thread((self._path / file_id).open, "xb"))
            async for chunk in chunks:
                size_bytes += len(chunk)
                if size_bytes > self._max_bytes:
                    limit = self._max_bytes // 1_000_000
                    raise ApiError(f"The file is larger than {limit} MB.", status=413, param="file")
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(_to_disk, file)
            undo.pop_all()
        return file_id, size_bytes

    async def read(self, file_id: FileId) -> bytes:
        """The bytes of a file. Raises ApiError (404) when they are gone."""
        if not _ID.fullmatch(file_id):
            raise ApiError(f"No file found with id '{file_id}'.", status=404)
        try:
            return await asyncio.to_thread((self._path / file_id).read_bytes)
        except FileNotFoundError:
            raise ApiError(f"The content of file '{file_id}' is gone.", status=404) from None

    async def drop(self, file_id: FileId) -> None:
        """Remove the bytes of a file, if they are there."""
        await asyncio.to_thread((self._path / file_id).unlink, missing_ok=True)

    async def open(self, known: Iterable[FileId]) -> None:
        """Make the folder, and remove what a crash left in it: bytes that no stored file names. Raises StoreError."""
        with _as_store_error():
            await asyncio.to_thread(self._sweep, frozenset(known))

    def _write(self, file_id: FileId, data: bytes) -> None:
        with _as_store_error(), (self._path / file_id).open("xb") as file:
            file.write(data)
            _to_disk(file)

    def _sweep(self, known: frozenset[FileId]) -> None:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._path.glob("*"):
            if path.name not in known:
                path.unlink()


def _to_disk(file: BinaryIO) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _as_store_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"The file cannot be kept: {error.strerror}.") from error
