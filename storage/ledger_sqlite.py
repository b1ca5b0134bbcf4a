"""The ledger of turns in a SQLite file: one process, which owns every conversation."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence

from bot.ports import LedgerEntry
from bot.turn_record import ANSWERED, Outcome
from storage.sqlite import SqliteFile

_REMEMBERED_S = 7 * 86_400
"""How long a done turn is kept, to know its message when it is delivered once more, and to explain it."""

_UNFINISHED = """
SELECT number, conversation, message_id, payload, attempts, uncounted_attempts
FROM turns WHERE done_at IS NULL ORDER BY number"""
_STEPS = "SELECT turn, name, result FROM steps WHERE turn IN (SELECT number FROM turns WHERE done_at IS NULL)"


class SqliteLedger:
    """Implements `bot.ports.Ledger`."""

    def __init__(self, file: SqliteFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    async def start(self, adopt: Callable[[Sequence[LedgerEntry]], None], drop: Callable[[], Awaitable[None]]) -> None:
        """Hand over everything unfinished; `drop` is never needed, since nobody else can take a conversation."""
        await self._file.open()
        await self._file.run(lambda db: self._forget(db, most=-1))
        adopt(await self._file.run(_unfinished))

    def owns(self, conversation: str) -> bool:
        """True: the file is this process's alone."""
        return True

    async def add(self, conversation: str, message_id: str, payload: str) -> int | None:
        """Write a message down. Two deliveries at once are one: the unique key decides."""

        def insert(db: sqlite3.Connection) -> int | None:
            row = db.execute(
                "INSERT INTO turns (conversation, message_id, payload, accepted_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING RETURNING number",
                (conversation, message_id, payload, self._clock()),
            ).fetchone()
            return row[0] if row else None

        return await self._file.run(insert)

    async def replace(self, conversation: str, message_id: str, payload: str) -> bool:
        """Write another message over one that waits."""
        waits = "conversation = ? AND message_id = ? AND attempts = 0 AND done_at IS NULL"
        query = f"UPDATE turns SET payload = ? WHERE {waits}"  # noqa: S608 - constants only
        return await self._file.run(lambda db: db.execute(query, (payload, conversation, message_id)).rowcount > 0)

    async def begin(self, number: int) -> None:
        """Count one more attempt."""
        query = "UPDATE turns SET attempts = attempts + 1, started_at = ? WHERE number = ?"
        await self._file.run(lambda db: _do(db, query, self._clock(), number))

    async def uncount_attempt(self, number: int) -> None:
        """Count one more attempt that does not count."""
        query = "UPDATE turns SET uncounted_attempts = uncounted_attempts + 1 WHERE number = ?"
        await self._file.run(lambda db: _do(db, query, number))

    async def save(self, number: int, step: str, result: str) -> None:
        """Write a step's result down."""
        query = "INSERT OR REPLACE INTO steps (turn, name, result, done_at) VALUES (?, ?, ?, ?)"
        await self._file.run(lambda db: _do(db, query, number, step, result, self._clock()))

    async def end(self, number: int, outcome: Outcome = ANSWERED) -> None:
        """Empty what people said, and keep ids, times and the outcome."""

        def finish(db: sqlite3.Connection) -> None:
            query = "UPDATE turns SET done_at = ?, outcome = ?, payload = '' WHERE number = ?"
            _do(db, query, self._clock(), outcome, number)
            _do(db, "UPDATE steps SET result = '' WHERE turn = ?", number)
            # Two for one, so that old turns go as fast as new ones come, and no timer is needed.
            self._forget(db, most=2)

        await self._file.run(finish)

    async def stop(self) -> None:
        """Let go of the file."""
        await self._file.close()

    def _forget(self, db: sqlite3.Connection, *, most: int) -> None:
        """Delete long done turns; -1 means all of them."""
        query = "SELECT number FROM turns WHERE done_at < ? ORDER BY done_at LIMIT ?"
        numbers = db.execute(query, (self._clock() - _REMEMBERED_S, most)).fetchall()
        db.executemany("DELETE FROM steps WHERE turn = ?", numbers)
        db.executemany("DELETE FROM turns WHERE number = ?", numbers)


def _do(db: sqlite3.Connection, statement: str, *values: object) -> None:
    db.execute(statement, values)


def _unfinished(db: sqlite3.Connection) -> list[LedgerEntry]:
    steps: dict[int, dict[str, str]] = {}
    for turn, name, result in db.execute(_STEPS):
        steps.setdefault(turn, {})[name] = result
    return [
        LedgerEntry(
            number=number,
            conversation=conversation,
            id=message_id,
            payload=payload,
            steps=steps.get(number, {}),
            attempts=attempts,
            uncounted_attempts=uncounted,
        )
        for number, conversation, message_id, payload, attempts, uncounted in db.execute(_UNFINISHED)
    ]
