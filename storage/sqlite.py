"""One SQLite file of this process alone, written by one thread. Calls that wait together are committed together.

Group commit is what lets one file carry hundreds of conversations: each commit is one fsync, whatever it holds.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.errors import StorageError, StorageInUseError
from storage.migrations import scripts
from storage.network_disk import network_disk
from storage.sqlite_mark import Mark
from storage.sqlite_migrations import migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

log = logging.getLogger(__name__)

_LOCK_WAIT_S = 1.0
_MAX_CHECKED_BYTES = 64 * 2**20  # some tenths of a second
_MAX_IN_ONE_COMMIT = 500


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
        connection, mark, place = await asyncio.to_thread(_open, self.path)
        self._thread = threading.Thread(
            target=self._write, args=(connection, mark, place), name=f"sqlite {self.path.name}", daemon=True
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

    def _write(self, connection: sqlite3.Connection, mark: Mark, place: _Place) -> None:
        closing = False
        while not closing:
            batch = [self._calls.get()]
            while len(batch) < _MAX_IN_ONE_COMMIT and not self._calls.empty():
                batch.append(self._calls.get())
            closing = None in batch
            calls = [call for call in batch if call is not None]
            try:
                place.check()
                outcomes = _commit(connection, mark, calls)
            except StorageError as error:  # one for each, since each caller adds to its traceback
                outcomes = [(future, None, StorageError(str(error))) for future, _ in calls]
            self._loop.call_soon_threadsafe(_tell, outcomes)
        connection.close()
        mark.close()


class _Place:
    """The names of a database that is open. A file that has lost its name takes writes that no later start finds."""

    def __init__(self, path: Path) -> None:
        # Inodes that a network disk makes up may change.
        self._has_inodes = network_disk(path) is None
        names = (path, path.with_name(f"{path.name}-wal"))
        self._opened = {name: self._identity(name) for name in names if name.exists()}

    def check(self) -> None:
        """Raise StorageError unless each name still leads to what was opened."""
        for name, opened in self._opened.items():
            try:
                is_kept = self._identity(name) == opened
            except OSError:
                is_kept = False
            if not is_kept:
                raise StorageError(
                    f"{name} was moved, deleted or replaced while in use, so nothing is stored: put it back, or stop "
                    "teamsbot, put the right file in place, and start it"
                )

    def _identity(self, name: Path) -> tuple[int, int]:
        status = name.stat()
        return (status.st_dev, status.st_ino) if self._has_inodes else (0, 0)


Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]


def _commit(connection: sqlite3.Connection, mark: Mark, batch: list[tuple[asyncio.Future[Any], Work]]) -> list[Outcome]:
    """Do all of a batch in one transaction; one piece of work that is refused does not harm the others."""
    changes = connection.total_changes
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [(future, *_try(connection, work)) for future, work in batch]
        changed = connection.total_changes > changes
        if changed:
            connection.execute("UPDATE commits SET number = ?", (mark.commits + 1,))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [(future, None, _translated(error)) for future, _ in batch]
    if changed:
        mark.advance()
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


def _open(path: Path) -> tuple[sqlite3.Connection, Mark, _Place]:
    kind = network_disk(path)
    if kind is not None:
        log.warning("the data folder is on a network disk, where a crash may lose turns", extra={"disk": kind})
    try:
        mark = Mark(path)
        if not path.exists():
            mark.forget()
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_LOCK_WAIT_S)
    except (sqlite3.Error, OSError) as error:
        raise _translated(error, path) from error
    try:
        _prepare(connection, path, mark)
    except (sqlite3.Error, OSError, StorageError) as error:
        connection.close()
        if isinstance(error, StorageError):
            raise
        raise _translated(error, path) from error
    return connection, mark, _Place(path)


def _prepare(connection: sqlite3.Connection, path: Path, mark: Mark) -> None:
    # EXCLUSIVE: the kernel frees the file when this process dies, however it dies. FULL: acknowledged is on disk.
    connection.executescript(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
        "PRAGMA secure_delete = ON; BEGIN EXCLUSIVE; COMMIT;"
    )
    path.chmod(0o600)
    if path.stat().st_size <= _MAX_CHECKED_BYTES:
        [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    migrate(connection, path, scripts("sqlite"))
    [commits] = connection.execute("SELECT number FROM commits").fetchone()
    mark.compare(commits)


def _translated(error: sqlite3.Error | OSError, path: Path | None = None) -> StorageError:
    code = getattr(error, "sqlite_errorcode", None)
    where = path or "the database"
    if code == sqlite3.SQLITE_BUSY:
        return StorageInUseError(f"another process holds {where}")
    if isinstance(error, sqlite3.DatabaseError) and code in (None, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageError(
            f"{where} is damaged ({error}): put a copy of it and its -wal file in place, or move it away to start anew"
        )
    return StorageError(f"{where} cannot be used: {error}")
