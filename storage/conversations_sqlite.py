"""Which thread a conversation has, and what its backend keeps with it, in the same SQLite file as the turns."""

from __future__ import annotations

import sqlite3

from bot.conversation import ConversationKey, ThreadId
from storage.sqlite import SqliteFile


class SqliteConversations:
    """Implements `bot.ports.Conversations` and `ThreadStates` for one backend: a thread of another one is ignored."""

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
        """Replace the thread of this conversation, if it has one."""

        def write(db: sqlite3.Connection) -> None:
            statement = "INSERT OR REPLACE INTO threads (conversation, backend, thread) VALUES (?, ?, ?)"
            db.execute(statement, (str(key), self._backend, thread))

        await self._file.run(write)

    async def forget(self, key: ConversationKey) -> None:
        """Take the thread from this conversation, if it has one."""

        def delete(db: sqlite3.Connection) -> None:
            query = "DELETE FROM threads WHERE conversation = ? AND backend = ?"
            db.execute(query, (str(key), self._backend))

        await self._file.run(delete)

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
