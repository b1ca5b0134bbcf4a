"""Agents (classic) of a Microsoft Foundry project: the Assistants protocol with an API version and a token of Entra."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.errors import AssistantRefusedError
from tests.scenario.conftest import Rig
from tests.support.connector_double import StandInConnector
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import Plan, function_call, text
from tests.support.openai_stand_in import KEY

HEADER = "known-to-this-machine-alone"


@dataclass
class Identity:
    """Gives tokens as App Service does; the stand-in of the project takes `KEY`."""

    token: str = KEY
    works: bool = True
    asked_for: list[str] = field(default_factory=list)

    async def give(self, request: web.Request) -> web.Response:
        assert request.headers["X-IDENTITY-HEADER"] == HEADER
        self.asked_for.append(request.query["resource"])
        if not self.works:
            return web.json_response({"statusCode": 400, "message": "no identity is assigned"}, status=400)
        expires_on = str(int(time.time()) + 3600)
        resource = request.query["resource"]
        told = {"access_token": self.token, "expires_on": expires_on, "resource": resource, "token_type": "Bearer"}
        return web.json_response(told)


@pytest.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Identity]:
    identity = Identity()
    app = web.Application()
    app.router.add_get("/token", identity.give)
    async with TestServer(app) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(server.make_url("/token")))
        monkeypatch.setenv("IDENTITY_HEADER", HEADER)
        yield identity


@pytest.fixture
async def project() -> AsyncIterator[FakeAssistants]:
    async with FakeAssistants() as project:
        yield project


@pytest.fixture
def foundry(
    tmp_path: Path, connector: StandInConnector, session: aiohttp.ClientSession, project: FakeAssistants
) -> Rig:
    environ = {
        "ASSISTANT_BACKEND": "assistants",
        "AZURE_AI_PROJECT_ENDPOINT": project.base_url,
        "MODEL": "gpt-5.1",
    }
    return Rig(data_dir=tmp_path / "data", connector=connector, session=session, environ=environ)


async def test_every_call_has_the_api_version_and_a_token_for_foundry(
    foundry: Rig, project: FakeAssistants, identity: Identity
) -> None:
    async with foundry.started() as person:
        [answer] = await person.ask("hello")
        [again] = await person.ask("and again")
    assert (answer.text, again.text) == ("You said: hello", "You said: and again")
    assert {call.query["api-version"] for call in project.calls} == {"v1"}
    assert {call.headers["Authorization"] for call in project.calls} == {f"Bearer {KEY}"}
    assert not [call for call in project.calls if "api-key" in call.headers]
    assert identity.asked_for == ["https://ai.azure.com"]  # once: tokens are kept until shortly before their end


async def test_a_call_of_a_function_that_does_not_exist_does_not_lock_the_thread(
    foundry: Rig, project: FakeAssistants, identity: Identity
) -> None:
    calls = [function_call("call_1", "weather")]
    project.state.plan = lambda said: Plan(tool_calls=calls, messages=[[text(f"You said: {said}")]])
    async with foundry.started() as person:
        [answer] = await person.ask("hello")
        assert answer.text == "You said: hello"
        project.state.plan = lambda said: Plan(messages=[[text(f"You said: {said}")]])
        [again] = await person.ask("and again")
    assert again.text == "You said: and again"


async def test_without_an_identity_the_start_says_so(foundry: Rig, identity: Identity) -> None:
    identity.works = False
    with pytest.raises(AssistantRefusedError, match="Microsoft Entra gave no token"):
        async with foundry.started():
            pass


async def test_a_token_without_the_role_is_refused_in_a_sentence(foundry: Rig, identity: Identity) -> None:
    identity.token = "of another"
    with pytest.raises(AssistantRefusedError, match="answered 401"):
        async with foundry.started():
            pass


async def test_any_compatible_service_can_have_an_api_version(foundry: Rig, project: FakeAssistants) -> None:
    foundry.environ = {
        "ASSISTANT_BACKEND": "assistants",
        "OPENAI_BASE_URL": project.base_url,
        "OPENAI_API_KEY": KEY,
        "ASSISTANTS_API_VERSION": "2025-05-01",
        "MODEL": "any",
    }
    async with foundry.started() as person:
        [answer] = await person.ask("hello")
    assert answer.text == "You said: hello"
    assert {call.query["api-version"] for call in project.calls} == {"2025-05-01"}
