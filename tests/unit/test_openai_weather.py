"""Turns in bad weather, drawn from a seed: faults of every kind at three calls in ten."""

from __future__ import annotations

import asyncio
import random

import pytest

from adapters.openai.assistants import AssistantsBackend
from bot.conversation import ThreadId
from bot.errors import AssistantError
from bot.run import RunStatus
from tests.fake_assistants import FakeAssistants, Fault
from tests.fake_assistants_state import Plan, text
from tests.fakes import message
from tests.impatient_client import PACE, PATIENCE, calling, impatient


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_the_weather_every_call_ends_and_each_turn_has_one_run(seed: int) -> None:
    dice = random.Random(seed)
    async with FakeAssistants() as service, calling(service) as client:
        assistant = impatient(client)
        thread = await assistant.create_thread(message().key)
        service.weather = lambda _to: dice.choice(list(Fault)) if dice.random() < 0.3 else None
        service.state.plan = lambda said: Plan(run_s=dice.random() * 0.1, messages=[[text(said)]])
        outcomes = [await converse(assistant, thread, f"turn {n}") for n in range(4)]
        service.weather = lambda _to: None
        outcomes.append(await converse(assistant, thread, "the last turn"))
    turns = [run.metadata["turn"] for run in service.state.runs.values()]
    assert len(turns) == len(set(turns)), f"{seed=}, {outcomes=}"
    assert outcomes[-1] == "answered"


async def converse(assistant: AssistantsBackend, thread: ThreadId, turn: str) -> str:
    """A turn as the application takes it. Its time is bounded by the deadlines of its calls."""
    try:
        async with asyncio.timeout(4 * (PATIENCE.total_deadline_s + PATIENCE.call_deadline_s) + PACE.deadline_s):
            run = await assistant.start_run(thread, message(turn), turn)
            seen = await assistant.wait(thread, run)
            if seen.status is RunStatus.COMPLETED:
                assert (await assistant.answer(thread, run)).text == turn
                return "answered"
            await assistant.cancel(thread, run)
    except AssistantError:
        pass
    return "apology"
