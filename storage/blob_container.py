"""One private container of Azure Blob Storage: how it is opened, how long it is waited for, which errors it gives."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob import ContentSettings, UserDelegationKey
from azure.storage.blob.aio import BlobServiceClient, ContainerClient, ExponentialRetry

from bot.errors import StorageDownError, StorageError
from bot.media import size_of

log = logging.getLogger(__name__)

_DEADLINE_S = 8.0
_DEADLINE_IN_OUTAGE_S = 2.0  # when the last call came to nothing: an answer with five plots must not wait five times
_SLOWEST_BYTES_PER_S = 1_000_000
_REQUEST_S = 4.0
_CONNECT_S = 3.0
_TOKEN_RETRIES = 2  # 2.4 s; with the library's own number a machine without an identity looks slow, not wrong
_BLOCK_BYTES = 1024 * 1024  # one request on a slow line; more than this at once makes aiohttp warn of a held-up loop
_BLOCKS_AT_ONCE = 1  # the library leaves the others' tasks behind when one fails, and their errors go unread to the log

_ERRORS = (AzureError, aiohttp.ClientError, TimeoutError, OSError)
_LATER_MAY_WORK = (408, 429, 500, 502, 503, 504)
_NO_CONTAINER = "ContainerNotFound"
_SCOPE = "https://storage.azure.com/.default"


_ROLE = "Give the identity the role Storage Blob Data Contributor on the account or container, and wait some minutes."
_KEY = "Copy AZURE_STORAGE_CONNECTION_STRING again: the account's key may have been replaced."
# https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
_FIXES = {
    "AuthorizationPermissionMismatch": _ROLE,
    "InsufficientAccountPermissions": _ROLE,
    "AuthenticationFailed": f"{_KEY} If it is right, set the clock of this machine.",
    "InvalidAuthenticationInfo": _KEY,
    "AuthorizationFailure": (
        "Check AZURE_STORAGE_... and what their key or identity may do, and let the account's firewall admit this "
        "machine."
    ),
    "AuthorizationServiceMismatch": "The shared access signature must be for blobs: make another.",
    "AuthorizationResourceTypeMismatch": "The shared access signature must be for objects: make another.",
    "AuthorizationProtocolMismatch": "The shared access signature wants https: let BlobEndpoint begin with it.",
    "AccountIsDisabled": "The storage account is disabled: enable it, or name another.",
    "KeyBasedAuthenticationNotPermitted": "The account takes no keys: set AZURE_STORAGE_ACCOUNT_URL instead.",
}
_ANY_FIX = "Check AZURE_STORAGE_..., and what their key or identity may do."


class BlobsRefusedError(StorageError):
    """The storage does not serve this bot as it is set up: an administrator must act; `fix` says how."""

    def __init__(self, message: str, *, fix: str = _ANY_FIX) -> None:
        super().__init__(message, fix=fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBlob:
    """What a container holds under one name. `chunks` are its bytes, once, each fetched when it is asked for."""

    size_bytes: int
    first: bytes  # of `chunks` too
    metadata: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class BlobContainer:
    """Every method raises StorageError and nothing else; its text holds no address, which might be signed."""

    def __init__(self, client: ContainerClient, *, credential: AsyncTokenCredential | None = None) -> None:
        self._client = client
        self._credential = credential
        self._is_well = True
        self._has_identity = False

    @classmethod
    def by_connection_string(cls, connection_string: str, *, name: str) -> BlobContainer:
        """With the key or signature in the string."""
        try:
            return cls(ContainerClient.from_connection_string(connection_string, name, **_limits()))
        except ValueError:  # its own text quotes the string
            raise BlobsRefusedError("AZURE_STORAGE_CONNECTION_STRING is not what Azure's library can use") from None

    @classmethod
    def by_identity(cls, account_url: str, *, name: str) -> BlobContainer:
        """With the identity that this process has where it runs: a managed one, or a developer's login."""
        from azure.identity.aio import DefaultAzureCredential

        credential = DefaultAzureCredential(retry_total=_TOKEN_RETRIES)
        return cls(ContainerClient(account_url, name, credential=credential, **_limits()), credential=credential)

    async def make(self) -> None:
        """Make it, without public access, if it is not there."""
        async with self._waited_for(0):
            try:
                await self._client.create_container()
            except ResourceExistsError as error:
                if _code(error) != "ContainerAlreadyExists":  # else another process was faster
                    raise

    @property
    def name(self) -> str:
        """The container's own name."""
        return str(self._client.container_name)

    @property
    def url(self) -> str:
        """The container's address, without the signature that a connection string may hold."""
        return str(self._client.url).partition("?")[0]

    @property
    def account_name(self) -> str:
        """The storage account's name."""
        return str(self._client.account_name)

    @property
    def account_key(self) -> str | None:
        """The account's key, if the connection string holds it."""
        key = getattr(self._client.credential, "account_key", None)
        return key if isinstance(key, str) else None

    @property
    def can_sign(self) -> bool:
        """Whether links to blobs can be signed: by the account's key, or by a key that an identity is given."""
        return self.account_key is not None or self._credential is not None

    async def delegation_key(self, starts_at: datetime, ends_at: datetime) -> UserDelegationKey:
        """A key for signing links that this process's identity may have (role Storage Blob Delegator or above)."""
        account_url = self.url.removesuffix(f"/{self.name}")
        async with (
            self._waited_for(0),
            BlobServiceClient(account_url, credential=self._credential, **_limits()) as service,
        ):
            return await service.get_user_delegation_key(starts_at, ends_at)

    async def is_public(self, name: str) -> bool:
        """Whether anybody can read this blob, without a key or signature."""
        async with self._waited_for(0), aiohttp.ClientSession() as anybody, anybody.get(f"{self.url}/{name}") as answer:
            return answer.status == HTTPStatus.OK

    async def put(
        self,
        name: str,
        data: bytes | Path,
        *,
        metadata: Mapping[str, str],
        media_type: str,
        disposition: str | None = None,
    ) -> None:
        """Keep the bytes, or those of a file, under this name, whole or not at all; what is there already stays.

        A container that is missing is made. It is not looked for: a signature may forbid that and allow the rest.
        """
        content = ContentSettings(content_type=media_type, content_disposition=disposition)
        try:
            await self._upload(name, data, metadata, content)
        except _ContainerGoneError:
            log.info("container was missing", extra={"container": self._client.container_name})
            await self.make()
            await self._upload(name, data, metadata, content)

    async def open(self, name: str) -> OpenBlob | None:
        """What is kept under this name, if anything is. Nothing has to be closed: each chunk is a request of its own.

        The chunks raise StorageError.
        """
        try:
            async with self._waited_for(_BLOCK_BYTES):
                download = await self._client.download_blob(name)
                fetched = aiter(download.chunks())
                first = await anext(fetched, b"")  # came with the answer
        except _NotThereError:
            return None

        async def chunks() -> AsyncIterator[bytes]:
            chunk = first
            while chunk:
                yield chunk
                async with self._waited_for(_BLOCK_BYTES):
                    chunk = await anext(fetched, b"")

        metadata = download.properties.metadata or {}
        return OpenBlob(size_bytes=download.size, first=first, metadata=metadata, chunks=chunks())

    async def read(self, name: str) -> bytes | None:
        """All bytes that are kept under this name, if any are."""
        blob = await self.open(name)
        return None if blob is None else b"".join([chunk async for chunk in blob.chunks])

    async def delete(self, name: str) -> None:
        """Delete what is kept under this name, if anything is."""
        try:
            async with self._waited_for(0):
                await self._client.delete_blob(name)
        except _NotThereError:
            return

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()
        if self._credential is not None:
            await self._credential.close()

    async def _upload(
        self, name: str, data: bytes | Path, metadata: Mapping[str, str], content: ContentSettings
    ) -> None:
        # Opening a file that was just written does not wait, and the library reads a block of it at a time.
        source = data.open("rb") if isinstance(data, Path) else io.BytesIO(data)
        async with self._waited_for(size_of(data)):
            try:
                with source:
                    await self._client.upload_blob(
                        name, source, metadata=dict(metadata), content_settings=content, max_concurrency=_BLOCKS_AT_ONCE
                    )
            except ResourceExistsError as error:
                if _code(error) != "BlobAlreadyExists":
                    raise

    async def _demand_identity(self) -> None:
        """Once, and before all else: the client takes "there is no identity" for a bad line, and tries again."""
        if self._credential is not None and not self._has_identity:
            await self._credential.get_token(_SCOPE)
            self._has_identity = True

    @asynccontextmanager
    async def _waited_for(self, size_bytes: int) -> AsyncIterator[None]:
        deadline_s = _DEADLINE_S if self._is_well else _DEADLINE_IN_OUTAGE_S
        try:
            async with asyncio.timeout(deadline_s + size_bytes / _SLOWEST_BYTES_PER_S):
                await self._demand_identity()
                yield
        except _ERRORS as error:
            translated = _translated(error)
            self._is_well = isinstance(translated, BlobsRefusedError)
            raise translated from None  # the error's own text may hold a signature, or the name of a file
        self._is_well = True


class _NotThereError(BlobsRefusedError):
    """There is no blob of this name."""


class _ContainerGoneError(_NotThereError):
    """There is no container either."""


def _limits() -> dict[str, Any]:
    """The library's own would have people wait for 85 seconds when the storage is down."""
    return {
        "retry_policy": ExponentialRetry(
            initial_backoff=1, increment_base=2, random_jitter_range=1, retry_total=3, retry_read=1
        ),
        "connection_timeout": _CONNECT_S,
        "read_timeout": _REQUEST_S,
        "max_single_put_size": _BLOCK_BYTES,
        "max_block_size": _BLOCK_BYTES,
        "max_single_get_size": _BLOCK_BYTES,
        "max_chunk_get_size": _BLOCK_BYTES,
    }


def _translated(error: Exception) -> StorageError:
    if not isinstance(error, HttpResponseError):
        return StorageDownError(f"Azure Blob Storage cannot be reached: {type(error).__name__}")
    if isinstance(error, ClientAuthenticationError) and error.status_code is None:
        return BlobsRefusedError(
            "Azure Blob Storage needs an identity, and none was found here",
            fix="Give this machine a managed identity, or log in with az login, or set "
            "AZURE_STORAGE_CONNECTION_STRING.",
        )
    reason = f"{error.status_code or 'no status'} {_code(error) or type(error).__name__}"
    if error.status_code in _LATER_MAY_WORK:
        return StorageDownError(f"Azure Blob Storage has trouble of its own: {reason}")
    if isinstance(error, ResourceNotFoundError):
        gone = _ContainerGoneError if _code(error) == _NO_CONTAINER else _NotThereError
        return gone(f"not in Azure Blob Storage: {reason}")
    return BlobsRefusedError(
        f"Azure Blob Storage refuses this bot: {reason}",
        fix=_FIXES.get(_code(error), _ANY_FIX),
    )


def _code(error: HttpResponseError) -> str:
    """As in https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes ."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")
