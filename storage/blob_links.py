"""Links straight to blobs, by shared access signatures: for a bot without a public address of its own.

https://learn.microsoft.com/azure/storage/common/storage-sas-overview. A signature is for one blob, reading, and https;
it holds no response headers. One by the account's key cannot be called back before it ends, and one by an identity
lasts a week at most, because its key does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from azure.storage.blob import BlobSasPermissions, UserDelegationKey, generate_blob_sas
from typing_extensions import override

from bot.parts import StoredFile
from bot.ports import FileLinks
from storage.blob_container import BlobContainer

MAX_DELEGATED: Final = timedelta(days=7)
"""The longest life of a key that an identity gets, and so of its signatures."""

_RENEWED_EARLY: Final = timedelta(days=1)
_SKEW: Final = timedelta(minutes=15)  # a clock here that is ahead must not make a signature that starts later


class BlobLinks(FileLinks):
    """Signs links with the account's key if the container has one, else with a user delegation key."""

    def __init__(
        self,
        container: BlobContainer,
        *,
        lifetime_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._container = container
        self._lifetime = timedelta(seconds=lifetime_s)
        self._clock = clock
        self._delegated: tuple[UserDelegationKey, datetime] | None = None
        self._lock = asyncio.Lock()

    @property
    @override
    def origin(self) -> str:
        parts = urlsplit(self._container.url)
        return f"{parts.scheme}://{parts.netloc}"

    @override
    async def url(self, file: StoredFile) -> str:
        now = self._clock()
        account_key = self._container.account_key
        ends_at, delegated = now + self._lifetime, None
        if account_key is None:
            delegated, key_ends_at = await self._delegation_key(now)
            ends_at = min(ends_at, key_ends_at)
        # Azurite on this machine speaks http; everywhere else a signature must not travel in clear.
        protocol = "https" if self._container.url.startswith("https:") else "https,http"
        signature = generate_blob_sas(
            self._container.account_name,
            self._container.name,
            file.token,
            account_key=account_key,
            user_delegation_key=delegated,
            permission=BlobSasPermissions(read=True),
            start=now - _SKEW,
            expiry=ends_at,
            protocol=protocol,
        )
        return f"{self._container.url}/{file.token}?{signature}"

    async def _delegation_key(self, now: datetime) -> tuple[UserDelegationKey, datetime]:
        async with self._lock:
            if self._delegated is None or self._delegated[1] - now < MAX_DELEGATED - _RENEWED_EARLY:
                ends_at = now + MAX_DELEGATED
                self._delegated = await self._container.delegation_key(now - _SKEW, ends_at), ends_at
            return self._delegated
