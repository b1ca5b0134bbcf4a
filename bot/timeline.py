"""What is known of a turn afterwards: when what was done and how it ended, and nothing of what people said."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, NewType

from bot.conversation import ThreadId

Outcome = NewType("Outcome", str)
"""How a turn ended, in a word."""

ANSWERED = Outcome("answered")
STOPPED = Outcome("stopped")  # by the person
WITHDRAWN = Outcome("withdrawn")  # the person deleted the message before its turn
DECLINED = Outcome("declined")  # too many messages were waiting
WELCOMED = Outcome("welcomed")  # nobody asked: the bot introduced itself
UNHEARD = Outcome("unheard")  # the conversation is closed to the bot
GIVEN_UP = Outcome("given_up")  # it brought the process down too often


def apologised(error: Exception) -> Outcome:
    """The person was told that this went wrong."""
    return Outcome(f"apologised:{type(error).__name__}")


_MAX_ID: Final = 200
"""Characters of a message's id in a name: metadata holds 512 (UTF-16 units, to be safe), an id may have thousands."""


def turn_name(number: int, message_id: str) -> str:
    """What a turn is called outside the ledger: in logs, and in the metadata of its runs."""
    return f"{number}-{message_id[:_MAX_ID]}"


RUN_IN: Final = "run in "
SECOND_RUN_IN: Final = "second run in "
"""Steps that start a run are called so, and after the thread."""

EXCUSED: Final = "let go of"
"""The step whose result says how many tries of a turn ended by a polite stop or a lost session, and not in a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step of a turn; `done_at_s` is in unix seconds."""

    name: str
    done_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A turn as an administrator sees it. Times are unix seconds; the conversation goes by the hash that logs show."""

    number: int
    message_id: str
    conversation_hash: str
    accepted_at_s: float
    begun_at_s: float | None = None  # the last time
    tries: int = 0  # how many times it was begun
    steps: tuple[StepDone, ...] = ()  # in the order in which they were done
    ended_at_s: float | None = None
    outcome: Outcome | None = None  # None before the end, and for turns that an older version ended

    @property
    def name(self) -> str:
        """As `turn_name`."""
        return turn_name(self.number, self.message_id)

    @property
    def threads(self) -> frozenset[ThreadId]:
        """The threads in which it had runs."""
        prefixes = (RUN_IN, SECOND_RUN_IN)
        names = (step.name for step in self.steps)
        return frozenset(
            ThreadId(name.removeprefix(prefix)) for name in names for prefix in prefixes if name.startswith(prefix)
        )

    def to_json(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Timeline:
        """The time line that `to_json` wrote."""
        return cls(**{**row, "steps": tuple(StepDone(**step) for step in row["steps"])})
