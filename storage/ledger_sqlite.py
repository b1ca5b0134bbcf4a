"""The ledger of turns in a SQLite file: one process, which owns every conversation."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence

from bot.ports import LedgerEntry
from storage.sqlite import SqliteFile

_REMEMBERED_S = 7 * 86_400
"""How long the id of a done turn is kept, to know its message when it is delivered once more."""

_FORGET = "DELETE FROM turns WHERE number IN (SELECT number FROM turns WHERE done_at < ? ORDER BY done_at"
_UNFINISHED = "SELECT number, conversation, message_id, payload, tries FROM turns WHERE done_at IS NULL ORDER BY number"


class SqliteLedger:
    """Implements `bot.ports.Ledger`."""

    def __init__(self, file: SqliteFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    async def start(self, adopt: Callable[[Sequence[LedgerEntry]], None], drop: Callable[[], Awaitable[None]]) -> None:
        """Hand over everything unfinished; `drop` is never needed, since nobody else can take a conversation."""
        await self._file.open()
        await self._file.run(self._forget_long_done)
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

    async def begin(self, number: int) -> None:
        """Count one more try."""
        await self._file.run(lambda db: _do(db, "UPDATE turns SET tries = tries + 1 WHERE number = ?", number))

    async def save(self, number: int, step: str, result: str) -> None:
        """Write a step's result down."""
        await self._file.run(lambda db: _do(db, "INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", number, step, result))

    async def end(self, number: int) -> None:
        """Empty what people said, and keep the id."""

        def finish(db: sqlite3.Connection) -> None:
            _do(db, "UPDATE turns SET done_at = ?, payload = '' WHERE number = ?", self._clock(), number)
            _do(db, "DELETE FROM steps WHERE turn = ?", number)
            # Two for one, so that old ids go as fast as new ones come, and no timer is needed.
            _do(db, _FORGET + " LIMIT 2)", self._clock() - _REMEMBERED_S)

        await self._file.run(finish)

    async def stop(self) -> None:
        """Let go of the file."""
        await self._file.close()

    def _forget_long_done(self, db: sqlite3.Connection) -> None:
        _do(db, _FORGET + ")", self._clock() - _REMEMBERED_S)


def _do(db: sqlite3.Connection, statement: str, *values: object) -> None:
    db.execute(statement, values)


def _unfinished(db: sqlite3.Connection) -> list[LedgerEntry]:
    steps: dict[int, dict[str, str]] = {}
    for turn, name, result in db.execute("SELECT turn, name, result FROM steps"):
        steps.setdefault(turn, {})[name] = result
    return [
        LedgerEntry(
            number=number,
            conversation=conversation,
            id=message_id,
            payload=payload,
            steps=steps.get(number, {}),
            tries=tries,
        )
        for number, conversation, message_id, payload, tries in db.execute(_UNFINISHED)
    ]
