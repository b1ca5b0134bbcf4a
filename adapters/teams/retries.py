"""Which requests to the connector are repeated, how often and after which pauses.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit names the statuses that may be repeated. It
does not say that a creation has no idempotency key: repeated after a 504 it stands in the chat twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from httpkit.backoff import backoff_s


class Idempotency(StrEnum):
    """What doing a request twice does."""

    IDEMPOTENT = "idempotent"  # an update or a deletion
    NON_IDEMPOTENT = "non-idempotent"  # a creation
    EPHEMERAL = "ephemeral"  # typing: over by the time it could be repeated


class Failure(StrEnum):
    """What a request that failed says about the activity."""

    NOT_POSTED = "not posted"  # no connection, or refused before anything was done
    UNAVAILABLE = "unavailable"  # a gateway without a service behind it: not posted, as far as anybody knows
    UNKNOWN = "unknown"  # it was sent, and what became of it is not known
    FAILED = "failed"  # over this activity, which may have been posted all the same; another form of it may do better
    REJECTED = "rejected"  # and would be again


_FAILURES: Final = {
    408: Failure.UNKNOWN,
    412: Failure.NOT_POSTED,
    425: Failure.NOT_POSTED,
    429: Failure.NOT_POSTED,
    500: Failure.FAILED,
    502: Failure.UNAVAILABLE,
    503: Failure.UNAVAILABLE,
    504: Failure.UNKNOWN,
}


def failure_of(status: int) -> Failure:
    """What an HTTP status that is no success says. From 520 on they are those of gateways in front of the connector."""
    return _FAILURES.get(status, Failure.UNKNOWN if status >= 520 else Failure.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds of one call with all its repetitions."""

    attempts: int = 5
    first_pause_s: float = 0.5
    max_pause_s: float = 30.0
    max_queue_wait_s: float = 300.0  # the wait for each turn under Teams' limits: 12,000 requests of one tenant
    max_unknown_s: float = 60.0  # how long after a first unknown outcome a creation may be repeated

    def pause_s(self, attempt: int, retry_after_s: float | None) -> float | None:
        """How long to wait after this attempt (the first is 1), or None if the connector asks for a longer pause."""
        if retry_after_s is not None and retry_after_s > self.max_pause_s:
            return None
        if retry_after_s is not None:
            return backoff_s(1, first_s=retry_after_s, jitter=(1, 1.25))
        return backoff_s(attempt, first_s=self.first_pause_s, max_s=self.max_pause_s, jitter=(1, 1.25))


class Attempts:
    """The attempts of one request.

    `repeat_until_s`, in the event loop's time, is set by the first attempt of a creation whose outcome is unknown, and
    from the start where these attempts are themselves the repetition of one (`is_repetition`).
    """

    def __init__(self, policy: RetryPolicy, idempotency: Idempotency, *, is_repetition: bool = False) -> None:
        self._policy = policy
        self._idempotency = idempotency
        self.number = 0
        until_s = asyncio.get_running_loop().time() + policy.max_unknown_s
        self.repeat_until_s: float | None = until_s if is_repetition else None

    def pause_s(self, failure: Failure, retry_after_s: float | None) -> float | None:
        """How long to wait after an attempt that failed like this before the next one; None if there is none."""
        self.number += 1
        if failure in (Failure.FAILED, Failure.REJECTED) or self._idempotency is Idempotency.EPHEMERAL:
            return None
        now_s = asyncio.get_running_loop().time()
        if failure is Failure.UNKNOWN and self._idempotency is Idempotency.NON_IDEMPOTENT:
            if self.repeat_until_s is not None:
                return None
            self.repeat_until_s, self.number = now_s + self._policy.max_unknown_s, 1
        pause_s = self._policy.pause_s(self.number, retry_after_s)
        if self.repeat_until_s is None:
            return pause_s if self.number < self._policy.attempts else None
        # An attempt that surely posted nothing does not count as the one repetition: the time limit ends these.
        return pause_s if pause_s is not None and now_s + pause_s < self.repeat_until_s else None
