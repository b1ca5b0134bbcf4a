"""/stop is heard in every phase of a turn, at a service that is slow, down or busy at that moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client
from adapters.openai.client import Endpoint as Address
from adapters.openai.polling import PollingPace
from bot.attachments import Attachment
from bot.codec import message_to_json
from bot.conversation import ActivityId, ConversationReference, Incoming, TurnState
from bot.dependencies import Dependencies
from bot.errors import TurnStoppedError
from bot.links import NO_LINKS, LinkRules
from bot.parts import ApologyPart, Part, TextPart
from bot.ports import LedgerEntry
from bot.reply import ReplyWriter
from bot.turn import STOP, STOP_HEARD, Signals, Turn
from bot.turn_record import STOPPED, Outcome
from bot.turn_story import run_turn
from tests.support.fake_assistants import Endpoint, FakeAssistants
from tests.support.fake_assistants_state import Plan, function_call, text
from tests.support.fakes import (
    FakeChannel,
    FakeIncoming,
    FakePictures,
    MemoryConversations,
    MemoryFiles,
    message,
)
from tests.support.memory_stores import MemoryBelongings, MemoryUsage
from tests.support.openai_stand_in import KEY, Fault
from tests.support.waiting import until

SOON_S = 15.0  # alone it takes some hundredths; a service that is down is waited for up to 90 s
FILE = Attachment(name="a.csv", url="there")


@dataclass(kw_only=True)
class Talk:
    """One conversation with the bot; every turn has the steps that a ledger would hold of it."""

    service: FakeAssistants
    client: Client
    channel: FakeChannel = field(default_factory=FakeChannel)
    conversations: MemoryConversations = field(default_factory=MemoryConversations)
    incoming: FakeIncoming = field(default_factory=FakeIncoming)
    turns: int = 0
    signals: Signals = field(default_factory=Signals)  # of the turn that was begun last
    answered_stops: list[tuple[int, str, str]] = field(default_factory=list)

    def begin(self, asked: Incoming) -> asyncio.Task[Outcome]:
        self.turns += 1
        entry = LedgerEntry(
            number=self.turns, conversation="c", id=f"m{self.turns}", payload=message_to_json(asked), steps={}
        )
        self.signals = Signals()
        waiting = TurnState.WAITING
        turn = Turn(
            entry, asked, waiting, signals=self.signals, save=self._save, signal=self._signal, may_go_on=self._go_on
        )
        return asyncio.create_task(run_turn(turn, self._deps()))

    async def ask(self, words: str) -> list[str]:
        before = len(self.channel.said)
        working = self.begin(message(words))
        await asyncio.wait_for(working, 30)
        return said(self.channel.said[before:])

    def _deps(self) -> Dependencies:
        assistant = AssistantsBackend(
            assistant_id="asst_1", client=self.client, pace=PollingPace(first_s=0.01, max_s=0.1)
        )
        return Dependencies(
            assistant=assistant,
            channel=self.channel,
            conversations=self.conversations,
            belongings=MemoryBelongings(),
            usage=MemoryUsage(),
            files=self.incoming,
            writer=ReplyWriter(assistant=assistant, files=MemoryFiles(), pictures=FakePictures()),
        )

    async def _save(self, number: int, step: str, result: str) -> None:
        await asyncio.sleep(0)

    async def _signal(self, number: int, name: str, value: str) -> None:
        self.answered_stops.append((number, name, value))

    async def _go_on(self) -> None:
        pass


@pytest.fixture(params=[False, True], ids=["polled", "streamed"])
async def talk(request: pytest.FixtureRequest) -> AsyncIterator[Talk]:
    async with FakeAssistants() as service:
        service.streams = request.param
        client = Client(endpoint=Address(base_url=service.base_url, api_key=KEY))
        yield Talk(service=service, client=client)
        await client.close()


def said(parts: list[Part]) -> list[str]:
    return [part.text for part in parts if isinstance(part, TextPart | ApologyPart)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Where a turn hangs: each call of this kind goes wrong in this way, or takes long."""

    at: Endpoint
    fault: Fault | None
    slow_s: float = 0.0
    plan: Plan = field(default_factory=lambda: Plan(messages=[[text("fine")]]))
    files: bool = False
    text: str = "long"


PHASES = {
    "uploading a file": Phase(at=Endpoint.UPLOAD, fault=Fault.SERVER_ERROR, files=True),
    "an upload without an answer": Phase(at=Endpoint.UPLOAD, fault=Fault.SILENCE, files=True),
    "putting files into the thread": Phase(at=Endpoint.ADD_MESSAGE, fault=Fault.SERVER_ERROR, files=True, text=""),
    "making the thread": Phase(at=Endpoint.CREATE_THREAD, fault=Fault.SERVER_ERROR),
    "starting the run, rate limited": Phase(at=Endpoint.CREATE_RUN, fault=Fault.RATE_LIMIT),
    "starting the run, no answer": Phase(at=Endpoint.CREATE_RUN, fault=Fault.SILENCE),
    "starting the run, made late": Phase(at=Endpoint.CREATE_RUN, fault=None, slow_s=0.4, plan=Plan(run_s=60)),
    "looking at the run": Phase(at=Endpoint.GET_RUN, fault=Fault.SERVER_ERROR, plan=Plan(run_s=60)),
    "a run without an end": Phase(at=Endpoint.GET_RUN, fault=None, plan=Plan(run_s=60)),
    "tool outputs": Phase(
        at=Endpoint.SUBMIT,
        fault=Fault.SERVER_ERROR,
        plan=Plan(messages=[[text("fine")]], tool_calls=[function_call("call_1", "tool")]),
    ),
    "reading the answer": Phase(at=Endpoint.LIST_MESSAGES, fault=Fault.SERVER_ERROR),
}


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
async def test_a_stop_is_heard_at_once_and_leaves_the_thread_free(talk: Talk, phase: Phase) -> None:
    service = talk.service
    service.weather = lambda endpoint: phase.fault if endpoint is phase.at else None
    service.slow_s = {phase.at: phase.slow_s}
    service.tells_whole_messages = phase.at is not Endpoint.LIST_MESSAGES  # else the answer is not fetched
    service.state.plan = lambda _: phase.plan
    asked = replace(message(phase.text), attachments=(FILE,) if phase.files else ())
    talk.incoming.kept[FILE.url] = b"1"
    working = talk.begin(asked)
    if service.streams and phase.at is Endpoint.GET_RUN:
        await until(lambda: service.open_streams == 1)  # a run is not fetched while its events come
    else:
        await until(lambda: bool(service.called(phase.at)))
    talk.signals.send(STOP, 7)
    stopped_s = time.monotonic()
    await until(lambda: bool(talk.channel.said))
    assert time.monotonic() - stopped_s < SOON_S
    assert said(talk.channel.said) == [TurnStoppedError.apology]
    assert await asyncio.wait_for(working, 30) == STOPPED
    assert [run.is_active for run in service.state.runs.values()].count(True) == 0
    assert talk.answered_stops == [(7, STOP_HEARD, "true")]

    service.weather, service.slow_s = lambda _: None, {}
    service.state.plan = lambda words: Plan(messages=[[text(f"You said: {words}")]])
    assert await talk.ask("next") == ["You said: next"]


async def test_a_stop_is_heard_while_someone_elses_run_holds_the_thread(talk: Talk) -> None:
    await talk.ask("first")
    state = talk.service.state
    state.plan = lambda _: Plan(run_s=60)
    thread = next(iter(state.messages))
    others = state.create_run(thread, {"additional_messages": [{"role": "user", "content": "hm"}], "metadata": {}})
    starts = len(talk.service.called(Endpoint.CREATE_RUN))
    working = talk.begin(message("second"))
    await until(lambda: len(talk.service.called(Endpoint.CREATE_RUN)) > starts)
    talk.signals.send(STOP)
    stopped_s = time.monotonic()
    await until(lambda: TurnStoppedError.apology in said(talk.channel.said))
    assert time.monotonic() - stopped_s < SOON_S
    await asyncio.wait_for(working, 30)
    assert others.is_active, "it is not ours to cancel"


async def test_a_turn_that_is_stopped_before_it_is_resumed_makes_no_call_that_starts_anything(talk: Talk) -> None:
    working = talk.begin(message("long"))
    talk.signals.send(STOP)
    await asyncio.wait_for(working, 30)
    assert said(talk.channel.said) == [TurnStoppedError.apology]
    assert talk.service.calls == []


class HeldChannel(FakeChannel):
    """Takes so many parts, and then holds on to the next."""

    def __init__(self, *, takes: int) -> None:
        super().__init__()
        self._takes = takes
        self.holds = asyncio.Event()

    def split(self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None) -> tuple[str, ...]:
        return tuple(text.split())

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        if len(self.said) == self._takes:
            self.holds.set()
            await asyncio.Event().wait()
        return await super().send(to, part)


async def test_a_stop_in_the_midst_of_an_answer_leaves_out_its_rest(talk: Talk) -> None:
    channel = talk.channel = HeldChannel(takes=2)
    working = talk.begin(message("hi"))
    await asyncio.wait_for(channel.holds.wait(), 30)
    talk.signals.send(STOP, 7)
    assert await asyncio.wait_for(working, SOON_S) == STOPPED
    assert said(channel.said) == ["You", "said:"]
    assert talk.answered_stops == [(7, STOP_HEARD, "false")], "the turn of the /stop has to say so"
