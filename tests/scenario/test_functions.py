"""Functions of the operator's own, in the whole bot: a model asks for them through the embedded server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import FunctionsError
from bot.timeline import Timeline
from bot.turn_record import Usage
from service.settings import Settings
from service.turn_lookup import open_timelines
from tests.scenario.conftest import Rig
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import MODEL, Provider, ResponsesService
from tests.support.responses_state import Asked, Plan
from tests.support.scripted_model import CallFunctions, RunCode, ScriptedModel
from tests.support.waiting import until

CODE = '''
import time
from pathlib import Path
from bot.functions import Caller

def stock(item: str, caller: Caller) -> str:
    """Say how many of an item there are, and write down who asked."""
    with Path("asked.txt").open("a") as file:
        file.write(f"{caller.person} {caller.directory_id} {caller.turn} {caller.scope} {item}\\n")
    if item == "slow":
        time.sleep(60)
    return f"7 {item}"
'''

WithFunctions = Callable[..., Rig]


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    folder = tmp_path / "functions"
    folder.mkdir(mode=0o755)
    (folder / "stock.py").write_text(CODE, "utf-8")
    (folder / "stock.py").chmod(0o644)
    return folder


@pytest.fixture
def own(rig: Rig, functions: Path) -> Rig:
    """A bot with a scripted model and functions."""
    return replace(rig, environ={**rig.environ, "FUNCTIONS_DIR": str(functions), "FUNCTIONS_TIMEOUT_S": "20"})


def stock(*items: str) -> tuple[tuple[str, str], ...]:
    return tuple(("stock", json.dumps({"item": item})) for item in items)


async def test_a_model_gets_the_functions_and_answers_with_their_outputs(
    own: Rig, model: ScriptedModel, functions: Path
) -> None:
    model.script.append(
        CallFunctions(calls=stock("chairs", "tables"), then=lambda said: f"There are {' and '.join(said)}.")
    )
    async with own.started() as person:
        [answer] = await person.ask("What do we have?")
    assert answer.text == "There are 7 chairs and 7 tables."
    tools = {tool["function"]["name"]: tool["function"] for tool in model.requests[0]["tools"]}
    assert set(tools) == {"code_interpreter", "stock"}
    assert tools["stock"]["parameters"]["required"] == ["item"]
    asked = (functions / "asked.txt").read_text("utf-8").splitlines()
    assert sorted(line.split()[-1] for line in asked) == ["chairs", "tables"]
    assert all(line.startswith("29:ada ") and " personal " in line for line in asked)


async def test_the_words_after_a_call_are_streamed_too_behind_those_before_it(own: Rig, model: ScriptedModel) -> None:
    answer = "There are 7 chairs, which is enough for all that come."
    model.streams, model.words_before_call, model.words_before_pause = True, "Let me see.", 7
    model.script.append(CallFunctions(calls=stock("chairs"), then=lambda _said: answer))

    def streamed() -> list[str]:
        return [posted.text for posted in person.connector.posted if posted.stream.get("streamType") == "streaming"]

    async with own.started() as person:
        await person.say("What do we have?")
        await until(lambda: any("chairs" in words for words in streamed()))
        model.may_go_on.set()
        [said] = await person.connector.wait_for_messages(1, deadline_s=30)
    assert said.text == f"Let me see.\n\n{answer}"
    assert all(said.text.startswith(words) for words in streamed())


async def test_a_model_may_call_again_after_it_read_an_output(own: Rig, model: ScriptedModel) -> None:
    then = CallFunctions(calls=(("stock", '{"item": "lamps"}'),), then=lambda said: f"At last {said[0]}.")
    model.script.append(CallFunctions(calls=(("stock", '{"item": 5}'),), then=lambda _said: then))
    async with own.started() as person:
        [answer] = await person.ask("What do we have?")
    assert answer.text == "At last 7 lamps."
    wrong = model.conversations[1][-1]["content"]
    assert wrong.startswith("Nothing was called: the arguments do not fit.")


async def test_a_stop_ends_the_call_and_the_next_question_is_answered(
    own: Rig, model: ScriptedModel, functions: Path
) -> None:
    model.script.append(CallFunctions(calls=stock("slow")))
    async with own.started() as person:
        await person.say("What do we have?")
        async with asyncio.timeout(30):
            while not (functions / "asked.txt").exists():
                await asyncio.sleep(0.05)
        await person.say("/stop")
        [stopped] = await person.connector.wait_for_messages(1)
        assert "Stopped" in stopped.text
        [answer] = await person.ask("And now?", deadline_s=30)
    assert answer.text == "You said: And now?"


async def test_assistants_of_an_earlier_start_get_the_functions_of_this_one(
    rig: Rig, own: Rig, model: ScriptedModel
) -> None:
    async with rig.started() as person:
        await person.ask("hello")
    model.script.append(CallFunctions(calls=stock("chairs")))
    async with own.started() as person:
        [answer] = await person.ask("What do we have?")
    assert answer.text == "7 chairs"
    async with rig.started() as person:
        await person.ask("hello")
    assert [tool["function"]["name"] for tool in model.requests[-1]["tools"]] == ["code_interpreter"]


async def test_a_bot_whose_functions_are_broken_does_not_start(own: Rig, functions: Path) -> None:
    (functions / "stock.py").write_text("def stock(item): return 7\n", "utf-8")
    with pytest.raises(FunctionsError, match=r"stock\.py, line 1: stock has no docstring"):
        async with own.started():
            pass


async def test_nothing_that_a_model_or_a_function_says_is_in_the_log(
    own: Rig, model: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model.script.append(CallFunctions(calls=stock("private")))
    async with own.started() as person:
        await person.ask("Secret question?")
    said = "\n".join(
        json.dumps(vars(record), default=str)
        for record in caplog.records
        if record.name.startswith(("adapters", "bot"))
    )
    assert "function called" in said
    assert "private" not in said
    assert "Secret" not in said


@pytest.mark.parametrize("has_conversations", [True, False], ids=["conversations", "chain"])
async def test_a_hosted_model_calls_functions_and_what_its_responses_consumed_is_counted(
    own: Rig, functions: Path, *, has_conversations: bool
) -> None:
    async def think(asked: Asked) -> Plan:
        if asked.outputs:
            return Plan(text=f"There are {' and '.join(sorted(asked.outputs))}.")
        return Plan(calls=stock("chairs", "tables"))

    async with ResponsesService(Provider.OPENAI if has_conversations else Provider.AZURE) as service:
        service.state.brain = think
        address = {"OPENAI_BASE_URL": service.base_url, "OPENAI_API_KEY": KEY}
        if not has_conversations:
            address = {"AZURE_OPENAI_ENDPOINT": service.base_url, "AZURE_OPENAI_API_KEY": KEY}
        environ = {"FUNCTIONS_DIR": str(functions), "ASSISTANT_BACKEND": "responses", "MODEL": MODEL, **address}
        rig = replace(own, environ=environ)
        async with rig.started() as person:
            for _ in range(2):  # the second question finds nothing locked
                [answer] = await person.ask("What do we have?")
                assert answer.text == "There are 7 chairs and 7 tables."
            line = await last_turn(rig)
    assert line.usage == Usage(input_tokens=200, cached_tokens=20, output_tokens=40, reasoning_tokens=10)
    assert len((functions / "asked.txt").read_text("utf-8").splitlines()) == 4


async def test_what_a_turn_consumed_is_counted_with_its_code_runs(own: Rig, model: ScriptedModel) -> None:
    model.script.append(RunCode(code="print(1)", then="It is 1."))
    async with own.started() as person:
        await person.ask("What is 1?")
        line = await last_turn(own)
    assert line.usage is not None
    counted = Usage(input_tokens=14, cached_tokens=10, output_tokens=6, reasoning_tokens=2, code_runs=1)
    assert line.usage == replace(counted, code_ms=line.usage.code_ms)
    assert line.usage.code_ms > 0


async def last_turn(rig: Rig) -> Timeline:
    """The time line of the last turn of a running bot, once it has ended."""
    settings = Settings.read({**rig.environ, "DATA_DIR": str(rig.data_dir)}, Path("no .env file"))
    async with asyncio.timeout(30), open_timelines(settings) as timelines:
        while (line := (await timelines.latest(1))[0]).ended_at_s is None:
            await asyncio.sleep(0.02)
    return line
