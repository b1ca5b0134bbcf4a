"""Plots and files of answers in a folder: `<token>/<name>`, whole or not there."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from bot.conversation import ConversationKey
from bot.diagnosis import Finding
from bot.errors import StorageError
from bot.file_names import plain_name
from bot.media import picture_type, size_of
from bot.parts import OpenFile, ServedFile, StoredFile
from httpkit.atomic_write import sync_folder, write_atomically
from storage.file_tokens import CHECKED, TOKEN, FileTokens

_CONTENT, _NAME = "content", "name"
_CHUNK_BYTES = 256 * 1024


class FolderFiles:
    """Implements `bot.ports.FileStore`, `FileOpener` and `FileReader`."""

    def __init__(self, folder: Path, *, tokens: FileTokens) -> None:
        self._folder = folder
        self._tokens = tokens

    async def check(self, picture: bytes) -> Finding:
        """Whether files can be kept and read here. Leaves one small picture."""
        try:
            kept = await self.put(CHECKED, "check.png", picture)
            served = await self.read(kept.token)
        except StorageError as error:
            return Finding.failed(f"{error}.", f"Make room, or let this user write {self._folder}.")
        if served is None or served.data != picture:
            return Finding.failed(f"{self._folder} gives back something else than was put in.", "Check the disk.")
        return Finding.passed(f"kept and read in {self._folder}")

    async def link_key(self) -> bytes:
        """The key of this installation, from which links may be signed."""
        return self._tokens.key

    async def put(self, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
        """Keep the bytes under a name that nobody can guess, once."""
        name = plain_name(name)

        def keep() -> StoredFile:
            token = self._tokens.token(key, name, content)
            _keep(self._folder / token, name, content)
            return StoredFile(token=token, name=name, size_bytes=size_of(content))

        try:
            return await asyncio.to_thread(keep)
        except OSError as error:
            raise StorageError(f"a file cannot be stored: {error.strerror}") from error

    async def delete(self, token: str) -> None:
        """Remove the file of this token, if there is one."""
        if not TOKEN.fullmatch(token):
            return
        try:
            await asyncio.to_thread(_remove, self._folder / token)
        except OSError as error:
            raise StorageError(f"a file cannot be deleted: {error.strerror}") from error

    @asynccontextmanager
    async def opened(self, token: str) -> AsyncIterator[OpenFile | None]:
        """The file of this token, if there is one. It can be read to its end even if it is deleted meanwhile."""
        content = None
        if TOKEN.fullmatch(token):
            try:
                name, size_bytes, first, content = await asyncio.to_thread(_open, self._folder / token)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise _unreadable(error) from error
        if content is None:
            yield None
            return
        with content:
            yield OpenFile(
                name=name, size_bytes=size_bytes, picture_type=picture_type(first), chunks=_chunks(first, content)
            )

    async def read(self, token: str) -> ServedFile | None:
        """The whole file of this token, if there is one."""
        async with self.opened(token) as file:
            if file is None:
                return None
            data = b"".join([chunk async for chunk in file.chunks])
            return ServedFile(name=file.name, data=data, picture_type=file.picture_type)

    async def is_of(self, key: ConversationKey, token: str, file: ServedFile) -> bool:
        """Whether a file that was read by this token was stored for this conversation."""
        return hmac.compare_digest(self._tokens.token(key, file.name, file.data), token)


def _keep(folder: Path, name: str, content: bytes | Path) -> None:
    if (folder / _NAME).exists() and (folder / _CONTENT).exists():  # a power cut may leave the name alone
        return
    if not folder.parent.exists():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        write_atomically(folder / _CONTENT, content, with_folder=False)
        write_atomically(folder / _NAME, name.encode())  # last: a file with a name is complete
        sync_folder(folder.parent)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        (folder / _NAME).unlink()  # first: without a name there is no file, whatever happens then
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _open(folder: Path) -> tuple[str, int, bytes, BinaryIO]:
    """Name, size, first chunk, and the file that gives the rest."""
    name = (folder / _NAME).read_text("utf-8")
    content = (folder / _CONTENT).open("rb")
    try:
        return name, os.fstat(content.fileno()).st_size, content.read(_CHUNK_BYTES), content
    except OSError:
        content.close()
        raise


async def _chunks(first: bytes, content: BinaryIO) -> AsyncIterator[bytes]:
    chunk = first
    while chunk:
        yield chunk
        # A file that ended with its first chunk, as nearly every plot does, costs no second visit to a thread.
        if len(chunk) < _CHUNK_BYTES:
            return
        try:
            chunk = await asyncio.to_thread(content.read, _CHUNK_BYTES)
        except OSError as error:
            raise _unreadable(error) from error


def _unreadable(error: OSError) -> StorageError:
    return StorageError(f"a file cannot be read: {error.strerror}")
