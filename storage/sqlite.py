"""One SQLite file of this process alone, written by one thread. Calls that wait together are committed together.

Group commit is what lets one file carry hundreds of conversations: each commit is one fsync, whatever it holds.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.errors import StorageError, StorageInUseError
from storage.migrations import scripts

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

_LOCK_WAIT_S = 1.0
_MOST_IN_ONE_COMMIT = 500


class SqliteFile:
    """A database file. Open it before use; `run` is the only way to touch it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._calls: queue.SimpleQueue[tuple[asyncio.Future[Any], Work] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        """Take the file for this process and bring its tables up to date.

        Raises StorageInUseError within some two seconds if another process has it, StorageError if it is unusable.
        """
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        connection = await asyncio.to_thread(_connect, self.path)
        self._thread = threading.Thread(
            target=self._write, args=(connection,), name=f"sqlite {self.path.name}", daemon=True
        )
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in a transaction; when this returns it is on disk. StorageError means that nothing was changed."""
        if self._thread is None:
            raise StorageError(f"{self.path.name} is not open")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._calls.put((future, work))
        return await future

    async def close(self) -> None:
        """Finish what waits and let go of the file."""
        if self._thread is not None:
            self._calls.put(None)
            thread, self._thread = self._thread, None
            await asyncio.to_thread(thread.join)

    def _write(self, connection: sqlite3.Connection) -> None:
        closing = False
        while not closing:
            batch = [self._calls.get()]
            while len(batch) < _MOST_IN_ONE_COMMIT and not self._calls.empty():
                batch.append(self._calls.get())
            closing = None in batch
            outcomes = _commit(connection, [call for call in batch if call is not None])
            self._loop.call_soon_threadsafe(_tell, outcomes)
        connection.close()


Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]


def _commit(connection: sqlite3.Connection, batch: list[tuple[asyncio.Future[Any], Work]]) -> list[Outcome]:
    """Do all of a batch in one transaction; one piece of work that is refused does not harm the others."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [(future, *_try(connection, work)) for future, work in batch]
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [(future, None, _translated(error)) for future, _ in batch]
    return outcomes


def _try(connection: sqlite3.Connection, work: Work) -> tuple[Any, Exception | None]:
    connection.execute("SAVEPOINT work")
    try:
        result, refusal = work(connection), None
    except (sqlite3.IntegrityError, ValueError, OverflowError) as error:  # a value that SQLite cannot hold
        connection.execute("ROLLBACK TO work")
        result, refusal = None, StorageError(f"SQLite refuses a value: {type(error).__name__}")
    connection.execute("RELEASE work")
    return result, refusal


def _tell(outcomes: list[Outcome]) -> None:
    for future, result, error in outcomes:
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_LOCK_WAIT_S)
        # EXCLUSIVE: the kernel frees the file when this process dies, however it dies. FULL: acknowledged is on disk.
        connection.executescript(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
            "BEGIN EXCLUSIVE; COMMIT;"
        )
        _migrate(connection)
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    path.chmod(0o600)
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    steps = scripts("sqlite")
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise StorageError(f"the data folder was written by a newer version of this program (schema {version})")
    for number, script in enumerate(steps[version:], start=version + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")


def _translated(error: sqlite3.Error, path: Path | None = None) -> StorageError:
    where = f" ({path})" if path else ""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        return StorageInUseError(f"another process holds the database{where}")
    return StorageError(f"SQLite: {error}{where}")
