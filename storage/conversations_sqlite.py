"""Which thread and assistant a conversation has, what its backend keeps with it, in the SQLite file of the turns."""

from __future__ import annotations

import sqlite3
import time

from bot.codec import past_from_json, past_to_json
from bot.conversation import ConversationKey, ThreadId
from bot.history import KEPT_S, MAX_PAST_TURNS, PastTurn
from storage.sqlite import SqliteFile


class SqliteConversations:
    """Implements `bot.ports.Conversations`, `ThreadStates` and `PastTurns` for one backend.

    A thread of another backend is ignored; it goes when this one's is remembered, for it misses what is said now.
    """

    def __init__(self, file: SqliteFile, *, backend: str) -> None:
        self._file = file
        self._backend = backend

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        """The thread that was remembered last."""

        def read(db: sqlite3.Connection) -> ThreadId | None:
            query = "SELECT thread FROM threads WHERE conversation = ? AND backend = ?"
            row = db.execute(query, (str(key), self._backend)).fetchone()
            return ThreadId(row[0]) if row else None

        return await self._file.run(read)

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None:
        """Replace the thread of this conversation, if it has one, whichever backend it is of."""

        def write(db: sqlite3.Connection) -> None:
            statement = "INSERT OR REPLACE INTO threads (conversation, backend, thread) VALUES (?, ?, ?)"
            db.execute("DELETE FROM threads WHERE conversation = ? AND backend <> ?", (str(key), self._backend))
            db.execute(statement, (str(key), self._backend, thread))

        await self._file.run(write)

    async def forget(self, key: ConversationKey) -> None:
        """Take all threads from this conversation, those of other backends too, and what was said."""

        def delete(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM threads WHERE conversation = ?", (str(key),))
            db.execute("DELETE FROM past_turns WHERE conversation = ?", (str(key),))

        await self._file.run(delete)

    async def chosen_assistant(self, key: ConversationKey) -> str | None:
        """The name that was chosen last."""

        def read(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT assistant FROM choices WHERE conversation = ?", (str(key),)).fetchone()
            return str(row[0]) if row else None

        return await self._file.run(read)

    async def choose_assistant(self, key: ConversationKey, name: str | None) -> None:
        """Replace the name, and take all threads from this conversation; what was said stays."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM choices WHERE conversation = ?", (str(key),))
            if name is not None:
                db.execute("INSERT INTO choices VALUES (?, ?)", (str(key), name))
            db.execute("DELETE FROM threads WHERE conversation = ?", (str(key),))

        await self._file.run(write)

    async def past(self, key: ConversationKey) -> tuple[PastTurn, ...]:
        """What was said last, of the last days."""

        def read(db: sqlite3.Connection) -> tuple[PastTurn, ...]:
            query = "SELECT said FROM past_turns WHERE conversation = ? AND at > ? ORDER BY number DESC LIMIT ?"
            rows = db.execute(query, (str(key), time.time() - KEPT_S, MAX_PAST_TURNS)).fetchall()
            return tuple(turn for (said,) in reversed(rows) if (turn := past_from_json(said)) is not None)

        return await self._file.run(read)

    async def add_past(self, key: ConversationKey, number: int, turn: PastTurn) -> None:
        """Keep a turn; what is too old goes, of other conversations too."""

        def write(db: sqlite3.Connection) -> None:
            row = (str(key), number, past_to_json(turn), time.time())
            db.execute("INSERT OR REPLACE INTO past_turns VALUES (?, ?, ?, ?)", row)
            oldest = "SELECT number FROM past_turns WHERE conversation = ? ORDER BY number DESC LIMIT 1 OFFSET ?"
            db.execute(
                f"DELETE FROM past_turns WHERE conversation = ? AND number <= ({oldest})",  # noqa: S608 - fixed text
                (str(key), str(key), MAX_PAST_TURNS),
            )
            db.execute("DELETE FROM past_turns WHERE at < ?", (time.time() - KEPT_S,))

        await self._file.run(write)

    async def state_of(self, thread: ThreadId) -> str:
        """The text that was kept last."""

        def read(db: sqlite3.Connection) -> str:
            query = "SELECT state FROM threads WHERE thread = ? AND backend = ?"
            row = db.execute(query, (thread, self._backend)).fetchone()
            return str(row[0]) if row else ""

        return await self._file.run(read)

    async def keep_state(self, thread: ThreadId, state: str) -> None:
        """Replace the text, if a conversation has the thread."""

        def write(db: sqlite3.Connection) -> None:
            statement = "UPDATE threads SET state = ? WHERE thread = ? AND backend = ?"
            db.execute(statement, (state, thread, self._backend))

        await self._file.run(write)
