"""How many commits were acknowledged, kept in a small file beside the database.

After a crash SQLite reads its write-ahead log up to the first damage and says nothing of what came after it
(https://www.sqlite.org/walformat.html#recovery). A database that holds fewer commits than were acknowledged is
therefore not opened: people were told that these messages will be answered.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from bot.errors import StorageError

_DIGITS = 20


class Mark:
    """Never ahead of the database: it is written after each commit, and need not be synced itself."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(f"{database.name}.mark")
        self._file: int | None = None
        self.commits = 0

    def forget(self) -> None:
        """There is no database any more, so this is a new one. Raises OSError."""
        self._path.unlink(missing_ok=True)

    def compare(self, commits: int) -> None:
        """Begin with the commits that the database holds. Raises StorageError if some are missing, OSError."""
        acknowledged = self._read()
        if acknowledged > commits:
            raise StorageError(
                f"the last {acknowledged - commits} commits of {self._database} are missing: its -wal file was cut or "
                f"damaged, or an older copy was put back. Put the complete files in place, or remove {self._path.name} "
                "to go on without what is missing"
            )
        self.commits = commits
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def advance(self) -> None:
        """One more commit is on disk."""
        self.commits += 1
        if self._file is not None:
            # Without it a later damage may go unseen, which is no reason to stop.
            with contextlib.suppress(OSError):
                os.pwrite(self._file, f"{self.commits:0{_DIGITS}d}".encode(), 0)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> int:
        try:
            digits = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        return int(digits) if digits.isdigit() else 0  # else the power failed before it ever was on disk
