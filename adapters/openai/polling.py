"""Follows runs by fetching them again and again: works at every service, and after a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.openai.retry import Clock, Sleep
from bot.errors import AssistantUnavailableError, RunTooSlowError
from bot.run import Progress, RunEvent, RunId

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingPace:
    """How often to fetch a run, and for how long."""

    first_s: float = 0.1
    factor: float = 1.5
    max_s: float = 0.5
    max_fetches_per_s: float = 600.0  # of all runs together: beyond, each is fetched less often
    after_trouble_s: float = 1.0  # where a service that is down names no time of its own
    max_retry_after_s: float = 10.0  # a service may ask for more, but the run is not left alone for longer
    deadline_s: float = 600.0  # the age at which Assistants v2 itself expires a run


class Polled(Protocol):
    """A run as the service shows it, in whichever protocol."""

    @property
    def id(self) -> RunId:
        """Its id."""
        ...

    @property
    def status(self) -> str:
        """The service's word for what it does."""
        ...

    @property
    def event(self) -> RunEvent:
        """What that amounts to."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """A run as it was fetched, and in how many seconds the service wants to be asked again, if it says so."""

    run: Polled
    poll_after_s: float | None = None


class Poller:
    """Fetches runs until they have ended or want tools."""

    def __init__(self, *, pace: PollingPace, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._following = 0

    async def follow(
        self, fetch: Callable[[float], Awaitable[PollResult]], *, give_up_at: float
    ) -> AsyncGenerator[RunEvent, None]:
        """Yield each new phase of the run, and at last its end or the tools it wants.

        `fetch` is given the seconds that are left until `give_up_at`, a time of this poller's clock. Errors that may
        pass are waited out. Raises RunTooSlowError at the deadline, or the last such error if every fetch failed.
        """
        self._following += 1
        try:
            interval_s = self._pace.first_s
            seen: Polled | None = None
            is_failing = False
            retry_after_s: float | None
            trouble = AssistantUnavailableError("there was no time to fetch the run")
            while (left_s := give_up_at - self._clock()) > 0:
                try:
                    result = await fetch(left_s)
                except AssistantUnavailableError as error:
                    trouble, retry_after_s = error, error.retry_after_s or self._pace.after_trouble_s
                    level = logging.DEBUG if is_failing else logging.WARNING  # an outage is told once, not each second
                    log.log(level, "run not fetched; trying again", extra={"why": str(error)})
                    is_failing = True
                else:
                    is_failing = False
                    previous, seen, retry_after_s = seen, result.run, result.poll_after_s
                    if previous is None or seen.event != previous.event:
                        yield seen.event
                    if not isinstance(seen.event, Progress):
                        return
                pause_s = interval_s if retry_after_s is None else min(retry_after_s, self._pace.max_retry_after_s)
                pause_s = max(pause_s, self._following / self._pace.max_fetches_per_s)
                await self._sleep(max(0.0, min(pause_s, give_up_at - self._clock())))
                interval_s = min(interval_s * self._pace.factor, self._pace.max_s)
            if seen is None:
                raise trouble
            raise RunTooSlowError(f"run {seen.id} was still {seen.status} at its deadline")
        finally:
            self._following -= 1
