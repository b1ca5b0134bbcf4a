"""Trying again, where that can do no harm."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.errors import AssistantError, AssistantUnavailableError

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call, and one call with its repetitions, may take."""

    call_deadline_s: float = 30.0
    download_deadline_s: float = 120.0
    total_deadline_s: float = 90.0  # no repetition begins after this
    tries: int = 7  # some 12 seconds: one call in five may fail, and nobody notices
    first_pause_s: float = 0.25  # doubles from try to try; the service's own wish comes first if it is longer

    def pause_s(self, tried: int) -> float:
        """The pause after so many tries, scattered so that many callers do not come back at once."""
        return self.first_pause_s * 2.0 ** (tried - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class Insistence:
    """Repeats calls that failed in a way that may pass."""

    def __init__(self, *, patience: Patience, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    async def call(self, do: Callable[[], Awaitable[T]], *, again_on: type[AssistantError]) -> T:
        """What `do` returns at last; its error, once tries or time are used up or if it is no `again_on`."""
        give_up_at = self._clock() + self._patience.total_deadline_s
        for tried in range(1, self._patience.tries):
            try:
                return await do()
            except again_on as error:
                wish_s = error.retry_after_s if isinstance(error, AssistantUnavailableError) else None
                pause_s = max(wish_s or 0.0, self._patience.pause_s(tried))
                if self._clock() + pause_s > give_up_at:
                    raise
            await self._sleep(pause_s)
        return await do()
