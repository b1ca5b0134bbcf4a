"""Waiting for a run, with a clock that only the waiting moves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from itertools import chain, repeat

import pytest

from adapters.openai.polling import Poller, PollingPace, PollResult
from adapters.openai.protocol import Run, RunStatus, run_from
from adapters.openai.wire import GarbledError
from bot.errors import (
    AssistantError,
    AssistantRefusedError,
    AssistantUnavailableError,
    RunTooSlowError,
    ThreadGoneError,
)
from bot.run import Progress, RunEvent, RunPhase


def run(status: str) -> Run:
    return run_from({"id": "run_1", "status": status})


WORKING = PollResult(run=run("in_progress"))
DONE = PollResult(run=run("completed"))
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
    """Gives these results and errors in turn; each fetch takes `fetch_s`."""

    def __init__(self, time: Time, results: Iterable[PollResult | Exception], fetch_s: float = 0.0) -> None:
        self._time, self._results, self._fetch_s = time, iter(results), fetch_s
        self.left_s: list[float] = []

    async def fetch(self, within_s: float) -> PollResult:
        self.left_s.append(within_s)
        self._time.now_s += min(self._fetch_s, within_s)
        result = next(self._results)
        if isinstance(result, Exception):
            raise result
        return result


async def follow(
    time: Time, results: Iterable[PollResult | Exception], *, fetch_s: float = 0.0, deadline_s: float = 600.0
) -> list[RunEvent]:
    poller = Poller(pace=PollingPace(), clock=time.clock, sleep=time.sleep)
    return await events_of(poller, Service(time, results, fetch_s), give_up_at=time.now_s + deadline_s)


async def events_of(poller: Poller, service: Service, *, give_up_at: float = 1e9) -> list[RunEvent]:
    async with aclosing(poller.follow(service.fetch, give_up_at=give_up_at)) as events:
        return [event async for event in events]


async def test_a_run_that_cannot_be_read_time_and_again_is_told_at_once_and_not_at_the_deadline() -> None:
    time, garbled = Time(), GarbledError("no text in `status`")
    with pytest.raises(AssistantError, match="5 times") as told:
        await follow(time, chain([WORKING], repeat(garbled)))
    assert not isinstance(told.value, AssistantUnavailableError)
    assert time.now_s < 1010


async def test_a_run_that_cannot_be_read_now_and_then_is_followed_on() -> None:
    garbled = [GarbledError("no text in `status`")] * 4
    results: list[PollResult | Exception] = [*garbled, WORKING, *garbled, UNWELL, *garbled, DONE]
    events = await follow(Time(), results)
    assert events[-1] == DONE.run.event


async def test_a_run_is_fetched_quickly_first_and_then_twice_a_second() -> None:
    time = Time()
    assert await follow(time, chain(repeat(WORKING, 8), [DONE])) == [WORKING.run.event, DONE.run.event]
    assert [round(pause_s, 3) for pause_s in time.pauses_s] == [0.1, 0.15, 0.225, 0.338, 0.5, 0.5, 0.5, 0.5]


async def test_a_run_that_has_ended_at_the_first_fetch_costs_no_pause() -> None:
    time = Time()
    await follow(time, [DONE])
    assert time.pauses_s == []


async def test_the_service_may_name_the_pause_within_reason() -> None:
    time = Time()
    results = [PollResult(run=WORKING.run, poll_after_s=pause_s) for pause_s in (0.02, 2.0, 3600.0)]
    await follow(time, [*results, DONE])
    assert time.pauses_s == [0.02, 2.0, PollingPace().max_retry_after_s]


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.CANCELLING, RunStatus.UNKNOWN])
async def test_a_run_that_is_at_work_at_the_deadline_is_too_slow(status: RunStatus) -> None:
    time = Time()
    with pytest.raises(RunTooSlowError, match=f"run_1 was still {status}"):
        await follow(time, repeat(PollResult(run=run(status))))
    assert time.now_s == pytest.approx(1600.0), "neither before the deadline nor after it"


async def test_a_service_that_is_down_is_waited_for() -> None:
    time = Time()
    limited = AssistantUnavailableError("429", retry_after_s=4.0)
    assert await follow(time, [UNWELL, limited, WORKING, UNWELL, DONE]) == [WORKING.run.event, DONE.run.event]
    assert [round(pause_s, 3) for pause_s in time.pauses_s] == [1.0, 4.0, 0.225, 1.0]


async def test_a_run_of_a_service_that_went_down_is_too_slow_at_the_deadline() -> None:
    with pytest.raises(RunTooSlowError):
        await follow(Time(), chain([WORKING], repeat(UNWELL)))


async def test_a_service_that_is_down_all_the_time_is_told_by_its_last_error() -> None:
    time = Time()
    with pytest.raises(AssistantUnavailableError, match="down"):
        await follow(time, repeat(UNWELL))
    assert time.now_s == pytest.approx(1600.0)


async def test_each_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "adapters.openai.polling")
    await follow(Time(), [WORKING, *repeat(UNWELL, 50), WORKING, WORKING, UNWELL, DONE])
    assert [record.message for record in caplog.records] == ["run not fetched; trying again"] * 2


@pytest.mark.parametrize("error", [AssistantRefusedError("401"), ThreadGoneError("404")])
async def test_what_will_not_pass_ends_the_wait_at_once(error: Exception) -> None:
    time = Time()
    with pytest.raises(type(error)):
        await follow(time, [WORKING, error, DONE])
    assert len(time.pauses_s) == 1


async def test_a_fetch_is_told_how_much_time_is_left() -> None:
    time = Time()
    service = Service(time, repeat(WORKING), fetch_s=40.0)
    poller = Poller(pace=PollingPace(), clock=time.clock, sleep=time.sleep)
    with pytest.raises(RunTooSlowError):
        await events_of(poller, service, give_up_at=1100.0)
    assert [round(left_s) for left_s in service.left_s] == [100, 60, 20]
    assert time.now_s == pytest.approx(1100.0)


async def test_a_service_that_stays_away_is_told_once_and_so_is_that_it_is_back() -> None:
    events = await follow(Time(), [WORKING, *[UNWELL] * 9, WORKING, DONE])
    away = Progress(phase=RunPhase.UNKNOWN)
    assert events == [WORKING.run.event, away, WORKING.run.event, DONE.run.event]
    assert await follow(Time(), [WORKING, UNWELL, UNWELL, DONE]) == [WORKING.run.event, DONE.run.event]


async def test_a_service_that_is_silent_is_told_before_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.openai.polling._TOLD_AFTER_S", 0.01)
    answered = asyncio.Event()

    async def fetch(_: float) -> PollResult:
        await answered.wait()
        return DONE

    async with aclosing(Poller(pace=PollingPace()).follow(fetch, give_up_at=1e9)) as events:
        assert await anext(events) == Progress(phase=RunPhase.UNKNOWN)
        answered.set()
        assert await anext(events) == DONE.run.event


async def test_no_time_at_all_is_an_error_and_no_fetch() -> None:
    with pytest.raises(AssistantUnavailableError):
        await follow(Time(), [], deadline_s=0.0)


async def test_each_phase_is_told_once() -> None:
    waiting = PollResult(run=run("queued"))
    events = await follow(Time(), [waiting, waiting, WORKING, WORKING, waiting, DONE])
    phases = [event.phase for event in events if isinstance(event, Progress)]
    assert phases == [RunPhase.QUEUED, RunPhase.WORKING, RunPhase.QUEUED]


async def test_many_runs_together_are_fetched_no_more_often_than_the_service_should_bear() -> None:
    time = Time()
    poller = Poller(pace=PollingPace(max_fetches_per_s=100), clock=time.clock, sleep=_together(time, 200))
    services = [Service(time, [WORKING, DONE]) for _ in range(200)]

    await asyncio.gather(*(events_of(poller, service) for service in services))

    assert time.pauses_s == pytest.approx([max(0.1, number / 100) for number in range(1, 201)])  # as many as wait
    assert (await events_of(poller, Service(time, [WORKING, DONE])))[-1] == DONE.run.event
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
