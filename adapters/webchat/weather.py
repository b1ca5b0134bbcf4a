"""Bad weather to order: the user of this machine sees, and tests see, what the bot does in trouble.

Off unless somebody switches it on; each kind ends by itself. It exists with the chat page alone, in memory alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_MAX_NOTES: Final = 20


class Kind(StrEnum):
    """What goes wrong."""

    SLOW_MODEL = "slow-model"
    MODEL_LIMIT = "model-429"
    CONNECTOR_DOWN = "connector-502"
    REDELIVERY = "redelivery"


LASTS_S: Final = {Kind.SLOW_MODEL: 120.0, Kind.MODEL_LIMIT: 45.0, Kind.CONNECTOR_DOWN: 20.0, Kind.REDELIVERY: 120.0}
MODEL_PAUSE_S: Final = 8.0
"""How much slower a slow model is, at each exchange."""

MODEL_RETRY_AFTER_S: Final = 5.0
"""When to try again, as a model says with its 429."""

REDELIVERED_AFTER_S: Final = 15.0
"""Teams sends a message again when it was not acknowledged within 15 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fault that struck; `at_s` is in unix seconds."""

    at_s: float
    kind: Kind


class Weather:
    """Which kinds are on, and until when. `changed` is called whenever there is something new to show."""

    def __init__(
        self, *, possible: Collection[Kind] = tuple(Kind), clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`possible`: a model of somebody else's service, say, cannot be made slow from here."""
        self.possible = possible
        self._clock = clock
        self._ends_at: dict[Kind, float] = {}
        self._notes: deque[Note] = deque(maxlen=_MAX_NOTES)
        self.changed: Callable[[], None] = lambda: None

    def begin(self, kind: Kind) -> None:
        """From now on, for as long as `LASTS_S` says."""
        self._ends_at[kind] = self._clock() + LASTS_S[kind]
        self.changed()

    def end(self, kind: Kind) -> None:
        """No more."""
        self._ends_at.pop(kind, None)
        self.changed()

    def left_s(self, kind: Kind) -> float:
        """How long it goes on; 0 when it is off."""
        return max(0.0, self._ends_at.get(kind, 0.0) - self._clock())

    def strikes(self, kind: Kind) -> bool:
        """Whether this kind is on; if so, the page is told that it strikes."""
        if not self.left_s(kind):
            return False
        self._notes.append(Note(at_s=time.time(), kind=kind))
        self.changed()
        return True

    def to_json(self) -> dict[str, Any]:
        """For the page: the seconds that are left of each kind that is on, and what happened, the latest first."""
        left = {kind.value: round(left_s, 1) for kind in Kind if (left_s := self.left_s(kind))}
        possible = [kind.value for kind in self.possible]
        return {
            "possible": possible,
            "left_s": left,
            "notes": [{"at_s": note.at_s, "kind": note.kind.value} for note in reversed(self._notes)],
        }
