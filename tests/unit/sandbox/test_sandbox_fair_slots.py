"""Whose code runs next (S10)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from adapters.sandbox.fair_slots import FairSlots


class Runs:
    """Runs of code that last until they are ended, by the order in which they got a slot."""

    def __init__(self, count: int) -> None:
        self.slots = FairSlots(count)
        self.order: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *names: str) -> None:
        """Ask for a slot for each, a name being the user's letter and the conversation's number."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._run(name))
            await _settled()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await _settled()

    async def give_up(self, name: str) -> None:
        self._tasks[name].cancel()
        await _settled()

    async def end_all(self, names: Iterable[str] = ()) -> list[str]:
        """End one after the other in the order in which they run."""
        at = 0
        while at < len(self.order):
            await self.end(self.order[at])
            at += 1
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        return self.order

    async def _run(self, name: str) -> None:
        async with self.slots.slot(name[0], name[:2]):
            self.order.append(name)
            await self._ends[name].wait()


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_free_slot_is_taken_at_once() -> None:
    runs = Runs(2)
    await runs.ask("a1", "a2", "a3")
    assert runs.order == ["a1", "a2"]
    assert await runs.end_all() == ["a1", "a2", "a3"]


async def test_who_holds_no_slot_comes_before_who_holds_some() -> None:
    runs = Runs(2)
    await runs.ask("a1", "a2", "a3", "a4", "a5", "b1", "c1")
    await runs.end("a1")
    assert runs.order == ["a1", "a2", "b1"]
    await runs.end("a2")
    assert runs.order == ["a1", "a2", "b1", "c1"]
    assert await runs.end_all() == ["a1", "a2", "b1", "c1", "a3", "a4", "a5"]


async def test_users_take_turns_however_much_each_has_waiting() -> None:
    runs = Runs(1)
    await runs.ask("x1", "a1", "a2", "a3", "b1", "b2", "c1")
    assert await runs.end_all() == ["x1", "a1", "b1", "c1", "a2", "b2", "a3"]


async def test_the_conversations_of_a_user_take_turns() -> None:
    runs = Runs(1)
    await runs.ask("x1", "a1-first", "a1-second", "a1-third", "a2-first", "a3-first")
    assert await runs.end_all() == ["x1", "a1-first", "a2-first", "a3-first", "a1-second", "a1-third"]


async def test_who_gives_up_waiting_is_passed_over() -> None:
    runs = Runs(1)
    await runs.ask("x1", "a1", "b1")
    await runs.give_up("a1")
    assert await runs.end_all() == ["x1", "b1"]


async def test_a_slot_that_comes_in_the_moment_of_giving_up_is_not_lost() -> None:
    runs = Runs(1)
    await runs.ask("x1", "a1", "b1")
    runs._ends["x1"].set()
    for _ in range(3):  # at whichever step of the two that are going on
        await asyncio.sleep(0)
        runs._tasks["a1"].cancel()
    await _settled()
    assert runs.order[-1] == "b1"
    await runs.end("b1")
    await runs.ask("c1")
    assert runs.order[-1] == "c1"
    await runs.end_all()


async def test_a_run_that_is_cancelled_while_another_serves_it_leaves_the_slot_to_the_next() -> None:
    slots = FairSlots(1)
    holding = slots.slot("x", "x1")
    await holding.__aenter__()

    async def wait(user: str) -> None:
        async with slots.slot(user, f"{user}1"):
            pass

    first, second = asyncio.create_task(wait("a")), asyncio.create_task(wait("b"))
    await _settled()
    await holding.__aexit__(None, None, None)  # gives the slot to the first
    first.cancel()  # which has not heard of it
    await asyncio.wait_for(second, 30)
    await asyncio.wait_for(wait("c"), 30)
