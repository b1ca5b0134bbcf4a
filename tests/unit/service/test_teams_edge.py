"""The bot's identity at Microsoft: the one credential that the settings name, and nothing else is tried."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.teams.bot_token import TokenUnavailableError
from service.settings import Settings
from service.teams_edge import open_bot_token
from tests.support.token_issuer import APP_ID, TENANT


async def test_no_other_identity_of_the_machine_or_developer_is_tried_where_a_secret_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:  # trap 13
    asked: list[str] = []

    async def give(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"access_token": "another", "expires_on": "9999999999", "token_type": "Bearer"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", give)
    folder = tmp_path_factory.mktemp("identity")
    async with TestServer(app) as server:
        for name, value in {
            "IDENTITY_ENDPOINT": str(server.make_url("/identity")),
            "IDENTITY_HEADER": "known-here",
            "AZURE_CLIENT_ID": APP_ID,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_SECRET": "of-a-developer",
            "AZURE_AUTHORITY_HOST": str(server.make_url("/")),
            "HOME": str(folder),
        }.items():
            monkeypatch.setenv(name, value)
        environ = {
            "MicrosoftAppId": APP_ID,
            "MicrosoftAppPassword": "the-secret-of-the-bot",
            "MicrosoftAppTenantId": TENANT,
            "PUBLIC_URL": "https://bot.example.com",
            "ToChannelFromBotLoginUrl": f"https://127.0.0.1:1/{TENANT}",
        }
        async with open_bot_token(Settings.read(environ, folder / "no .env")) as token:
            assert token is not None
            with pytest.raises(TokenUnavailableError) as failure:
                await token.get()
    assert asked == []
    assert "secret" not in str(failure.value)
