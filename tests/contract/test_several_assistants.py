"""What every backend must do with the assistant that a question names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adapters.embedded.assistants_server import open_server
from adapters.embedded.models.port import ModelReply, ModelRequest, NamedModels, OnWords
from adapters.openai.assistant_setup import AssistantProfile, ensure_assistant, upload_once
from adapters.openai.assistants import AssistantsBackend, ServedAssistant
from adapters.openai.client import Client, Endpoint
from adapters.openai.responses.response_objects import Assistance
from adapters.openai.responses.responses_backend import ResponsesBackend
from bot.conversation import ThreadId
from bot.ports import Assistant
from bot.run import RunEnd, RunName, ToolOutput, ToolsWanted
from tests.contract.assistant_worlds import QUICK, EmbeddedWorld
from tests.contract.test_assistant import end_of
from tests.support.fake_assistants import Endpoint as To
from tests.support.fake_assistants import FakeAssistants
from tests.support.fakes import ask, message
from tests.support.hosted_talk import LOOK_UP, MemoryStates, calling
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import MODEL, Provider, ResponsesService
from tests.support.responses_service import To as Hosted
from tests.support.responses_state import Asked
from tests.support.responses_state import Plan as ResponsePlan

USUAL = AssistantProfile(name="Usual", instructions="Be usual.", model="usual-model")
OTHER = AssistantProfile(name="Other", instructions="Be different.", model="other-model", runs_code=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A backend with two assistants, and what its service got to know about the one that answered last."""

    assistant: Assistant
    told: Callable[[], tuple[str, str, bool]]  # instructions, model, whether it runs code
    other_model: str = OTHER.model
    usual_model: str = USUAL.model


class NotedModel(EmbeddedWorld):
    """A model that notes what it is asked."""

    def __init__(self, asked: list[tuple[str, ModelRequest]], name: str) -> None:
        super().__init__()
        self._asked, self._name = asked, name

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        self._asked.append((self._name, request))
        return ModelReply(text="fine")


async def embedded(stack: AsyncExitStack, folder: Path) -> Place:
    asked: list[tuple[str, ModelRequest]] = []
    models = NamedModels(NotedModel(asked, USUAL.model), {OTHER.model: NotedModel(asked, OTHER.model)})
    server = await open_server(data_dir=folder, model=models, sandbox=EmbeddedWorld(), api_key=KEY)
    stack.push_async_callback(server.stop)
    client = Client(endpoint=Endpoint(base_url=server.base_url, api_key=KEY))
    stack.push_async_callback(client.close)

    def told() -> tuple[str, str, bool]:
        name, request = asked[-1]
        return request.instructions, name, bool(request.tools)

    return Place(assistant=await two_of(client), told=told)


async def stand_in(stack: AsyncExitStack, _folder: Path) -> Place:
    service = await stack.enter_async_context(FakeAssistants())
    client = Client(endpoint=Endpoint(base_url=service.base_url, api_key=KEY))
    stack.push_async_callback(client.close)

    def told() -> tuple[str, str, bool]:
        served = service.state.assistants[service.called(To.CREATE_RUN)[-1].body["assistant_id"]]
        return served["instructions"], served["model"], bool(served["tools"])

    return Place(assistant=await two_of(client), told=told)


async def two_of(client: Client) -> AssistantsBackend:
    """The backend as the service makes it."""
    named = {each.name: ServedAssistant(id=await ensure_assistant(client, each)) for each in (USUAL, OTHER)}
    return AssistantsBackend(assistant_id=named["Usual"].id, client=client, named=named, pace=QUICK)


def hosted(provider: Provider) -> Callable[[AsyncExitStack, Path], Awaitable[Place]]:
    async def world(stack: AsyncExitStack, _folder: Path) -> Place:
        service = await stack.enter_async_context(ResponsesService(provider))
        client = await stack.enter_async_context(calling(service))
        service.state.brain = look_up_once
        named = {
            each.name: Assistance(
                model=MODEL, instructions=each.instructions, functions=(LOOK_UP,), runs_code=each.runs_code
            )
            for each in (USUAL, OTHER)
        }
        backend = ResponsesBackend(
            assistance=named["Usual"], named=named, client=client, states=MemoryStates(), pace=QUICK
        )
        stack.push_async_callback(backend.close)

        def told() -> tuple[str, str, bool]:
            body = service.called(Hosted.CREATE_RESPONSE)[-1].body
            return (
                body["instructions"],
                body["model"],
                any(tool["type"] == "code_interpreter" for tool in body["tools"]),
            )

        # The stand-in serves one model.
        return Place(assistant=backend, told=told, other_model=MODEL, usual_model=MODEL)

    return world


async def look_up_once(asked: Asked) -> ResponsePlan:
    if asked.text == "look it up" and not asked.outputs:
        return ResponsePlan(calls=((LOOK_UP.name, "{}"),))
    return ResponsePlan(text="fine")


PLACES: dict[str, Callable[[AsyncExitStack, Path], Awaitable[Place]]] = {
    "embedded": embedded,
    "stand-in": stand_in,
    "responses": hosted(Provider.OPENAI),
    "chained responses": hosted(Provider.AZURE),
}


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield await PLACES[request.param](stack, tmp_path)


async def run(place: Place, thread: ThreadId, assistant: str, name: str) -> None:
    started = await place.assistant.start(thread, replace(ask(), assistant=assistant), RunName(name))
    assert (await end_of(place.assistant, thread, started)).outcome.end is RunEnd.COMPLETED


async def test_a_question_is_answered_by_the_assistant_that_it_names(place: Place) -> None:
    thread = await place.assistant.open_thread(message().key)
    await run(place, thread, "Other", "turn 1")
    assert place.told() == ("Be different.", place.other_model, False)
    await run(place, thread, "Usual", "turn 2")
    assert place.told() == ("Be usual.", place.usual_model, True)


@pytest.mark.parametrize("name", ["", "one that is gone"])
async def test_a_question_that_names_none_is_answered_by_the_usual_assistant(place: Place, name: str) -> None:
    thread = await place.assistant.open_thread(message().key)
    await run(place, thread, name, "turn 1")
    assert place.told() == ("Be usual.", place.usual_model, True)


async def test_the_same_assistant_goes_on_with_the_outputs_of_tools() -> None:
    async with AsyncExitStack() as stack:
        place = await hosted(Provider.OPENAI)(stack, Path())
        assistant = place.assistant
        thread = await assistant.open_thread(message().key)
        asked = replace(ask("look it up"), assistant="Other")
        started = await assistant.start(thread, asked, RunName("turn 1"))
        events = [event async for event in assistant.follow(thread, started)]
        assert isinstance(events[-1], ToolsWanted)
        outputs = [ToolOutput(call=call.id, output="1") for call in events[-1].calls]
        await assistant.resume(thread, started, outputs, RunName("turn 1 tools 0"))
        assert place.told()[0] == "Be different."


async def test_files_of_assistants_are_uploaded_once_and_again_when_they_change(tmp_path: Path) -> None:
    handbook, memory = tmp_path / "handbook.csv", tmp_path / "ids.json"
    handbook.write_text("a,b")
    async with FakeAssistants() as service:
        client = Client(endpoint=Endpoint(base_url=service.base_url, api_key=KEY))
        first = await upload_once(client, [handbook], memory, purpose="assistants")
        assert await upload_once(client, [handbook], memory, purpose="assistants") == first
        assert list(service.state.files.values()) == [b"a,b"]
        handbook.write_text("c,d")
        await upload_once(client, [handbook], memory, purpose="assistants")
        assert list(service.state.files.values()) == [b"c,d"]
        memory.write_text("half a file {")
        await upload_once(client, [handbook], memory, purpose="assistants")
        service.state.files.clear()
        again = await upload_once(client, [handbook], memory, purpose="assistants")
        assert service.state.files[again[handbook]] == b"c,d"
        await client.close()
