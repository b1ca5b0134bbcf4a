"""Ends of a life: polite, impatient, during the start, and with a file that was harmed meanwhile."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import TurnStoppedError
from tests.crash.conftest import Talk
from tests.support.fake_assistants import Endpoint
from tests.support.fake_assistants_state import Plan, text

pytestmark = pytest.mark.timeout(600)  # many lives, on a machine that may be busy


async def run_begun(talk: Talk, count: int = 1) -> None:
    async with asyncio.timeout(30):
        while len(talk.outside.service.state.runs) < count:
            await asyncio.sleep(0.01)


async def answered(talk: Talk, conversation: str, texts: list[str]) -> None:
    async with asyncio.timeout(30):
        while talk.heard(conversation) != texts:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert talk.heard(conversation) == texts


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_polite_stop_leaves_the_turn_in_hand_to_the_next_life(talk: Talk, number: signal.Signals) -> None:
    state = talk.outside.service.state
    state.plan = lambda said: Plan(run_s=300, messages=[[text(said)]])
    await talk.bot.start()
    assert await talk.say("one", conversation="c") == 202
    assert await talk.say("two", conversation="c") == 202
    await run_begun(talk)
    async with asyncio.timeout(30):
        assert await talk.bot.stop(number) == 0
    assert talk.heard("c") == []
    [run] = state.runs.values()
    run.plan, state.plan = replace(run.plan, run_s=0.0), lambda said: Plan(messages=[[text(said)]])
    await talk.bot.start()
    await answered(talk, "c", ["one", "two"])
    assert len(talk.outside.service.state.runs) == 2


async def test_a_second_sigterm_ends_the_process_at_once_and_loses_nothing(talk: Talk) -> None:
    plan = talk.outside.service.state
    plan.plan = lambda said: Plan(run_s=1.0, messages=[[text(said)]])
    await talk.bot.start()
    assert await talk.say("one", conversation="c") == 202
    await run_begun(talk)
    await talk.bot.stop_twice()
    await talk.bot.start()
    await answered(talk, "c", ["one"])
    assert len(plan.runs) == 1


async def test_a_stop_is_heard_after_a_kill_and_stops_no_later_question(talk: Talk) -> None:
    plan = talk.outside.service.state
    plan.plan = lambda said: Plan(run_s=60.0 if said == "long" else 0.1, messages=[[text(said)]])
    await talk.bot.start()
    assert await talk.say("long", conversation="c") == 202
    await run_begun(talk)
    bot = talk.bot
    stopping = asyncio.create_task(talk.say("/stop", conversation="c", id="stop"))
    while not stopping.done() and not talk.heard("c"):
        await asyncio.sleep(0)
    bot.kill()
    await bot.ended()
    await stopping
    await bot.start()
    assert await talk.say("/stop", conversation="c", id="stop") == 202  # as Teams does, where it was not acknowledged
    assert await talk.say("next", conversation="c") == 202
    async with asyncio.timeout(30):
        while "next" not in talk.heard("c"):
            await asyncio.sleep(0.02)
    *stopped, last = talk.heard("c")
    assert (set(stopped), last) == ({TurnStoppedError.apology}, "next")
    assert len(stopped) <= 2, "a part may come twice, where the bot was killed while it was sent"


async def test_kills_during_the_start_lose_nothing(talk: Talk) -> None:
    dice = random.Random(7)
    talk.outside.service.state.plan = lambda said: Plan(run_s=0.5, messages=[[text(said)]])
    await talk.bot.start()
    assert await talk.say("one", conversation="c") == 202
    await run_begun(talk)
    talk.bot.kill()
    await talk.bot.ended()
    for _ in range(5):
        await talk.bot.start_and_die_after(dice.uniform(0.2, 1.2))
    await talk.bot.start()
    await answered(talk, "c", ["one"])
    assert len(talk.outside.service.state.runs) == 1


async def test_a_second_process_in_the_same_folder_ends_with_one_clear_word(talk: Talk, tmp_path: Path) -> None:
    from tests.crash.bot_process import BotProcess

    await talk.bot.start()
    second = BotProcess(data_dir=tmp_path / "data", service_address=talk.outside.service_address)
    with pytest.raises(AssertionError, match="Another teamsbot uses"):
        await second.start()
    assert await second.ended() == 2


async def test_a_poison_message_is_given_up_with_an_apology_and_the_next_is_answered(talk: Talk) -> None:
    outside = talk.outside
    outside.service.state.plan = lambda said: Plan(messages=[[text(said)]])
    poison = "poison"
    await talk.bot.start()
    from tests.crash.outside import Moment

    def chance(call: object) -> Moment | None:
        is_poisoned = any(
            run.metadata and said["content"][0]["text"]["value"] == poison
            for run in outside.service.state.runs.values()
            for said in outside.service.state.messages[run.thread]
            if said["role"] == "user"
        )
        return Moment.BEFORE if is_poisoned and len(outside.fired) < 6 else None

    outside.chance = chance
    assert await talk.say(poison, conversation="c") == 202
    assert await talk.say("next", conversation="c") == 202
    for _ in range(8):
        async with asyncio.timeout(30):
            while talk.bot.is_alive and len(talk.heard("c")) < 2:
                await asyncio.sleep(0.02)
        if talk.bot.is_alive:
            break
        await talk.bot.ended()
        await talk.bot.start()
    heard = talk.heard("c")
    assert "brought me down several times" in heard[0]
    assert heard[1:] == ["next"]
    assert 5 <= len(outside.fired) <= 6


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone"])
async def test_a_write_ahead_log_harmed_after_a_kill_is_refused_or_right_and_never_wrong(
    talk: Talk, tmp_path: Path, harm: str
) -> None:
    talk.outside.service.state.plan = lambda said: Plan(run_s=0.3, messages=[[text(said)]])
    await talk.bot.start()
    tags = [f"t{n}" for n in range(10)]
    for tag in tags:
        assert await talk.say(tag, conversation="c") == 202
    talk.bot.kill()
    await talk.bot.ended()
    wal = tmp_path / "data" / "teamsbot.sqlite-wal"
    content = bytearray(wal.read_bytes())
    assert len(content) > 4096, "there was nothing to harm"
    match harm:
        case "cut":
            wal.write_bytes(content[: len(content) // 2])
        case "flipped":
            content[len(content) // 2] ^= 0xFF
            wal.write_bytes(content)
        case _:
            wal.unlink()
    try:
        await talk.bot.start()
    except AssertionError:
        assert "Put the complete files in place" in talk.bot.log or "not a database" in talk.bot.log
        return
    await asyncio.sleep(0.5)
    async with asyncio.timeout(30):
        while len(set(talk.heard("c"))) < len(known(tmp_path)):
            await asyncio.sleep(0.05)
    heard = list(dict.fromkeys(talk.heard("c")))
    assert heard == tags[: len(heard)], "what is left is a beginning of what was said, in order"


async def test_a_damaged_ledger_is_refused_in_one_sentence_and_a_copy_put_back_goes_on(
    talk: Talk, tmp_path: Path
) -> None:
    talk.outside.service.state.plan = lambda said: Plan(run_s=2.0, messages=[[text(said)]])
    await talk.bot.start()
    assert await talk.say("one", conversation="c") == 202
    await run_begun(talk)
    await talk.bot.stop()
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    ledger = tmp_path / "data" / "teamsbot.sqlite"
    with ledger.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * 8192)
    with pytest.raises(AssertionError, match="is damaged"):
        await talk.bot.start()
    assert await talk.bot.ended() == 2
    assert "Traceback" not in talk.bot.log
    shutil.copy(tmp_path / "copy" / "teamsbot.sqlite", ledger)
    await talk.bot.start()
    await answered(talk, "c", ["one"])


def known(tmp_path: Path) -> list[str]:
    """The messages that the harmed ledger still knows, read from a copy."""
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "data", copy, dirs_exist_ok=True)
    with sqlite3.connect(copy / "teamsbot.sqlite") as db:
        return [row[0] for row in db.execute("SELECT message_id FROM turns")]


async def test_a_resumed_turn_asks_for_its_run_before_any_message_comes(talk: Talk) -> None:
    talk.outside.service.state.plan = lambda said: Plan(run_s=30, messages=[[text(said)]])
    await talk.bot.start()
    assert await talk.say("one", conversation="c") == 202
    await run_begun(talk)
    talk.bot.kill()
    await talk.bot.ended()
    polls = len(talk.outside.service.called(Endpoint.GET_RUN))
    await talk.bot.start()
    async with asyncio.timeout(30):
        while len(talk.outside.service.called(Endpoint.GET_RUN)) == polls:
            await asyncio.sleep(0.01)
