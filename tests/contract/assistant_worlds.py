"""Services with an assistant that follows a script: what the contract of all backends is held against."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.embedded.assistants_server import open_server
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelError,
    ModelReply,
    ModelRequest,
    ModelToolCall,
    OnWords,
    Speaker,
)
from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client, Endpoint, RetryPolicy, path_to
from adapters.openai.polling import PollingPace
from adapters.openai.wire import Fields
from adapters.sandbox.code_result import CodeResult, CodeStatus, GuestFile, GuestImage, NoteExecution, OnStart
from bot.conversation import ThreadId
from bot.ports import Assistant
from bot.run import RunName
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import Plan, file_path, function_call, image, text
from tests.support.fakes import ask
from tests.support.hosted_talk import LOOK_UP, MemoryStates, calling, hosted_backend
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import Provider, ResponsesService
from tests.support.responses_state import Asked
from tests.support.responses_state import Plan as ResponsePlan

QUICK = PollingPace(first_s=0.01, max_s=0.05, deadline_s=20)
FUNCTION = "look_up"
TABLE = "sandbox:/mnt/data/table.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What the assistant does with every message: call a function, run code that makes things, speak; or fail."""

    function: bool = False
    picture: bytes | None = None
    alt_text: str = ""
    file: bytes | None = None  # written as table.csv, and spoken of
    text: str = "fine"
    takes_s: float = 0.0
    error_code: str | None = None


class World(Protocol):
    """A service with an assistant that follows a script."""

    script: Script

    tells_alt_text: bool  # whether it says what a picture shows
    locks: bool  # whether a thread takes nothing while a run is at work in it
    code_sees_pictures: bool  # whether pictures that people give are files for its code
    counts_code: bool  # whether it says how often code ran

    def assistant(self, pace: PollingPace = QUICK) -> Assistant:
        """The assistant, polled at this pace."""
        ...

    async def hold(self, thread: ThreadId) -> None:
        """Have somebody else's run at work in a thread."""
        ...

    @property
    def heard(self) -> str:
        """The last words of a user that reached it."""
        ...

    @property
    def files(self) -> list[bytes]:
        """The contents of all files that are in the thread when it last set to work, in order."""
        ...


def backend(client: Client, assistant_id: str, pace: PollingPace, *, streaming: bool = True) -> AssistantsBackend:
    retry = RetryPolicy(max_attempts=2, first_pause_s=0.01)
    return AssistantsBackend(assistant_id=assistant_id, client=client, pace=pace, retry=retry, streaming=streaming)


class StandInWorld:
    counts_code = False
    tells_alt_text = True
    locks = True
    code_sees_pictures = True

    def __init__(self, service: FakeAssistants, client: Client) -> None:
        self.script = Script()
        self._state, self._client = service.state, client
        self._state.plan = self._plan
        self.heard = ""
        self.files: list[bytes] = []

    def assistant(self, pace: PollingPace = QUICK) -> Assistant:
        return backend(self._client, "asst_1", pace)

    async def hold(self, thread: ThreadId) -> None:
        await self.assistant().start(thread, ask(), RunName("somebody else's"))

    def _plan(self, said: str) -> Plan:
        self.heard = said
        messages = list(self._state.messages.values())[-1]
        given = [attachment["file_id"] for message in messages for attachment in message["attachments"]]
        self.files = [self._state.files[file] for file in given]
        script, parts = self.script, []
        if script.picture:
            self._state.files["file-picture"] = script.picture
            parts.append(image("file-picture"))
        words = text(script.text)
        if script.file:
            self._state.files["file-table"] = script.file
            words = text(f"{script.text} {TABLE}", file_path(TABLE, "file-table"))
        trouble = {"last_error": {"code": script.error_code, "message": "Sorry, try again in 20s."}}
        return Plan(
            run_s=script.takes_s,
            messages=[[*parts, words]],
            metadata={"alt:file-picture": script.alt_text},
            tool_calls=[function_call("call_1", FUNCTION)] if script.function else (),
            status="failed" if script.error_code else "completed",
            extra=trouble if script.error_code else {},
        )


class EmbeddedWorld:
    """The embedded server, with the script as its model and its sandbox."""

    counts_code = True
    tells_alt_text = True
    locks = True
    code_sees_pictures = True

    def __init__(self) -> None:
        self.script = Script()
        self.sees = True
        self.streaming = True
        self.heard = ""
        self.files: list[bytes] = []
        self.assistant_id = ""
        self.client: Client | None = None

    def assistant(self, pace: PollingPace = QUICK) -> Assistant:
        assert self.client
        return backend(self.client, self.assistant_id, pace, streaming=self.streaming)

    async def hold(self, thread: ThreadId) -> None:
        await self.assistant().start(thread, ask(), RunName("somebody else's"))

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        self.heard = [message.text for message in request.messages if message.speaker is Speaker.USER][-1]
        await asyncio.sleep(self.script.takes_s)
        if self.script.error_code:
            raise ModelError("Sorry, try again in 20s.", code=self.script.error_code)
        if request.messages[-1].speaker is Speaker.TOOL:
            return ModelReply(text=self.script.text)
        wanted = [FUNCTION] if self.script.function else []
        wanted += [CODE_INTERPRETER] if self.script.picture or self.script.file else []
        calls = [ModelToolCall(id=name, name=name, arguments='{"code": "draw()"}') for name in wanted]
        return ModelReply(text="" if calls else self.script.text, tool_calls=tuple(calls))

    async def close(self) -> None:
        pass

    async def recall(self, session: str, number: int, *, age_s: float, note: NoteExecution | None = None) -> CodeResult:
        raise AssertionError("nothing was noted")

    async def run(
        self,
        session: str,
        code: str,
        *,
        deadline_s: float | None = None,
        user: str = "",
        note: NoteExecution | None = None,
        on_start: OnStart | None = None,
    ) -> CodeResult:
        images = (GuestImage(data=self.script.picture, alt_text=self.script.alt_text),) if self.script.picture else ()
        files = (GuestFile(name="table.csv", data=self.script.file),) if self.script.file else ()
        return CodeResult(status=CodeStatus.OK, images=images, files=files)

    async def put(self, session: str, name: str, data: bytes) -> None:
        self.files.append(data)

    def alive(self, session: str) -> bool:
        return True

    async def forget(self, session: str) -> None:
        pass


class ResponsesWorld:
    """The strict stand-in of the Responses API, with the script as its model."""

    counts_code = True
    tells_alt_text = False

    def __init__(self, service: ResponsesService, client: Client) -> None:
        self.script = Script()
        self.streaming = True
        self.heard = ""
        self.files: list[bytes] = []
        self._service, self._client, self._states = service, client, MemoryStates()
        self.locks = service.provider is not Provider.AZURE  # a chain of responses forks instead
        self.code_sees_pictures = service.provider is not Provider.FOUNDRY
        service.state.brain = self._think

    def assistant(self, pace: PollingPace = QUICK) -> Assistant:
        states, streaming = self._states, self.streaming
        return hosted_backend(self._service, self._client, states, pace=pace, busy_deadline_s=0.1, streaming=streaming)

    async def hold(self, thread: ThreadId) -> None:
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "theirs"}]}
        request = {"model": "theirs", "input": [said], "conversation": thread, "background": True}
        self._service.state.create(request)

    async def _think(self, asked: Asked) -> ResponsePlan:
        self.heard, self.files = asked.text, list(asked.files.values())
        script = self.script
        if script.error_code:
            error = {"code": script.error_code, "message": "Sorry, try again in 20s."}
            return ResponsePlan(takes_s=script.takes_s, status="failed", error=error)
        if script.function and not asked.outputs:
            return ResponsePlan(calls=((LOOK_UP.name, "{}"),))
        return ResponsePlan(
            takes_s=script.takes_s,
            text=f"{script.text} {TABLE}" if script.file else script.text,
            shown=(script.picture,) if script.picture else (),
            saved={"table.csv": script.file} if script.file else {},
        )


async def responses_world(stack: AsyncExitStack, _folder: Path) -> ResponsesWorld:
    service = await stack.enter_async_context(ResponsesService())
    return ResponsesWorld(service, await stack.enter_async_context(calling(service)))


async def polled_responses_world(stack: AsyncExitStack, folder: Path) -> World:
    world = await responses_world(stack, folder)
    world.streaming = False
    return world


async def foundry_world(stack: AsyncExitStack, _folder: Path) -> World:
    service = await stack.enter_async_context(ResponsesService(Provider.FOUNDRY))
    return ResponsesWorld(service, await stack.enter_async_context(calling(service)))


async def azure_world(stack: AsyncExitStack, _folder: Path) -> World:
    """Without conversations, so that a thread is a chain of responses."""
    service = await stack.enter_async_context(ResponsesService(Provider.AZURE))
    return ResponsesWorld(service, await stack.enter_async_context(calling(service)))


async def stand_in_world(stack: AsyncExitStack, _folder: Path) -> World:
    service = await stack.enter_async_context(FakeAssistants())
    client = Client(endpoint=Endpoint(base_url=service.base_url, api_key=KEY))
    stack.push_async_callback(client.close)
    return StandInWorld(service, client)


async def streaming_stand_in_world(stack: AsyncExitStack, _folder: Path) -> World:
    service = await stack.enter_async_context(FakeAssistants())
    service.streams = True
    client = Client(endpoint=Endpoint(base_url=service.base_url, api_key=KEY))
    stack.push_async_callback(client.close)
    return StandInWorld(service, client)


async def polled_embedded_world(stack: AsyncExitStack, folder: Path) -> World:
    world = await embedded_world(stack, folder)
    world.streaming = False
    return world


async def embedded_world(stack: AsyncExitStack, folder: Path) -> EmbeddedWorld:
    world = EmbeddedWorld()
    server = await open_server(data_dir=folder, model=world, sandbox=world, api_key=KEY)
    stack.push_async_callback(server.stop)
    world.client = Client(endpoint=Endpoint(base_url=server.base_url, api_key=KEY))
    stack.push_async_callback(world.client.close)
    tools = [{"type": "code_interpreter"}, {"type": "function", "function": {"name": FUNCTION}}]
    made = await world.client.post(path_to("assistants"), {"name": "A", "model": "any", "tools": tools})
    world.assistant_id = Fields(made.body, "an assistant").text("id")
    return world


WORLDS = {
    "stand-in": stand_in_world,
    "streaming stand-in": streaming_stand_in_world,
    "embedded": embedded_world,
    "polled embedded": polled_embedded_world,
    "responses": responses_world,
    "polled responses": polled_responses_world,
    "responses of an agent": foundry_world,
    "chained responses": azure_world,
}
