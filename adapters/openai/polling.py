"""Follows runs by fetching them again and again: works at every service, and after a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from adapters.openai.client import Clock, Sleep
from adapters.openai.wire import GarbledError
from bot.errors import AssistantError, AssistantUnavailableError, RunTooSlowError
from bot.run import Progress, RunEvent, RunId, RunPhase

log = logging.getLogger(__name__)

_MAX_GARBLED: Final = 5  # answers one after the other that cannot be read: no further look would tell more
_TOLD_AFTER_S: Final = 5.0  # a person is told after this time that the service does not answer


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


class _Outage:
    """A service that does not answer: logged once, and told to the person once it lasts."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._garbled = 0  # answers one after the other
        self.is_told = False

    def goes_on(self, error: AssistantError, *, asked_at: float, now: float) -> bool:
        """Note one more failure; whether the person is to be told now.

        Raises AssistantError for the last of several answers that cannot be read.
        """
        self._garbled = self._garbled + 1 if isinstance(error, GarbledError) else 0
        if self._garbled == _MAX_GARBLED:
            raise AssistantError(f"{error}, {self._garbled} times one after the other") from None
        log.log(
            logging.WARNING if self._since is None else logging.DEBUG,
            "run not fetched; trying again",
            extra={"why": str(error)},
        )
        self._since = asked_at if self._since is None else self._since
        is_news = not self.is_told and now - self._since >= _TOLD_AFTER_S
        self.is_told = self.is_told or is_news
        return is_news

    def ended(self) -> bool:
        """Note an answer; whether the person was told that there was none."""
        was_told, self._since, self.is_told, self._garbled = self.is_told, None, False, 0
        return was_told


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
        pass are waited out. Raises RunTooSlowError at the deadline, or the last such error if every fetch failed, and
        AssistantError for a run that cannot be read time and again.
        """
        self._following += 1
        try:
            interval_s = self._pace.first_s
            seen: Polled | None = None
            outage = _Outage()
            retry_after_s: float | None
            trouble = AssistantUnavailableError("there was no time to fetch the run")
            while (left_s := give_up_at - self._clock()) > 0:
                asked_at, following = self._clock(), self._following
                fetching = asyncio.ensure_future(fetch(left_s))
                try:
                    if not outage.is_told and not (await asyncio.wait({fetching}, timeout=_TOLD_AFTER_S))[0]:
                        outage.is_told = True
                        yield Progress(phase=RunPhase.UNKNOWN)
                    result = await fetching
                except AssistantUnavailableError as error:
                    trouble, retry_after_s = error, error.retry_after_s or self._pace.after_trouble_s
                    if outage.goes_on(error, asked_at=asked_at, now=self._clock()):
                        yield Progress(phase=RunPhase.UNKNOWN)
                else:
                    previous, seen, retry_after_s = seen, result.run, result.poll_after_s
                    if outage.ended() or previous is None or seen.event != previous.event:
                        yield seen.event
                    if not isinstance(seen.event, Progress):
                        return
                finally:
                    fetching.cancel()
                pause_s = interval_s if retry_after_s is None else min(retry_after_s, self._pace.max_retry_after_s)
                pause_s = max(pause_s, following / self._pace.max_fetches_per_s)
                await self._sleep(max(0.0, min(pause_s, give_up_at - self._clock())))
                interval_s = min(interval_s * self._pace.factor, self._pace.max_s)
            late = seen and RunTooSlowError(f"run {seen.id} was still {seen.status} at its deadline")
            raise late or trouble
        finally:
            self._following -= 1
