"""An answer in the making."""

from __future__ import annotations

from dataclasses import dataclass, field

from tutor.answers.say import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Collects the sentences of the answer and, for the explanation, what the code does."""

    say: Say
    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def line(self, key: str, **values: str | int) -> None:
        """A sentence of the answer."""
        self.lines.append(self.say(key, **values))

    def step(self, key: str, **values: str | int) -> None:
        """What the code does, and why it was used for this."""
        self.steps.append(self.say(key, **values))

    def reason(self, key: str) -> None:
        """Why code was used."""
        self.reasons.append(self.say(key))
