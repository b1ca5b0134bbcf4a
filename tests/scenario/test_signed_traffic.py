from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service import server
from service.settings import Settings
from tests.support.connector_double import StandInConnector
from tests.support.teams_client import recorded
from tests.support.token_issuer import APP_ID, TENANT, TokenIssuer, claims, key_entry, signed, token


@dataclass
class Tenant:
    """The bot as the service builds it from its settings, an issuer, a connector."""

    url: str
    issuer: TokenIssuer
    connector: StandInConnector
    client: aiohttp.ClientSession

    def activity(self, **changes: Any) -> dict[str, Any]:
        conversation = {"id": "a:1", "conversationType": "personal", "tenantId": TENANT}
        data = {"tenant": {"id": TENANT}}
        real = {"serviceUrl": self.connector.service_url, "conversation": conversation, "channelData": data}
        return recorded("personal", **(real | changes))

    async def post(self, activity: dict[str, Any], bearer: str | None) -> int:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        async with self.client.post(self.url, json=activity, headers=headers) as response:
            return response.status

    async def say(self, text: str, **changes: Any) -> int:
        return await self.post(
            self.activity(text=text, **changes), token(serviceurl=changes.get("serviceUrl", self.connector.service_url))
        )


@asynccontextmanager
async def running_tenant(folder: Path, **changes: str) -> AsyncIterator[Tenant]:
    async with TokenIssuer() as issuer, StandInConnector() as connector, aiohttp.ClientSession() as client:
        origin = connector.service_url.removesuffix("/_connector")
        environ = {
            "DATA_DIR": str(folder),
            "PORT": "0",
            "MicrosoftAppId": APP_ID,
            "MicrosoftAppPassword": "canary-secret",
            "MicrosoftAppTenantId": TENANT,
            "PUBLIC_URL": "https://bot.example.com",
            "ToBotFromChannelOpenIdMetadataUrl": issuer.metadata_url,
            "TRUSTED_SERVICE_URLS": origin,
        }
        settings = Settings.read(environ | changes, folder / "no .env")
        async with server.open_service(settings) as started:
            yield Tenant(url=f"{started.address}/api/messages", issuer=issuer, connector=connector, client=client)


async def test_with_an_app_id_the_endpoint_demands_tokens(tmp_path: Path) -> None:
    async with running_tenant(tmp_path / "data") as tenant:
        assert await tenant.post(tenant.activity(), None) == 401
        assert await tenant.post(tenant.activity(), token()) == 403  # of another service address
        assert await tenant.say("/help") == 202


async def test_a_flood_of_forged_tokens_costs_one_key_fetch_and_holds_up_nobody(tmp_path: Path) -> None:  # trap 7
    async with running_tenant(tmp_path / "data") as tenant:
        assert await tenant.say("/help") == 202
        fetches = tenant.issuer.fetches
        slowest_s = 0.0

        async def forge(number: int) -> None:
            for n in range(60):
                forged = signed(claims(), key="forger", kid=f"forged-{number}-{n}")
                assert await tenant.post(tenant.activity(), forged) == 401

        flood = [asyncio.create_task(forge(number)) for number in range(8)]
        for n in range(20):
            begun = time.monotonic()
            assert await tenant.say("/help", id=f"in the flood {n}") == 202
            slowest_s = max(slowest_s, time.monotonic() - begun)
            await asyncio.sleep(0.05)
        await asyncio.gather(*flood)
        assert tenant.issuer.fetches - fetches <= 1
        assert slowest_s < 20  # alone it is some milliseconds


async def test_a_key_that_is_rotated_right_after_the_start_works_at_once(tmp_path: Path) -> None:
    async with running_tenant(tmp_path / "data") as tenant:
        assert await tenant.say("/help") == 202
        tenant.issuer.keys = [key_entry("two")]
        rotated = signed(claims(serviceurl=tenant.connector.service_url), key="two", kid="two")
        assert await tenant.post(tenant.activity(id="2"), rotated) == 202


async def test_the_bot_starts_and_asks_for_patience_while_the_key_server_is_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_tenant(tmp_path / "data", ToBotFromChannelOpenIdMetadataUrl="http://127.0.0.1:9/x") as tenant:
        assert await tenant.say("/help") == 503
    assert "canary" not in caplog.text
