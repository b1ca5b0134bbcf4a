"""Whose .env file is read: it decides what is run and who is sent keys (S12)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.settings import Settings, SettingsError
from service.settings.config_report import Report
from service.settings.sources import read_env_file


def env_file(folder: Path, text: str = "PORT=4000\n", mode: int = 0o644) -> Path:
    path = folder / ".env"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_a_file_that_only_its_owner_can_change_is_read(tmp_path: Path, mode: int) -> None:
    assert [line.value for line in read_env_file(env_file(tmp_path, mode=mode)).lines] == ["4000"]


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o622, 0o602])
def test_a_file_that_others_can_change_is_not_read_and_told_with_the_fix(tmp_path: Path, mode: int) -> None:
    file = read_env_file(env_file(tmp_path, mode=mode))
    assert not file.lines
    assert "chmod go-w" in file.faults[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away; runs where the tests are run by root")
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    path = env_file(tmp_path)
    os.chown(path, 65_534, 65_534)
    file = read_env_file(path)
    assert not file.lines
    assert "another user" in file.faults[0]


def test_a_link_is_judged_by_the_file_behind_it(tmp_path: Path) -> None:
    env_file(tmp_path, mode=0o666).rename(tmp_path / "real")
    (tmp_path / ".env").symlink_to(tmp_path / "real")
    assert read_env_file(tmp_path / ".env").faults


def test_the_program_that_runs_code_is_named_by_the_environment_only(tmp_path: Path) -> None:
    path = env_file(tmp_path, "TEAMSBOT_SANDBOX_PYTHON=/bin/sh\n")
    with pytest.raises(SettingsError, match="must be set in the environment"):
        Settings.read({}, path)
    assert Settings.read({"TEAMSBOT_SANDBOX_PYTHON": "/bin/sh"}, tmp_path / "none").sandbox_python == Path("/bin/sh")


@pytest.mark.parametrize(
    ("environ", "line", "told"),
    [
        (
            {"OPENAI_API_KEY": "sk-of-the-shell"},
            "OPENAI_BASE_URL=https://evil.example/v1",
            "OPENAI_API_KEY is from the environment, and OPENAI_BASE_URL, which decides who gets it, from .env line 1.",
        ),
        (
            {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com"},
            "AZURE_OPENAI_API_KEY=k",
            "AZURE_OPENAI_API_KEY is from .env line 1, and AZURE_OPENAI_ENDPOINT, which decides who gets it, from the "
            "environment.",
        ),
    ],
)
def test_a_key_and_its_address_from_two_places_are_told(
    tmp_path: Path, environ: dict[str, str], line: str, told: str
) -> None:  # S12
    path = env_file(tmp_path, f"{line}\n")
    settings = Settings.read({**environ, "MODEL": "m"}, path)
    assert [warning.wrong for warning in settings.warnings] == [told]
    assert told in Report.read({**environ, "MODEL": "m"}, path).as_text()
    name, _, value = line.partition("=")
    assert Settings.read({**environ, "MODEL": "m", name: value}, path).warnings == ()
