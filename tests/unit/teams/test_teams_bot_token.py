from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from adapters.teams.bot_token import BotToken, TokenUnavailableError
from adapters.teams.connector import Connector, Place, connector_session
from adapters.teams.trusted_addresses import TrustedServices
from bot.errors import DeliveryError
from tests.support.connector_double import Fault, StandInConnector
from tests.support.waiting import settled, until


class Entra:
    """Gives tokens out; a credential keeps its first one, as azure-identity's do."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[tuple[str, ...]] = []
        self.faults: deque[Exception] = deque()
        self.slow_s = 0.0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.credentials: list[Credential] = []
        self.misused = 0  # how often a credential was closed while it was asked
        self._numbers = itertools.count(1)

    def open(self) -> Credential:
        self.credentials.append(Credential(self))
        return self.credentials[-1]

    def token(self, scope: str = "scope") -> BotToken:
        return BotToken(open_credential=self.open, scope=scope, clock=lambda: self.now)

    def issue(self) -> AccessToken:
        return AccessToken(f"token-{next(self._numbers)}", int(self.now) + 3600)


class Credential:
    def __init__(self, entra: Entra) -> None:
        self._entra = entra
        self._kept: AccessToken | None = None
        self._is_asked = False
        self.is_closed = False
        self.given: list[str] = []

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        self._entra.asked.append(scopes)
        self._is_asked = True
        try:
            await asyncio.sleep(self._entra.slow_s)
            await self._entra.may_answer.wait()
        finally:
            self._is_asked = False
        if self._entra.faults:
            raise self._entra.faults.popleft()
        if self._kept is None or self._kept.expires_on - self._entra.now < 300:
            self._kept = self._entra.issue()
        self.given.append(self._kept.token)
        return self._kept

    async def close(self) -> None:
        self._entra.misused += self._is_asked
        self._kept, self.is_closed = None, True


async def test_a_token_is_fetched_once_for_all_who_wait() -> None:
    entra = Entra()
    token = entra.token()
    assert set(await asyncio.gather(*(token.get() for _ in range(50)))) == {"token-1"}
    assert entra.asked == [("scope",)]


async def test_a_token_is_renewed_ahead_of_time_and_nobody_waits_for_that() -> None:
    entra = Entra()
    token = entra.token()
    assert await token.get() == "token-1"
    entra.now += 3350
    entra.slow_s = 0.02
    assert await token.get() == "token-1"
    await until(lambda: len(entra.asked) == 2)
    await settled()
    assert await token.get() == "token-2"
    await token.close()


async def test_a_credential_whose_token_is_refused_is_closed_once_its_own_renewal_has_ended() -> None:
    """A renewal in the background is on its way while the connector refuses the token."""
    entra = Entra()
    token = entra.token()
    old = entra.credentials[0]
    assert await token.get() == "token-1"
    entra.now += 3350
    entra.may_answer.clear()
    assert await token.get() == "token-1"  # and begins the renewal
    await until(lambda: len(entra.asked) == 2)
    renewing = asyncio.create_task(token.renew("token-1"))
    await until(lambda: len(entra.asked) == 3)
    assert not old.is_closed
    entra.may_answer.set()
    renewed = await renewing
    await until(lambda: old.is_closed)
    assert renewed in entra.credentials[1].given
    assert await token.get() == renewed
    await token.close()
    assert entra.misused == 0


async def test_a_token_that_is_closed_within_a_renewal_closes_both_of_its_credentials() -> None:
    entra = Entra()
    token = entra.token()
    await token.get()
    entra.now += 3350
    entra.may_answer.clear()
    await token.get()
    await until(lambda: len(entra.asked) == 2)
    renewing = asyncio.create_task(token.renew("token-1"))
    await until(lambda: len(entra.asked) == 3)
    await token.close()
    with pytest.raises(asyncio.CancelledError):
        await renewing
    assert [credential.is_closed for credential in entra.credentials] == [True, True]
    assert entra.misused == 0


async def test_a_token_that_ended_is_not_used() -> None:
    entra = Entra()
    token = entra.token()
    await token.get()
    entra.now += 3600
    assert await token.get() == "token-2"


async def test_each_scope_has_a_token_of_its_own() -> None:  # trap 14
    entra = Entra()
    assert await entra.token("one").get() != await entra.token("two").get()
    assert entra.asked == [("one",), ("two",)]


async def test_an_error_names_microsofts_code_and_nothing_else() -> None:
    entra = Entra()
    entra.faults.append(ClientAuthenticationError("AADSTS7000215: Invalid client secret canary-secret"))
    with pytest.raises(TokenUnavailableError) as caught:
        await entra.token().get()
    assert "AADSTS7000215" in str(caught.value)
    assert "canary" not in str(caught.value)


@asynccontextmanager
async def connector(entra: Entra, stand_in: StandInConnector, *, trusted: bool = True) -> AsyncIterator[Connector]:
    origin = stand_in.service_url.removesuffix("/_connector")
    services = TrustedServices(origins=(origin,) if trusted else (), loopback=True)
    token = entra.token()
    async with connector_session() as session:
        yield Connector(session=session, services=services, token=token)
    await token.close()


async def test_the_token_goes_to_trusted_services() -> None:
    async with StandInConnector() as stand_in, connector(Entra(), stand_in) as ours:
        await ours.create(Place(service_url=stand_in.service_url, conversation="a"), {"type": "message"})
        assert stand_in.posted[0].headers["Authorization"] == "Bearer token-1"


async def test_the_chat_pages_connector_never_sees_the_token() -> None:
    entra = Entra()
    async with StandInConnector() as stand_in, connector(entra, stand_in, trusted=False) as ours:
        await ours.create(Place(service_url=stand_in.service_url, conversation="a"), {"type": "message"})
        assert "Authorization" not in stand_in.posted[0].headers
    assert not entra.asked


async def test_a_refused_token_is_renewed_once() -> None:  # trap 14
    async with StandInConnector() as stand_in, connector(Entra(), stand_in) as ours:
        stand_in.faults.extend([Fault(status=401)])
        await ours.create(Place(service_url=stand_in.service_url, conversation="a"), {"type": "message"})
        assert [each.headers["Authorization"] for each in stand_in.requests] == ["Bearer token-1", "Bearer token-2"]
        stand_in.faults.extend([Fault(status=401), Fault(status=401)])
        with pytest.raises(DeliveryError):
            await ours.create(Place(service_url=stand_in.service_url, conversation="a"), {"type": "message"})
        assert len(stand_in.requests) == 4


async def test_the_token_does_not_follow_a_redirect() -> None:
    async with StandInConnector() as stand_in, StandInConnector() as thief, connector(Entra(), stand_in) as ours:
        stand_in.faults.append(Fault(status=307, headers={"Location": f"{thief.service_url}/v3"}))
        with pytest.raises(DeliveryError):
            await ours.create(Place(service_url=stand_in.service_url, conversation="a"), {"type": "message"})
        assert not thief.requests


@pytest.mark.parametrize("url", ["https://evil.example/", "https://x.trafficmanager.net/", "http://169.254.169.254/"])
async def test_a_stored_address_is_judged_again_and_costs_no_token(url: str) -> None:
    entra = Entra()
    async with StandInConnector() as stand_in, connector(entra, stand_in) as ours:
        with pytest.raises(DeliveryError, match="not trusted"):
            await ours.create(Place(service_url=url, conversation="a"), {"type": "message"})
    assert not entra.asked


async def test_a_missing_token_is_tried_again_later() -> None:
    entra = Entra()
    entra.faults.append(ClientAuthenticationError("AADSTS7000222: expired"))
    async with StandInConnector() as stand_in, connector(entra, stand_in) as ours:
        with pytest.raises(DeliveryError, match="AADSTS7000222") as caught:
            await ours.create(Place(service_url=stand_in.service_url, conversation="a"), {"type": "message"})
    assert caught.value.retryable
