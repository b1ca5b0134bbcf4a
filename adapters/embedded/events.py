"""What happened to runs, told to whoever streams them. Nothing is kept: the store is the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapters.embedded.ids import RunId
from adapters.embedded.objects import Message
from adapters.embedded.run_objects import RunStep, StepStatus, ToolCalls


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


def message_written(step: RunStep, message: Message) -> list[Event]:
    """The events of a message. It is written in one go, so its one delta is the whole of it."""
    content = [{"index": index, **asdict(part)} for index, part in enumerate(message.content)]
    delta = {"id": message.id, "object": "thread.message.delta", "delta": {"role": message.role, "content": content}}
    empty = replace(message, status="in_progress", content=(), completed_at=None)
    empty = replace(empty, incomplete_at=None, incomplete_details=None)
    begun = replace(step, status=StepStatus.IN_PROGRESS, completed_at=None, usage=None)
    return [
        Event(name="thread.run.step.created", data=begun),
        Event(name="thread.run.step.in_progress", data=begun),
        Event(name="thread.message.created", data=empty),
        Event(name="thread.message.in_progress", data=empty),
        Event(name="thread.message.delta", data=delta),
        Event(name=f"thread.message.{message.status}", data=message),
        Event(name="thread.run.step.completed", data=step),
    ]


def calls_opened(step: RunStep) -> list[Event]:
    """The events of calls that a model asked for. Clients add deltas up, so the step begins without calls."""
    begun = replace(step, step_details=ToolCalls(tool_calls=()))
    details = asdict(step)["step_details"]
    numbered = [{"index": index, **call} for index, call in enumerate(details["tool_calls"])]
    delta = {"step_details": {**details, "tool_calls": numbered}}
    return [
        Event(name="thread.run.step.created", data=begun),
        Event(name="thread.run.step.in_progress", data=begun),
        Event(name="thread.run.step.delta", data={"id": step.id, "object": "thread.run.step.delta", "delta": delta}),
    ]
