from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from adapters.teams.signing_keys import MAX_AGE_S, KeysUnavailableError, SigningKeys
from tests.support.token_issuer import ISSUER, TokenIssuer, key_entry
from tests.support.waiting import settled, until


@dataclass
class Rig:
    issuer: TokenIssuer
    keys: SigningKeys
    now: list[float] = field(default_factory=lambda: [1000.0])


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    now = [1000.0]
    async with TokenIssuer() as issuer, aiohttp.ClientSession() as session:
        keys = SigningKeys(issuer=ISSUER, metadata_url=issuer.metadata_url, session=session, clock=lambda: now[0])
        yield Rig(issuer=issuer, keys=keys, now=now)
        await keys.close()


async def test_one_fetch_serves_everybody_who_asks_at_the_same_time(rig: Rig) -> None:
    found = await asyncio.gather(*(rig.keys.find("one") for _ in range(100)))
    assert all(found)
    assert rig.issuer.fetches == 1


async def test_a_rotated_key_works_at_once(rig: Rig) -> None:
    assert await rig.keys.find("one")
    rig.issuer.keys = [key_entry("two")]
    assert await rig.keys.find("two")
    assert await rig.keys.find("one") is None  # withdrawn


async def test_a_flood_of_unknown_key_ids_costs_one_fetch_a_minute(rig: Rig) -> None:  # trap 7
    assert await rig.keys.find("one")
    for second in range(30):
        rig.now[0] += 1
        assert [await rig.keys.find(f"forged-{second}-{n}") for n in range(20)] == [None] * 20
    assert rig.issuer.fetches == 2


async def test_a_key_rotated_in_a_flood_works_within_a_minute_after_it(rig: Rig) -> None:  # trap 7
    assert await rig.keys.find("one")
    assert await rig.keys.find("forged") is None
    rig.issuer.keys.append(key_entry("two"))
    assert await rig.keys.find("two") is None
    rig.now[0] += 60
    assert await rig.keys.find("two")


async def test_known_keys_go_on_while_the_key_server_hangs(rig: Rig) -> None:
    assert await rig.keys.find("one")
    rig.issuer.hangs_s = 60.0
    waiting = asyncio.create_task(rig.keys.find("forged"))
    await until(lambda: rig.issuer.fetches == 2)
    assert all([await rig.keys.find("one") for _ in range(100)])
    assert not waiting.done()
    waiting.cancel()


async def test_only_so_many_requests_wait_for_a_fetch(rig: Rig) -> None:
    rig.issuer.hangs_s = 60.0
    waiting = [asyncio.create_task(rig.keys.find("one")) for _ in range(200)]
    await until(lambda: rig.issuer.fetches == 1)
    with pytest.raises(KeysUnavailableError):
        await rig.keys.find("one")
    for task in waiting:
        task.cancel()


async def test_keys_that_cannot_be_had_are_asked_for_again_after_a_pause_that_grows(rig: Rig) -> None:
    rig.issuer.status = 500
    for expected in (2.0, 4.0, 8.0):
        with pytest.raises(KeysUnavailableError) as caught:
            await rig.keys.find("one")
        assert caught.value.retry_after_s == pytest.approx(expected)
        with pytest.raises(KeysUnavailableError):
            await rig.keys.find("one")
        rig.now[0] += expected
    assert rig.issuer.fetches == 3
    rig.issuer.status = 200
    assert await rig.keys.find("one")


async def test_an_unknown_key_is_not_refused_while_the_key_server_is_down(rig: Rig) -> None:
    assert await rig.keys.find("one")
    rig.issuer.status = 500
    for _ in range(2):
        with pytest.raises(KeysUnavailableError):
            await rig.keys.find("two")


async def test_old_keys_are_renewed_in_the_background_and_end_after_a_day(rig: Rig) -> None:
    assert await rig.keys.find("one")
    rig.now[0] += 3601
    assert await rig.keys.find("one")
    await until(lambda: rig.issuer.fetches == 2)
    await settled()
    rig.issuer.status = 500
    rig.now[0] += MAX_AGE_S + 1
    with pytest.raises(KeysUnavailableError):
        await rig.keys.find("one")


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://sts.windows.net/x/"},
        {"issuer": None},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": None},
        {"jwks_uri": "//evil.example/keys"},
        {"jwks_uri": 7},
    ],
)
async def test_metadata_of_another_issuer_or_with_keys_elsewhere_is_not_used(
    rig: Rig, metadata: dict[str, Any]
) -> None:  # trap 3
    rig.issuer.metadata |= metadata
    with pytest.raises(KeysUnavailableError):
        await rig.keys.find("one")


@pytest.mark.parametrize(
    "entry",
    [
        key_entry("one", kty="EC"),
        key_entry("one", kty="oct", k="c2VjcmV0"),
        key_entry("one", use="enc"),
        key_entry("one", alg="RS512"),
        key_entry("one", n="!!"),
        key_entry("one", n=None),
        key_entry("one", e="AQ"),
        key_entry("short", kid="one"),
    ],
)
async def test_a_key_that_is_not_for_rs256_is_left_out(rig: Rig, entry: dict[str, Any]) -> None:
    rig.issuer.keys = [entry, key_entry("two")]
    assert await rig.keys.find("one") is None
    assert await rig.keys.find("two")
