"""No text of a model or a person holds up the acknowledgement of others (S5): the event loop lags at most 0.25 s."""

from __future__ import annotations

import asyncio
import time

import pytest

from adapters.teams.markdown.pieces import teams_markdown
from bot.conversation import ConversationReference
from bot.links import NO_LINKS, LinkRules
from bot.parts import FilesPart
from bot.reply import MAX_SHOWN_CHARS
from bot.run import Answer
from tests.support.fakes import FakeChannel
from tests.support.turn_fixtures import World, texts

MAX_LAG_S = 0.25
HOSTILE = {
    "addresses": "a.bb/" * 400_000,
    "addresses in brackets": "a.bb/(" * 10_000,
    "a wide table": "|" * 4000 + "\n" + "|-" * 4000 + "|\n" + "|\n" * 18_000,
    "a long table": "|a|b|\n|-|-|\n" + "|c|d|\n" * 8_000,
    "a list": "- a\n" * 20_000,
    "a deep list": "".join("  " * depth + "- a\n" for depth in range(200)),
    "rules": "=\n" * 30_000,
    "titles": "a\n=\n" * 20_000,
    "brackets": "[" * 50_000,
    "open links": "[a](" * 20_000,
    "formulas": "\\[x " * 20_000,
    "dollars": "$$" * 30_000,
    "quotes": "> a\n" * 20_000,
    "stars": "*a_ " * 20_000,
    "backticks": "".join("`" * length + " " for length in range(300)),
    "definitions": "".join(f"[a{number}]: http://x.example/{number}\n" for number in range(5_000)),
    "sandbox paths": "[a](sandbox:/mnt/data/x.csv) " * 5_000,
    "many tables": "|a|b|\n|-|-|\n" * 8_000,
    "many lists": "1)\n" * 30_000,
    "raised and lowered": "_{^{" * 25_000,
    "pictures": "![" * 50_000,
    "emoji": "👩\u200d" * 50_000,
    "plain words": "word " * 1_000_000,
}


class TeamsLike(FakeChannel):
    def split(self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None) -> tuple[str, ...]:
        return teams_markdown(text, links=links)


async def longest_lag_s(stop: asyncio.Event) -> float:
    """The most work that the loop's thread did between two turns of this task; a busy machine adds nothing to it."""
    lag_s = 0.0
    while not stop.is_set():
        before_s = time.thread_time()
        await asyncio.sleep(0.01)
        lag_s = max(lag_s, time.thread_time() - before_s)
    return lag_s


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_answer_leaves_the_loop_free(text: str) -> None:
    world = World(channel=TeamsLike())
    world.assistant.answer_with = lambda _: Answer(text=text)
    stop = asyncio.Event()
    lag = asyncio.create_task(longest_lag_s(stop))

    said = await world.answer()

    stop.set()
    assert await lag < MAX_LAG_S
    assert said


async def test_a_very_long_answer_comes_as_its_beginning_and_a_file() -> None:
    world = World(channel=TeamsLike())
    text = "word " * 100_000
    world.assistant.answer_with = lambda _: Answer(text=text)

    said = await world.answer()

    (files,) = [part for part in said if isinstance(part, FilesPart)]
    (file,) = files.files
    assert file.name == "answer.md"
    assert world.files.kept[file.token] == text.strip().encode()
    assert MAX_SHOWN_CHARS / 2 < len(texts(said)) < MAX_SHOWN_CHARS + 500
    assert "in the file answer.md.*" in texts(said)
