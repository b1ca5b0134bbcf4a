from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import docs
from service.settings.config_report import Report
from service.settings.sources import read_env_file, read_settings
from service.settings.table import SETTINGS

CANARY = "sk-canary-7f3k"


def switched_on() -> str:
    """The .env.example with every setting's # taken away."""
    lines = docs.env_example().splitlines()
    return "\n".join(line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in lines)


def test_the_pages_in_the_project_are_those_that_the_settings_make() -> None:
    assert docs.main(["--check"]) == 0


def test_a_stale_page_is_told_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "_ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    assert docs.main(["--check"]) == 1
    assert ".env.example is out of date" in capsys.readouterr().err
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0


def test_the_example_file_changes_nothing_until_a_line_is_switched_on(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(docs.env_example(), "utf-8")
    reading = read_settings({}, path)
    assert not reading.found
    assert not reading.mistakes


def test_every_line_of_the_example_file_can_be_switched_on(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(switched_on(), "utf-8")
    file = read_env_file(path)
    assert not file.faults
    values = {line.name: line.value for line in file.lines}
    assert list(values) == [spec.name for spec in SETTINGS]
    for spec in SETTINGS:
        assert values[spec.name] == (spec.example if spec.default is None else spec.default)
        if spec.name != "TEAMSBOT_SANDBOX_PYTHON":  # its example is a program that is not here
            spec.parse(values[spec.name])


def test_every_setting_and_its_other_names_are_on_the_page() -> None:
    page = docs.settings_page()
    for spec in SETTINGS:
        for name in spec.names:
            assert f"### {name}\n" in page or f"`{name}`" in page


@pytest.mark.parametrize("spec", SETTINGS, ids=lambda spec: spec.name)
def test_every_example_and_default_is_right(spec: object) -> None:
    [known] = [each for each in SETTINGS if each is spec]
    if known.name != "TEAMSBOT_SANDBOX_PYTHON":
        known.parse(known.example)
    if known.default is not None:
        known.parse(known.default)


def test_the_report_says_where_each_value_came_from(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("PORT=4000\nBOT_ID=1\n", "utf-8")
    report = Report.read({"LOG_LEVEL": "debug"}, path)
    rows = {row.name: row for row in report.rows}
    assert (rows["PORT"].value, rows["PORT"].origin) == ("4000", ".env line 1")
    assert (rows["LOG_LEVEL"].value, rows["LOG_LEVEL"].origin) == ("debug", "environment")
    assert (rows["HOST"].value, rows["HOST"].origin) == ("127.0.0.1", "default")
    assert rows["DATA_DIR"].value == str(Path.cwd() / "data")
    assert report.ignored == ("BOT_ID",)
    assert "BOT_ID" in report.as_text()


def test_the_report_shows_no_secret_and_no_wrong_value(tmp_path: Path) -> None:
    report = Report.read(
        {"OPENAI_API_KEY": CANARY, "PORT": CANARY, "DATABASE_URL": CANARY, "OPENAI_BASE_URL": f"http://u:{CANARY}@h"},
        tmp_path / ".env",
    )
    assert CANARY not in report.as_text()
    assert CANARY not in str(report.as_data())
    rows = {row.name: row for row in report.rows}
    assert (rows["OPENAI_API_KEY"].is_set, rows["OPENAI_API_KEY"].note) == (True, "set")
    assert rows["PORT"].note == "wrong"
    assert rows["MODEL"].note == "missing"
