"""What people think of answers, in the same SQLite file as the turns."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable

from bot.conversation import ConversationKey
from bot.feedback import Feedback, FeedbackRecord
from bot.log_ids import conversation_hash
from storage.sqlite import SqliteFile

# The ledger keeps the ids of sent parts for as long as it knows the turn.
_SENT = """
SELECT number FROM turns JOIN steps ON turn = number
WHERE conversation = ? AND (name LIKE 'part/%' OR name LIKE 'give_up/%') AND result = ? LIMIT 1"""
_KEEP = """
INSERT INTO feedback (conversation, message_id, person, turn, reaction, comment, given_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (conversation, message_id, person)
DO UPDATE SET reaction = excluded.reaction, comment = excluded.comment, given_at = excluded.given_at"""
_PAGE = """
SELECT number, turn, conversation, person, reaction, comment, given_at FROM feedback
WHERE number > ? ORDER BY number LIMIT ?"""


class SqliteFeedback:
    """Implements `bot.ports.FeedbackStore`."""

    def __init__(self, file: SqliteFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock

    async def keep(self, feedback: Feedback) -> bool:
        """Look the message up and write the feedback down, in one transaction."""
        conversation, rated = str(feedback.reference.key), feedback.rated

        def write(db: sqlite3.Connection) -> bool:
            sent = db.execute(_SENT, (conversation, json.dumps(rated))).fetchone()
            if sent is None:
                return False
            opinion = (feedback.person, sent[0], feedback.reaction, feedback.comment, self._clock())
            db.execute(_KEEP, (conversation, rated, *opinion))
            return True

        return await self._file.run(write)

    async def page(self, after: int, limit: int) -> list[FeedbackRecord]:
        """In the order in which people first gave it."""
        rows = await self._file.run(lambda db: db.execute(_PAGE, (after, limit)).fetchall())
        return [
            FeedbackRecord(
                number=number,
                turn=turn,
                conversation_hash=conversation_hash(conversation),
                person=person,
                reaction=reaction,
                comment=comment,
                given_at_s=given_at,
            )
            for number, turn, conversation, person, reaction, comment, given_at in rows
        ]

    async def forget(self, key: ConversationKey) -> int:
        """Delete, and count."""
        query = "DELETE FROM feedback WHERE conversation = ?"
        return await self._file.run(lambda db: db.execute(query, (str(key),)).rowcount)
