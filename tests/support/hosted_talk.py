"""A conversation with the story of a turn and the Responses backend, at the stand-in of the service, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from adapters.openai.client import Client, Endpoint, RetryPolicy
from adapters.openai.polling import PollingPace
from adapters.openai.responses.response_objects import Assistance, FileRules
from adapters.openai.responses.responses_backend import ResponsesBackend
from bot.attachments import Attachment
from bot.codec import message_to_json
from bot.conversation import ThreadId, TurnState
from bot.dependencies import Dependencies
from bot.forgetting import RecordedFiles
from bot.functions import FunctionDefinition
from bot.parts import ApologyPart, FilesPart, Part, PicturePart, TextPart
from bot.ports import LedgerEntry
from bot.reply import ReplyWriter
from bot.turn import STOP, Signals, Turn
from bot.turn_record import Outcome
from bot.turn_story import run_turn
from tests.support.fakes import (
    FakeChannel,
    FakeFunctions,
    FakeIncoming,
    FakePictures,
    MemoryConversations,
    MemoryFiles,
    message,
)
from tests.support.memory_stores import MemoryBelongings, MemoryUsage
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import MODEL, Provider, ResponsesService
from tests.support.responses_state import Asked, Plan, echo, unanswered

LOOK_UP = FunctionDefinition(name="look_up", description="Looks up.", parameters={"type": "object", "properties": {}})
PACE = PollingPace(first_s=0.01, max_s=0.05, deadline_s=3.0)


class MemoryStates:
    """What a disk would hold of the threads."""

    def __init__(self) -> None:
        self.kept: dict[ThreadId, str] = {}

    async def state_of(self, thread: ThreadId) -> str:
        return self.kept.get(thread, "")

    async def keep_state(self, thread: ThreadId, state: str) -> None:
        self.kept[thread] = state


def hosted_backend(
    service: ResponsesService,
    client: Client,
    states: MemoryStates,
    *,
    pace: PollingPace = PACE,
    busy_deadline_s: float = 2.0,
    streaming: bool = True,
) -> ResponsesBackend:
    """The backend as the settings would make it for this provider, with functions, and impatient."""
    is_openai = service.provider is Provider.OPENAI
    is_foundry = service.provider is Provider.FOUNDRY
    return ResponsesBackend(
        assistance=Assistance(
            model=None if is_foundry else MODEL,
            instructions="Be brief.",
            agent="tutor" if is_foundry else None,
            functions=(LOOK_UP,),
        ),
        client=client,
        states=states,
        files=FileRules() if is_openai else FileRules(purpose="assistants", pictures_inline=True),
        pace=pace,
        busy_deadline_s=busy_deadline_s,
        streaming=streaming,
    )


@asynccontextmanager
async def calling(service: ResponsesService) -> AsyncIterator[Client]:
    """A client of the service that gives up soon."""
    retry = RetryPolicy(call_deadline_s=2.5, total_deadline_s=4.0, max_attempts=3, first_pause_s=0.01)
    path = {Provider.OPENAI: "", Provider.AZURE: "/openai/v1", Provider.FOUNDRY: "/openai/v1"}[service.provider]

    async def token() -> str:
        return "entra.token.signed"

    endpoint = Endpoint(
        base_url=f"{service.base_url}{path}",
        api_key="" if service.provider is Provider.FOUNDRY else KEY,
        token=token if service.provider is Provider.FOUNDRY else None,
        azure_key=service.provider is Provider.AZURE,
        beta="",
    )
    client = Client(endpoint=endpoint, retry=retry)
    try:
        yield client
    finally:
        await client.close()


@dataclass(kw_only=True)
class HostedTalk:
    """One person's conversation. Every turn has the steps that a ledger would hold of it."""

    service: ResponsesService
    backend: ResponsesBackend
    states: MemoryStates
    channel: FakeChannel = field(default_factory=FakeChannel)
    conversations: MemoryConversations = field(default_factory=MemoryConversations)
    incoming: FakeIncoming = field(default_factory=FakeIncoming)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    belongings: MemoryBelongings = field(default_factory=MemoryBelongings)
    functions: FakeFunctions = field(default_factory=FakeFunctions)
    to_operator: bool = False  # the person runs the bot
    turns: int = 0
    steps: dict[int, dict[str, str]] = field(default_factory=dict)
    signals: Signals = field(default_factory=Signals)  # of the turn that was begun last
    die_at: str = ""  # the kind of the step whose result never reaches the disk

    def begin(self, words: str, *attachments: Attachment, again: bool = False) -> asyncio.Task[Outcome]:
        """Work on a new turn, or `again` on the last one, whose process died."""
        self.turns += not again
        number = self.turns
        steps = self.steps.setdefault(number, {})
        asked = replace(message(words), attachments=attachments)
        entry = LedgerEntry(
            number=number,
            conversation="c",
            id=f"m{number}",
            payload=message_to_json(asked),
            steps=dict(steps),
            attempts=int(again),
        )
        self.signals = Signals()

        async def save(_number: int, step: str, result: str) -> None:
            if self.die_at and step.startswith(self.die_at):
                self.die_at = ""
                raise asyncio.CancelledError
            steps[step] = result

        turn = Turn(
            entry,
            asked,
            TurnState.WAITING,
            signals=self.signals,
            save=save,
            signal=lambda *_: asyncio.sleep(0),
            may_go_on=lambda: asyncio.sleep(0),
        )
        return asyncio.create_task(run_turn(turn, self._deps()))

    async def ask(self, words: str, *attachments: Attachment, within_s: float = 10.0, again: bool = False) -> list[str]:
        """What the person reads."""
        before = len(self.channel.said)
        await asyncio.wait_for(self.begin(words, *attachments, again=again), within_s)
        return words_in(self.channel.said[before:])

    def stop(self) -> None:
        """The person says /stop."""
        self.signals.send(STOP)

    @property
    def pictures(self) -> list[PicturePart]:
        return [part for part in self.channel.said if isinstance(part, PicturePart)]

    @property
    def linked(self) -> dict[str, bytes]:
        """The files that arrived, by name."""
        parts = [part for part in self.channel.said if isinstance(part, FilesPart)]
        return {file.name: self.files.kept[file.token] for part in parts for file in part.files}

    @property
    def items(self) -> list[dict[str, object]]:
        """The items of the newest conversation."""
        return list(self.service.state.conversations.values())[-1]

    def _deps(self) -> Dependencies:
        return Dependencies(
            assistant=self.backend,
            channel=self.channel,
            conversations=self.conversations,
            belongings=self.belongings,
            usage=MemoryUsage(),
            files=self.incoming,
            writer=ReplyWriter(
                assistant=self.backend,
                files=RecordedFiles(self.files, self.belongings),
                pictures=FakePictures(),
            ),
            functions=self.functions,
            asker_is_operator=self.to_operator,
        )


@asynccontextmanager
async def talking(service: ResponsesService, **backend: object) -> AsyncIterator[HostedTalk]:
    """A conversation at this service."""
    states = MemoryStates()
    async with calling(service) as client:
        assistant = hosted_backend(service, client, states, **backend)  # type: ignore[arg-type]
        yield HostedTalk(service=service, backend=assistant, states=states)
        await assistant.close()


def words_in(parts: list[Part]) -> list[str]:
    """The texts of a reply."""
    return [part.text for part in parts if isinstance(part, TextPart | ApologyPart)]


def does(plan: Plan, *then: Plan) -> Callable[[Asked], Awaitable[Plan]]:
    """A model that follows these plans, one a response, and repeats the last."""
    plans = [plan, *then]

    async def think(_: Asked) -> Plan:
        return plans.pop(0) if len(plans) > 1 else plans[0]

    return think


async def next_is_answered(talk: HostedTalk) -> None:
    """The next question is answered, and nothing is left over in the conversation."""
    talk.service.weather = lambda _: None
    talk.service.state.brain = echo
    assert (await talk.ask("next"))[-1].endswith("You said: next")
    for items in talk.service.state.conversations.values():
        assert unanswered(items) == []
    assert not any(response.is_active for response in talk.service.state.responses.values())
