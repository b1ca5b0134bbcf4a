"""Not faster than Teams allows.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit: per bot and conversation 7 requests in a
second, 8 in two and 60 in thirty; per app and tenant 50 in a second.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiolimiter import AsyncLimiter

# (requests at once, requests a second after that): their sum over any of the windows above is within its limit.
_OF_CONVERSATION: Final = ((4, 2.0), (30, 1.0))  # an answer with its plots goes out at once
_OF_TENANT: Final = ((5, 42.0),)  # a little less than allowed: the network moves requests closer together

_MIN_BEFORE_SWEEP: Final = 1_000


class Pace:
    """When a request to the connector may leave; what is idle is forgotten."""

    def __init__(self) -> None:
        self._budgets: dict[tuple[str, ...], _Budget] = {}
        self._sweep_at = _MIN_BEFORE_SWEEP

    async def take(self, tenant: str, conversation: str) -> None:
        """Wait for this request's turn, behind those that wait already."""
        await self._budget(tenant, conversation).take()
        await self._budget(tenant).take()

    def has_room(self, tenant: str, conversation: str) -> bool:
        """Whether `take` would not wait, nobody waits, and a second request would not have to wait either."""
        known = self._budgets.get((tenant, conversation)), self._budgets.get((tenant,))
        return all(budget is None or budget.has_room() for budget in known)

    def __len__(self) -> int:
        """How many budgets are remembered."""
        return len(self._budgets)

    def _budget(self, *key: str) -> _Budget:
        if (budget := self._budgets.get(key)) is None:
            if len(self._budgets) >= self._sweep_at:
                self._sweep()
            budget = self._budgets[key] = _Budget(_OF_TENANT if len(key) == 1 else _OF_CONVERSATION)
        return budget

    def _sweep(self) -> None:
        """Forget budgets that nothing was taken from lately; done each time their number has doubled."""
        self._budgets = {key: budget for key, budget in self._budgets.items() if not budget.is_idle()}
        self._sweep_at = max(_MIN_BEFORE_SWEEP, 2 * len(self._budgets))


class _Budget:
    """Leaky buckets that must all have room. The lock makes a queue of those who wait: a bucket alone has none."""

    __slots__ = ("_buckets", "_queue")

    def __init__(self, shapes: tuple[tuple[int, float], ...]) -> None:
        self._buckets = tuple(AsyncLimiter(at_once, at_once / per_s) for at_once, per_s in shapes)
        self._queue = asyncio.Lock()

    async def take(self) -> None:
        async with self._queue:
            for bucket in self._buckets:
                await bucket.acquire()

    def has_room(self) -> bool:
        return not self._queue.locked() and all(bucket.has_capacity(2) for bucket in self._buckets)

    def is_idle(self) -> bool:
        return not self._queue.locked() and all(bucket.has_capacity(bucket.max_rate) for bucket in self._buckets)
