"""Brings the tables of a SQLite file up to date, after a copy of it was laid beside it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from bot.errors import StorageError


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str]) -> None:
    """Do the steps that the file has not seen. Raises StorageError if it is newer than they, sqlite3.Error, OSError."""
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise StorageError(
            f"{path} was written by a newer version of this program (schema {version}, this one knows {len(steps)}): "
            "run that version, or put the backup of this one in its place"
        )
    if 0 < version < len(steps):
        _back_up(connection, path.with_name(f"{path.name}.v{version}.backup"))
    for number, step in enumerate(steps[version:], start=version + 1):
        connection.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")


def _back_up(connection: sqlite3.Connection, backup: Path) -> None:
    """A whole copy under its final name, or none."""
    partial = backup.with_name(f"{backup.name}.partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # an empty file is as good as none
    connection.execute("VACUUM INTO ?", (str(partial),))
    with partial.open("rb") as copy:
        os.fsync(copy.fileno())
    partial.rename(backup)
