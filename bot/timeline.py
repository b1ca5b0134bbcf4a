"""What is known of a turn afterwards: when what was done and how it ended, and nothing of what people said."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from bot.codec import step_from_text
from bot.conversation import ThreadId
from bot.turn_record import Outcome, StepKind, Usage

_MAX_ID: Final = 200
"""Characters of a message's id in a name: metadata holds 512 (UTF-16 units, to be safe), an id may have thousands."""


def turn_name(number: int, message_id: str) -> str:
    """What a turn is called outside the ledger: in logs, and in the metadata of its runs."""
    return f"{number}-{message_id[:_MAX_ID]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step of a turn; `done_at_s` is in unix seconds."""

    name: str  # as `bot.codec.step_to_text` gives it, or the name of an earlier version that has no step of that kind
    done_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A turn as an administrator sees it. Times are unix seconds; the conversation goes by the hash that logs show."""

    number: int
    message_id: str
    conversation_hash: str
    accepted_at_s: float
    started_at_s: float | None = None  # the last attempt
    attempts: int = 0
    steps: tuple[StepDone, ...] = ()  # in the order in which they were done
    ended_at_s: float | None = None
    outcome: Outcome | None = None  # None before the end, and for turns that an older version ended
    usage: Usage | None = None  # None before the end, and if it did not ask the assistant

    @property
    def name(self) -> str:
        """As `turn_name`."""
        return turn_name(self.number, self.message_id)

    @property
    def threads(self) -> frozenset[ThreadId]:
        """The threads in which it had runs."""
        keys = (step_from_text(step.name) for step in self.steps)
        return frozenset(ThreadId(key.reference) for key in keys if key is not None and key.kind is StepKind.RUN)

    def to_json(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Timeline:
        """The timeline that `to_json` wrote."""
        steps = tuple(StepDone(**step) for step in row["steps"])
        return cls(**{**row, "steps": steps, "usage": Usage.from_json(row.get("usage"))})
