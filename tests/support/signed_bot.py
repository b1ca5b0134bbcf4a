"""The whole bot as a company runs it, over real HTTP: signed activities in, a connector that sees the bot's token."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.server import open_service
from service.settings import Settings
from tests.support.connector_double import Posted, StandInConnector
from tests.support.file_host import FileHost
from tests.support.graph_service import GRAPH, GRAPH_TOKEN, GraphService
from tests.support.scripted_model import ScriptedModel
from tests.support.token_issuer import APP_ID, TENANT, TokenIssuer, token

BOT_TOKEN = "canary-bot-token"
_IDS = itertools.count(1)

PERSONAL = {"id": "a:1", "conversationType": "personal", "tenantId": TENANT}
GROUP = {"id": "19:g@thread.v2", "conversationType": "groupChat", "isGroup": True, "tenantId": TENANT}
CHANNEL = {
    "id": "19:c@thread.tacv2;messageid=1700000000001",
    "conversationType": "channel",
    "isGroup": True,
    "tenantId": TENANT,
}
MENTION = {"type": "mention", "text": "<at>Data Bot</at>", "mentioned": {"id": "28:bot", "name": "Data Bot"}}


@dataclass
class SignedBot:
    """A bot with an app id; `connector` is its Teams, `host` keeps people's files."""

    folder: Path
    connector: StandInConnector
    host: FileHost
    graph: GraphService
    issuer: TokenIssuer
    model: ScriptedModel
    client: aiohttp.ClientSession
    environ: dict[str, str]
    url: str = field(default="", init=False)

    @asynccontextmanager
    async def started(self, **environ: str) -> AsyncIterator[None]:
        """One life of the bot."""
        settings = Settings.read(self.environ | environ, self.folder / "no .env")
        async with open_service(settings) as life:
            self.url = life.address
            yield

    async def post(self, **changes: Any) -> tuple[int, Any]:
        """Send an activity, by default a message of a personal chat; status and JSON of the answer."""
        activity = {
            "type": "message",
            "id": f"m{next(_IDS)}",
            "channelId": "msteams",
            "serviceUrl": self.connector.service_url,
            "conversation": PERSONAL,
            "from": {"id": "29:ada", "name": "Ada Lovelace", "aadObjectId": "33333333-4444-5555-6666-777777777777"},
            "recipient": {"id": "28:bot", "name": "Data Bot"},
            "text": "",
            "channelData": {"tenant": {"id": TENANT}},
            **changes,
        }
        headers = {"Authorization": f"Bearer {token(serviceurl=self.connector.service_url)}"}
        async with self.client.post(f"{self.url}/api/messages", json=activity, headers=headers) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else None

    async def say(self, text: str, *attachments: dict[str, Any], parts: int = 1, **changes: Any) -> list[Posted]:
        """Say something and wait for the messages in answer."""
        before = len(self.connector.messages)
        status, _ = await self.post(text=text, attachments=list(attachments), **changes)
        assert status == 202, status
        return (await self.connector.wait_for_messages(before + parts))[before:]


@asynccontextmanager
async def signed_bot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedBot]:
    """Its outside, on loopback. The bot's token comes from a managed identity, as azure-identity finds one."""

    async def give(request: web.Request) -> web.Response:
        expires_on = str(int(time.time()) + 86_400)
        token = GRAPH_TOKEN if request.query["resource"] == GRAPH else BOT_TOKEN
        given = {"access_token": token, "expires_on": expires_on, "resource": "r", "token_type": "Bearer"}
        return web.json_response(given)

    app = web.Application()
    app.router.add_get("/token", give)
    async with AsyncExitStack() as stack:
        identity = await stack.enter_async_context(TestServer(app))
        issuer = await stack.enter_async_context(TokenIssuer())
        connector = await stack.enter_async_context(StandInConnector())
        host = await stack.enter_async_context(FileHost())
        graph = await stack.enter_async_context(GraphService(file_host=host.origin))
        model = await stack.enter_async_context(ScriptedModel())
        client = await stack.enter_async_context(aiohttp.ClientSession())
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(identity.make_url("/token")))
        monkeypatch.setenv("IDENTITY_HEADER", "known-to-this-machine-alone")
        environ = {
            "DATA_DIR": str(folder / "data"),
            "PORT": "0",
            "MicrosoftAppId": APP_ID,
            "MicrosoftAppType": "UserAssignedMSI",
            "MicrosoftAppTenantId": TENANT,
            "PUBLIC_URL": "https://bot.example.com",
            "ToBotFromChannelOpenIdMetadataUrl": issuer.metadata_url,
            "TRUSTED_SERVICE_URLS": connector.service_url.removesuffix("/_connector"),
            "TRUSTED_FILE_ORIGINS": host.origin,
            "GRAPH_URL": graph.origin,
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "sk-test",
            "MODEL": "scripted",
        }
        yield SignedBot(
            folder=folder,
            connector=connector,
            host=host,
            graph=graph,
            issuer=issuer,
            model=model,
            client=client,
            environ=environ,
        )
