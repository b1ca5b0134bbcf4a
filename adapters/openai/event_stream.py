"""Follows a run by the events that its service sends as they happen.

https://platform.openai.com/docs/api-reference/assistants-streaming/events
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, TypeVar

import aiohttp

from adapters.openai.protocol import run_from
from adapters.openai.recording import Call
from adapters.openai.service_errors import translated
from adapters.openai.wire import Fields
from bot.errors import AssistantError, AssistantUnavailableError
from bot.run import Progress, RunEvent, RunId, RunPhase, Settled, TextSoFar
from bot.turn_record import Usage
from httpkit.server_sent_events import EventParser, EventTooLargeError, ServerSentEvent

MIN_GROWTH: Final = 0.02
"""The share by which a text has to grow before it is shown again."""

_DRAIN_S: Final = 0.2
_MESSAGE_EVENTS: Final = {
    "thread.message.created": False,
    "thread.message.completed": True,
    "thread.message.incomplete": True,
}
"""Whether the message in such an event is all that will be written of it."""
_PHASES: Final = {"thread.run.queued": RunPhase.QUEUED, "thread.run.in_progress": RunPhase.WORKING}
_STEP_ENDS: Final = frozenset(f"thread.run.step.{end}" for end in ("completed", "failed", "cancelled", "expired"))


class EventStream:
    """The events of one response, in order. Its receiver closes it; then `call` ends, answered by the last event."""

    def __init__(self, response: aiohttp.ClientResponse, call: Call) -> None:
        self._response = response
        self._call = call
        self.begins_run = True  # else it goes on with one that had tool outputs
        self._last = ""  # the data of the last event that was JSON
        self._parser = EventParser()
        self._events: deque[ServerSentEvent] = deque()  # that came, and were not asked for yet

    async def next(self, *, within_s: float) -> ServerSentEvent | None:
        """The next event; None at the end. Raises AssistantError when the stream breaks or is silent for too long."""
        if not self._events:
            with translated():
                async with asyncio.timeout(within_s):
                    while not self._events and (chunk := await self._response.content.readany()):
                        try:
                            events = self._parser.feed(chunk)
                        except EventTooLargeError:
                            raise AssistantError("the assistant's service sent an event that is too large") from None
                        self._events.extend(event for event in events if event.data.strip())  # others are signs of life
        if not self._events:
            return None
        event = self._events.popleft()
        if event.data.startswith("{"):
            self._last = event.data
        return event

    async def close(self, *, after_last: bool = False) -> None:
        """Close the response. `after_last`: nothing but its end is still to come.

        A response that is read to its end leaves its connection to the next request; any other takes it down.
        """
        try:
            while after_last and await self.next(within_s=_DRAIN_S) is not None:
                pass
        except AssistantError:
            pass  # everything that mattered has been read
        self._call.hear(self._response.status, self._last.encode())
        self._call.end()
        self._response.release()


class RunEventReader:
    """Turns the events of one run's stream, in order, into what `Assistant.follow` yields."""

    def __init__(self, *, begins_run: bool = True) -> None:
        """`begins_run`: whether the stream tells all of its run, or goes on with it behind tool outputs."""
        self._begins_run = begins_run
        self._phase: RunPhase | None = None
        self._texts: dict[tuple[str, str], list[str]] = {}  # the pieces so far, by message and content part
        self._length = self._shown_length = 0  # in characters
        self._messages: dict[str, Fields | None] = {}  # by id; None while one is being written
        self._code = Usage()

    @property
    def messages(self) -> list[Fields]:
        """The assistant's messages, oldest first; none unless the stream told all of each that it began."""
        whole = [message for message in self._messages.values() if message is not None]
        return whole if self._begins_run and len(whole) == len(self._messages) else []

    def read(self, sent: ServerSentEvent) -> RunEvent | None:
        """What this event adds; None for nothing, or for too little text to be shown.

        Raises AssistantUnavailableError if it is garbled or an error.
        """
        # Most events repeat whole objects that nobody here needs, so only those of use are parsed.
        name = sent.name
        if name.startswith("thread.message."):
            return self._read_message(name, sent)
        if name.startswith("thread.run.step."):
            return self._read_step(name, sent)
        if name == "error":
            raise AssistantUnavailableError("the event stream of the run reported an error")
        if (phase := _PHASES.get(name)) is not None:
            return self._enter(phase)
        if not name.startswith("thread.run."):
            return None
        event = run_from(_json(sent)).event
        if isinstance(event, Settled) and self._begins_run and self._code.code_runs:
            return replace(event, usage=(event.usage or Usage()) + self._code)
        return self._enter(event.phase) if isinstance(event, Progress) else event

    def _read_message(self, name: str, sent: ServerSentEvent) -> TextSoFar | None:
        if name == "thread.message.delta":
            return self._read_text(_fields(sent))
        if name in _MESSAGE_EVENTS:
            message = _fields(sent)
            if message.text_if_any("role") == "assistant":  # some services tell of the question too
                is_whole = _MESSAGE_EVENTS[name] and isinstance(message.raw.get("content"), list)
                self._messages[message.text("id")] = message if is_whole else None
        # What was too little to be shown is shown at the message's end: a function may take its time.
        is_late = name == "thread.message.completed" and self._length > self._shown_length
        return self._text_so_far() if is_late else None

    def _read_step(self, name: str, sent: ServerSentEvent) -> Progress | None:
        if name == "thread.run.step.delta" and self._phase is not RunPhase.CODE:
            details = _fields(sent).object("delta").object_if_any("step_details")
            calls = details.objects_if_any("tool_calls") if details else ()
            is_code = any(call.text_if_any("type") == "code_interpreter" for call in calls)
            return self._enter(RunPhase.CODE) if is_code else None
        if name in _STEP_ENDS:
            if '"code_interpreter"' in sent.data:
                self._code += code_usage_of(_fields(sent))
            return self._enter(RunPhase.WORKING)
        return None

    def _enter(self, phase: RunPhase) -> Progress | None:
        if phase is self._phase:
            return None
        self._phase = phase
        return Progress(phase=phase)

    def _read_text(self, delta: Fields) -> TextSoFar | None:
        message = delta.text("id")
        for content in delta.object("delta").objects_if_any("content"):
            text = content.object_if_any("text")
            if text is not None:
                piece = text.text_if_any("value")
                self._texts.setdefault((message, str(content.count_if_any("index"))), []).append(piece)
                self._length += len(piece)
        # Each event holds the whole text so far. One for every piece would be work that grows with the square of the
        # answer; one for every few per cent is in proportion to it.
        if self._length - self._shown_length <= self._shown_length * MIN_GROWTH:
            return None
        return self._text_so_far()

    def _text_so_far(self) -> TextSoFar:
        self._shown_length = self._length
        return TextSoFar(text="\n\n".join(filter(None, map("".join, self._texts.values()))))


def code_usage_of(step: Fields) -> Usage:
    """The runs of code in a step; for how long it ran, the embedded server alone says."""
    details = step.object_if_any("step_details")
    calls = details.objects_if_any("tool_calls") if details else ()
    ran = [call.object_if_any("code_interpreter") for call in calls if call.text_if_any("type") == "code_interpreter"]
    return Usage(code_runs=len(ran), code_ms=sum(code.count_if_any("took_ms") for code in ran if code))


def _fields(sent: ServerSentEvent) -> Fields:
    return Fields(_json(sent), "an event")


def _json(sent: ServerSentEvent) -> object:
    try:
        return json.loads(sent.data)
    except (ValueError, RecursionError):
        raise AssistantUnavailableError("the assistant's service sent an event that is no JSON") from None


MAX_STREAMS: Final = 500  # half of the client's connections; the runs beyond are polled
_MAX_UNCLAIMED_S: Final = 60.0


class StreamShelf:
    """Streams between the start of a run and the one who follows it. Its owner closes what nobody came for.

    `offered` says whether the service sends streams where it is asked for them; None while that is not known.
    """

    def __init__(self, *, wanted: bool, clock: Callable[[], float], max_streams: int = MAX_STREAMS) -> None:
        self.offered: bool | None = None if wanted else False
        self._max_streams = max_streams
        self._clock = clock
        self._unclaimed: dict[str, tuple[float, EventStream]] = {}  # by run, with the time of its start
        self.followed = 0

    async def is_open(self) -> bool:
        """Whether a run that is started now is to be asked for its stream. Closes old ones first."""
        await self.close_old()
        return self.offered is not False and len(self._unclaimed) + self.followed < self._max_streams

    def put(self, run: str, stream: EventStream | None) -> None:
        """Keep the stream of a run that was just started; None where the service gave none."""
        self.offered = stream is not None
        if stream is not None:
            self._unclaimed[run] = (self._clock(), stream)

    def take(self, run: str) -> EventStream | None:
        """The stream of a run, for the one who follows it; None if there is none."""
        kept = self._unclaimed.pop(run, None)
        return kept[1] if kept else None

    async def close(self, run: str) -> None:
        """Close the stream of a run, if there is one."""
        stream = self.take(run)
        if stream is not None:
            await stream.close()

    async def close_old(self) -> None:
        """Close the streams of runs that nobody began to follow: their turn was stopped, or waits for its ledger."""
        oldest_s = self._clock() - _MAX_UNCLAIMED_S
        while self._unclaimed:
            run, (opened_at_s, _) = next(iter(self._unclaimed.items()))  # the oldest is the first
            if opened_at_s >= oldest_s:
                break
            await self.close(run)

    async def close_all(self) -> None:
        """Close the streams of runs that nobody follows."""
        for run in list(self._unclaimed):
            await self.close(run)


MAX_KEPT_CHARS: Final = 64 * 1024 * 1024  # of what runs wrote; the pictures of one response may be 16 MB of base64
_Wrote = TypeVar("_Wrote")


class EndedRunShelf(Generic[_Wrote]):
    """What ended runs wrote, until their answers are read. The oldest goes first where it is too many or too much.

    A turn that was stopped does not read its answer.
    """

    def __init__(self, *, max_chars: int = MAX_KEPT_CHARS) -> None:
        self._max_chars = max_chars
        self._kept: OrderedDict[RunId, tuple[_Wrote, int]] = OrderedDict()
        self._chars = 0

    def put(self, run: RunId, wrote: _Wrote, *, chars: int) -> None:
        """Keep what a run wrote, with the characters in it."""
        self.drop(run)
        self._kept[run] = (wrote, chars)
        self._chars += chars
        while len(self._kept) > MAX_STREAMS or self._chars > self._max_chars:
            self.drop(next(iter(self._kept)))

    def get(self, run: RunId) -> _Wrote | None:
        """What a run wrote; None if it is not here."""
        kept = self._kept.get(run)
        return kept[0] if kept else None

    def drop(self, run: RunId) -> None:
        """Keep nothing of this run any more."""
        _, chars = self._kept.pop(run, (None, 0))
        self._chars -= chars
