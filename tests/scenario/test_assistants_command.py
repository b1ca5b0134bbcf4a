"""`teamsbot assistants` where it cannot start: one sentence and exit code 2, never a traceback."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.scenario.test_cli_start import ended


def private_folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "assistants").mkdir(mode=0o700)
    return tmp_path / "data" / "assistants"


def test_a_folder_that_another_server_holds_is_told(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    with sqlite3.connect(folder / "assistants.sqlite") as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("CREATE TABLE held (x)")
        code, talk = ended(tmp_path, "assistants", "--port", "0", DATA_DIR=str(tmp_path / "data"))
    other.close()
    assert code == 2
    assert "Another teamsbot uses" in talk
    assert "Traceback" not in talk


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    (folder / "assistants.sqlite").write_bytes(b"this is no database " * 500)
    code, talk = ended(tmp_path, "assistants", "--port", "0", DATA_DIR=str(tmp_path / "data"))
    assert code == 2
    assert "assistants.sqlite cannot be opened: file is not a database" in talk
    assert "Traceback" not in talk
