"""The article's story at a hosted model: the bot as it is started, the stand-in of the Responses API, and real code."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.scenario.conftest import Rig
from tests.scenario.test_story import CONCAVE, SOLVE, fetch_picture
from tests.support.connector_double import StandInConnector
from tests.support.responses_service import KEY, MODEL, Provider, ResponsesService, To
from tests.support.responses_state import Brain
from tests.support.responses_tutor import tutor_brain


@pytest.fixture
async def tutor() -> AsyncIterator[Brain]:
    async with tutor_brain() as brain:
        yield brain


@pytest.fixture(params=[Provider.OPENAI, Provider.AZURE])
async def service(request: pytest.FixtureRequest, tutor: Brain) -> AsyncIterator[ResponsesService]:
    async with ResponsesService(request.param) as started:
        started.state.brain = tutor
        yield started


@pytest.fixture
def hosted(
    tmp_path: Path, connector: StandInConnector, session: aiohttp.ClientSession, service: ResponsesService
) -> Rig:
    """A bot whose model is hosted."""
    environ = {"ASSISTANT_BACKEND": "responses", "MODEL": MODEL}
    if service.provider is Provider.OPENAI:
        environ |= {"OPENAI_BASE_URL": service.base_url, "OPENAI_API_KEY": KEY}
    else:
        environ |= {"AZURE_OPENAI_ENDPOINT": service.base_url, "AZURE_OPENAI_API_KEY": KEY}
    return Rig(data_dir=tmp_path / "data", connector=connector, session=session, environ=environ)


async def test_the_equation_is_solved_plotted_and_remembered(hosted: Rig, service: ResponsesService) -> None:
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
