"""The server's memory: one SQLite file, one thread that owns the connection, one transaction for each piece of work."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from adapters.embedded.rows import Rows

T = TypeVar("T")


class StoreError(Exception):
    """The data folder cannot be read or written; the message says why in one sentence."""


class StoreInUseError(StoreError):
    """Another process holds the data folder."""


class Store:
    """Runs pieces of work against the rows, one after the other, each wholly or not at all."""

    def __init__(self, *, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or make the file. Raises StoreError when it is damaged, unwritable, or held by another process."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded-store")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _connect, path)
        except (sqlite3.Error, OSError) as error:
            thread.shutdown()
            kind = StoreInUseError if _is_locked(error) else StoreError
            raise kind(f"{path} cannot be opened: {_plainly(error)}.") from error
        return cls(connection=connection, thread=thread)

    async def transact(self, work: Callable[[Rows], T]) -> T:
        """Do `work` in one transaction, on the disk when this returns. Raises StoreError, and what `work` raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    def _run(self, work: Callable[[Rows], T]) -> T:
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                return work(Rows(self._connection))
        except sqlite3.Error as error:
            raise StoreError(f"The assistants' data cannot be read or written: {_plainly(error)}.") from error


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
    # An exclusive lock, so that a second server on the same folder is told at once instead of spoiling runs.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(files("adapters.embedded").joinpath("schema.sql").read_text())
    return connection


def _is_locked(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _plainly(error: Exception) -> str:
    return "another process is using it" if _is_locked(error) else str(error)
