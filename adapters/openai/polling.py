"""Waiting for a run: one loop with one deadline, for every backend that has to look and look again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.openai.retry import Clock, Sleep
from bot.errors import AssistantUnavailableError
from bot.run import Run, RunStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingPace:
    """How often to look, and for how long."""

    first_s: float = 0.1
    factor: float = 1.5
    max_s: float = 0.5
    max_looks_per_s: float = 600.0  # of all runs that are waited for together: beyond, each is looked at less often
    after_trouble_s: float = 1.0  # where an unwell service has no wish of its own
    max_retry_after_s: float = 10.0  # of the service's own wishes, so that a wild one cannot put us to sleep
    deadline_s: float = 600.0  # the age at which Assistants v2 itself expires a run


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look at a run."""

    run: Run
    poll_after_s: float | None = None  # the service's wish


class Poller:
    """Looks at runs until they rest."""

    def __init__(self, *, pace: PollingPace, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._waiting = 0

    async def wait(self, look: Callable[[float], Awaitable[Sight]]) -> Run:
        """The run once it rests, or as last seen when the deadline has passed.

        `look` is given the seconds that are left. That the service is unwell is borne until the deadline; if it was
        unwell at every look, its last error is raised.
        """
        self._waiting += 1
        try:
            return await self._watch(look, give_up_at=self._clock() + self._pace.deadline_s)
        finally:
            self._waiting -= 1

    async def _watch(self, look: Callable[[float], Awaitable[Sight]], *, give_up_at: float) -> Run:
        interval_s = self._pace.first_s
        seen: Run | None = None
        wish_s: float | None
        trouble = AssistantUnavailableError("there was no time to look at the run")
        while (left_s := give_up_at - self._clock()) > 0:
            try:
                sight = await look(left_s)
            except AssistantUnavailableError as error:
                trouble, wish_s = error, error.retry_after_s or self._pace.after_trouble_s
                log.warning("a look at a run failed", extra={"why": str(error)})
            else:
                seen, wish_s = sight.run, sight.poll_after_s
                if is_at_rest(seen.status):
                    return seen
            pause_s = interval_s if wish_s is None else min(wish_s, self._pace.max_retry_after_s)
            pause_s = max(pause_s, self._waiting / self._pace.max_looks_per_s)
            await self._sleep(max(0.0, min(pause_s, give_up_at - self._clock())))
            interval_s = min(interval_s * self._pace.factor, self._pace.max_s)
        if seen is None:
            raise trouble
        return seen


def is_at_rest(status: RunStatus) -> bool:
    """Whether a run goes on without us. An unknown status may come to rest yet: it is watched until the deadline."""
    match status:
        case RunStatus.QUEUED | RunStatus.IN_PROGRESS | RunStatus.CANCELLING | RunStatus.UNKNOWN:
            return False
        case RunStatus.REQUIRES_ACTION | RunStatus.COMPLETED | RunStatus.INCOMPLETE | RunStatus.FAILED:
            return True
        case RunStatus.CANCELLED | RunStatus.EXPIRED:
            return True
