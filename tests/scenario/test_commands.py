"""Commands over real HTTP: files are listed, deleted and forgotten, and their links end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sized
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.scenario.conftest import Person, Rig
from tests.support.scripted_model import RunCode, ScriptedModel
from tests.support.waiting import until

CANARY = "canary-4711"
PLOT = f"import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('{CANARY}')\nplt.show()"
TABLE = f"open('/mnt/data/table.csv', 'w').write('{CANARY}')"


async def asked_for_files(person: Person, model: ScriptedModel) -> None:
    model.script.append(RunCode(code=f"{TABLE}\n{PLOT}", then="See [table](sandbox:/mnt/data/table.csv)."))
    await person.ask(f"draw {CANARY}", parts=2)  # the table is a button on the plot's card


async def status(person: Person, url: str) -> int:
    async with person.session.get(url) as response:
        return response.status


async def test_files_are_listed_and_one_is_deleted_by_its_button(rig: Rig, model: ScriptedModel) -> None:
    async with rig.started() as person:
        await asked_for_files(person, model)
        _, card = await person.ask("/files", parts=2)
        rows = card.cards[0]["body"]
        links = [re.search(r"\((http[^)]*)\)", str(row))[1] for row in rows]  # type: ignore[index]
        assert [await status(person, link) for link in links] == [200, 200]
        button = rows[0]["columns"][1]["items"][0]["actions"][0]
        await person.say("", value=button["data"])
        *_, deleted = await person.connector.wait_for_messages(5)
        assert deleted.text.startswith("Deleted: ")
        assert [await status(person, link) for link in links] == [404, 200]


async def test_forget_leaves_nothing_of_what_was_said_on_the_disk(rig: Rig, model: ScriptedModel) -> None:
    # S14: after "delete chat" the links still answered 200, and files and words lay on disk
    async with rig.started() as person:
        await asked_for_files(person, model)
        answers = person.connector.messages
        links = re.findall(r"http[^\s)'\"]*/files/[^\s)'\"]*", str([posted.cards for posted in answers]))
        assert {await status(person, link) for link in links} == {200}
        [receipt] = await person.ask("/forget")
        assert "- 1 thread" in receipt.text
        assert {await status(person, link) for link in links} == {404}
        await person.ask("a new beginning")
    await until(lambda: not holders(rig.data_dir))


async def test_a_message_that_is_delivered_once_more_after_forget_is_not_answered_again(
    rig: Rig, model: ScriptedModel
) -> None:
    async with rig.started() as person:
        await person.say("hello", id="again")
        await person.connector.wait_for_messages(1)
        await person.ask("/forget")
        assert (await person.say("hello", id="again")).status == 202
        assert (await person.ask("next"))[0].text == "You said: next"
        assert len(model.requests) == 2


async def test_a_limit_holds_after_a_restart_and_is_told_with_the_time_of_reset(rig: Rig, model: ScriptedModel) -> None:
    limited = replace(rig, environ={**rig.environ, "LIMIT_TOKENS_PER_DAY": "10"})
    async with limited.started() as person:
        assert (await person.ask("first"))[0].text == "You said: first"
        assert "Today: 1 question" in (await person.ask("/usage"))[0].text
    async with limited.started() as person:
        [told] = await person.ask("second")
        assert "10 tokens for today" in told.text
        assert re.search(r"at \d\d:\d\d UTC", told.text)
        assert len(model.requests) == 1


async def test_when_the_hours_code_is_used_up_code_alone_is_refused_and_questions_are_answered(
    rig: Rig, model: ScriptedModel
) -> None:
    limited = replace(rig, environ={**rig.environ, "LIMIT_CODE_SECONDS_PER_HOUR": "1"})
    model.script.append(RunCode(code="import time; time.sleep(1.5); print(42)", then=lambda output: output))
    model.script.append(RunCode(code="print(43)", then=lambda output: output))
    async with limited.started() as person:
        assert (await person.ask("compute"))[0].text == "42"
        [told] = await person.ask("compute again")
        assert told.text.startswith("No code runs for you until ")
        assert (await person.ask("just words"))[0].text == "You said: just words"
        [usage] = await person.ask("/usage")
        assert "1 second of 1 second used, 0 seconds left" in usage.text


async def test_code_that_a_stop_cut_off_counts_for_as_long_as_it_ran(rig: Rig, model: ScriptedModel) -> None:
    limited = replace(rig, environ={**rig.environ, "LIMIT_CODE_SECONDS_PER_HOUR": "600"})

    def reports() -> list[str]:
        return [posted.text for posted in rig.connector.messages if "Code in this hour" in posted.text]

    async with limited.started() as person:
        for number, pause_s in enumerate((1, 2, 4, 8, 16)):  # nobody outside the sandbox sees when its code begins
            model.script.append(RunCode(code="import time; time.sleep(60)", then="never said"))
            await person.say("compute")
            await until(partial(reached, model.requests, number + 1))
            await asyncio.sleep(pause_s)
            await person.say("/stop")
            await person.say("/usage")
            await until(lambda: len(reports()) == len(model.requests))
            if "Code in this hour: 0 seconds" not in reports()[-1]:
                break
        assert "Code in this hour: 0 seconds" not in reports()[-1]


def reached(things: Sized, count: int) -> bool:
    return len(things) >= count


def holders(folder: Path) -> list[Path]:
    """Files that still hold the canary."""
    return [file for file in folder.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
