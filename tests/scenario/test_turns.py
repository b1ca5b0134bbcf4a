"""An administrator looks up the code that a person was told, while the bot runs and after."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.scenario.conftest import Rig
from tests.support.scripted_model import ScriptedModel, Trouble

TEAMSBOT = str(Path(sys.executable).with_name("teamsbot"))


@asynccontextmanager
async def teamsbot(rig: Rig, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    program = await asyncio.create_subprocess_exec(
        TEAMSBOT,
        *arguments,
        env={"DATA_DIR": str(rig.data_dir), "NO_COLOR": "1"},
        cwd=rig.data_dir,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield program
    finally:
        if program.returncode is None:
            program.kill()
        await program.communicate()


async def told(rig: Rig, *arguments: str) -> tuple[int, str, str]:
    async with teamsbot(rig, *arguments) as program, asyncio.timeout(30):
        data, talk = await program.communicate()
    return program.returncode or 0, data.decode(), talk.decode()


async def test_the_code_of_an_apology_is_explained_while_the_bot_runs_and_after(rig: Rig, model: ScriptedModel) -> None:
    async with rig.started() as person:
        model.script.append(Trouble(status=401))  # which no second run would mend
        [apology] = await person.ask("my secret question")
        code = apology.words.split()[-1].removesuffix(".")
        running = await told(rig, "explain", code.lower())
        await person.ask("thanks")
        _, listed, _ = await told(rig, "turns", "--json")
    after = await told(rig, "turns", "show", code)
    assert running == after
    exit_code, explanation, talk = running
    assert (exit_code, talk) == (0, "")
    assert f"Turn {code}: failed:assistant_refused_key" in explanation
    for moment in ("accepted", "started", "done: run/0/", "done: reply/0", "done: part/0"):
        assert moment in explanation
    assert [json.loads(line)["state"] for line in listed.splitlines()] == ["failed:assistant_refused_key", "answered"]
    assert "secret" not in explanation + listed


async def test_turns_are_followed_as_they_come_and_go(rig: Rig) -> None:
    async with rig.started() as person:
        await person.ask("one")
        async with teamsbot(rig, "turns", "--follow", "--json") as program, asyncio.timeout(30):
            assert program.stdout is not None
            first = json.loads(await program.stdout.readline())
            await person.ask("two")
            states = [json.loads(await program.stdout.readline())]
            while states[-1]["state"] != "answered":
                states.append(json.loads(await program.stdout.readline()))
    assert first["state"] == "answered"
    assert {state["number"] for state in states} == {first["number"] + 1}


async def test_what_is_no_code_or_no_turn_is_told_in_a_sentence(rig: Rig) -> None:
    async with rig.started():
        pass
    assert await told(rig, "turns") == (0, "", "There are no turns. They are kept for seven days after they ended.\n")
    assert (await told(rig, "explain", "T-UUUU"))[::2] == (2, "'T-UUUU' is not a code: a code looks like T-7F3K.\n")
    exit_code, data, talk = await told(rig, "explain", "T-ZZZZ")
    assert (exit_code, data) == (2, "")
    assert "no turn T-ZZZZ" in talk
