"""Tokens that come again: known by their hash, and judged all the same."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
import pytest_asyncio

from adapters.teams.authentication import AccessList, TokenAuthentication
from adapters.teams.signing_keys import SigningKeys
from adapters.teams.token_verifier import SKEW_S, Issuer, TokenRefusedError, TokenVerifier
from adapters.teams.trusted_addresses import TrustedServices
from tests.support.teams_client import open_door, recorded
from tests.support.token_issuer import (
    APP_ID,
    ISSUER,
    SERVICE_URL,
    TENANT,
    TokenIssuer,
    claims,
    key_entry,
    signed,
    token,
)

MAX_CACHED = 3


@dataclass
class Rig:
    issuer: TokenIssuer
    verifier: TokenVerifier = field(init=False)
    ahead_s: float = 0.0  # of the verifier's clock

    async def refused(self, token: str) -> str:
        with pytest.raises(TokenRefusedError) as refusal:
            await self.verifier.verify(token)
        return refusal.value.code

    async def fetch_keys_anew(self) -> None:
        self.issuer.keys.append(key_entry("new"))
        await self.verifier.verify(signed(claims(), key="new", kid="new"))  # a key that is not known yet


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    async with TokenIssuer() as issuer, aiohttp.ClientSession() as session:
        rig = Rig(issuer)
        keys = SigningKeys(issuer=ISSUER, metadata_url=issuer.metadata_url, session=session)
        issuers = [Issuer(name=ISSUER, keys=keys)]
        rig.verifier = TokenVerifier(
            app_id=APP_ID, issuers=issuers, max_cached=MAX_CACHED, clock=lambda: time.time() + rig.ahead_s
        )
        yield rig
        await keys.close()


async def test_a_token_that_comes_again_is_known_again(rig: Rig) -> None:
    good, other = token(), token(tid=TENANT)
    known = await rig.verifier.verify(good)
    assert await rig.verifier.verify(good) is known
    assert await rig.verifier.verify(other) is not known
    assert len(rig.verifier) == 2


async def test_a_known_token_is_refused_before_and_after_its_time(rig: Rig) -> None:
    good = token(nbf=int(time.time()) - 100, exp=int(time.time()) + 600)
    known = await rig.verifier.verify(good)
    rig.ahead_s = 600 + SKEW_S - 60
    assert await rig.verifier.verify(good) is known
    rig.ahead_s = -100 - SKEW_S - 60
    assert await rig.refused(good) == "TokenNotYetValid"
    rig.ahead_s = 600 + SKEW_S + 60
    assert await rig.refused(good) == "ExpiredToken"
    assert len(rig.verifier) == 0


async def test_a_known_token_is_verified_anew_by_keys_that_were_fetched_again(rig: Rig) -> None:
    good = token()
    known = await rig.verifier.verify(good)
    await rig.fetch_keys_anew()
    again = await rig.verifier.verify(good)
    assert again == known
    assert again is not known


async def test_a_known_token_does_not_outlive_its_key(rig: Rig) -> None:
    good = token()
    await rig.verifier.verify(good)
    rig.issuer.keys = []
    await rig.fetch_keys_anew()
    assert await rig.refused(good) == "UnknownKey"
    assert len(rig.verifier) == 1


async def test_a_known_token_is_not_taken_for_another_key_of_the_same_id(rig: Rig) -> None:
    good = token()
    await rig.verifier.verify(good)
    rig.issuer.keys = [key_entry("two", kid="one")]
    await rig.fetch_keys_anew()
    assert await rig.refused(good) == "WrongSignature"
    assert len(rig.verifier) == 1


async def test_a_token_that_is_refused_is_not_kept(rig: Rig) -> None:
    now_s = int(time.time())
    for wrong in (token()[:-4] + "AAAA", token(aud=TENANT), token(exp=now_s - 400, nbf=now_s - 4000)):
        await rig.refused(wrong)
    assert len(rig.verifier) == 0


async def test_no_more_tokens_are_kept_than_fit(rig: Rig) -> None:
    first, *others = (token(jti=str(number)) for number in range(MAX_CACHED + 1))
    known = await rig.verifier.verify(first)
    kept = [await rig.verifier.verify(other) for other in others]
    assert len(rig.verifier) == MAX_CACHED
    assert all([await rig.verifier.verify(other) is it for other, it in zip(others, kept, strict=True)])
    assert await rig.verifier.verify(first) is not known  # the oldest went
    assert len(rig.verifier) == MAX_CACHED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"serviceUrl": "https://smba.trafficmanager.net/amer/"}, "WrongServiceUrl"),
        ({"channelId": "webchat"}, "ForeignChannel"),
        ({"channelData": {"tenant": {"id": APP_ID}}}, "TenantMismatch"),
        ({"conversation": {"id": "a:1", "tenantId": APP_ID}, "channelData": None}, "TenantNotAllowed"),
    ],
)
async def test_what_comes_with_a_known_token_is_judged_each_time(
    rig: Rig, changes: dict[str, object], code: str
) -> None:
    services = TrustedServices(hosts={"smba.trafficmanager.net"})
    access = AccessList(tenants=frozenset({TENANT}))
    authentication = TokenAuthentication(verifier=rig.verifier, services=services, access=access)
    bearer = f"Bearer {token()}"
    good = {"serviceUrl": SERVICE_URL, "conversation": {"id": "a:1", "tenantId": TENANT}, "channelData": None}
    async with open_door(authentication=authentication) as door:
        assert await door.post(recorded("personal", **good), Authorization=bearer) == (202, None)
        status, body = await door.post(recorded("personal", **good | changes, id="2"), Authorization=bearer)
        assert (status, body["error"]["code"]) == (403, code)
        assert len(rig.verifier) == 1
