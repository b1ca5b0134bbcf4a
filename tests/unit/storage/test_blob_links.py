"""Links by shared access signatures; what Azure's storage makes of them is in `tests/contract/test_files_blob.py`."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.blob import UserDelegationKey

from bot.errors import StorageError
from bot.parts import StoredFile
from storage.blob_container import BlobContainer
from storage.blob_links import BlobLinks

ACCOUNT_KEY = base64.b64encode(b"k" * 64).decode()
PLOT = StoredFile(token="abcdefghijklmnopqrstuvwxyz-_0123", name="plot.png", size_bytes=5)
DAY_S = 86_400


class Container:
    """A container that a key, or an identity, opens; it remembers which delegation keys were asked for."""

    def __init__(self, *, account_key: str | None = None, url: str = "https://my.blob.core.windows.net/plots") -> None:
        self.account_key = account_key
        self.url = url
        self.name, self.account_name = "plots", "my"
        self.asked: list[tuple[datetime, datetime]] = []
        self.is_down = False

    async def delegation_key(self, starts_at: datetime, ends_at: datetime) -> UserDelegationKey:
        if self.is_down:
            raise StorageError("Azure Blob Storage cannot be reached")
        self.asked.append((starts_at, ends_at))
        key = UserDelegationKey()  # type: ignore[no-untyped-call]
        key.signed_oid = key.signed_tid = "11111111-2222-3333-4444-555555555555"
        key.signed_start = starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        key.signed_expiry = ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        key.signed_service, key.signed_version = "b", "2024-11-04"
        key.value = ACCOUNT_KEY
        return key


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def links_of(container: Container, clock: Clock, *, lifetime_s: float = 90 * DAY_S) -> BlobLinks:
    return BlobLinks(cast(BlobContainer, container), lifetime_s=lifetime_s, clock=clock)


def query(url: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


async def test_a_signature_is_for_one_blob_reading_and_https_and_sets_no_headers() -> None:
    links = links_of(Container(account_key=ACCOUNT_KEY), Clock())
    url = await links.url(PLOT)
    assert url.startswith(f"https://my.blob.core.windows.net/plots/{PLOT.token}?")
    assert links.origin == "https://my.blob.core.windows.net"
    signed = query(url)
    assert (signed["sr"], signed["sp"], signed["spr"]) == ("b", "r", "https")
    assert not {"rscc", "rscd", "rsce", "rscl", "rsct"} & signed.keys()
    assert signed["se"] == "2027-02-27T00:00:00Z"


async def test_an_identity_signs_with_a_key_that_ends_after_a_week() -> None:
    container, clock = Container(), Clock()
    signed = query(await links_of(container, clock).url(PLOT))
    assert signed["skoid"]
    assert signed["se"] == signed["ske"] == "2026-12-06T00:00:00Z"


async def test_the_key_of_an_identity_is_used_for_a_day_and_then_renewed() -> None:
    container, clock = Container(), Clock()
    links = links_of(container, clock)
    for hours in (0, 1, 23):
        clock.now = datetime(2026, 11, 29, tzinfo=UTC) + timedelta(hours=hours)
        await links.url(PLOT)
    assert len(container.asked) == 1
    clock.now += timedelta(hours=2)
    assert query(await links.url(PLOT))["se"] == "2026-12-07T01:00:00Z"
    assert len(container.asked) == 2


async def test_a_link_of_a_storage_that_is_down_is_a_storage_error() -> None:
    container = Container()
    container.is_down = True
    with pytest.raises(StorageError):
        await links_of(container, Clock()).url(PLOT)
