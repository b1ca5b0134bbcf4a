"""Waiting for a run, with a clock that only the waiting moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import chain, repeat

import pytest

from adapters.openai.polling import Poller, PollingPace, Sight, is_at_rest
from bot.errors import AssistantRefusedError, AssistantUnavailableError, ThreadGoneError
from bot.run import Run, RunId, RunStatus

RUN = RunId("run_1")
WORKING = Sight(run=Run(id=RUN, status=RunStatus.IN_PROGRESS))
DONE = Sight(run=Run(id=RUN, status=RunStatus.COMPLETED))
UNWELL = AssistantUnavailableError("down")


class Time:
    """A clock and its sleep."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.pauses_s: list[float] = []

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        self.now_s += pause_s


class Service:
    """Gives these sights and errors in turn; each look takes `look_s`."""

    def __init__(self, time: Time, sights: Iterable[Sight | Exception], look_s: float = 0.0) -> None:
        self._time, self._sights, self._look_s = time, iter(sights), look_s
        self.left_s: list[float] = []

    async def look(self, within_s: float) -> Sight:
        self.left_s.append(within_s)
        self._time.now_s += min(self._look_s, within_s)
        sight = next(self._sights)
        if isinstance(sight, Exception):
            raise sight
        return sight


async def wait(time: Time, sights: Iterable[Sight | Exception], *, look_s: float = 0.0, **pace: float) -> Run:
    service = Service(time, sights, look_s)
    return await Poller(pace=PollingPace(**pace), clock=time.clock, sleep=time.sleep).wait(service.look)


async def test_looks_come_quickly_first_and_then_twice_a_second() -> None:
    time = Time()
    assert await wait(time, chain(repeat(WORKING, 8), [DONE])) == DONE.run
    assert [round(pause_s, 3) for pause_s in time.pauses_s] == [0.1, 0.15, 0.225, 0.338, 0.5, 0.5, 0.5, 0.5]


async def test_a_run_that_rests_at_the_first_look_costs_no_pause() -> None:
    time = Time()
    await wait(time, [DONE])
    assert time.pauses_s == []


async def test_the_wish_of_the_service_is_granted_within_reason() -> None:
    time = Time()
    wishes = [Sight(run=WORKING.run, poll_after_s=wish_s) for wish_s in (0.02, 2.0, 3600.0)]
    await wait(time, [*wishes, DONE])
    assert time.pauses_s == [0.02, 2.0, PollingPace().max_retry_after_s]


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.CANCELLING, RunStatus.UNKNOWN])
async def test_at_the_deadline_the_run_is_given_back_as_last_seen(status: RunStatus) -> None:
    time = Time()
    seen = await wait(time, repeat(Sight(run=Run(id=RUN, status=status))))
    assert seen.status is status
    assert time.now_s == pytest.approx(1600.0), "neither before the deadline nor after it"


async def test_an_unwell_service_is_borne_until_it_is_well() -> None:
    time = Time()
    limited = AssistantUnavailableError("429", retry_after_s=4.0)
    assert await wait(time, [UNWELL, limited, WORKING, UNWELL, DONE]) == DONE.run
    assert [round(pause_s, 3) for pause_s in time.pauses_s] == [1.0, 4.0, 0.225, 1.0]


async def test_a_service_unwell_to_the_end_gives_what_was_seen_before() -> None:
    assert await wait(Time(), chain([WORKING], repeat(UNWELL))) == WORKING.run


async def test_a_service_unwell_from_the_beginning_gives_its_last_error() -> None:
    time = Time()
    with pytest.raises(AssistantUnavailableError, match="down"):
        await wait(time, repeat(UNWELL))
    assert time.now_s == pytest.approx(1600.0)


@pytest.mark.parametrize("error", [AssistantRefusedError("401"), ThreadGoneError("404")])
async def test_what_will_not_pass_ends_the_wait_at_once(error: Exception) -> None:
    time = Time()
    with pytest.raises(type(error)):
        await wait(time, [WORKING, error, DONE])
    assert len(time.pauses_s) == 1


async def test_a_look_is_told_how_much_time_is_left() -> None:
    time = Time()
    service = Service(time, repeat(WORKING), look_s=40.0)
    await Poller(pace=PollingPace(deadline_s=100), clock=time.clock, sleep=time.sleep).wait(service.look)
    assert [round(left_s) for left_s in service.left_s] == [100, 60, 20]
    assert time.now_s == pytest.approx(1100.0)


async def test_no_time_at_all_is_an_error_and_no_look() -> None:
    with pytest.raises(AssistantUnavailableError):
        await wait(Time(), [], deadline_s=0.0)


def test_every_status_is_thought_of() -> None:
    resting: Iterator[RunStatus] = filter(is_at_rest, RunStatus)
    assert set(resting) == {
        RunStatus.REQUIRES_ACTION,
        RunStatus.COMPLETED,
        RunStatus.INCOMPLETE,
        RunStatus.FAILED,
        RunStatus.CANCELLED,
        RunStatus.EXPIRED,
    }


async def test_many_runs_together_are_looked_at_no_more_often_than_the_service_should_bear() -> None:
    time = Time()
    poller = Poller(pace=PollingPace(max_looks_per_s=100), clock=time.clock, sleep=_together(time, 200))
    services = [Service(time, [WORKING, DONE]) for _ in range(200)]

    await asyncio.gather(*(poller.wait(service.look) for service in services))

    assert time.pauses_s == pytest.approx([max(0.1, number / 100) for number in range(1, 201)])  # as many as wait
    assert await poller.wait(Service(time, [WORKING, DONE]).look) == DONE.run
    assert time.pauses_s[-1] == 0.1  # alone again, quick again


def _together(time: Time, many: int) -> Callable[[float], Awaitable[None]]:
    """A sleep that nobody leaves before so many have come."""
    all_here = asyncio.Event()

    async def sleep(pause_s: float) -> None:
        await time.sleep(pause_s)
        if len(time.pauses_s) >= many:
            all_here.set()
        await all_here.wait()

    return sleep
