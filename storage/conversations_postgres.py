"""Which thread and assistant a conversation has, in the PostgreSQL database of the turns and through the same session.

So a process that lost its session cannot put an old thread over a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.codec import past_from_json, past_to_json
from bot.conversation import ConversationKey, ThreadId
from bot.history import KEPT_S, MAX_PAST_TURNS, PastTurn
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection

_READ = "SELECT conversation, thread FROM threads WHERE backend = $1 AND conversation = ANY ($2::text[])"
_WRITE = """
WITH gone AS (DELETE FROM threads WHERE conversation = ANY ($2::text[]) AND backend <> $1)
INSERT INTO threads (backend, conversation, thread) SELECT $1, * FROM unnest($2::text[], $3::text[])
ON CONFLICT (conversation, backend) DO UPDATE SET thread = excluded.thread, state = ''"""
_READ_STATE = "SELECT thread, state FROM threads WHERE backend = $1 AND thread = ANY ($2::text[])"
_WRITE_STATE = """
UPDATE threads SET state = new.state FROM unnest($2::text[], $3::text[]) AS new (thread, state)
WHERE threads.thread = new.thread AND backend = $1"""
_FORGET = """
WITH gone AS (DELETE FROM past_turns WHERE conversation = ANY ($1::text[]))
DELETE FROM threads WHERE conversation = ANY ($1::text[])"""
_READ_CHOICE = "SELECT conversation, assistant FROM choices WHERE conversation = ANY ($1::text[])"
_WRITE_CHOICE = """
WITH thread AS (DELETE FROM threads WHERE conversation = ANY ($1::text[])),
gone AS (
    DELETE FROM choices USING unnest($1::text[], $2::text[]) AS new (conversation, assistant)
    WHERE choices.conversation = new.conversation AND new.assistant IS NULL
)
INSERT INTO choices (conversation, assistant)
SELECT * FROM unnest($1::text[], $2::text[]) AS new (conversation, assistant) WHERE new.assistant IS NOT NULL
ON CONFLICT (conversation) DO UPDATE SET assistant = excluded.assistant"""
_PAST = """
SELECT conversation, said FROM past_turns
WHERE conversation = ANY ($1::text[]) AND at > now() - make_interval(secs => $2) ORDER BY number"""
_ADD_PAST = """
WITH old AS (
    DELETE FROM past_turns WHERE at < now() - make_interval(secs => $5) OR (conversation, number) IN (
        SELECT conversation, number FROM (
            SELECT conversation, number, row_number() OVER (PARTITION BY conversation ORDER BY number DESC) AS place
            FROM past_turns WHERE conversation = ANY ($1::text[])
        ) AS kept WHERE place >= $4
    )
)
INSERT INTO past_turns (conversation, number, said) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])
ON CONFLICT (conversation, number) DO NOTHING"""


class PostgresConversations:
    """Implements `bot.ports.Conversations`, `ThreadStates` and `PastTurns` for one backend.

    A thread of another backend is ignored; it goes when this one's is remembered, for it misses what is said now.
    """

    def __init__(self, session: PostgresSession, *, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        """The thread that was remembered last, by any process."""
        return await self._session.read(self._read, str(key))

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None:
        """Replace the thread of this conversation, if it has one, whichever backend it is of."""
        await self._session.send(self._write, (str(key), thread))

    async def forget(self, key: ConversationKey) -> None:
        """Take all threads from this conversation, those of other backends too, and what was said."""
        await self._session.send(self._forget, str(key))

    async def chosen_assistant(self, key: ConversationKey) -> str | None:
        """The name that was chosen last, by any process."""
        return await self._session.read(self._read_choice, str(key))

    async def choose_assistant(self, key: ConversationKey, name: str | None) -> None:
        """Replace the name, and take all threads from this conversation; what was said stays."""
        await self._session.send(self._write_choice, (str(key), name))

    async def past(self, key: ConversationKey) -> tuple[PastTurn, ...]:
        """What was said last, of the last days."""
        return await self._session.read(self._past, str(key))

    async def add_past(self, key: ConversationKey, number: int, turn: PastTurn) -> None:
        """Keep a turn; what is too old goes, of other conversations too."""
        await self._session.send(self._add_past, (str(key), number, past_to_json(turn)))

    async def state_of(self, thread: ThreadId) -> str:
        """The text that was kept last, by any process."""
        return await self._session.read(self._read_state, thread)

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

    async def _forget(self, connection: Connection, conversations: Sequence[str]) -> list[None]:
        await connection.fetch(_FORGET, list(conversations))
        return [None] * len(conversations)

    async def _read_choice(self, connection: Connection, conversations: Sequence[str]) -> list[str | None]:
        rows = await connection.fetch(_READ_CHOICE, list(conversations))
        chosen = {row["conversation"]: str(row["assistant"]) for row in rows}
        return [chosen.get(conversation) for conversation in conversations]

    async def _write_choice(self, connection: Connection, pairs: Sequence[tuple[str, str | None]]) -> list[None]:
        latest = dict(pairs)  # one row is written once in a statement
        await connection.fetch(_WRITE_CHOICE, list(latest), list(latest.values()))
        return [None] * len(pairs)

    async def _past(self, connection: Connection, conversations: Sequence[str]) -> list[tuple[PastTurn, ...]]:
        rows = await connection.fetch(_PAST, list(conversations), float(KEPT_S))
        said: dict[str, list[PastTurn]] = {}
        for row in rows:
            if (turn := past_from_json(row["said"])) is not None:
                said.setdefault(row["conversation"], []).append(turn)
        return [tuple(said.get(conversation, ())[-MAX_PAST_TURNS:]) for conversation in conversations]

    async def _add_past(self, connection: Connection, rows: Sequence[tuple[str, int, str]]) -> list[None]:
        latest = {(conversation, number): said for conversation, number, said in rows}
        columns = [[key[0] for key in latest], [key[1] for key in latest], list(latest.values())]
        await connection.fetch(_ADD_PAST, *columns, MAX_PAST_TURNS, float(KEPT_S))
        return [None] * len(rows)
