"""Writes each move of a run down as one transaction, then tells it to whoever streams the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from adapters.embedded.events import Event, Events
from adapters.embedded.ids import RunId
from adapters.embedded.rows import Rows
from adapters.embedded.run_objects import Run, RunStep
from adapters.embedded.store import Store

P = ParamSpec("P")
Move = Callable[Concatenate[Rows, int, RunId, P], list[Event]]


class RunJournal:
    """The written life of runs."""

    def __init__(self, *, store: Store, events: Events, clock_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._events = events
        self._clock_s = clock_s

    def now(self) -> int:
        """The time as the wire has it, in whole seconds."""
        return int(self._clock_s())

    async def write(self, move: Move[P], run_id: RunId, *args: P.args, **kwargs: P.kwargs) -> None:
        """Make a move of `moves.py`. Raises what the move raises, and StoreError; then nothing has changed."""
        now = self.now()
        events = await self._store.transact(lambda rows: move(rows, now, run_id, *args, **kwargs))
        self._events.publish(run_id, events)

    async def run(self, run_id: RunId) -> Run:
        """The run as it stands. Raises ApiError (404)."""
        return await self._store.transact(lambda rows: rows.get(Run, run_id))

    async def steps(self, run_id: RunId) -> list[RunStep]:
        """The steps of a run so far, oldest first."""
        return await self._store.transact(lambda rows: rows.all(RunStep, run_id=run_id))
