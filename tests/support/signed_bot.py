"""The whole bot as a company runs it, in this process, between stand-ins of Teams, Graph, file hosts and a model."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.server import open_service
from service.settings import Settings
from tests.support.connector_double import Posted, StandInConnector
from tests.support.file_host import FileHost
from tests.support.graph_service import GraphService
from tests.support.scripted_model import ScriptedModel
from tests.support.signed_teams import SignedTeams
from tests.support.token_issuer import TENANT, token

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
    """A bot with an app id; `host` keeps people's files."""

    folder: Path
    teams: SignedTeams
    host: FileHost
    graph: GraphService
    model: ScriptedModel
    environ: dict[str, str]

    @property
    def connector(self) -> StandInConnector:
        """Where the bot answers."""
        return self.teams.connector

    @property
    def url(self) -> str:
        """Where the bot listens in its present life."""
        return self.teams.bot_url

    @asynccontextmanager
    async def started(self, **environ: str) -> AsyncIterator[None]:
        """One life of the bot."""
        settings = Settings.read(self.environ | environ, self.folder / "no .env")
        async with open_service(settings) as life:
            self.teams.bot_url = life.address
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
        return await self.teams.post(activity, token(serviceurl=self.connector.service_url))

    async def say(self, text: str, *attachments: dict[str, Any], parts: int = 1, **changes: Any) -> list[Posted]:
        """Say something and wait for the messages in answer."""
        before = len(self.connector.messages)
        status, _ = await self.post(text=text, attachments=list(attachments), **changes)
        assert status == 202, status
        return (await self.connector.wait_for_messages(before + parts))[before:]


@asynccontextmanager
async def signed_bot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedBot]:
    """Its outside, on loopback. The bot's token comes from a managed identity, as azure-identity finds one."""
    async with AsyncExitStack() as stack:
        teams = await stack.enter_async_context(SignedTeams())
        host = await stack.enter_async_context(FileHost())
        graph = await stack.enter_async_context(GraphService(file_host=host.origin))
        model = await stack.enter_async_context(ScriptedModel())
        for name, value in teams.identity_environ.items():
            monkeypatch.setenv(name, value)
        environ = teams.environ | {
            "DATA_DIR": str(folder / "data"),
            "PORT": "0",
            "TRUSTED_FILE_ORIGINS": host.origin,
            "GRAPH_URL": graph.origin,
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "sk-test",
            "MODEL": "scripted",
        }
        yield SignedBot(folder=folder, teams=teams, host=host, graph=graph, model=model, environ=environ)
