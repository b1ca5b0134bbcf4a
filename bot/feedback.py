"""What people think of answers: a thumb and a comment on one of the bot's messages."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from bot.conversation import ActivityId, ConversationReference
from bot.turn_record import code_of

MAX_COMMENT_CHARS: Final = 4_000

# A spreadsheet takes what begins with these for a formula, the wide ones of Asian keyboards too.
_FORMULA: Final = tuple("=+-@\t\r\n\0|%＝＋－＠")
_COLUMNS: Final = ("given_at", "turn", "conversation", "person", "reaction", "comment")


class Reaction(StrEnum):
    """Which thumb. The values are stored."""

    LIKE = "like"
    DISLIKE = "dislike"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One person's opinion of one message of the bot; a later one takes its place."""

    reference: ConversationReference
    rated: ActivityId
    reaction: Reaction
    comment: str = ""

    @property
    def person(self) -> str:
        """Identifies the person without naming them: two opinions of one person can be told from those of two."""
        person = self.reference.user.directory_id or self.reference.user.id
        return hashlib.sha256(person.encode("utf-8", "replace")).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRecord:
    """Feedback as an operator reads it. `number` grows with each new record and is the mark to read on from."""

    number: int
    turn: int
    conversation_hash: str  # as in the log
    person: str
    reaction: str
    comment: str
    given_at_s: float  # unix seconds

    def to_json(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return asdict(self)


def csv_heading() -> str:
    """The first line of an export."""
    return _line(_COLUMNS)


def csv_lines(records: Iterable[FeedbackRecord]) -> str:
    """The records as lines of RFC 4180. A comment that a spreadsheet would compute gets an apostrophe before it."""
    return "".join(
        _line(
            (
                datetime.fromtimestamp(record.given_at_s, UTC).isoformat(timespec="seconds"),
                code_of(record.turn),
                record.conversation_hash,
                record.person,
                record.reaction,
                _as_text(record.comment),
            )
        )
        for record in records
    )


def _as_text(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
