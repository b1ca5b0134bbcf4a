"""The whole bot in this process, over real HTTP: a person's messages in, a stand-in connector out."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.server import open_service
from service.settings import Settings
from tests.support.connector_double import Posted, StandInConnector
from tests.support.scripted_model import ScriptedModel

_MESSAGE_IDS = itertools.count(1)  # of all people in all lives of a bot: a channel does not use an id twice


@dataclass
class Person:
    """Someone in a chat with the bot."""

    session: aiohttp.ClientSession
    bot_url: str
    connector: StandInConnector
    conversation: str = "a:personal-1"
    tenant: str = "00000000-0000-0000-0000-000000000001"

    async def say(self, text: str, *, id: str = "", **fields: Any) -> aiohttp.ClientResponse:  # noqa: A002
        """Post a message as the Agents Playground does; the response is read and closed."""
        activity = {
            "type": "message",
            "id": id or f"{self.conversation}-{next(_MESSAGE_IDS)}",
            "channelId": "msteams",
            "serviceUrl": self.connector.service_url,
            "conversation": {"id": self.conversation, "conversationType": "personal", "tenantId": self.tenant},
            "from": {"id": "29:ada", "name": "Ada Lovelace"},
            "recipient": {"id": "28:bot", "name": "Data Bot"},
            "text": text,
            "textFormat": "plain",
            "channelData": {"tenant": {"id": self.tenant}},
            **fields,
        }
        async with self.session.post(f"{self.bot_url}/api/messages", json=activity) as response:
            await response.read()
            return response

    async def ask(self, text: str, *, parts: int = 1, deadline_s: float = 60.0) -> list[Posted]:
        """Say something and wait for that many messages in answer."""
        before = len([posted for posted in self.connector.messages if posted.conversation == self.conversation])
        response = await self.say(text)
        assert response.status == 202, response.status
        answers = await self.connector.wait_for_messages(
            before + parts, deadline_s=deadline_s, conversation=self.conversation
        )
        return answers[before:]


@dataclass
class Rig:
    """A bot, its connector and the model behind it."""

    data_dir: Path
    connector: StandInConnector
    session: aiohttp.ClientSession
    environ: Mapping[str, str]

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Person]:
        """One life of the bot; the person in it talks to a conversation of its own."""
        settings = Settings.read({**self.environ, "DATA_DIR": str(self.data_dir), "PORT": "0"}, Path("no .env file"))
        async with open_service(settings) as life:
            yield Person(session=self.session, bot_url=life.address, connector=self.connector)


@pytest.fixture
async def connector() -> AsyncIterator[StandInConnector]:
    async with StandInConnector() as started:
        yield started


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def rig(tmp_path: Path, connector: StandInConnector, session: aiohttp.ClientSession, model: ScriptedModel) -> Rig:
    """A bot with a scripted model."""
    environ = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "sk-test", "MODEL": "scripted"}
    return Rig(data_dir=tmp_path / "data", connector=connector, session=session, environ=environ)


@pytest.fixture
def tutor_rig(tmp_path: Path, connector: StandInConnector, session: aiohttp.ClientSession) -> Rig:
    """A bot as `make run` starts it: no account, the built-in tutor."""
    return Rig(data_dir=tmp_path / "data", connector=connector, session=session, environ={})
