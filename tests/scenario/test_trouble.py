"""When something is wrong, a person reads one clear sentence, typing stops, and the conversation goes on."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from adapters.sandbox import sandbox as sandbox_module
from bot.errors import StorageError
from service.listen_socket import PortTakenError, take_port
from service.server import open_service
from service.settings import Settings
from tests.scenario.conftest import Rig
from tests.support.connector_double import Fault
from tests.support.scripted_model import RunCode, ScriptedModel, Trouble
from tests.support.signed_bot import signed_bot


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(status=401, body='{"error": {"message": "bad key sk-test"}}'), "OPENAI_API_KEY"),
        (Trouble(status=404, body='{"error": {"message": "no such model"}}'), "MODEL"),
        (Trouble(status=200, body="<html>not json</html>"), "problem"),
        (Trouble(status=429, headers={"Retry-After": "900"}), "too much to do"),
    ],
)
async def test_a_model_that_does_not_answer_costs_one_sentence_and_the_next_question_is_answered(
    rig: Rig, model: ScriptedModel, trouble: Trouble, words: str
) -> None:
    async with rig.started() as person:
        model.script.extend([trouble, trouble])  # once more, for the run that follows a failed one
        [apology] = await person.ask("first")
        model.script.clear()
        assert words in apology.words
        assert "sk-test" not in str(apology.activity)
        [answer] = await person.ask("second")
        assert answer.text == "You said: second"
        kinds = [posted.type for posted in person.connector.posted]
        first = kinds.index("message")
        assert kinds[first + 1] == "typing"  # of the second question: none came between


async def test_people_read_no_names_of_settings_where_a_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # ux 4
    async with signed_bot(tmp_path, monkeypatch) as bot, bot.started():
        bot.model.script.append(Trouble(status=401, body='{"error": {"message": "bad key sk-test"}}'))
        [apology] = await bot.say("anyone there?")
    assert "The operator of this bot has been told the reason." in apology.words
    assert "OPENAI" not in str(apology.activity)
    assert len(bot.model.requests) == 1, "a second run would be refused too"
    [told] = [record for record in caplog.records if record.getMessage() == "turn ends in an apology"]
    assert told.fix == "The model's endpoint refused the key (401); check OPENAI_API_KEY."  # type: ignore[attr-defined]


async def test_a_model_that_is_down_costs_one_sentence(rig: Rig, model: ScriptedModel) -> None:
    environ = {**rig.environ, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    down = Rig(data_dir=rig.data_dir, connector=rig.connector, session=rig.session, environ=environ)
    async with down.started() as person:
        [apology] = await person.ask("anyone there?")
        assert "OPENAI_BASE_URL" in apology.words


async def test_the_button_of_an_apology_asks_the_same_question_again(rig: Rig, model: ScriptedModel) -> None:
    async with rig.started() as person:
        model.script.extend([Trouble(status=200, body="<html>not json</html>")] * 2)
        [apology] = await person.ask("plot x^2")
        [card] = apology.cards
        [button] = card["actions"]
        assert button["type"] == "Action.Submit"
        assert apology.words.endswith(f"Code {button['data']['turn']}.")
        model.script.clear()
        await person.say("", value=button["data"])
        *_, answer = await person.connector.wait_for_messages(2)
        assert answer.text == "You said: plot x^2"


async def test_an_endless_loop_ends_and_the_conversation_goes_on(
    rig: Rig, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sandbox_module.Sandbox.run

    async def impatient(self: sandbox_module.Sandbox, session: str, code: str, **_: object) -> object:
        return await real(self, session, code, deadline_s=1.0)

    monkeypatch.setattr(sandbox_module.Sandbox, "run", impatient)
    async with rig.started() as person:
        model.script.append(RunCode(code="while True: pass", then=lambda output: f"The tool says: {output}"))
        [told] = await person.ask("loop")
        assert "interrupted" in told.text
        assert (await person.ask("next"))[0].text == "You said: next"


async def test_a_connector_that_fails_at_first_still_gets_the_answer_once(rig: Rig) -> None:
    async with rig.started() as person:
        person.connector.faults.extend([Fault(status=429, headers={"Retry-After": "0"}), Fault(status=502)])
        [answer] = await person.ask("hello")
        assert answer.text == "You said: hello"
        assert len(person.connector.messages) == 1


async def test_the_same_message_delivered_again_is_answered_once(rig: Rig) -> None:
    async with rig.started() as person:
        statuses = [(await person.say("hello", id="same")).status for _ in range(3)]
        await person.connector.wait_for_messages(1)
        await asyncio.sleep(0.3)
        assert statuses == [202, 202, 202]
        assert len(person.connector.messages) == 1
    async with rig.started() as person:
        assert (await person.say("hello", id="same")).status == 202
        await asyncio.sleep(0.3)
        assert len(person.connector.messages) == 1


async def test_stop_ends_the_work_and_the_next_message_is_answered(rig: Rig, model: ScriptedModel) -> None:
    async with rig.started() as person:
        model.delay_s = 20
        await person.say("a long question")
        async with asyncio.timeout(30):
            while not model.requests:
                await asyncio.sleep(0.02)
        await person.say("/stop")
        [stopped] = await person.connector.wait_for_messages(1, deadline_s=30)
        assert "Stopped" in stopped.text
        model.delay_s = 0
        assert (await person.ask("next"))[0].text == "You said: next"


async def test_without_a_sandbox_the_bot_answers_and_says_that_code_does_not_run(
    rig: Rig, model: ScriptedModel, tmp_path: Path
) -> None:
    no_python = tmp_path / "python"
    no_python.write_text("#!/bin/false")
    no_python.chmod(0o755)
    environ = {**rig.environ, "TEAMSBOT_SANDBOX_PYTHON": str(no_python)}
    bare = Rig(data_dir=rig.data_dir, connector=rig.connector, session=rig.session, environ=environ)
    async with bare.started() as person:
        model.script.append(RunCode(code="print(1)", then=lambda output: f"The tool says: {output}"))
        [told] = await person.ask("run it")
        assert "does not answer" in told.text
        assert (await person.ask("next"))[0].text == "You said: next"


async def test_a_taken_port_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with take_port("127.0.0.1", 0) as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        settings = Settings.read({"PORT": port, "DATA_DIR": str(tmp_path / "data")}, Path("none"))
        with pytest.raises(PortTakenError, match=port):
            async with open_service(settings):
                raise AssertionError("it started")
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; runs as a plain user")
async def test_a_read_only_data_folder_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    settings = Settings.read({"PORT": "0", "DATA_DIR": str(tmp_path / "data")}, Path("none"))
    with pytest.raises(StorageError, match="DATA_DIR"):
        async with open_service(settings):
            raise AssertionError("it started")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PORTT": "1", "TEAMSBOT_RUN_DEADLIN_S": "9"}, "TEAMSBOT_RUN_DEADLINE_S"),
        ({"PORT": "0", "DATA_DIR": "/dev/null/x"}, "DATA_DIR"),
        ({"PORT": "0", "DATA_DIR": "/dev/null"}, "DATA_DIR"),
    ],
)
def test_the_program_ends_with_one_clear_word_and_exit_code_2(
    environ: dict[str, str], words: str, tmp_path: Path
) -> None:
    import subprocess

    program = Path(sys.executable).with_name("teamsbot")
    ended = subprocess.run(
        [program, "serve"],
        env={**os.environ, **environ},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
