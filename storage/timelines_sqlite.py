"""Time lines of turns, from the SQLite file of the ledger."""

from __future__ import annotations

import sqlite3
from typing import Any

from bot.codec import outcome_from_text, step_name_today
from bot.conversation import ConversationKey
from bot.log_ids import conversation_hash
from bot.timeline import StepDone, Timeline
from storage.sqlite import SqliteFile

_COLUMNS = "number, message_id, conversation, accepted_at, started_at, attempts, done_at, outcome"
_LATEST = f"SELECT {_COLUMNS} FROM turns ORDER BY number DESC LIMIT ?"  # noqa: S608 - constants only
_ONE = f"SELECT {_COLUMNS} FROM turns WHERE number = ?"  # noqa: S608 - constants only
_OF = f"SELECT {_COLUMNS} FROM turns WHERE conversation = ? ORDER BY number DESC LIMIT ?"  # noqa: S608 - constants only
# A step without a time was done under the first version of the tables.
_STEPS = """
SELECT name, coalesce(steps.done_at, accepted_at) AS at FROM steps JOIN turns ON number = turn WHERE turn = ?
ORDER BY at, name"""


class SqliteTimelines:
    """Implements `bot.ports.Timelines` and `bot.ports.TurnsOfConversation`."""

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


def _timeline(db: sqlite3.Connection, row: tuple[Any, ...]) -> Timeline:
    number, message_id, conversation, accepted_at, started_at, attempts, done_at, outcome = row
    return Timeline(
        number=number,
        message_id=message_id,
        conversation_hash=conversation_hash(conversation),
        accepted_at_s=accepted_at,
        started_at_s=started_at,
        attempts=attempts,
        steps=tuple(StepDone(name=step_name_today(name), done_at_s=at) for name, at in db.execute(_STEPS, (number,))),
        ended_at_s=done_at,
        outcome=None if outcome is None else outcome_from_text(outcome),
    )
