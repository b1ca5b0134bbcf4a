"""The assistant found by its name, brought up to date, or made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.openai.assistant_setup import AssistantProfile, ensure_assistant, function_tools, tools_with
from adapters.openai.client import Client
from bot.functions import FunctionDefinition
from tests.support.fake_assistants import Endpoint as To
from tests.support.fake_assistants import FakeAssistants
from tests.support.impatient_client import calling
from tests.support.openai_stand_in import Fault

PROFILE = AssistantProfile(name="Math Tutor", instructions="Explain.", model="any")


@pytest.fixture
async def service() -> AsyncIterator[FakeAssistants]:
    async with FakeAssistants() as service:
        yield service


@pytest.fixture
async def client(service: FakeAssistants) -> AsyncIterator[Client]:
    async with calling(service) as client:
        yield client


async def test_the_assistant_is_made_once_and_found_by_its_name_afterwards(
    service: FakeAssistants,
    client: Client,
) -> None:
    service.state.assistants = {f"a{n}": {"id": f"a{n}", "name": "other"} for n in range(150)}
    made = await ensure_assistant(client, PROFILE)
    assert await ensure_assistant(client, PROFILE) == made
    assert len(service.called(To.CREATE_ASSISTANT)) == 1
    assert service.called(To.UPDATE_ASSISTANT) == []


async def test_an_assistant_whose_making_was_not_confirmed_is_found_and_not_made_again(
    service: FakeAssistants,
    client: Client,
) -> None:
    service.fail(To.CREATE_ASSISTANT, Fault.RESET, Fault.LOST_ANSWER)
    made = await ensure_assistant(client, PROFILE)
    assert list(service.state.assistants) == [made]


async def test_changed_instructions_reach_the_assistant_that_is_there(service: FakeAssistants, client: Client) -> None:
    made = await ensure_assistant(client, PROFILE)
    assert await ensure_assistant(client, replace(PROFILE, instructions="Be brief.")) == made
    assert service.state.assistants[made]["instructions"] == "Be brief."


LOOK_UP = FunctionDefinition(name="look_up", description="Look up.", parameters={"type": "object", "properties": {}})


async def test_functions_come_and_go_with_the_profile(service: FakeAssistants, client: Client) -> None:
    made = await ensure_assistant(client, PROFILE)
    await ensure_assistant(client, replace(PROFILE, functions=(LOOK_UP,)))
    [_, tool] = service.state.assistants[made]["tools"]
    assert tool == {
        "type": "function",
        "function": {"name": "look_up", "description": "Look up.", "parameters": LOOK_UP.parameters},
    }
    await ensure_assistant(client, PROFILE)
    assert service.state.assistants[made]["tools"] == [{"type": "code_interpreter"}]


async def test_the_tools_of_a_given_assistant_are_kept_beside_the_functions(
    service: FakeAssistants, client: Client
) -> None:
    own = [{"type": "file_search"}, {"type": "function", "function": {"name": "look_up", "description": "Old."}}]
    service.state.assistants["asst_own"] = {"id": "asst_own", "name": "Own", "tools": own}
    assert await tools_with(client, "asst_own", [LOOK_UP]) == [{"type": "file_search"}, *function_tools([LOOK_UP])]
