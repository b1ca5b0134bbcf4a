"""When to knock again, and when to stop."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_NOTHING_HAPPENED: Final = frozenset({412, 429})  # refused before anything was done
_PERHAPS_HAPPENED: Final = frozenset({502, 503, 504})  # the activity may have been posted all the same


class Effect(StrEnum):
    """What doing a call twice does."""

    SAME = "same"  # an update or a deletion
    TWICE = "twice"  # a creation: the connector has no idempotency key
    WORTHLESS = "worthless"  # typing: over by the time it could be repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds of one call with all its repetitions.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit: repeat 412, 429, 502, 503 and 504 with
    growing pauses, and nothing else.
    """

    attempts: int = 5
    first_pause_s: float = 0.5
    max_pause_s: float = 30.0
    max_queue_wait_s: float = 300.0  # the wait for each turn under Teams' limits: 12,000 requests of one tenant

    def pause_s(self, status: int | None, effect: Effect, tries: int, wish_s: float | None) -> float | None:
        """How long to wait before trying again after so many tries, or None to give up.

        `status` is None when the connection broke before an answer came, which says as little as a 504.
        `wish_s` is the connector's Retry-After.
        """
        if tries >= self._max_attempts(status, effect):
            return None
        if wish_s is not None and wish_s > self.max_pause_s:
            return None
        pause_s = wish_s if wish_s is not None else min(self.first_pause_s * 2 ** (tries - 1), self.max_pause_s)
        return pause_s * random.uniform(1.0, 1.25)  # noqa: S311 - spreads load, guards nothing

    def _max_attempts(self, status: int | None, effect: Effect) -> int:
        if effect is Effect.WORTHLESS:
            return 1
        if status in _NOTHING_HAPPENED:
            return self.attempts
        if status is None or status in _PERHAPS_HAPPENED:
            return 2 if effect is Effect.TWICE else self.attempts
        return 1


def may_work_later(status: int) -> bool:
    """Whether the same call could succeed at a later time."""
    return status in _NOTHING_HAPPENED | _PERHAPS_HAPPENED
