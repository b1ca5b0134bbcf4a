"""What people think of answers, in the same PostgreSQL database as the turns, and through the same session."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.conversation import ConversationKey
from bot.feedback import Feedback, FeedbackRecord
from bot.log_ids import conversation_hash
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection

# The ids of sent parts are with the steps of a turn, and once that has ended with its message.
_KEEP = """
WITH sent AS (
    SELECT number FROM turns JOIN steps ON turn = number
    WHERE conversation = $1 AND (name LIKE 'part/%' OR name LIKE 'give_up/%') AND result = $3
    UNION ALL
    SELECT number FROM messages CROSS JOIN LATERAL json_array_elements(steps) AS step
    WHERE conversation = $1 AND step ->> 2 = $3
    LIMIT 1
)
INSERT INTO feedback (conversation, message_id, person, turn, reaction, comment)
SELECT $1, $2, $4, number, $5, $6 FROM sent
ON CONFLICT (conversation, message_id, person)
DO UPDATE SET reaction = excluded.reaction, comment = excluded.comment, given_at = excluded.given_at
RETURNING turn"""
_PAGE = """
SELECT number, turn, conversation, person, reaction, comment, extract(epoch FROM given_at)::float8 AS given_at_s
FROM feedback WHERE number > $1 ORDER BY number LIMIT $2"""
_FORGET = """
WITH forgotten AS (DELETE FROM feedback WHERE conversation = $1 RETURNING number)
SELECT count(*) AS count FROM forgotten"""


class PostgresFeedback:
    """Implements `bot.ports.FeedbackStore`."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session

    async def keep(self, feedback: Feedback) -> bool:
        """Look the message up and write the feedback down, in one statement."""
        return await self._session.send(_keep, feedback)

    async def page(self, after: int, limit: int) -> list[FeedbackRecord]:
        """In the order in which people first gave it."""
        return await self._session.read(_page, (after, limit))

    async def forget(self, key: ConversationKey) -> int:
        """Delete, and count."""
        return await self._session.send(_forget, str(key))


async def _keep(connection: Connection, given: Sequence[Feedback]) -> list[bool]:
    return [
        bool(
            await connection.fetch(
                _KEEP,
                str(each.reference.key),
                each.rated,
                json.dumps(each.rated),
                each.person,
                each.reaction.value,
                each.comment,
            )
        )
        for each in given
    ]


async def _page(connection: Connection, wanted: Sequence[tuple[int, int]]) -> list[list[FeedbackRecord]]:
    return [
        [
            FeedbackRecord(
                number=row["number"],
                turn=row["turn"],
                conversation_hash=conversation_hash(row["conversation"]),
                person=row["person"],
                reaction=row["reaction"],
                comment=row["comment"],
                given_at_s=row["given_at_s"],
            )
            for row in await connection.fetch(_PAGE, *one)
        ]
        for one in wanted
    ]


async def _forget(connection: Connection, conversations: Sequence[str]) -> list[int]:
    return [(await connection.fetch(_FORGET, each))[0]["count"] for each in conversations]
