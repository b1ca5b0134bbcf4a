"""Each of the four ways in which the bot proves who it is, with azure-identity against a token server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization

from service.settings import Settings
from service.teams_edge import open_bot_token
from tests.support.certificates import certificate_of, pem_of
from tests.support.doctor_runs import TEAMS, serving
from tests.support.entra_server import BOT_TOKEN, EntraServer
from tests.support.token_issuer import APP_ID, TENANT, rsa_key

SCOPE = "https://api.botframework.com/.default"
IDENTITY = "22222222-3333-4444-5555-666666666666"
HEADER = "known-to-this-machine-alone"


@pytest.fixture
async def entra(tmp_path: Path) -> AsyncIterator[EntraServer]:
    async with EntraServer(tmp_path) as server:
        # As in a process that starts with SSL_CERT_FILE.
        aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(server.certificate)
        yield server


async def token_of(entra: EntraServer, **changes: str) -> str:
    environ = {**TEAMS, "ToChannelFromBotLoginUrl": entra.origin, **changes}
    settings = Settings.read({name: value for name, value in environ.items() if value}, Path("no .env file"))
    async with open_bot_token(settings) as token:
        assert token is not None
        return await token.get()


async def test_a_secret(entra: EntraServer) -> None:
    assert await token_of(entra) == BOT_TOKEN
    [(tenant, form)] = entra.asked
    assert (tenant, form["client_id"], form["client_secret"], form["scope"]) == (
        TENANT,
        APP_ID,
        TEAMS["MicrosoftAppPassword"],
        SCOPE,
    )


async def test_a_certificate(entra: EntraServer, tmp_path: Path) -> None:
    key = rsa_key("of the certificate")
    pem = tmp_path / "bot.pem"
    pem.write_bytes(certificate_of(key).public_bytes(serialization.Encoding.PEM) + pem_of(key))
    assert await token_of(entra, MicrosoftAppPassword="", MicrosoftAppCertificate=str(pem)) == BOT_TOKEN
    [(_, form)] = entra.asked
    assert "client_secret" not in form
    claims = jwt.decode(
        form["client_assertion"], key.public_key(), algorithms=["RS256", "PS256"], options={"verify_aud": False}
    )
    assert (claims["iss"], claims["sub"]) == (APP_ID, APP_ID)
    assert claims["aud"].startswith(f"{entra.origin}/{TENANT}/")
    header = jwt.get_unverified_header(form["client_assertion"])
    assert {"x5t", "x5t#S256"} & header.keys()


async def test_a_managed_identity_that_the_registration_trusts(
    entra: EntraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving((identity := Identity()).give) as url:
        identity.set_in(monkeypatch, url)
        changes = {"MicrosoftAppPassword": "", "MicrosoftAppFederatedIdentity": IDENTITY}
        assert await token_of(entra, **changes) == BOT_TOKEN
    assert identity.asked == [("api://AzureADTokenExchange", IDENTITY)]
    [(tenant, form)] = entra.asked
    assert (tenant, form["client_id"], form["client_assertion"]) == (TENANT, APP_ID, Identity.TOKEN)
    assert "client_secret" not in form


async def test_a_bot_that_is_a_managed_identity(entra: EntraServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving((identity := Identity()).give) as url:
        identity.set_in(monkeypatch, url)
        changes = {"MicrosoftAppPassword": "", "MicrosoftAppType": "UserAssignedMSI"}
        assert await token_of(entra, **changes) == Identity.TOKEN
    assert identity.asked == [("https://api.botframework.com", APP_ID)]
    assert entra.asked == []


class Identity:
    """The endpoint of App Service and Container Apps that gives tokens to this machine alone."""

    TOKEN = "canary-identity-token"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def set_in(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", HEADER)

    async def give(self, request: web.Request) -> web.Response:
        assert request.headers["X-IDENTITY-HEADER"] == HEADER
        self.asked.append((request.query["resource"], request.query["client_id"]))
        expires_on = str(int(time.time()) + 3600)
        return web.json_response(
            {"access_token": self.TOKEN, "expires_on": expires_on, "resource": request.query["resource"]}
        )
