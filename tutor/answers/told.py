"""An answer in the making."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from tutor.answers.say import Say
from tutor.answers.sentence_catalogue import Sentence


class Explanation(Enum):
    """How much is said of the code."""

    FULL = auto()  # how it works, and why there was code: once in a conversation
    SHORT = auto()  # one line
    NONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Collects the sentences of the answer and, for the explanation, what the code does."""

    say: Say
    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def line(self, key: Sentence, **values: str | int) -> None:
        """A sentence of the answer."""
        self.lines.append(self.say(key, **values))

    def step(self, key: Sentence, **values: str | int) -> None:
        """What the code does, and why it was used for this."""
        self.steps.append(self.say(key, **values))

    def explained(self, explanation: Explanation, *, how: Sentence, short: Sentence) -> list[str]:
        """The paragraphs about the code; `how` and `short` are the sentences that begin them."""
        steps = self.say(Sentence.THEN).join(dict.fromkeys(self.steps))
        match explanation:
            case Explanation.FULL:
                return [
                    self.say(how, steps=steps),
                    self.say(Sentence.WHY, reasons=" ".join(dict.fromkeys(self.reasons))),
                ]
            case Explanation.SHORT:
                return [self.say(short, steps=steps)]
            case Explanation.NONE:
                return []

    def reason(self, key: Sentence) -> None:
        """Why code was used."""
        self.reasons.append(self.say(key))
