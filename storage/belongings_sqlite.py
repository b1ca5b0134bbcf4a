"""What conversations have outside the ledger, in the same SQLite file as the turns."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from typing_extensions import override

from bot.belongings import Belonging, BelongingKind
from bot.conversation import ConversationKey
from bot.ports import Belongings
from storage.ledger_sqlite import forgotten_digest
from storage.sqlite import SqliteFile

_ADD = (
    "INSERT OR IGNORE INTO belongings (conversation, kind, ref, name, size_bytes, link, added_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_OF = "SELECT kind, ref, name, size_bytes, link FROM belongings WHERE conversation = ? ORDER BY added_at, rowid"
_REMOVE = "DELETE FROM belongings WHERE conversation = ? AND kind = ? AND ref = ?"
_ENDED = "conversation = ? AND done_at IS NOT NULL"


class SqliteBelongings(Belongings):
    """The table `belongings`, and the ended turns of a conversation."""

    def __init__(self, file: SqliteFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    @override
    async def add(self, key: ConversationKey, belonging: Belonging) -> None:
        row = (belonging.kind, belonging.ref, belonging.name, belonging.size_bytes, belonging.link)
        await self._file.run(lambda db: _do(db, _ADD, str(key), *row, self._clock()))

    @override
    async def of(self, key: ConversationKey) -> list[Belonging]:
        rows = await self._file.run(lambda db: db.execute(_OF, (str(key),)).fetchall())
        return [
            Belonging(kind=BelongingKind(kind), ref=ref, name=name, size_bytes=size_bytes, link=link)
            for kind, ref, name, size_bytes, link in rows
        ]

    @override
    async def remove(self, key: ConversationKey, belonging: Belonging) -> None:
        await self._file.run(lambda db: _do(db, _REMOVE, str(key), belonging.kind, belonging.ref))

    @override
    async def forget_turns(self, key: ConversationKey) -> int:
        def delete(db: sqlite3.Connection) -> int:
            now_s = self._clock()
            ids = db.execute(f"SELECT message_id FROM turns WHERE {_ENDED}", (str(key),)).fetchall()  # noqa: S608 - a constant
            rows = [(forgotten_digest(str(key), message_id), now_s) for (message_id,) in ids]
            db.executemany("INSERT OR REPLACE INTO forgotten_messages VALUES (?, ?)", rows)
            _do(db, f"DELETE FROM steps WHERE turn IN (SELECT number FROM turns WHERE {_ENDED})", str(key))  # noqa: S608 - a constant
            return db.execute(f"DELETE FROM turns WHERE {_ENDED}", (str(key),)).rowcount  # noqa: S608 - a constant

        return await self._file.run(delete)

    @override
    async def forget_feedback(self, key: ConversationKey) -> int:
        query = "DELETE FROM feedback WHERE conversation = ?"
        return await self._file.run(lambda db: db.execute(query, (str(key),)).rowcount)


def _do(db: sqlite3.Connection, statement: str, *values: object) -> None:
    db.execute(statement, values)
