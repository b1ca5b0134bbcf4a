"""Which thread a conversation has, in the same PostgreSQL database as the turns, and through the same session.

So a process that lost its session cannot put an old thread over a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation import ConversationKey, ThreadId
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection

_READ = "SELECT conversation, thread FROM threads WHERE backend = $1 AND conversation = ANY ($2::text[])"
_WRITE = """
INSERT INTO threads (backend, conversation, thread) SELECT $1, * FROM unnest($2::text[], $3::text[])
ON CONFLICT (conversation, backend) DO UPDATE SET thread = excluded.thread, state = ''"""
_READ_STATE = "SELECT thread, state FROM threads WHERE backend = $1 AND thread = ANY ($2::text[])"
_WRITE_STATE = """
UPDATE threads SET state = new.state FROM unnest($2::text[], $3::text[]) AS new (thread, state)
WHERE threads.thread = new.thread AND backend = $1"""
_DELETE = "DELETE FROM threads WHERE backend = $1 AND conversation = ANY ($2::text[])"


class PostgresConversations:
    """Implements `bot.ports.Conversations` and `ThreadStates` for one backend: a thread of another one is ignored."""

    def __init__(self, session: PostgresSession, *, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        """The thread that was remembered last, by any process."""
        return await self._session.send(self._read, str(key))

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None:
        """Replace the thread of this conversation, if it has one."""
        await self._session.send(self._write, (str(key), thread))

    async def forget(self, key: ConversationKey) -> None:
        """Take the thread from this conversation, if it has one."""
        await self._session.send(self._delete, str(key))

    async def state_of(self, thread: ThreadId) -> str:
        """The text that was kept last, by any process."""
        return await self._session.send(self._read_state, thread)

    async def keep_state(self, thread: ThreadId, state: str) -> None:
        """Replace the text, if a conversation has the thread."""
        await self._session.send(self._write_state, (thread, state))

    async def _read_state(self, connection: Connection, threads: Sequence[str]) -> list[str]:
        rows = await connection.fetch(_READ_STATE, self._backend, list(threads))
        states = {row["thread"]: str(row["state"]) for row in rows}
        return [states.get(thread, "") for thread in threads]

    async def _write_state(self, connection: Connection, pairs: Sequence[tuple[str, str]]) -> list[None]:
        latest = dict(pairs)  # one row is written once in a statement
        await connection.fetch(_WRITE_STATE, self._backend, list(latest), list(latest.values()))
        return [None] * len(pairs)

    async def _read(self, connection: Connection, conversations: Sequence[str]) -> list[ThreadId | None]:
        rows = await connection.fetch(_READ, self._backend, list(conversations))
        threads = {row["conversation"]: ThreadId(row["thread"]) for row in rows}
        return [threads.get(conversation) for conversation in conversations]

    async def _write(self, connection: Connection, pairs: Sequence[tuple[str, ThreadId]]) -> list[None]:
        latest = dict(pairs)  # one row is written once in a statement
        await connection.fetch(_WRITE, self._backend, list(latest), list(latest.values()))
        return [None] * len(pairs)

    async def _delete(self, connection: Connection, conversations: Sequence[str]) -> list[None]:
        await connection.fetch(_DELETE, self._backend, list(conversations))
        return [None] * len(conversations)
