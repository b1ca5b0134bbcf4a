"""Functions of the operator and a bot that dies: no call is made twice that must not be, and none outlives the bot."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.functions import INTERRUPTED
from tests.crash.bot_process import BotProcess
from tests.crash.conftest import Talk
from tests.crash.outside import Call, Dependencies, Moment
from tests.support.fake_assistants_state import Plan, function_call, text

pytestmark = pytest.mark.timeout(300)

CODE = '''
import os
import time
from pathlib import Path

from bot.functions import repeatable


def _made(name: str) -> None:
    with Path("made.txt").open("a") as file:
        file.write(f"{name} {os.getpid()}\\n")


def book(seconds: float) -> str:
    """Book something, which must not be done twice."""
    _made("book")
    time.sleep(seconds)
    return "booked"


@repeatable
def look(seconds: float) -> str:
    """Look something up."""
    _made("look")
    time.sleep(seconds)
    return "seen"


def leave(seconds: float) -> str:
    """Leave a daemon behind, as programs do, and wait for it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _made("daemon")
            time.sleep(600)
        os._exit(0)
    time.sleep(seconds)
    return "left"
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Calls as the functions themselves wrote them down."""

    folder: Path

    def calls(self) -> list[tuple[str, int]]:
        """The name and the process of each."""
        path = self.folder / "made.txt"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [(name, int(pid)) for name, pid in map(str.split, lines)]

    async def wait_for(self, count: int) -> list[tuple[str, int]]:
        """Wait until so many were made."""
        async with asyncio.timeout(60):
            while len(self.calls()) < count:
                await asyncio.sleep(0.02)
        return self.calls()


@pytest.fixture
def made(tmp_path: Path) -> Made:
    folder = tmp_path / "functions"
    folder.mkdir(mode=0o755)
    (folder / "own.py").write_text(CODE, "utf-8")
    (folder / "own.py").chmod(0o644)
    return Made(folder=folder)


@pytest.fixture
async def bot(tmp_path: Path, outside: Dependencies, made: Made) -> AsyncIterator[BotProcess]:
    assistant = {"id": "asst_crash", "name": "crash", "model": "any", "instructions": "", "tools": []}
    outside.service.state.assistants["asst_crash"] = assistant
    process = BotProcess(
        data_dir=tmp_path / "data",
        service_address=outside.service_address,
        FUNCTIONS_DIR=str(made.folder),
        FUNCTIONS_TIMEOUT_S="60",
    )
    outside.kill = process.kill
    yield process
    await process.end()


def wants(talk: Talk, *calls: tuple[str, float]) -> None:
    """The next runs want these functions called."""
    tool_calls = [
        function_call(f"call_{number}", name, json.dumps({"seconds": seconds}))
        for number, (name, seconds) in enumerate(calls)
    ]
    talk.outside.service.state.plan = lambda said: Plan(tool_calls=tool_calls, messages=[[text(f"Done: {said}")]])


def outputs(talk: Talk) -> list[str]:
    """What the service was given, call by call."""
    return [given["output"] for run in talk.outside.service.state.runs.values() for given in run.outputs or ()]


async def answered(talk: Talk, *texts: str) -> None:
    async with asyncio.timeout(60):
        while talk.heard("c") != list(texts):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    assert talk.heard("c") == list(texts)


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").exists()


async def gone(pid: int) -> None:
    """Wait until a process has ended: its end follows that of the bot at once."""
    async with asyncio.timeout(30):
        while is_there(pid):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "lives", "read"), [("book", 1, INTERRUPTED), ("look", 2, "seen")], ids=["any", "repeatable"]
)
async def test_a_call_that_a_kill_cut_off_is_made_again_only_if_its_function_allows_it(
    talk: Talk, made: Made, name: str, lives: int, read: str
) -> None:
    wants(talk, (name, 20 if lives == 1 else 3))
    await talk.bot.start()
    assert await talk.say("go", conversation="c") == 202
    [(_, pid)] = await made.wait_for(1)
    talk.bot.kill()
    await talk.bot.ended()
    await gone(pid)
    await talk.bot.start()
    await answered(talk, "Done: go")
    assert [called for called, _ in made.calls()] == [name] * lives
    assert outputs(talk) == [read]


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_kill_between_the_calls_and_their_submission_repeats_no_call(
    talk: Talk, made: Made, moment: Moment
) -> None:
    def at_submission(call: Call) -> Moment | None:
        return moment if call.path.endswith("submit_tool_outputs") and not talk.outside.fired else None

    talk.outside.chance = at_submission
    wants(talk, ("book", 0), ("look", 0))
    await talk.bot.start()
    assert await talk.say("go", conversation="c") == 202
    async with asyncio.timeout(60):
        while talk.bot.is_alive:
            await asyncio.sleep(0.02)
    await talk.bot.ended()
    await talk.bot.start()
    await answered(talk, "Done: go")
    assert sorted(name for name, _ in made.calls()) == ["book", "look"]
    assert sorted(outputs(talk)) == ["booked", "seen"]


async def test_of_two_calls_the_one_that_was_done_before_a_kill_keeps_its_output(talk: Talk, made: Made) -> None:
    wants(talk, ("book", 0), ("book", 30))
    await talk.bot.start()
    assert await talk.say("go", conversation="c") == 202
    [(_, one), (_, other)] = await made.wait_for(2)
    async with asyncio.timeout(30):  # one of them ends at once
        while is_there(one) and is_there(other):
            await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    talk.bot.kill()
    await talk.bot.ended()
    await talk.bot.start()
    await answered(talk, "Done: go")
    assert len(made.calls()) == 2
    assert sorted(outputs(talk)) == sorted([INTERRUPTED, "booked"])


async def test_a_daemon_that_a_function_left_dies_with_a_killed_bot(talk: Talk, made: Made) -> None:
    wants(talk, ("leave", 30))
    await talk.bot.start()
    assert await talk.say("go", conversation="c") == 202
    [(_, pid)] = await made.wait_for(1)
    talk.bot.kill()
    await talk.bot.ended()
    await gone(pid)


async def test_a_polite_stop_lets_a_short_call_end(talk: Talk, made: Made) -> None:
    wants(talk, ("book", 2))
    await talk.bot.start()
    assert await talk.say("go", conversation="c") == 202
    await made.wait_for(1)
    assert await talk.bot.stop(signal.SIGTERM) == 0
    await talk.bot.start()
    await answered(talk, "Done: go")
    assert (len(made.calls()), outputs(talk)) == (1, ["booked"])


async def test_a_polite_stop_ends_a_long_call_and_the_next_life_says_that_its_outcome_is_unknown(
    talk: Talk, made: Made
) -> None:
    wants(talk, ("book", 50))
    await talk.bot.start()
    assert await talk.say("go", conversation="c") == 202
    [(_, pid)] = await made.wait_for(1)
    assert await talk.bot.stop(signal.SIGTERM) == 0
    await gone(pid)
    await talk.bot.start()
    await answered(talk, "Done: go")
    assert outputs(talk) == [INTERRUPTED]


async def test_a_stop_that_was_said_before_a_kill_ends_the_turn_without_the_call(talk: Talk, made: Made) -> None:
    wants(talk, ("look", 30))
    await talk.bot.start()
    assert await talk.say("go", conversation="c") == 202
    await made.wait_for(1)
    assert await talk.say("/stop", conversation="c") == 202
    talk.bot.kill()
    await talk.bot.ended()
    await talk.bot.start()
    async with asyncio.timeout(30):
        while not any("Stopped" in said for said in talk.heard("c")):
            await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    assert (len(made.calls()), outputs(talk)) == (1, [])
