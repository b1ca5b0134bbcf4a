"""Turns in bad weather, drawn from a seed: faults of every kind."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest

from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client, RetryPolicy
from adapters.openai.polling import PollingPace
from bot.conversation import ThreadId
from bot.errors import AssistantError, RunTooSlowError
from bot.run import RunEnd, RunName, Settled, ToolOutput, ToolsWanted
from tests.support.fake_assistants import Endpoint as To
from tests.support.fake_assistants import FakeAssistants
from tests.support.fake_assistants_state import Plan, function_call, text
from tests.support.fakes import ask, message
from tests.support.impatient_client import PACE, RETRY, calling, impatient, last_event
from tests.support.openai_stand_in import PASSING, Fault

# One try in five fails, so of a million calls none fails so often; and no slow machine is taken for bad weather.
STEADFAST = RetryPolicy(max_attempts=12, first_pause_s=0.01)
HASTY = replace(RETRY, call_deadline_s=0.3, download_deadline_s=0.3)  # where an apology is as good as an answer
SURVIVED = (Fault.RATE_LIMIT, Fault.SERVER_ERROR, Fault.LATE_ERROR, Fault.RESET, Fault.LOST_ANSWER)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_the_weather_every_call_ends_and_each_turn_has_one_run(seed: int) -> None:
    dice = random.Random(seed)
    async with FakeAssistants() as service, calling(service, HASTY) as client:
        service.streams = seed % 2 == 1
        service.events_until_cut = seed if seed % 4 == 1 else None
        assistant = impatient(client)
        thread = await assistant.open_thread(message().key)
        service.weather = lambda _to: dice.choice(PASSING) if dice.random() < 0.3 else None
        service.state.plan = lambda said: Plan(run_s=dice.random() * 0.1, messages=[[text(said)]])
        outcomes = [await converse(assistant, thread, f"turn {n}") for n in range(4)]
        service.weather = lambda _to: None
        async with calling(service, STEADFAST) as calm:
            outcomes.append(await converse(steadfast(calm), thread, "the last turn"))
    turns = [run.metadata["turn"] for run in service.state.runs.values()]
    assert len(turns) == len(set(turns)), f"{seed=}, {outcomes=}"
    assert outcomes[-1] == "answered"


async def converse(assistant: AssistantsBackend, thread: ThreadId, turn: str) -> str:
    """A turn as the application takes it. Its time is bounded by the deadlines of its calls."""
    try:
        async with asyncio.timeout(4 * (RETRY.total_deadline_s + RETRY.call_deadline_s) + PACE.deadline_s):
            run = await assistant.start(thread, ask(turn), RunName(turn))
            try:
                last = await last_event(assistant, thread, run)
                if isinstance(last, Settled) and last.outcome.end is RunEnd.COMPLETED:
                    assert (await assistant.answer(thread, [run])).text == turn
                    return "answered"
            except RunTooSlowError:
                await assistant.cancel(thread, run)
    except AssistantError:
        pass
    return "apology"


@pytest.mark.parametrize("seed", range(4))
async def test_faults_at_one_call_in_five_cost_no_turn_and_make_nothing_twice(seed: int) -> None:
    dice = {to: random.Random(f"{seed} {to}") for to in To}  # so that the order of arrival changes no kind's share

    def weather(to: To) -> Fault | None:
        return dice[to].choice(SURVIVED) if dice[to].random() < 0.2 else None

    async with FakeAssistants() as service, calling(service, STEADFAST) as client:
        service.streams = seed % 2 == 1
        service.weather = weather
        service.state.plan = lambda said: Plan(tool_calls=[function_call("call", "look_up")], messages=[[text(said)]])
        outcomes = await asyncio.gather(*(one_turn(steadfast(client), f"turn {n}") for n in range(50)))
    assert outcomes == ["answered"] * 50
    turns = [run.metadata["turn"] for run in service.state.runs.values()]
    assert sorted(turns) == sorted({f"turn {n}" for n in range(50)})
    assert all(run.outputs == [{"tool_call_id": "call", "output": "sunny"}] for run in service.state.runs.values())
    fired = Counter(call.to for call in service.calls if call.fault)
    assert min(fired[to] for to in (To.CREATE_THREAD, To.CREATE_RUN, To.SUBMIT)) >= 4, fired
    assert {call.fault for call in service.calls} >= set(SURVIVED)


def steadfast(client: Client) -> AssistantsBackend:
    """The assistant as the program waits for it, but for the pauses."""
    pace = PollingPace(first_s=0.01, max_s=0.05, after_trouble_s=0.02)
    return AssistantsBackend(assistant_id="asst_1", client=client, pace=pace, retry=STEADFAST)


async def one_turn(assistant: AssistantsBackend, turn: str) -> str:
    thread = await assistant.open_thread(message().key)
    run = await assistant.start(thread, ask(turn), RunName(turn))
    while isinstance(last := await last_event(assistant, thread, run), ToolsWanted):
        outputs = [ToolOutput(call=call.id, output="sunny") for call in last.calls]
        run = await assistant.resume(thread, run, outputs, RunName(f"{turn}, tools"))
    return "answered" if (await assistant.answer(thread, [run])).text == turn else "something else"
