"""The article's story at a hosted model: the bot as it is started, the stand-in of the Responses API, and real code."""

from __future__ import annotations

import asyncio
import json
import re
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.scenario.conftest import Rig
from tests.scenario.test_files import CSV
from tests.scenario.test_files import ask as give
from tests.scenario.test_managed_identity import HEADER, IdentityEndpoint
from tests.scenario.test_story import CONCAVE, SOLVE, fetch_picture
from tests.support.connector_double import StandInConnector
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import MODEL, Provider, ResponsesService, To
from tests.support.responses_state import Asked, Brain, Plan
from tests.support.responses_tutor import tutor_brain
from tests.support.waiting import until


@pytest.fixture
async def tutor() -> AsyncIterator[Brain]:
    async with tutor_brain() as brain:
        yield brain


@pytest.fixture(params=[Provider.OPENAI, Provider.AZURE, Provider.FOUNDRY])
async def service(request: pytest.FixtureRequest, tutor: Brain) -> AsyncIterator[ResponsesService]:
    async with ResponsesService(request.param) as started:
        started.state.brain = tutor
        yield started


@pytest.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityEndpoint]:
    """A managed identity of this machine, as App Service has one."""
    endpoint, app = IdentityEndpoint(), web.Application()
    app.router.add_get("/token", endpoint.give)
    async with TestServer(app) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(server.make_url("/token")))
        monkeypatch.setenv("IDENTITY_HEADER", HEADER)
        yield endpoint


@pytest.fixture
def hosted(
    tmp_path: Path,
    connector: StandInConnector,
    session: aiohttp.ClientSession,
    service: ResponsesService,
    identity: IdentityEndpoint,
) -> Rig:
    """A bot whose model is hosted; only a Foundry project makes it ask for a token."""
    environ = {"ASSISTANT_BACKEND": "responses"} | {
        Provider.OPENAI: {"OPENAI_BASE_URL": service.base_url, "OPENAI_API_KEY": KEY, "MODEL": MODEL},
        Provider.AZURE: {"AZURE_OPENAI_ENDPOINT": service.base_url, "AZURE_OPENAI_API_KEY": KEY, "MODEL": MODEL},
        Provider.FOUNDRY: {"AZURE_AI_PROJECT_ENDPOINT": service.base_url, "AZURE_AI_AGENT_NAME": "tutor"},
    }[service.provider]
    return Rig(data_dir=tmp_path / "data", connector=connector, session=session, environ=environ)


async def test_the_equation_is_solved_plotted_and_remembered(
    hosted: Rig, service: ResponsesService, identity: IdentityEndpoint
) -> None:
    async with hosted.started() as person:
        text, plot = await person.ask(SOLVE, parts=2)
        assert "12" in text.text
        [card] = plot.cards
        width, height = struct.unpack(">II", (await fetch_picture(person, card))[16:24])
        assert 300 <= width <= 1024
        assert 200 <= height <= 1024
    async with hosted.started() as person:
        [verdict] = await person.ask(CONCAVE)
        assert "convex" in verdict.text.lower()
    assert len(service.called(To.CREATE_RESPONSE)) == 2
    asked_for = {"https://ai.azure.com"} if service.provider is Provider.FOUNDRY else set()
    assert set(identity.asked_for) == asked_for


async def test_a_conversation_moves_to_another_service_and_back(hosted: Rig, service: ResponsesService) -> None:
    embedded = replace(hosted, environ={})
    async with embedded.started() as person:
        await person.ask(SOLVE, parts=2)
    async with hosted.started() as person:
        [verdict] = await person.ask(CONCAVE)
        assert "another service" in verdict.text
        assert "convex" in verdict.text.lower()
        assert "another service" not in (await person.ask("What is 6 * 7?"))[0].text
        sent = str(service.called(To.CREATE_RESPONSE)[0].body["input"])
        assert SOLVE in sent
    async with embedded.started() as person:
        [slope] = await person.ask("What is its slope at x = 2?")
        assert "another service" in slope.text
        assert "4" in slope.text
        await person.say("/new")
        await person.connector.wait_for_messages(6)
    async with hosted.started() as person:
        [fresh] = await person.ask("What is 1 + 1?")
        assert "another service" not in fresh.text, "/new forgets at every service"


async def test_the_chat_page_of_a_hosted_bot_shows_turns_and_calls_and_claims_no_threads(
    hosted: Rig, service: ResponsesService
) -> None:
    async with hosted.started() as person:
        url = person.bot_url
        async with person.session.post(f"{url}/chat/tokens", json={}) as response:
            opened = await response.json()
        allowed = {"Authorization": f"Bearer {opened['token']}"}
        activities = f"{url}/v3/directline/conversations/{opened['conversation']}/activities"
        said = {"type": "message", "text": "What is 6 * 7?", "from": {"id": "user"}}
        async with person.session.post(activities, json=said, headers=allowed) as response:
            assert response.status == 200

        async def turns(number: str = "") -> Any:
            async with person.session.get(f"{url}/chat/turns{number}", headers=allowed) as response:
                return await response.json()

        async with asyncio.timeout(30):
            while not (listed := await turns()) or not listed[0]["ended_at_s"]:
                await asyncio.sleep(0.05)
        [turn] = listed
        shown = await turns(f"/{turn['number']}")
        assert ("POST", "/responses") in [(call["method"], call["path"]) for call in shown["calls"]]
        assert "reply/0" in [step["name"] for step in shown["steps"]]
        called = len(service.calls)
        async with person.session.get(f"{url}/chat/api/assistants", headers=allowed) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (404, "NoThreads")
        async with person.session.get(url) as response:
            assert 'data-threads="no"' in await response.text()
        assert len(service.calls) == called, "nothing is asked of a service that does not have it"


async def test_a_hosted_run_ends_at_the_deadline_of_the_settings(
    tmp_path: Path, connector: StandInConnector, session: aiohttp.ClientSession
) -> None:
    async def ponder(_: Asked) -> Plan:
        return Plan(takes_s=600)

    async with ResponsesService() as service:
        service.state.brain = ponder
        environ = {
            "ASSISTANT_BACKEND": "responses",
            "OPENAI_BASE_URL": service.base_url,
            "OPENAI_API_KEY": KEY,
            "MODEL": MODEL,
            "TEAMSBOT_RUN_DEADLINE_S": "1",
        }
        async with Rig(data_dir=tmp_path, connector=connector, session=session, environ=environ).started() as person:
            [told] = await person.ask("Think.")
            assert "longer than I may wait" in told.words
        assert len(service.called(To.CANCEL)) == 1


CODE = """```python
import matplotlib.pyplot as plt, pandas as pd
frame = pd.DataFrame({"x": [1, 2, 3], "y": [1, 4, 9]})
frame.to_csv("/mnt/data/table.csv", index=False)
frame.to_excel("/mnt/data/table.xlsx", index=False)
plt.plot(frame.x, frame.y)
plt.savefig("/mnt/data/report.pdf")
plt.savefig("/mnt/data/plot.png")
plt.close()
```"""


READ = """```python
import matplotlib.pyplot as plt, pandas as pd
frame = pd.read_csv("/mnt/data/data.csv")
assert (frame.a.sum(), frame.b.sum()) == (10, 20)  # else there is no plot
plt.plot(frame.a, frame.b)
plt.savefig("/mnt/data/plot.png")
plt.close()
```"""


async def test_a_csv_that_a_person_gives_is_read_by_code_and_plotted(hosted: Rig) -> None:
    async with hosted.started() as person:
        _, plot = await give(person, f"Plot it. {READ}", ("data.csv", CSV), parts=2)
        assert (await fetch_picture(person, plot.cards[0])).startswith(b"\x89PNG")


@pytest.mark.parametrize("scope", ["personal", "groupChat", "channel"])
async def test_files_made_by_code_arrive_byte_for_byte(scope: str, hosted: Rig, service: ResponsesService) -> None:
    """Wherever it is asked: a chat, a group, a channel."""
    mention = {"type": "mention", "text": "<at>Data Bot</at>", "mentioned": {"id": "28:bot", "name": "Data Bot"}}
    conversation = {"id": f"19:{scope}", "conversationType": scope, "tenantId": "t", "isGroup": scope != "personal"}
    async with hosted.started() as person:
        await person.say(
            f"<at>Data Bot</at> {CODE}",
            entities=[mention],
            conversation=conversation,
            channelData={"tenant": {"id": "t"}},
        )
        await until(lambda: len(person.connector.messages) >= 3, deadline_s=40)  # text, plot, files
        told = json.dumps([posted.activity for posted in person.connector.messages])
        arrived = set()
        for url in set(re.findall(r"http://[^\s\"\\)]+/files/[^\s\"\\)]+", told)):
            async with person.session.get(url) as response:
                assert response.status == 200
                arrived.add(await response.read())
    made = {data for container in service.state.containers.values() for _, data in container.files.values()}
    assert len(made) == 4
    assert made <= arrived
