"""The service and the connector misbehave at many calls: nobody loses an answer, and nobody gets an apology for it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from tests.connector import Fault
from tests.crash.conftest import Talk
from tests.fake_assistants import Fault as ServiceFault
from tests.fake_assistants_state import Plan, function_call, text

pytestmark = pytest.mark.timeout(300)

SEED = 20261124
PEOPLE = 40
QUESTIONS = 3
SERVICE_SHARE = 0.2
CONNECTOR_SHARE = 0.3
SERVICE_FAULTS = (
    ServiceFault.RATE_LIMIT,
    ServiceFault.SERVER_ERROR,
    ServiceFault.LATE_ERROR,
    ServiceFault.RESET,
    ServiceFault.LOST_ANSWER,
)
CONNECTOR_FAULTS = (Fault(status=429, headers={"Retry-After": "0"}), Fault(status=502))


async def test_in_bad_weather_every_message_is_answered_in_order_by_one_run(talk: Talk) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    service, connector = talk.outside.service, talk.outside.connector
    service.state.plan = lambda said: Plan(
        run_s=dice.uniform(0, 0.3), tool_calls=[function_call("call", "look_up")], messages=[[text(said)]]
    )
    await talk.bot.start()
    service.weather = lambda _to: dice.choice(SERVICE_FAULTS) if dice.random() < SERVICE_SHARE else None
    connector.weather = lambda: dice.choice(CONNECTOR_FAULTS) if dice.random() < CONNECTOR_SHARE else None
    tags = {f"a:{person}": [f"{person}#{number}" for number in range(QUESTIONS)] for person in range(PEOPLE)}
    for number in range(QUESTIONS):
        says = (talk.say(said[number], conversation=where) for where, said in tags.items())
        assert set(await asyncio.gather(*says)) == {202}
    async with asyncio.timeout(120):
        while sum(len(talk.heard(where)) for where in tags) < PEOPLE * QUESTIONS:
            await asyncio.sleep(0.1)
    assert {where: talk.heard(where) for where in tags} == tags
    runs = Counter(run.metadata["turn"] for run in service.state.runs.values())
    assert (len(runs), set(runs.values())) == (PEOPLE * QUESTIONS, {1})
    fired = Counter(call.fault for call in service.calls if call.fault)
    assert min(fired[fault] for fault in SERVICE_FAULTS) >= 10, fired
    assert len(connector.requests) - len(connector.posted) >= PEOPLE * QUESTIONS * 0.2
