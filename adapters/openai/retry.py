"""Repeating calls that may be repeated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.errors import AssistantError, AssistantUnavailableError
from httpkit.backoff import backoff_s

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long one call may take, and how often and how long it is repeated."""

    call_deadline_s: float = 30.0
    download_deadline_s: float = 120.0
    total_deadline_s: float = 90.0  # no attempt begins after this
    max_attempts: int = 7  # some 12 seconds: one call in five may fail, and nobody notices
    first_pause_s: float = 0.25  # doubles with each attempt; the service's own Retry-After wins if it is longer

    def pause_s(self, attempts: int) -> float:
        """The pause after so many attempts."""
        return backoff_s(attempts, first_s=self.first_pause_s, jitter=(0.5, 1))


class Retrier:
    """Repeats calls that failed in a way that may pass."""

    def __init__(self, *, policy: RetryPolicy, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._policy = policy
        self._clock = clock
        self._sleep = sleep

    async def call(self, do: Callable[[], Awaitable[T]], *, retry_on: type[AssistantError]) -> T:
        """Call `do` until it returns. Raises its error when attempts or time are used up, or if it is no `retry_on`."""
        give_up_at = self._clock() + self._policy.total_deadline_s
        for attempts in range(1, self._policy.max_attempts):
            try:
                return await do()
            except retry_on as error:
                retry_after_s = error.retry_after_s if isinstance(error, AssistantUnavailableError) else None
                pause_s = max(retry_after_s or 0.0, self._policy.pause_s(attempts))
                if self._clock() + pause_s > give_up_at:
                    raise
            await self._sleep(pause_s)
        return await do()
