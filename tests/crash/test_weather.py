"""The service and the connector misbehave at many calls: nobody loses an answer, and nobody gets an apology for it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from tests.crash.conftest import Talk
from tests.support.connector_double import Fault
from tests.support.fake_assistants_state import Plan, function_call, text
from tests.support.openai_stand_in import Fault as ServiceFault

pytestmark = pytest.mark.timeout(300)

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


async def test_in_bad_weather_every_message_is_answered_in_order_by_one_run(talk: Talk, seed: int) -> None:
    dice = random.Random(seed)
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


async def test_a_connector_that_is_down_through_a_stop_and_a_kill_gets_each_answer_once_it_is_back(talk: Talk) -> None:
    connector = talk.outside.connector
    connector.weather = lambda: Fault(status=503)
    await talk.bot.start()
    for conversation in ("a", "b"):
        assert await talk.say(f"to {conversation}", conversation=conversation) == 202
    await tried(talk, times=2)
    assert await talk.bot.stop() == 0
    assert "cut off" not in talk.bot.log, "the pauses between two tries held up the stop"
    await talk.bot.start()
    await tried(talk, times=2)
    talk.bot.kill()
    await talk.bot.ended()
    await talk.bot.start()
    await tried(talk, times=2)
    connector.weather = lambda: None
    async with asyncio.timeout(30):
        while not (talk.heard("a") and talk.heard("b")):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    assert (talk.heard("a"), talk.heard("b")) == (["You said: to a"], ["You said: to b"])


async def tried(talk: Talk, *, times: int) -> None:
    """Each conversation's answer was sent so many times more, in vain."""

    def tries() -> Counter[str]:
        sent = [posted for posted in talk.outside.connector.requests if posted.type == "message"]
        return Counter(posted.conversation for posted in sent)

    before = tries()
    async with asyncio.timeout(30):
        while min(tries()[conversation] - before[conversation] for conversation in ("a", "b")) < times:
            await asyncio.sleep(0.02)
