"""Time lines of turns, from the SQLite file of the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from bot.codec import current_step_name, outcome_from_text
from bot.conversation import ConversationKey
from bot.log_ids import conversation_hash
from bot.timeline import StepDone, Timeline
from bot.turn_record import Usage, UsageSum, key_of
from storage.sqlite import SqliteFile

_USED = "input_tokens, cached_tokens, output_tokens, reasoning_tokens, code_runs, code_ms"
_LINES = f"""
SELECT number, message_id, conversation, accepted_at, started_at, attempts, done_at, outcome, {_USED}
FROM turns LEFT JOIN usage ON turn = number """  # noqa: S608 - constants only
_LATEST = f"{_LINES} ORDER BY number DESC LIMIT ?"
_ONE = f"{_LINES} WHERE number = ?"
_OF = f"{_LINES} WHERE conversation = ? ORDER BY number DESC LIMIT ?"
_SUM = f"""
SELECT count(*), {", ".join(f"coalesce(sum({column}), 0)" for column in _USED.split(", "))} FROM usage
WHERE tenant = :tenant AND ended_at >= :since_s AND (:person IS NULL OR person = :person)"""  # noqa: S608 - constants only
# A step without a time was done under the first version of the tables.
_STEPS = """
SELECT name, coalesce(steps.done_at, accepted_at) AS at FROM steps JOIN turns ON number = turn WHERE turn = ?
ORDER BY at, name"""


class SqliteTimelines:
    """Implements `bot.ports.Timelines`, `bot.ports.TurnsOfConversation` and `bot.ports.UsageReader`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def latest(self, limit: int) -> list[Timeline]:
        """By number, which is the order of acceptance."""
        return await self._file.run(lambda db: [_timeline(db, row) for row in db.execute(_LATEST, (limit,))][::-1])

    async def of(self, key: ConversationKey, limit: int) -> list[Timeline]:
        """The same for one conversation."""
        asked = (str(key), limit)
        return await self._file.run(lambda db: [_timeline(db, row) for row in db.execute(_OF, asked)][::-1])

    async def timeline(self, number: int) -> Timeline | None:
        """Look the turn up."""

        def read(db: sqlite3.Connection) -> Timeline | None:
            row = db.execute(_ONE, (number,)).fetchone()
            return _timeline(db, row) if row else None

        return await self._file.run(read)

    async def used(self, tenant: str, since_s: float, person: str | None = None) -> UsageSum:
        """Add up the rows of the ledger."""
        asked = {"tenant": key_of(tenant), "since_s": since_s, "person": None if person is None else key_of(person)}
        turns, *used = await self._file.run(lambda db: db.execute(_SUM, asked).fetchone())
        return UsageSum(turns=turns, usage=_usage(used))


def _usage(columns: Sequence[int]) -> Usage:
    return Usage(**dict(zip(_USED.split(", "), columns, strict=True)))


def _timeline(db: sqlite3.Connection, row: tuple[Any, ...]) -> Timeline:
    number, message_id, conversation, accepted_at, started_at, attempts, done_at, outcome, *used = row
    return Timeline(
        number=number,
        message_id=message_id,
        conversation_hash=conversation_hash(conversation),
        accepted_at_s=accepted_at,
        started_at_s=started_at,
        attempts=attempts,
        steps=tuple(StepDone(name=current_step_name(name), done_at_s=at) for name, at in db.execute(_STEPS, (number,))),
        ended_at_s=done_at,
        outcome=None if outcome is None else outcome_from_text(outcome),
        usage=None if used[0] is None else _usage(used),
    )
