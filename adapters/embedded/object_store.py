"""The server's memory: one SQLite file, one thread that owns the connection, one transaction for each piece of work."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import orjson
from pydantic import Field

from adapters.embedded.api_objects import Assistant, ExpiringFile, File, Message, Thread, dump, load, not_found
from adapters.embedded.models.port import OriginalMessage
from adapters.embedded.run_objects import ACTIVE, GeneratedFile, Run, RunStep

Item = Assistant | Thread | Message | Run | RunStep | File
Stored = TypeVar("Stored", bound=Item)

_NOUNS: dict[type, str] = {
    Assistant: "assistant",
    Thread: "thread",
    Message: "message",
    Run: "run",
    RunStep: "run step",
    File: "file",
    ExpiringFile: "file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of a list is wanted: at most `limit` objects after, or right before, one that is named."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
    before: str | None = None


class Rows:
    """The rows as one transaction sees them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def insert(self, item: Item) -> None:
        """Add an object, last in its lists."""
        self._sql.execute(
            "INSERT INTO objects (id, kind, body) VALUES (?, ?, ?)", (item.id, _NOUNS[type(item)], dump(item).decode())
        )

    def add_message(self, message: Message) -> None:
        """Add a message at the end of its thread. Raises ApiError (404) when one of its files does not exist."""
        self.check_files(message.file_ids)
        self.insert(message)

    def check_files(self, ids: Iterable[str]) -> None:
        """Raises ApiError (404) when one of these files does not exist."""
        for file_id in ids:
            self.get(File, file_id)

    def update(self, item: Item) -> None:
        """Replace an object; its place in lists stays."""
        self._sql.execute("UPDATE objects SET body = ? WHERE id = ?", (dump(item).decode(), item.id))

    def find(self, kind: type[Stored], id_: str) -> Stored | None:
        """The object of that id, if there is one of that kind."""
        row = self._sql.execute("SELECT body FROM objects WHERE id = ? AND kind = ?", (id_, _NOUNS[kind])).fetchone()
        return load(kind, row[0]) if row else None

    def get(self, kind: type[Stored], id_: str) -> Stored:
        """The object of that id. Raises ApiError (404)."""
        found = self.find(kind, id_)
        if found is None:
            raise not_found(_NOUNS[kind], id_)
        return found

    def delete_files_of(self, thread_id: str) -> list[str]:
        """Remove the files that code made in a thread; their ids, for their bytes lie elsewhere."""
        ids = [row[0] for row in self._sql.execute("SELECT file_id FROM products WHERE thread_id = ?", (thread_id,))]
        self._sql.executemany("DELETE FROM objects WHERE id = ?", [(id_,) for id_ in ids])
        return ids

    def delete(self, id_: str) -> None:
        """Remove an object, and with a thread all that is in it but its files."""
        self._sql.execute("DELETE FROM objects WHERE id = ? OR thread_id = ?", (id_, id_))
        self._sql.execute("DELETE FROM products WHERE thread_id = ?", (id_,))
        self._sql.execute("DELETE FROM originals WHERE thread_id = ?", (id_,))
        self._sql.execute("DELETE FROM restarts WHERE thread_id = ?", (id_,))
        self._sql.execute("DELETE FROM executions WHERE thread_id = ?", (id_,))

    def all(self, kind: type[Stored], **where: str) -> list[Stored]:
        """Objects in order of creation, filtered by the columns of `schema.sql`."""
        condition, values = _conditions(_NOUNS[kind], where)
        rows = self._sql.execute(f"SELECT body FROM objects WHERE {condition} ORDER BY seq", values)  # noqa: S608 - names are ours
        return [load(kind, row[0]) for row in rows]

    def page(self, kind: type[Stored], window: Window, **where: str) -> tuple[list[Stored], bool]:
        """The objects in the window, and whether more follow. Raises ApiError (404) for an unknown cursor."""
        condition, values = _conditions(_NOUNS[kind], where)
        backwards = window.before is not None and window.after is None
        # Before an object the nearest ones are wanted: walk away from it, then turn the list round.
        down = (window.order == "desc") is not backwards
        cursor = window.after or window.before
        start = self._seq(kind, cursor) if cursor else 2**63 - 1 if down else 0
        beyond, direction = ("<", "DESC") if down else (">", "ASC")
        query = f"SELECT body FROM objects WHERE {condition} AND seq {beyond} ? ORDER BY seq {direction} LIMIT ?"  # noqa: S608 - names are ours
        found = [load(kind, row[0]) for row in self._sql.execute(query, (*values, start, window.limit + 1))]
        shown = found[: window.limit]
        return (shown[::-1] if backwards else shown), len(found) > window.limit

    def active_run(self, thread_id: str) -> Run | None:
        """The run that locks a thread."""
        marks = ", ".join("?" * len(ACTIVE))
        query = f"SELECT body FROM objects WHERE kind = 'run' AND thread_id = ? AND status IN ({marks})"  # noqa: S608 - only marks
        row = self._sql.execute(query, (thread_id, *ACTIVE)).fetchone()
        return load(Run, row[0]) if row else None

    def add_product(self, product: GeneratedFile) -> None:
        """Remember what code made."""
        columns = ", ".join(field.name for field in fields(GeneratedFile))
        marks = ", ".join("?" * len(fields(GeneratedFile)))
        self._sql.execute(f"INSERT INTO products ({columns}) VALUES ({marks})", astuple(product))  # noqa: S608 - names are ours

    def products(self, thread_id: str) -> list[GeneratedFile]:
        """What code made in a thread, oldest first."""
        columns = ", ".join(field.name for field in fields(GeneratedFile))
        rows = self._sql.execute(f"SELECT {columns} FROM products WHERE thread_id = ? ORDER BY seq", (thread_id,))  # noqa: S608 - names are ours
        return [GeneratedFile.of_row(row) for row in rows]

    def keep_original(self, step: RunStep, original: OriginalMessage) -> None:
        """Remember what the model said in a step, as it came."""
        values = (step.id, step.thread_id, original.sender, dump(original.fields).decode())
        self._sql.execute("INSERT INTO originals (step_id, thread_id, sender, fields) VALUES (?, ?, ?, ?)", values)

    def original(self, step_id: str) -> OriginalMessage | None:
        """What the model said in a step, as it came."""
        row = self._sql.execute("SELECT sender, fields FROM originals WHERE step_id = ?", (step_id,)).fetchone()
        return OriginalMessage(sender=row[0], fields=orjson.loads(row[1]), size_bytes=len(row[1])) if row else None

    def count_restart(self, run: Run, change: int = 1) -> int:
        """Add to the restarts of a run; returns how many there are now."""
        query = (
            "INSERT INTO restarts (run_id, thread_id, count) VALUES (?, ?, ?) "
            "ON CONFLICT (run_id) DO UPDATE SET count = count + excluded.count RETURNING count"
        )
        return int(self._sql.execute(query, (run.id, run.thread_id, change)).fetchone()[0])

    def note_execution(self, call_id: str, thread_id: str, number: int, at_s: int) -> None:
        """Remember that the code of a call is about to be run elsewhere."""
        query = "INSERT OR REPLACE INTO executions (call_id, thread_id, number, at) VALUES (?, ?, ?, ?)"
        self._sql.execute(query, (call_id, thread_id, number, at_s))

    def execution(self, call_id: str) -> tuple[int, int] | None:
        """The number of a call's execution, and when it was noted, if it was."""
        row = self._sql.execute("SELECT number, at FROM executions WHERE call_id = ?", (call_id,)).fetchone()
        return (int(row[0]), int(row[1])) if row else None

    def expire(self, file_id: str, at_s: int) -> None:
        """Let a file go at a time in unix seconds."""
        self._sql.execute("INSERT INTO expiries (file_id, at) VALUES (?, ?)", (file_id, at_s))

    def drop_expired(self, now_s: int) -> list[str]:
        """Remove the files whose time has come; their ids."""
        ids = [row[0] for row in self._sql.execute("SELECT file_id FROM expiries WHERE at <= ?", (now_s,))]
        for id_ in ids:
            self.delete(id_)
        self._sql.execute("DELETE FROM expiries WHERE at <= ?", (now_s,))
        return ids

    def positions(self, ids: Iterable[str]) -> dict[str, int]:
        """In which order objects were created: the higher, the later. What is gone has none."""
        wanted = orjson.dumps(list(ids)).decode()
        rows = self._sql.execute("SELECT id, seq FROM objects WHERE id IN (SELECT value FROM json_each(?))", (wanted,))
        return dict(rows.fetchall())

    def _seq(self, kind: type[Stored], id_: str) -> int:
        query = "SELECT seq FROM objects WHERE id = ? AND kind = ?"
        row = self._sql.execute(query, (id_, _NOUNS[kind])).fetchone()
        if row is None:
            raise not_found(_NOUNS[kind], id_)
        return int(row[0])


def _conditions(noun: str, where: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    columns = "".join(f" AND {column} = ?" for column in where)
    return f"kind = ?{columns}", (noun, *where.values())


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

    def transact(self, work: Callable[[Rows], T]) -> asyncio.Future[T]:
        """Do `work` in one transaction, on the disk when this is done. Raises StoreError, and what `work` raises."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

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
    connection.execute("PRAGMA secure_delete = ON")  # what was deleted is no longer in the file
    connection.executescript(files("adapters.embedded").joinpath("schema.sql").read_text())
    return connection


def _is_locked(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _plainly(error: Exception) -> str:
    return "another process is using it" if _is_locked(error) else str(error)
