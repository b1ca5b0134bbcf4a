"""Plots and files of answers in Azure Blob Storage: a blob a file, under the token of its address."""

from __future__ import annotations

import secrets
from urllib.parse import quote, unquote

from bot.conversation import ConversationKey
from bot.errors import StorageError
from bot.media import picture_type
from bot.ports import ServedFile, StoredFile
from storage.blob_container import BlobContainer
from storage.file_names import safe_name
from storage.links import KEY_BYTES, TOKEN, LinkNames, address

_KEY_NAME = "link-key"  # not as long as a token, so nobody can fetch it as a file
_NAME = "name"  # metadata travel as headers, so the name is quoted
_ANY_TYPE = "application/octet-stream"


class BlobFiles:
    """Implements `bot.ports.FileStore` and `bot.ports.FileReader`.

    The key that makes the names lies in the container too: all processes have the same, and whoever can read it there
    can read the files anyway.
    """

    def __init__(self, container: BlobContainer, *, public_url: str) -> None:
        self._container = container
        self._public_url = public_url
        self._names: LinkNames | None = None

    async def look(self) -> None:
        """See that files can be kept: the container is there or can be made. Raises BlobsRefusedError, StorageError."""
        self._names = self._names or await self._link_names()

    async def put(self, key: ConversationKey, name: str, data: bytes) -> StoredFile:
        """Keep the bytes under a name that nobody can guess, once."""
        name = safe_name(name)
        names = self._names = self._names or await self._link_names()
        token = names.token(key, name, data)
        media_type = picture_type(data) or _ANY_TYPE
        await self._container.put(token, data, metadata={_NAME: quote(name)}, media_type=media_type)
        return StoredFile(url=address(self._public_url, token, name), name=name, size_bytes=len(data))

    async def read(self, token: str) -> ServedFile | None:
        """The file of this token, if there is one."""
        blob = await self._container.read(token) if TOKEN.fullmatch(token) else None
        if blob is None:
            return None
        name = unquote(blob.metadata.get(_NAME, "file"))
        return ServedFile(name=name, data=blob.data, picture_type=picture_type(blob.data))

    async def _link_names(self) -> LinkNames:
        key = await self._container.read(_KEY_NAME)
        if key is None:
            fresh = secrets.token_bytes(KEY_BYTES)
            await self._container.put(_KEY_NAME, fresh, metadata={}, media_type=_ANY_TYPE)
            key = await self._container.read(_KEY_NAME)  # another process may have been faster
        if key is None or len(key.data) != KEY_BYTES:
            raise StorageError(
                f"the blob {_KEY_NAME} holds no link key; restore it, or remove it (new links differ then)"
            )
        return LinkNames(key.data)
