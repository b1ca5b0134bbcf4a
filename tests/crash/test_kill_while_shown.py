"""The bot is killed while a person sees that it works: the chat ends with one whole answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.crash.conftest import Talk
from tests.crash.outside import Call, Moment
from tests.support.connector_double import Posted
from tests.support.fake_assistants_state import Plan, text

pytestmark = pytest.mark.timeout(300)

FIRST = {"personal": "informative", "channel": "status"}  # what is shown first


ANSWERS = {"personal": "y = 12", "channel": "<at>Ada</at> y = 12"}


def working(chat: list[Posted]) -> list[Posted]:
    """What still says that the bot is at work."""
    return [posted for posted in chat if posted.is_status or posted.type == "typing"]


async def answered(talk: Talk, kind: str, *, run_s: float = 3.5) -> list[Posted]:
    """What the chat shows once a killed bot lives again and has answered."""
    talk.outside.service.state.plan = lambda _: Plan(run_s=run_s, messages=[[text("y = 12")]])
    await talk.bot.start()
    assert await talk.say("hello", conversation="19:c", kind=kind) == 202
    await talk.bot.ended()
    await talk.bot.start()
    async with asyncio.timeout(30):
        while not talk.heard("19:c"):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)  # for anything that would be said too much
    return talk.outside.connector.chat("19:c")


@pytest.mark.parametrize("kind", FIRST)
async def test_a_kill_while_the_work_is_shown_ends_in_one_answer(talk: Talk, kind: str) -> None:
    async def kill_once_shown() -> None:
        while not working(talk.outside.connector.chat("19:c")):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)  # its id is on disk
        talk.bot.kill()

    killing = asyncio.create_task(kill_once_shown())
    chat = await answered(talk, kind)
    await killing
    assert [posted.text for posted in chat] == [ANSWERS[kind]]


@pytest.mark.parametrize("kind", FIRST)
@pytest.mark.parametrize("moment", [Moment.DURING, *(pytest.param(m, marks=pytest.mark.crash) for m in Moment)])
async def test_a_kill_at_the_first_sign_leaves_no_second_one_and_one_answer(
    talk: Talk, kind: str, moment: Moment
) -> None:
    kill_at(talk, lambda call: moment if call.shows == FIRST[kind] else None)
    chat = await answered(talk, kind)
    assert [posted.text for posted in chat if posted not in working(chat)] == [ANSWERS[kind]]
    # The id of a message that was being posted is lost with the process: Teams cannot be asked for it.
    assert len(working(chat)) == (moment is Moment.DURING)


@pytest.mark.parametrize("kind", FIRST)
@pytest.mark.parametrize("moment", [Moment.DURING, *(pytest.param(m, marks=pytest.mark.crash) for m in Moment)])
async def test_a_kill_at_the_answer_that_takes_the_place_of_a_sign_repeats_nothing(
    talk: Talk, kind: str, moment: Moment
) -> None:
    kill_at(talk, lambda call: moment if call.shows == "final" or (call.method == "PUT" and not call.shows) else None)
    chat = await answered(talk, kind)
    assert [posted.text for posted in chat] == [ANSWERS[kind]]


def kill_at(talk: Talk, chance: Callable[[Call], Moment | None]) -> None:
    """Kill once, at the first call for which `chance` names a moment."""

    def once(call: Call) -> Moment | None:
        return chance(call) if not talk.outside.fired else None

    talk.outside.chance = once
