"""The bot is killed at each outside call: before its effect, after it without an answer, and after the answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from tests.crash.conftest import Talk
from tests.crash.outside import Moment, Trap
from tests.support.fake_assistants import Endpoint
from tests.support.fake_assistants_state import Plan, file_path, function_call, image, text

pytestmark = pytest.mark.timeout(600)  # many lives, on a machine that may be busy

PNG_1X1 = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)

PLANS: dict[str, tuple[Callable[[str], Plan], int]] = {  # the plan, and how many messages a person gets
    "text": (lambda said: Plan(messages=[[text(f"You said: {said}")]]), 1),
    "tool": (
        lambda said: Plan(tool_calls=[function_call("call_1", "weather")], messages=[[text(f"You said: {said}")]]),
        1,
    ),
    "image": (lambda said: Plan(messages=[[image("plot"), text(f"You said: {said}")]]), 2),
    "file": (
        lambda said: Plan(
            messages=[[text(f"{said}: sandbox:/mnt/data/t.csv", file_path("sandbox:/mnt/data/t.csv", "table"))]]
        ),
        2,
    ),
}
MAX_CALLS = 16


async def test_every_kind_of_turn_survives_a_kill_at_every_call(talk: Talk) -> None:
    await survive(talk, ["image"], list(Moment))


@pytest.mark.crash
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", PLANS)
async def test_turns_of_this_kind_survive_a_kill_at_every_call(talk: Talk, kind: str) -> None:
    await survive(talk, [kind], list(Moment))


async def survive(talk: Talk, kinds: list[str], moments: list[Moment]) -> None:
    state = talk.outside.service.state
    state.files.update({"plot": PNG_1X1, "table": b"a,b\n1,2\n"})
    await talk.bot.start()
    for kind in kinds:
        state.plan, parts = PLANS[kind]
        for moment in moments:
            calls = 0
            for number in range(1, MAX_CALLS):
                conversation = f"a:{kind}-{moment.name}-{number}"
                if not await one_death(talk, conversation, Trap(number=number, moment=moment), parts):
                    break
                calls += 1
            assert calls >= 4, f"a {kind} turn made only {calls} calls: nothing was tested"


async def one_death(talk: Talk, conversation: str, trap: Trap, parts: int) -> bool:
    """One turn that dies at one call and is answered in its next life; False if it made no such call."""
    outside = talk.outside
    outside.calls.clear()
    outside.fired.clear()
    outside.trap = trap
    runs_before = len(outside.service.called(Endpoint.CREATE_RUN))
    assert await talk.say(f"question in {conversation}", conversation=conversation) == 202
    async with asyncio.timeout(30):
        while talk.bot.is_alive and len(talk.heard(conversation)) < parts:
            await asyncio.sleep(0.01)
    if not outside.fired and len(talk.heard(conversation)) >= parts:
        await asyncio.sleep(0.1)  # a kill after the last answer is still on its way
    outside.trap = None
    if not outside.fired:
        return False
    await talk.bot.ended()
    await asyncio.sleep(0.05)  # for what the dead had sent
    was_sending = outside.was_sending
    await talk.bot.start()
    async with asyncio.timeout(30):
        while len(set(talk.heard(conversation))) < parts:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)  # for anything that would be said too much
    heard = talk.heard(conversation)
    killed_at = outside.fired[0]
    twice = [part for part, count in Counter(heard).items() if count > 1]
    repeated_by_right = was_sending and trap.moment is not Moment.BEFORE
    assert len(set(heard)) == parts, (conversation, heard)
    assert len(heard) <= parts + (1 if repeated_by_right else 0), (conversation, heard, twice)
    assert list(dict.fromkeys(heard)) == sorted(dict.fromkeys(heard), key=heard.index)
    assert len(outside.service.called(Endpoint.CREATE_RUN)) - runs_before <= (
        2 if "runs" in killed_at.path and trap.moment is Moment.BEFORE else 1
    ), f"{conversation}: the run was started twice"
    return True
