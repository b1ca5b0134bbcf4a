"""A clock that jumps, the same message again at any time, and turns that another version left half done."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path

import pytest

from bot.codec import message_to_json
from storage.migrations import scripts
from tests.crash.conftest import Talk
from tests.support.fake_assistants_state import Plan, text
from tests.support.fakes import message

pytestmark = pytest.mark.timeout(300)

DAY_S = 86_400


async def heard(talk: Talk, texts: list[str], conversation: str = "c") -> None:
    """All of these, and after a moment still nothing else."""
    async with asyncio.timeout(30):
        while len(talk.heard(conversation)) < len(texts):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert talk.heard(conversation) == texts


async def test_a_clock_that_jumps_loses_doubles_and_reorders_nothing(talk: Talk, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    wrapper = (sys.executable, str(Path(__file__).with_name("jumping_clock.py")), str(clock))
    talk.outside.service.state.plan = lambda said: Plan(run_s=1.0, messages=[[text(said)]])
    said: list[str] = []
    for jump_s in (0, DAY_S, -3600, 3 * DAY_S):  # forward a day, back by more than that, ahead again
        await talk.bot.start(*wrapper)
        for n in range(2):
            assert await talk.say(f"{jump_s} {n}", conversation="c", id=f"{jump_s} {n}") == 202
            said.append(f"{jump_s} {n}")
        while len(talk.outside.service.state.runs) < len(said) - 1:
            await asyncio.sleep(0.01)
        clock.write_text(str(jump_s))  # in the middle of a run
        await heard(talk, said)
        for known in said:  # all of them once more, some of them days later
            assert await talk.say(known, conversation="c", id=known) == 202
        await heard(talk, said)
        await talk.bot.stop()
    assert len(talk.outside.service.state.runs) == len(said)
    with sqlite3.connect(tmp_path / "data" / "teamsbot.sqlite") as db:
        [spread_s] = db.execute("SELECT max(accepted_at) - min(accepted_at) FROM turns").fetchone()
    db.close()
    assert spread_s > DAY_S, "the clock did not move"


async def test_the_same_message_again_is_answered_once_whenever_it_comes(talk: Talk) -> None:
    talk.outside.service.state.plan = lambda said: Plan(run_s=0.5, messages=[[text(said)]])
    await talk.bot.start()
    at_once = await asyncio.gather(*(talk.say("hi", conversation="c", id="same") for _ in range(5)))
    while not talk.outside.service.state.runs:
        await asyncio.sleep(0.01)
    while_it_runs = await talk.say("hi", conversation="c", id="same")
    elsewhere = await talk.say("hi", conversation="another", id="same")
    await heard(talk, ["hi"])
    after_the_answer = await talk.say("hi, but other words", conversation="c", id="same")
    talk.bot.kill()
    await talk.bot.ended()
    await talk.bot.start()
    after_a_restart = await talk.say("hi", conversation="c", id="same")
    assert {*at_once, while_it_runs, elsewhere, after_the_answer, after_a_restart} == {202}
    await heard(talk, ["hi"])
    await heard(talk, ["hi"], conversation="another")
    assert len(talk.outside.service.state.runs) == 2


async def test_turns_that_the_first_version_left_half_done_are_finished_by_this_one(talk: Talk, tmp_path: Path) -> None:
    """Its tables, its payloads without later fields, and its steps: some renamed since, some gone, some new."""
    state = talk.outside.service.state
    thread = state.create_thread()["id"]
    run = state.create_run(thread, {"additional_messages": [{"content": "renamed"}], "metadata": {"turn": "3-renamed"}})
    steps: dict[str, dict[str, str]] = {
        "waiting": {},
        "begun": {},
        "renamed": {"run": f'"{run.id}"'},  # is `run/0/<thread>` today: found at the service by the turn's id
        "removed": {"translate": '"something"', "remember": "null"},  # nobody asks for these any more
        "added": {"reply": '[{"kind": "TextPart", "text": "added"}]'},  # the first version's form
        "sent": {"reply": '[{"kind": "TextPart", "text": "sent"}]', "part 0": '"a1"'},  # only the end was missing
    }
    (tmp_path / "data").mkdir(mode=0o700)
    path = tmp_path / "data" / "teamsbot.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript(f"{scripts('sqlite')[0]} PRAGMA user_version = 1;")
        for number, (name, done) in enumerate(steps.items(), start=1):
            payload, tries = payload_of_the_first_version(talk, name), int(name != "waiting")
            db.execute(
                "INSERT INTO turns (number, conversation, message_id, payload, tries, accepted_at) "
                "VALUES (?, ?, ?, ?, ?, 1)",
                (number, name, name, payload, tries),
            )
            db.executemany("INSERT INTO steps VALUES (?, ?, ?)", [(number, *step) for step in done.items()])
        key = message(conversation="renamed").key
        db.execute("INSERT INTO threads VALUES (?, 'assistants', ?)", (str(key), thread))
    db.close()
    await talk.bot.start()
    for name in steps:
        answers = [] if name == "sent" else [name if name == "added" else f"You said: {name}"]
        await heard(talk, answers, conversation=name)
    await talk.bot.stop()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM turns WHERE done_at IS NULL").fetchone() == (0,)
    db.close()
    turns = sorted(each.metadata["turn"] for each in state.runs.values())
    assert turns == ["1-waiting", "2-begun", "3-renamed", "4-removed"]
    assert path.with_name("teamsbot.sqlite.v1.backup").exists()


def payload_of_the_first_version(talk: Talk, name: str) -> str:
    written = json.loads(message_to_json(message(name, id=name, conversation=name)))
    written["service_url"] = talk.outside.connector_address
    written["text"] = written.pop("content")
    written["bot"], written["user"] = written["bot"][:2], written["user"][:2]
    del written["kind"], written["state"], written["locale"]
    return json.dumps(written)
