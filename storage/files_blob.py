"""Plots and files of answers in Azure Blob Storage: a blob a file, under its token."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from bot.conversation import ConversationKey
from bot.diagnosis import Finding
from bot.errors import StorageError
from bot.file_names import plain_name
from bot.media import picture_type, picture_type_of, size_of
from bot.parts import OpenFile, ServedFile, StoredFile
from httpkit.http_headers import content_disposition
from storage.blob_container import BlobContainer, BlobsRefusedError
from storage.file_tokens import CHECKED, KEY_BYTES, TOKEN, FileTokens

_KEY_NAME = "link-key"  # not as long as a token, so nobody can fetch it as a file
_NAME = "name"  # metadata travel as headers, so the name is quoted
_ANY_TYPE = "application/octet-stream"


class BlobFiles:
    """Implements `bot.ports.FileStore`, `FileOpener` and `FileReader`.

    The key that makes the tokens lies in the container too: all processes have the same, and who can read it there can
    read the files anyway.
    """

    def __init__(self, container: BlobContainer) -> None:
        self._container = container
        self._tokens: FileTokens | None = None

    async def look(self) -> None:
        """See that files can be kept: the container is there or can be made. Raises BlobsRefusedError, StorageError."""
        self._tokens = self._tokens or await self._read_key()

    async def check(self, picture: bytes) -> Finding:
        """Whether files can be kept and read here, by this bot and by nobody else. Leaves one small picture."""
        try:
            kept = await self.put(CHECKED, "check.png", picture)
            served = await self.read(kept.token)
            is_public = await self._container.is_public(_KEY_NAME)
        except BlobsRefusedError as error:
            return Finding.failed(f"{error}.", error.fix)
        except StorageError as error:
            return Finding.failed(f"{error}.", "Let this machine reach the storage account, and check its address.")
        if served is None or served.data != picture:
            return Finding.failed(
                f"The container {self._container.name} gives back something else than what was put into it.",
                "Check that AZURE_STORAGE_... name the same account and container on all replicas.",
            )
        if is_public:
            return Finding.failed(
                f"The container {self._container.name} is public: anybody can read its files and the key of its links.",
                f"Switch anonymous access off (az storage container set-permission --public-access off --name "
                f"{self._container.name}), delete the blob {_KEY_NAME}, and start teamsbot again.",
            )
        return Finding.passed(f"kept and read in the private container {self._container.name}")

    async def link_key(self) -> bytes:
        """The key of this installation, from which links may be signed. Raises StorageError."""
        tokens = self._tokens = self._tokens or await self._read_key()
        return tokens.key

    async def put(self, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
        """Keep the bytes under a name that nobody can guess, once."""
        name = plain_name(name)
        tokens = self._tokens = self._tokens or await self._read_key()
        try:
            token = await asyncio.to_thread(tokens.token, key, name, content)
            media_type = picture_type_of(content) or _ANY_TYPE
            size_bytes = size_of(content)
        except OSError as error:
            raise StorageError(f"a file cannot be read: {error.strerror}") from error
        disposition = content_disposition(name, inline=media_type != _ANY_TYPE)  # for those who fetch the blob itself
        await self._container.put(
            token, content, metadata={_NAME: quote(name)}, media_type=media_type, disposition=disposition
        )
        return StoredFile(token=token, name=name, size_bytes=size_bytes)

    async def delete(self, token: str) -> None:
        """Delete the blob of this token, if there is one."""
        if TOKEN.fullmatch(token):
            await self._container.delete(token)

    @asynccontextmanager
    async def opened(self, token: str) -> AsyncIterator[OpenFile | None]:
        """The file of this token, if there is one. Deleted meanwhile, it ends in StorageError."""
        blob = await self._container.open(token) if TOKEN.fullmatch(token) else None
        if blob is None:
            yield None
            return
        yield OpenFile(
            name=unquote(blob.metadata.get(_NAME, "file")),
            size_bytes=blob.size_bytes,
            picture_type=picture_type(blob.first),
            chunks=blob.chunks,
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
        tokens = self._tokens = self._tokens or await self._read_key()
        return hmac.compare_digest(tokens.token(key, file.name, file.data), token)

    async def _read_key(self) -> FileTokens:
        key = await self._container.read(_KEY_NAME)
        if key is None:
            fresh = secrets.token_bytes(KEY_BYTES)
            await self._container.put(_KEY_NAME, fresh, metadata={}, media_type=_ANY_TYPE)
            key = await self._container.read(_KEY_NAME)  # another process may have been faster
        if key is None or len(key) != KEY_BYTES:
            raise StorageError(f"the blob {_KEY_NAME} holds no link key; restore it, or remove it (old links end then)")
        return FileTokens(key)
