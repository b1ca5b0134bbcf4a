"""The outside of the replicas: it takes its time for each call, remembers all of them, and judges them in the end."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.crash.postgres_replica import STEPS


@dataclass(frozen=True, slots=True)
class Act:
    """A call as it arrived; `turn` is `<number>-<message id>`."""

    turn: str
    conversation: str
    step: str
    by: str
    at_s: float

    @property
    def message_id(self) -> str:
        return self.turn.partition("-")[2]


class Dependencies:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._known: set[tuple[str, str]] = set()
        self.acts: list[Act] = []
        self.url = ""

    async def do(self, request: web.Request) -> web.Response:
        act = Act(**await request.json(), at_s=time.monotonic())
        self.acts.append(act)
        self._known.add((act.turn, act.step))
        await asyncio.sleep(self._chance.uniform(0.05, 0.35))
        return web.Response(text="done")

    async def find(self, request: web.Request) -> web.Response:
        asked = await request.json()
        known = (asked["turn"], asked["step"]) in self._known
        return web.Response(status=200 if known else 404, text="found")

    def answered(self) -> set[str]:
        """The ids of messages whose last step was done."""
        return {act.message_id for act in self.acts if act.step == f"step {STEPS - 1}"}

    def begun(self, by: str) -> set[str]:
        """Turns for which a replica has acted."""
        return {act.turn for act in self.acts if act.by == by}

    def in_hand(self, by: str) -> set[str]:
        """Turns that a replica has begun and nobody has finished."""
        answered = self.answered()
        return {turn for turn in self.begun(by) if turn.partition("-")[2] not in answered}

    def taken_over(self, turns: set[str], by: str) -> dict[str, float]:
        """When a replica first acted for these turns."""
        return {act.turn: act.at_s for act in reversed(self.acts) if act.turn in turns and act.by == by}

    def doubled(self) -> list[tuple[str, str]]:
        counts = Counter((act.turn, act.step) for act in self.acts)
        return [what for what, times in counts.items() if times > 1]

    def overlaps(self) -> list[str]:
        """Turns during which another turn of the same conversation did something."""
        found = []
        for acts in self._by_conversation().values():
            order = [act.turn for act in acts]
            found += [turn for turn in set(order) if len(set(order[order.index(turn) : _last(order, turn)])) > 1]
        return found

    def order(self, conversation: str) -> list[str]:
        """Message ids in the order in which they were first worked on."""
        acts = self._by_conversation().get(conversation, [])
        return list(dict.fromkeys(act.message_id for act in acts))

    def late(self) -> list[Act]:
        """What a replica did for a turn that another had taken over."""
        owner: dict[str, str] = {}
        past: set[tuple[str, str]] = set()
        found = []
        for act in self.acts:
            if owner.setdefault(act.turn, act.by) != act.by:
                past.add((act.turn, owner[act.turn]))
                owner[act.turn] = act.by
            if (act.turn, act.by) in past:
                found.append(act)
        return found

    def _by_conversation(self) -> dict[str, list[Act]]:
        found: dict[str, list[Act]] = {}
        for act in self.acts:
            found.setdefault(act.conversation, []).append(act)
        return found


def _last(order: list[str], turn: str) -> int:
    return len(order) - order[::-1].index(turn)


@asynccontextmanager
async def running_outside(chance: random.Random) -> AsyncIterator[Dependencies]:
    outside = Dependencies(chance)
    app = web.Application()
    app.router.add_post("/do", outside.do)
    app.router.add_post("/find", outside.find)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    outside.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield outside
    finally:
        await runner.cleanup()
