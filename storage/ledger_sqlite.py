"""The ledger of turns in a SQLite file: one process, which owns every conversation."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

from bot.codec import step_to_text
from bot.ports import LedgerEntry
from bot.turn_record import ANSWERED, Outcome, StepKey, StepKind, TurnUsage
from storage.sqlite import SqliteFile

_MAX_NUMBER = 2**63 - 1
_USAGE_REMEMBERED_S = 35 * 86_400
"""How long it is kept what a turn consumed: for sums of a month."""

REMEMBERED_S = 7 * 86_400
"""How long a done turn is kept, to know its message when it is delivered once more, and to explain it."""

_UNFINISHED = """
SELECT number, conversation, message_id, payload, attempts, uncounted_attempts
FROM turns WHERE done_at IS NULL AND number >= ? AND number <= ? ORDER BY number"""
_SIGNAL = "INSERT OR IGNORE INTO steps (turn, name, result, done_at) VALUES (?, ?, ?, ?)"
_BEFORE = """
SELECT number FROM turns WHERE conversation = ? AND number < ? AND done_at IS NULL AND hears_signals
ORDER BY attempts = 0, number LIMIT 1"""
_STEPS = """
SELECT turn, name, result FROM steps
WHERE turn IN (SELECT number FROM turns WHERE done_at IS NULL AND number >= ? AND number <= ?)"""


_USE = """
INSERT OR IGNORE INTO usage (
    turn, tenant, person, ended_at, input_tokens, cached_tokens, output_tokens, reasoning_tokens, code_runs, code_ms
) VALUES (
    :turn, :tenant, :person, :ended_at, :input_tokens, :cached_tokens, :output_tokens, :reasoning_tokens, :code_runs,
    :code_ms
)"""


class SqliteLedger:
    """Implements `bot.ports.Ledger`."""

    def __init__(self, file: SqliteFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._on_assigned: Callable[[Sequence[LedgerEntry]], None] = lambda _: None  # until the start

    async def start(
        self, on_assigned: Callable[[Sequence[LedgerEntry]], None], on_revoked: Callable[[], Awaitable[None]]
    ) -> None:
        """Hand over everything unfinished; `on_revoked` is never needed, since nobody else can take a conversation."""
        await self._file.open()
        await self._file.run(lambda db: self._forget(db, most=-1))
        self._on_assigned = on_assigned
        on_assigned(await self._file.run(_unfinished))

    def owns(self, conversation: str) -> bool:
        """True: the file is this process's alone."""
        return True

    async def add(
        self, conversation: str, message_id: str, payload: str, *, signal: str = "", hears_signals: bool = True
    ) -> int | None:
        """Write a message down. Two deliveries at once are one: the unique key decides."""

        def insert(db: sqlite3.Connection) -> tuple[int | None, list[LedgerEntry]]:
            digest = forgotten_digest(conversation, message_id)
            query = "SELECT 1 FROM forgotten_messages WHERE digest = ? AND forgotten_at >= ?"
            if db.execute(query, (digest, self._clock() - REMEMBERED_S)).fetchone():
                return None, []
            row = db.execute(
                "INSERT INTO turns (conversation, message_id, payload, accepted_at, hears_signals) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING number",
                (conversation, message_id, payload, self._clock(), hears_signals),
            ).fetchone()
            number = row[0] if row else None
            before = db.execute(_BEFORE, (conversation, number)).fetchone() if signal and number else None
            return number, self._signalled(db, before[0], signal, str(number)) if before else []

        number, signalled = await self._file.run(insert)
        self._on_assigned(signalled)
        return number

    async def check(self) -> None:
        """Begin a transaction that may write, as each call does, and end it empty."""
        await self._file.run(lambda _: None)

    async def signal(self, number: int, name: str, value: str) -> None:
        """Write the step down, and hand the turn over with it."""
        self._on_assigned(await self._file.run(lambda db: self._signalled(db, number, name, value)))

    def _signalled(self, db: sqlite3.Connection, number: int, name: str, value: str) -> list[LedgerEntry]:
        if _unfinished(db, number):
            _do(db, _SIGNAL, number, step_to_text(StepKey(StepKind.SIGNAL, reference=name)), value, self._clock())
        return _unfinished(db, number)

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

    async def end(self, number: int, outcome: Outcome = ANSWERED, used: TurnUsage | None = None) -> None:
        """Empty what people said, and keep ids, times, the outcome and what was consumed."""

        def finish(db: sqlite3.Connection) -> None:
            query = "UPDATE turns SET done_at = ?, outcome = ?, payload = '' WHERE number = ?"
            _do(db, query, self._clock(), outcome, number)
            # The ids of what was sent stay, by which a person's opinion of it is known to be of this turn.
            sent = "name LIKE 'part/%' OR name LIKE 'give_up/%'"
            _do(db, f"UPDATE steps SET result = '' WHERE turn = ? AND NOT ({sent})", number)  # noqa: S608
            if used is not None:
                row = {"turn": number, "ended_at": self._clock(), **asdict(used.usage)}
                db.execute(_USE, {**row, "tenant": used.tenant, "person": used.person})
            # Two for one, so that old turns go as fast as new ones come, and no timer is needed.
            self._forget(db, most=2)

        await self._file.run(finish)

    async def stop(self) -> None:
        """Let go of the file."""
        await self._file.close()

    def _forget(self, db: sqlite3.Connection, *, most: int) -> None:
        """Delete long done turns; -1 means all of them."""
        query = "SELECT number FROM turns WHERE done_at < ? ORDER BY done_at LIMIT ?"
        numbers = db.execute(query, (self._clock() - REMEMBERED_S, most)).fetchall()
        db.executemany("DELETE FROM steps WHERE turn = ?", numbers)
        db.executemany("DELETE FROM turns WHERE number = ?", numbers)
        query = "DELETE FROM usage WHERE turn IN (SELECT turn FROM usage WHERE ended_at < ? ORDER BY ended_at LIMIT ?)"
        _do(db, query, self._clock() - _USAGE_REMEMBERED_S, most)
        old = "SELECT digest FROM forgotten_messages WHERE forgotten_at < ? ORDER BY forgotten_at LIMIT ?"
        _do(db, f"DELETE FROM forgotten_messages WHERE digest IN ({old})", self._clock() - REMEMBERED_S, most)  # noqa: S608 - a constant


def forgotten_digest(conversation: str, message_id: str) -> bytes:
    """What is kept of a message that was forgotten."""
    return hashlib.sha256(f"{conversation}\x1f{message_id}".encode("utf-8", "surrogatepass")).digest()


def _do(db: sqlite3.Connection, statement: str, *values: object) -> None:
    db.execute(statement, values)


def _unfinished(db: sqlite3.Connection, number: int | None = None) -> list[LedgerEntry]:
    """All unfinished turns, or the one of this number."""
    numbers = (0, _MAX_NUMBER) if number is None else (number, number)
    steps: dict[int, dict[str, str]] = {}
    for turn, name, result in db.execute(_STEPS, numbers):
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
        for number, conversation, message_id, payload, attempts, uncounted in db.execute(_UNFINISHED, numbers)
    ]
