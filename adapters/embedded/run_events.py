"""Run events: written as transactions, published to the streams that follow a run, sent as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from aiohttp import web

from adapters.embedded.api_objects import Message, RunId, Text, TextPart, dump
from adapters.embedded.object_store import Rows, Store
from adapters.embedded.run_objects import ACTIVE, Run, RunStatus, RunStep, StepStatus, ToolCalls


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A server-sent event: its name (`thread.run.completed`, ...) and its object."""

    name: str
    data: Any


Subscription = asyncio.Queue[Sequence[Event]]
"""Batches of events, one for each transaction; an empty one says that the server stops."""


class EventBroker:
    """Publishes each run's events to its subscribers. Nothing is kept: the store is the memory."""

    def __init__(self) -> None:
        self._listeners: dict[RunId, list[Subscription]] = {}

    def publish(self, run_id: RunId, events: Sequence[Event]) -> None:
        """Hand the events of one transaction to every subscriber of a run."""
        for queue in self._listeners.get(run_id, ()) if events else ():
            queue.put_nowait(events)

    def is_followed(self, run_id: RunId) -> bool:
        """Whether anybody hears the events of a run."""
        return run_id in self._listeners

    def close(self) -> None:
        """End all subscriptions: an empty batch is the last one."""
        for listeners in self._listeners.values():
            for queue in listeners:
                queue.put_nowait(())

    @contextmanager
    def subscribe(self, run_id: RunId) -> Iterator[Subscription]:
        """Receive all events of a run that are published while the block is open."""
        queue: Subscription = asyncio.Queue()
        listeners = self._listeners.setdefault(run_id, [])
        listeners.append(queue)
        try:
            yield queue
        finally:
            listeners.remove(queue)
            if not listeners:
                self._listeners.pop(run_id, None)


def message_events(step: RunStep, message: Message, streamed: str = "") -> list[Event]:
    """The events of a message that is stored. Its one delta is the whole of it, or what was not streamed before."""
    end = [
        Event(name=f"thread.message.{message.status}", data=message),
        Event(name="thread.run.step.completed", data=step),
    ]
    content = [{"index": index, **asdict(part)} for index, part in enumerate(message.content)]
    if not streamed:
        return [*opening_events(step, message), _delta(message, content), *end]
    last, text = content[-1], message.content[-1].text if isinstance(message.content[-1], TextPart) else None
    if text is None or not text.value.startswith(streamed):
        return end  # what was streamed is no beginning of the answer: the message itself has its words
    rest = text.value[len(streamed) :]
    more = {**last, "text": {**last["text"], "value": rest}}
    return [*([_delta(message, [more])] if rest or text.annotations else []), *end]


def opening_events(step: RunStep, message: Message) -> list[Event]:
    """The events of a message that is begun."""
    empty = replace(message, status="in_progress", content=(), completed_at=None, metadata={})
    empty = replace(empty, incomplete_at=None, incomplete_details=None)
    started = replace(step, status=StepStatus.IN_PROGRESS, completed_at=None, usage=None)
    return [
        Event(name="thread.run.step.created", data=started),
        Event(name="thread.run.step.in_progress", data=started),
        Event(name="thread.message.created", data=empty),
        Event(name="thread.message.in_progress", data=empty),
    ]


def picture_events(message: Message) -> list[Event]:
    """The event of the pictures in a message that is being written; they come before its words."""
    content = [{"index": index, **asdict(part)} for index, part in enumerate(message.content)]
    return [_delta(message, content)] if content else []


def words_event(message: Message, index: int, words: str) -> Event:
    """The event of further words in a message that is being written; `index` is the place of its text."""
    return _delta(message, [{"index": index, **asdict(TextPart(text=Text(value=words)))}])


def _delta(message: Message, content: list[dict[str, Any]]) -> Event:
    delta = {"id": message.id, "object": "thread.message.delta", "delta": {"role": message.role, "content": content}}
    return Event(name="thread.message.delta", data=delta)


def call_events(step: RunStep) -> list[Event]:
    """The events of calls that a model asked for. Clients add deltas up, so the step begins without calls."""
    started = replace(step, step_details=ToolCalls(tool_calls=()))
    details = asdict(step)["step_details"]
    numbered = [{"index": index, **call} for index, call in enumerate(details["tool_calls"])]
    delta = {"step_details": {**details, "tool_calls": numbered}}
    return [
        Event(name="thread.run.step.created", data=started),
        Event(name="thread.run.step.in_progress", data=started),
        Event(name="thread.run.step.delta", data={"id": step.id, "object": "thread.run.step.delta", "delta": delta}),
    ]


P = ParamSpec("P")
_T = TypeVar("_T")
Transition = Callable[Concatenate[Rows, int, RunId, P], list[Event]]


class RunJournal:
    """Writes each transition of a run as one transaction, then publishes its events."""

    def __init__(self, *, store: Store, events: EventBroker, clock_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._events = events
        self._clock_s = clock_s

    def now(self) -> int:
        """Unix time in whole seconds, as the API has it."""
        return int(self._clock_s())

    async def write(
        self, transition: Transition[P], run_id: RunId, *args: P.args, **kwargs: P.kwargs
    ) -> Sequence[Event]:
        """Apply a transition of `run_transitions`, and return its events.

        Raises what it raises, and StoreError; then nothing has changed.
        """

        def work(rows: Rows, now: int) -> tuple[Sequence[Event], None]:
            return transition(rows, now, run_id, *args, **kwargs), None

        return (await self._apply(run_id, work))[0]

    async def take(self, run_id: RunId, work: Callable[[Rows, int], tuple[Sequence[Event], _T]]) -> _T:
        """Do `work` in one transaction, publish the events that it returns, and return what else it returns."""
        return (await self._apply(run_id, work))[1]

    async def _apply(
        self, run_id: RunId, work: Callable[[Rows, int], tuple[Sequence[Event], _T]]
    ) -> tuple[Sequence[Event], _T]:
        now = self.now()
        done = self._store.transact(lambda rows: work(rows, now))
        done.add_done_callback(partial(self._publish, run_id))
        # A transaction cannot be taken back when its caller is cancelled: what it changes is published all the same,
        # or a stream would wait for the end of a run that has ended.
        return await asyncio.shield(done)

    def _publish(self, run_id: RunId, done: asyncio.Future[tuple[Sequence[Event], _T]]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._events.publish(run_id, done.result()[0])

    def is_followed(self, run_id: RunId) -> bool:
        """Whether anybody hears the events of a run."""
        return self._events.is_followed(run_id)

    def tell(self, run_id: RunId, events: Sequence[Event]) -> None:
        """Publish events of something that is not stored before it is complete."""
        self._events.publish(run_id, events)


DONE = b"event: done\ndata: [DONE]\n\n"
KEEP_ALIVE_S = 15


async def send_events(request: web.Request, subscription: Subscription) -> web.StreamResponse:
    """Stream a run's events until it has ended or requires action.

    The run itself does not depend on the stream: a client that disconnects ends only this response. When the server
    stops, the response ends without `[DONE]`; the client finds the run again by its id.
    """
    response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
    response.content_type = "text/event-stream"
    await response.prepare(request)
    batch: Sequence[Event] = ()
    while not any(map(_is_last, batch)):
        if batch:
            # One write for each transaction: a client wakes up once for what happened at once.
            await response.write(b"".join(map(_encoded, batch)))
        try:
            batch = await asyncio.wait_for(subscription.get(), KEEP_ALIVE_S)
        except TimeoutError:
            await response.write(b": still running\n\n")
            batch = ()
            continue
        if not batch:
            return response
    await response.write(b"".join(map(_encoded, batch)) + DONE)
    return response


def _encoded(event: Event) -> bytes:
    return b"event: " + event.name.encode() + b"\ndata: " + dump(event.data) + b"\n\n"


def _is_last(event: Event) -> bool:
    run = event.data
    if isinstance(run, Run):
        return run.status not in ACTIVE or run.status is RunStatus.REQUIRES_ACTION
    return event.name == "error"
