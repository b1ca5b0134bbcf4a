"""What conversations have outside the ledger, in the same PostgreSQL database as the turns, and through its session."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from bot.belongings import Belonging, BelongingKind
from bot.conversation import ConversationKey
from bot.ports import Belongings
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection

_ADD = """
INSERT INTO belongings (conversation, kind, ref, name, size_bytes, link)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]) ON CONFLICT DO NOTHING"""
_OF = """
SELECT conversation, kind, ref, name, size_bytes, link FROM belongings
WHERE conversation = ANY ($1::text[]) ORDER BY number"""
_REMOVE = """
DELETE FROM belongings USING unnest($1::text[], $2::text[], $3::text[]) AS gone (conversation, kind, ref)
WHERE belongings.conversation = gone.conversation AND belongings.kind = gone.kind AND belongings.ref = gone.ref"""
_FORGET_TURNS = """
WITH gone AS (
    DELETE FROM messages WHERE conversation = ANY ($1::text[]) AND done_at IS NOT NULL
    RETURNING conversation, message_id
), remembered AS (
    INSERT INTO forgotten_messages (digest)
    SELECT sha256(convert_to(conversation || chr(31) || message_id, 'UTF8')) FROM gone
    ON CONFLICT (digest) DO UPDATE SET forgotten_at = excluded.forgotten_at
)
SELECT conversation, count(*) AS count FROM gone GROUP BY conversation"""
_FORGET_FEEDBACK = """
WITH gone AS (DELETE FROM feedback WHERE conversation = ANY ($1::text[]) RETURNING conversation)
SELECT conversation, count(*) AS count FROM gone GROUP BY conversation"""

_Row = tuple[str, Belonging]


class PostgresBelongings(Belongings):
    """The table `belongings`, and the messages whose turns have ended."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session

    @override
    async def add(self, key: ConversationKey, belonging: Belonging) -> None:
        await self._session.send(self._add, (str(key), belonging))

    @override
    async def of(self, key: ConversationKey) -> list[Belonging]:
        return await self._session.read(self._of, str(key))

    @override
    async def remove(self, key: ConversationKey, belonging: Belonging) -> None:
        await self._session.send(self._remove, (str(key), belonging))

    @override
    async def forget_turns(self, key: ConversationKey) -> int:
        return await self._session.send(self._forget_turns, str(key))

    @override
    async def forget_feedback(self, key: ConversationKey) -> int:
        return await self._session.send(self._forget_feedback, str(key))

    async def _add(self, connection: Connection, rows: Sequence[_Row]) -> list[None]:
        names, sizes = [each.name for _, each in rows], [each.size_bytes for _, each in rows]
        await connection.fetch(_ADD, *_keys(rows), names, sizes, [each.link for _, each in rows])
        return [None] * len(rows)

    async def _of(self, connection: Connection, conversations: Sequence[str]) -> list[list[Belonging]]:
        found: dict[str, list[Belonging]] = {}
        for row in await connection.fetch(_OF, list(conversations)):
            found.setdefault(row["conversation"], []).append(
                Belonging(
                    kind=BelongingKind(row["kind"]),
                    ref=row["ref"],
                    name=row["name"],
                    size_bytes=row["size_bytes"],
                    link=row["link"],
                )
            )
        return [found.get(conversation, []) for conversation in conversations]

    async def _remove(self, connection: Connection, rows: Sequence[_Row]) -> list[None]:
        await connection.fetch(_REMOVE, *_keys(rows))
        return [None] * len(rows)

    async def _forget_turns(self, connection: Connection, conversations: Sequence[str]) -> list[int]:
        return await _counts(connection, _FORGET_TURNS, conversations)

    async def _forget_feedback(self, connection: Connection, conversations: Sequence[str]) -> list[int]:
        return await _counts(connection, _FORGET_FEEDBACK, conversations)


async def _counts(connection: Connection, statement: str, conversations: Sequence[str]) -> list[int]:
    counts = {row["conversation"]: row["count"] for row in await connection.fetch(statement, list(conversations))}
    return [counts.get(conversation, 0) for conversation in conversations]


def _keys(rows: Sequence[_Row]) -> tuple[list[str], list[str], list[str]]:
    """Conversations, kinds and ids, as columns."""
    return [key for key, _ in rows], [each.kind.value for _, each in rows], [each.ref for _, each in rows]
