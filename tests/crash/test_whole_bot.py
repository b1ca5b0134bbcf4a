"""The bot as `make run` starts it, its Assistants server within: killed at random while people ask for plots."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.crash.bot_process import BotProcess
from tests.crash.conftest import Talk
from tests.crash.outside import Dependencies
from tests.support.scripted_model import Exchange, RunCode, ScriptedModel, Trouble
from tests.support.waiting import until_done

pytestmark = pytest.mark.timeout(300)

PEOPLE = 6
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.title({title!r})\nplt.show()"


def plot(text: str) -> RunCode:
    return RunCode(code=PLOT.format(title=text), then=f"You said: {text}")


@dataclass
class ModelTalk(Talk):
    """With people's questions going to a model."""

    model: ScriptedModel


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[ModelTalk]:
    async with (
        ScriptedModel(otherwise=plot) as model,
        Dependencies() as outside,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
    ):
        bot = BotProcess(
            data_dir=tmp_path / "data",
            service_address=model.base_url,
            ASSISTANT_BACKEND="embedded",
            ASSISTANT_ID="",
            OPENAI_API_KEY="sk-test",
            MODEL="scripted",
        )
        yield ModelTalk(bot=bot, outside=outside, session=session, _ids=itertools.count(1), model=model)
        bot.kill()
        await bot.ended()


async def test_kills_under_the_whole_bot_lose_no_plot(talk: Talk, seed: int) -> None:
    await destroy(talk, kills=3, dice=random.Random(seed))


@pytest.mark.crash
@pytest.mark.timeout(600)
async def test_twelve_kills_under_the_whole_bot_lose_no_plot(talk: Talk, seed: int) -> None:
    await destroy(talk, kills=12, dice=random.Random(seed))


async def test_a_model_that_fails_one_time_in_five_costs_nobody_an_answer(talk: ModelTalk, seed: int) -> None:
    dice = random.Random(seed)
    troubles = (Trouble(status=429), Trouble(status=500), Trouble(status=503), Trouble(status=0))
    fired: Counter[str] = Counter()  # by exchange

    def weather(exchange: Exchange) -> Trouble | None:
        what = str(exchange["messages"])
        if dice.random() >= 0.2 or fired[what] == 3:
            return None
        fired[what] += 1
        return dice.choice(troubles)

    talk.model.weather = weather
    talk.model.otherwise = lambda said: RunCode(code=f"print({said!r})", then=f"You said: {said}")
    await talk.bot.start()
    tags = {f"a:{n}": [f"a:{n} {question}" for question in range(4)] for n in range(12)}
    for where, said in tags.items():
        for tag in said:
            assert await talk.say(tag, conversation=where, id=tag) == 202
    async with asyncio.timeout(120):
        while any(len(texts(talk, where)) < len(said) for where, said in tags.items()):
            await asyncio.sleep(0.1)
    assert {where: texts(talk, where) for where in tags} == {
        where: [f"You said: {tag}" for tag in said] for where, said in tags.items()
    }
    assert fired.total() >= 10


async def destroy(talk: Talk, *, kills: int, dice: random.Random) -> None:
    tags: dict[str, list[str]] = {f"a:{person}": [] for person in range(PEOPLE)}
    await talk.bot.start()
    for kill in range(kills):
        for where, said in tags.items():
            said.append(f"{where} {kill}")
            assert await talk.say(said[-1], conversation=where, id=said[-1]) == 202
        # A turn that saw five kills would rightly be given up, and on a busy machine none may end between two.
        await until_done(
            lambda: sum(len(set(answers_to(said[:-3])) - set(texts(talk, where))) for where, said in tags.items())
        )
        await asyncio.sleep(dice.uniform(1, 6))
        talk.bot.kill()
        await talk.bot.ended()
        await talk.bot.start()
    await until_done(lambda: sum(len(said) - len(texts(talk, where)) for where, said in tags.items()))
    await asyncio.sleep(1)
    for where, said in tags.items():
        assert texts(talk, where) == answers_to(said)
    plots = [posted for posted in talk.outside.connector.messages if posted.cards]
    asked = PEOPLE * kills
    assert asked <= len(plots) <= asked + kills * PEOPLE / 2, "each plot once, but for parts on their way at a kill"
    print(f"{asked} asked, {kills} kills, {len(plots)} plots")


def answers_to(tags: list[str]) -> list[str]:
    return [f"You said: {tag}" for tag in tags]


def texts(talk: Talk, where: str) -> list[str]:
    """What was said there in words, each once: a part that was on its way at a kill may come again."""
    said = [posted.words for posted in talk.outside.connector.messages if posted.conversation == where]
    return list(dict.fromkeys(words for words in said if words and "I will come to this" not in words))
