"""What was said in a conversation, as far as this bot keeps it: to go on at another service, or after a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.conversation import ConversationKey

MAX_PAST_TURNS: Final = 10
"""Turns of a conversation that are kept; older ones go."""

MAX_PAST_CHARS: Final = 2_000
"""Characters that are kept of a question, and of an answer."""

KEPT_S: Final = 30 * 24 * 60 * 60
"""How long a turn is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTurn:
    """A question and its answer, shortened, with the names of the files that came and went along."""

    question: str
    answer: str
    given: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    assistant: str = ""  # the name of the one that answered, where one was chosen

    @property
    def asked(self) -> str:
        """The question, as it can be told to an assistant that was not there."""
        return _with_files(self.question, "attached", self.given)

    @property
    def answered(self) -> str:
        """The answer, likewise. Files stayed where they were."""
        return _with_files(self.answer, "made", self.made)


class NoPast:
    """Implements `bot.ports.PastTurns` where nothing is kept."""

    async def past(self, key: ConversationKey) -> tuple[PastTurn, ...]:
        """Nothing."""
        return ()

    async def add_past(self, key: ConversationKey, number: int, turn: PastTurn) -> None:
        """Keep nothing."""


def shortened(text: str) -> str:
    """A text of at most MAX_PAST_CHARS."""
    return text if len(text) <= MAX_PAST_CHARS else f"{text[: MAX_PAST_CHARS - 1]}…"


def _with_files(text: str, label: str, names: tuple[str, ...]) -> str:
    return f"{text}\n[{label}, not here any more: {', '.join(names)}]".strip() if names else text
