from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.language import speaking
from service.cli import _answer, main
from service.settings.table import SETTINGS

CANARY = "sk-canary-7f3k"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for spec in SETTINGS:
        for name in spec.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def teamsbot(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_the_version_is_told() -> None:
    result = teamsbot("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("teamsbot, version 0.")


def test_an_export_of_feedback_where_there_was_no_bot_yet_prints_the_reason_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["feedback", "export"], env={"DATA_DIR": str(tmp_path / "data")})
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "There are no turns yet" in result.stderr


def test_version_and_help_may_be_asked_for_without_dashes() -> None:  # ux 3.21
    for word in ("version", "help"):
        asked, expected = teamsbot(word), teamsbot(f"--{word}")
        assert (asked.exit_code, asked.stdout) == (0, expected.stdout)


def test_help_names_the_commands() -> None:
    result = teamsbot("--help")
    for command in ("serve", "assistants", "config"):
        assert f"\n  {command} " in result.stdout
    assert "..." not in result.stdout.partition("Commands:")[2]  # a summary that click cuts says too little


def test_help_is_there_without_the_libraries_of_the_service() -> None:
    code = (
        "import sys, service.cli; "
        "heavy = {'aiohttp', 'botbuilder', 'openai', 'pydantic', 'rich', 'structlog'} & sys.modules.keys(); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_start_loads_no_library_of_services_that_it_does_not_use() -> None:
    code = (
        "import sys, service.server; "
        "heavy = {'asyncpg', 'azure.identity', 'azure.storage', 'openai'} & sys.modules.keys(); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_config_shows_values_and_places_but_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MODEL=llama3.1\nBOT_ID=1\n", "utf-8")
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    result = teamsbot("config")
    assert result.exit_code == 0
    assert "llama3.1  [.env line 1]" in result.stdout
    assert "(set)  [environment]" in result.stdout
    assert "BOT_ID" in result.stdout
    assert CANARY not in result.output


def test_config_speaks_json_to_programs() -> None:
    Path(".env").write_text("PORT=4000\n", "utf-8")
    result = teamsbot("config", "--json")
    settings = {row["name"]: row for row in json.loads(result.stdout)["settings"]}
    assert settings["PORT"]["value"] == "4000"
    assert settings["PORT"]["origin"] == ".env line 1"
    assert settings["OPENAI_API_KEY"] == {
        "name": "OPENAI_API_KEY",
        "section": "The model or service behind the assistant",
        "is_set": False,
        "is_secret": True,
        "value": None,
        "note": "not set",
        "origin": "",
    }


def test_config_with_mistakes_shows_the_rest_and_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", CANARY)
    result = teamsbot("config", "--json")
    assert result.exit_code == 2
    [mistake] = json.loads(result.stdout)["mistakes"]
    assert mistake["name"] == "PORT"
    assert "PORT (environment) must be" in result.stderr
    assert CANARY not in result.output


@pytest.mark.parametrize("command", ["serve", "assistants"])
def test_mistakes_in_the_settings_end_a_start_with_2_and_all_of_them(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("TEAMSBOT_DEADLIN_S", "5")
    result = teamsbot(command)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("2 invalid settings:\n- PORT (environment) must be")
    assert "Did you mean TEAMSBOT_RUN_DEADLINE_S?" in result.stderr


def test_a_settings_file_that_was_named_must_be_there() -> None:
    result = teamsbot("--env-file", "other.env", "config")
    assert result.exit_code == 2
    assert result.stderr == "There is no file other.env.\n"


def test_a_settings_file_may_be_named() -> None:
    Path("other.env").write_text("PORT=4001\n", "utf-8")
    assert "4001  [other.env line 1]" in teamsbot("--env-file", "other.env", "config").stdout


def test_the_assistants_command_does_not_serve_what_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("ASSISTANT_BACKEND", "assistants"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
        ("ASSISTANT_ID", "asst_1"),
    ):
        monkeypatch.setenv(name, value)
    result = teamsbot("assistants")
    assert result.exit_code == 2
    assert "ASSISTANT_BACKEND cannot be assistants here" in result.stderr


def test_a_wrong_port_for_the_assistants_is_told() -> None:
    result = teamsbot("assistants", "--port", "99999")
    assert result.exit_code == 2
    assert "0<=x<=65535" in result.stderr


class LeftPipe(io.StringIO):
    """Standard output whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_leaves_ends_the_answers_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def answers() -> AsyncGenerator[str, None]:
        with speaking("de"):
            for _ in range(3):
                yield "an answer"

    monkeypatch.setattr("sys.stdout", LeftPipe())
    with pytest.raises(BrokenPipeError):
        asyncio.run(_answer(answers()))
    assert caplog.messages == []
