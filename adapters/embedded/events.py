"""What happened to runs, told to whoever streams them. Nothing is kept: the store is the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adapters.embedded.ids import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A server-sent event: its name (`thread.run.completed`, ...) and its object."""

    name: str
    data: Any


class Events:
    """Hands each run's events to those who listen to it."""

    def __init__(self) -> None:
        self._listeners: dict[RunId, list[asyncio.Queue[Event]]] = {}

    def publish(self, run_id: RunId, events: Iterable[Event]) -> None:
        """Tell the listeners of a run."""
        for queue in self._listeners.get(run_id, ()):
            for event in events:
                queue.put_nowait(event)

    @contextmanager
    def listen(self, run_id: RunId) -> Iterator[asyncio.Queue[Event]]:
        """All events of a run that are published while the block is open."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        listeners = self._listeners.setdefault(run_id, [])
        listeners.append(queue)
        try:
            yield queue
        finally:
            listeners.remove(queue)
            if not listeners:
                self._listeners.pop(run_id, None)
