"""One SQLite file of this process alone, written by one thread. Calls that wait together are committed together.

Group commit is what lets one file carry hundreds of conversations: each commit is one fsync, whatever it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bot.errors import StorageError, StorageInUseError
from storage.migrations import scripts

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
        connection, counter, place = await asyncio.to_thread(_open, self.path)
        self._thread = threading.Thread(
            target=self._write, args=(connection, counter, place), name=f"sqlite {self.path.name}", daemon=True
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

    def _write(self, connection: sqlite3.Connection, counter: CommitCounter, place: _Place) -> None:
        waiting: list[tuple[asyncio.Future[Any], Work] | None] = []
        try:
            while None not in waiting:
                waiting = [self._calls.get()]
                while len(waiting) < _MAX_IN_ONE_COMMIT and not self._calls.empty():
                    waiting.append(self._calls.get())
                calls = [call for call in waiting if call is not None]
                try:
                    place.check()
                    outcomes = _commit(connection, counter, calls)
                except StorageError as error:  # one for each, since each caller adds to its traceback
                    outcomes = [(future, None, StorageError(str(error))) for future, _ in calls]
                self._loop.call_soon_threadsafe(_tell, outcomes)
        finally:
            connection.close()
            counter.close()
            # Also where a mistake ended this thread: nobody may wait for ever.
            self._loop.call_soon_threadsafe(self._refuse, waiting)

    def _refuse(self, waiting: list[tuple[asyncio.Future[Any], Work] | None]) -> None:
        self._thread = None
        while not self._calls.empty():
            waiting.append(self._calls.get())
        for future, _ in filter(None, waiting):
            if not future.done():
                future.set_exception(StorageError(f"{self.path.name} is not open any more"))


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


def _commit(
    connection: sqlite3.Connection, counter: CommitCounter, batch: list[tuple[asyncio.Future[Any], Work]]
) -> list[Outcome]:
    """Do all of a batch in one transaction; one piece of work that is refused does not harm the others."""
    changes = connection.total_changes
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [(future, *_try(connection, work)) for future, work in batch]
        changed = connection.total_changes > changes
        if changed:
            connection.execute("UPDATE commits SET number = ?", (counter.commits + 1,))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [(future, None, _translated(error)) for future, _ in batch]
    if changed:
        counter.advance()
    return outcomes


def _try(connection: sqlite3.Connection, work: Work) -> tuple[Any, Exception | None]:
    connection.execute("SAVEPOINT work")
    result: Any = None
    refusal: Exception | None = None
    try:
        result = work(connection)
    except (sqlite3.IntegrityError, ValueError, OverflowError) as error:  # a value that SQLite cannot hold
        connection.execute("ROLLBACK TO work")
        refusal = StorageError(f"SQLite refuses a value: {type(error).__name__}")
    except (LookupError, TypeError, AttributeError) as error:  # a mistake of the caller, who alone has to bear with it
        connection.execute("ROLLBACK TO work")
        refusal = error
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


def _open(path: Path) -> tuple[sqlite3.Connection, CommitCounter, _Place]:
    kind = network_disk(path)
    if kind is not None:
        log.warning("the data folder is on a network disk, where a crash may lose turns", extra={"disk": kind})
    try:
        counter = CommitCounter(path)
        if not path.exists():
            counter.forget()
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_LOCK_WAIT_S)
    except (sqlite3.Error, OSError) as error:
        raise _translated(error, path) from error
    try:
        _prepare(connection, path, counter)
    except (sqlite3.Error, OSError, StorageError) as error:
        connection.close()
        if isinstance(error, StorageError):
            raise
        raise _translated(error, path) from error
    return connection, counter, _Place(path)


def _prepare(connection: sqlite3.Connection, path: Path, counter: CommitCounter) -> None:
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
    counter.compare(commits)


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


_DIGITS = 20


class CommitCounter:
    """How many commits were acknowledged, kept in a small file beside the database.

    After a crash SQLite reads its write-ahead log up to the first damage and says nothing of what came after it
    (https://www.sqlite.org/walformat.html#recovery). A database that holds fewer commits than were acknowledged is
    therefore not opened: people were told that these messages will be answered.

    It is never ahead of the database: it is written after each commit, and need not be synced itself.
    """

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


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str]) -> None:
    """Do the steps that the file has not seen, after a copy of it was laid beside it.

    Raises StorageError if it is newer than they, sqlite3.Error, OSError.
    """
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


_MOUNTS = Path("/proc/self/mountinfo")
_KINDS = frozenset(
    # A program's own file system without a subtype is one, such as blobfuse2's; those of local disks are "fuseblk".
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
)


def network_disk(path: Path, *, mounts: Path = _MOUNTS) -> str | None:
    """The kind of network file system that a path lies on; None if it is a local one, or nobody can tell.

    On another machine's disk SQLite's locks and syncs cannot be relied upon: https://www.sqlite.org/useovernet.html
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # no Linux
        return None
    points = [(_mount_point(line), line) for line in lines]
    inside = [(len(point.parts), line) for point, line in points if path.resolve().is_relative_to(point)]
    _, line = max(reversed(inside), key=lambda each: each[0], default=(0, ""))  # a later mount hides an earlier one
    kind = line.partition(" - ")[2].partition(" ")[0]
    return kind if kind in _KINDS or kind.startswith("fuse.") else None


def _mount_point(line: str) -> Path:
    """The fifth field, a space in it as octal: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html."""
    return Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split(" ")[4]))
