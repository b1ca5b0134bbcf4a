from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

import pytest

from adapters.teams.pace import Pace
from tests.support.virtual_time import in_warped_time

AT_ONCE_S = 0.01


def most_within(times_s: Sequence[float], window_s: float) -> int:
    return max(sum(start_s <= at_s < start_s + window_s - 1e-4 for at_s in times_s) for start_s in times_s)


async def _leave(pace: Pace, tenant: str, conversation: str, left_s: list[float]) -> None:
    await pace.take(tenant, conversation)
    left_s.append(asyncio.get_running_loop().time())


async def _all_leave(places: Sequence[tuple[str, str]]) -> list[float]:
    """When each of the requests left, all wanting to at second 0."""
    pace, left_s = Pace(), list[float]()
    await asyncio.gather(*(_leave(pace, tenant, conversation, left_s) for tenant, conversation in places))
    return left_s


def test_requests_into_one_conversation_stay_within_each_of_teams_limits() -> None:
    left_s = in_warped_time(_all_leave([("t", "c")] * 150))

    assert len(left_s) == 150
    assert most_within(left_s, 1) <= 7
    assert most_within(left_s, 2) <= 8
    assert 50 < most_within(left_s, 30) <= 60


def test_requests_of_one_tenant_stay_within_its_limit_and_use_most_of_it() -> None:
    left_s = in_warped_time(_all_leave([("t", f"c{number}") for number in range(500)]))

    assert 45 <= most_within(left_s, 1) <= 50
    assert left_s[-1] < 500 / 40


def test_tenants_do_not_wait_for_one_another() -> None:
    left_s = in_warped_time(_all_leave([(f"t{number}", "c") for number in range(500)]))

    assert max(left_s) < AT_ONCE_S


def test_the_same_conversation_id_in_two_tenants_is_two_conversations() -> None:
    assert max(in_warped_time(_all_leave([("t", "c"), ("u", "c")] * 2))) < AT_ONCE_S


def test_who_waits_longest_leaves_first() -> None:
    async def story() -> list[int]:
        pace, left = Pace(), list[int]()

        async def leave(number: int) -> None:
            await pace.take("t", f"c{number}")
            left.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(leave(number))
                await asyncio.sleep(0.005)
        return left

    assert in_warped_time(story()) == list(range(100))


def test_who_gives_up_waiting_holds_nobody_up() -> None:
    async def story() -> float:
        pace = Pace()
        waiting = [asyncio.create_task(pace.take("t", "c")) for _ in range(10)]
        await asyncio.sleep(0.1)
        for task in waiting[4:9]:
            task.cancel()
        await waiting[9]
        return asyncio.get_running_loop().time()

    assert in_warped_time(story()) < 0.6  # the next token; behind five others it would be three seconds


def test_what_is_passing_has_room_while_nothing_else_is_said() -> None:
    async def story() -> list[bool]:
        pace, rooms = Pace(), list[bool]()
        for _ in range(200):
            rooms.append(pace.has_room("t", "c"))
            await pace.take("t", "c")
            await asyncio.sleep(3.0)
        return rooms

    assert all(in_warped_time(story()))


def test_what_is_passing_takes_no_room_that_the_next_answer_needs() -> None:
    async def story() -> float:
        pace = Pace()
        while pace.has_room("t", "c"):
            await pace.take("t", "c")
        before_s = asyncio.get_running_loop().time()
        await pace.take("t", "c")
        return asyncio.get_running_loop().time() - before_s

    assert in_warped_time(story()) < AT_ONCE_S


@pytest.mark.parametrize("waiting", [("t", "c"), ("t", "another")])
def test_what_is_passing_has_no_room_while_answers_wait(waiting: tuple[str, str]) -> None:
    async def story() -> bool:
        pace, numbers = Pace(), count()
        tenant, conversation = waiting
        spread = (f"{conversation}{next(numbers)}" if conversation != "c" else "c" for _ in range(20))
        answers = [asyncio.create_task(pace.take(tenant, each)) for each in spread]
        await asyncio.sleep(0.05)
        room = pace.has_room("t", "c")
        for answer in answers:
            answer.cancel()
        return room

    assert not in_warped_time(story())


def test_conversations_that_fell_silent_are_forgotten() -> None:
    async def story() -> int:
        pace = Pace()
        for number in range(20_000):
            await pace.take(f"t{number % 100}", f"c{number}")
            await asyncio.sleep(0.05)
        return len(pace)

    assert in_warped_time(story()) < 3_000


def test_a_conversation_that_has_just_spoken_is_not_forgotten() -> None:
    async def story() -> float:
        pace = Pace()
        for _ in range(4):
            await pace.take("t", "c")
        for number in range(5_000):
            await pace.take(f"t{number}", "c")
        before_s = asyncio.get_running_loop().time()
        await pace.take("t", "c")
        return asyncio.get_running_loop().time() - before_s

    assert in_warped_time(story()) > 0.2
