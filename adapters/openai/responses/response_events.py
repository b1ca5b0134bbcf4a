"""Follows a response by the events that its service sends as they happen, and goes on after a break.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from typing import Final

from adapters.openai.client import Client, Clock, JsonReply, path_to
from adapters.openai.event_stream import MIN_GROWTH, EventStream, StreamShelf
from adapters.openai.responses import response_objects as objects
from adapters.openai.responses.response_objects import Response, response_from
from adapters.openai.wire import Fields
from bot.errors import AssistantError, AssistantUnavailableError, RunTooSlowError
from bot.run import Progress, RunId, RunPhase, TextSoFar
from httpkit.server_sent_events import ServerSentEvent

log = logging.getLogger(__name__)

_MAX_RECONNECTS: Final = 5
_LAST_MOMENT_S: Final = 0.05  # with less time left, nothing more is tried

_LAST: Final = frozenset(
    f"response.{end}" for end in ("completed", "failed", "incomplete", "cancelled")
)  # the first three are documented; a background response can end in the fourth
_PHASES: Final = {
    "response.queued": RunPhase.QUEUED,
    "response.created": RunPhase.QUEUED,
    "response.in_progress": RunPhase.WORKING,
    "response.code_interpreter_call.in_progress": RunPhase.CODE,
    "response.code_interpreter_call.interpreting": RunPhase.CODE,
    "response.code_interpreter_call.completed": RunPhase.WORKING,
}


class ResponseEventReader:
    """Reads the events of one response, in order; `after` is the number of the last one, from which to go on."""

    def __init__(self) -> None:
        self.after: int | None = None
        self._seen: int | None = None  # the last event before the break; a service may send it once more
        self._phase: RunPhase | None = None
        self._texts: dict[tuple[int, int], list[str]] = {}  # the pieces so far, by item and content part
        self._length = self._shown_length = 0  # in characters

    def read(self, sent: ServerSentEvent) -> Response | Progress | TextSoFar | None:
        """What this event adds; None for nothing, or for too little text to be shown. The last one is the response.

        Raises AssistantUnavailableError if it is garbled or an error.
        """
        if sent.data.strip() == "[DONE]":
            return None
        return self.read_json(_json(sent), name=sent.name)

    def goes_on(self) -> None:
        """A new stream follows, which goes on behind the last event of this one."""
        self._seen = self.after

    def read_json(self, data: object, *, name: str = "") -> Response | Progress | TextSoFar | None:
        """The same, of an event's data."""
        event = Fields(data, "an event")
        kind = event.text_if_any("type") or name
        number = event.raw.get("sequence_number")
        if kind in _LAST:
            return self._ended(response_from(event.object("response").raw))
        if isinstance(number, int) and number >= 0:
            if self._seen is not None and number <= self._seen:
                return None
            self.after = number
        if kind == "error":
            raise AssistantUnavailableError("the event stream of the response reported an error")
        if kind in {"response.output_text.delta", "response.refusal.delta"}:
            return self._read_text(event)
        phase = _PHASES.get(kind)
        if phase is None or phase is self._phase:
            return None
        self._phase = phase
        return Progress(phase=phase)

    def _ended(self, response: Response) -> Response:
        """The response in a last event, if it is whole. Raises AssistantUnavailableError: fetched, it may be."""
        if isinstance(response.event, Progress) or (response.has_answer and self._texts and not response.output):
            raise AssistantUnavailableError("the last event of the response does not hold how it ended")
        return response

    def _read_text(self, event: Fields) -> TextSoFar | None:
        place = (event.count_if_any("output_index"), event.count_if_any("content_index"))
        piece = event.text_if_any("delta")
        self._texts.setdefault(place, []).append(piece)
        self._length += len(piece)
        # One event for every few per cent of growth: see `RunEventReader`.
        if self._length - self._shown_length <= self._shown_length * MIN_GROWTH:
            return None
        self._shown_length = self._length
        return TextSoFar(text="\n\n".join(filter(None, map("".join, self._texts.values()))))


def _json(sent: ServerSentEvent) -> object:
    try:
        return json.loads(sent.data)
    except (ValueError, RecursionError):
        raise AssistantUnavailableError("the assistant's service sent an event that is no JSON") from None


class FollowedStreams:
    """The streams of responses: kept when they begin, followed to their end, gone on with after a break."""

    def __init__(self, *, client: Client, streams: StreamShelf, max_silence_s: float, clock: Clock) -> None:
        """A stream that is silent for `max_silence_s` is one that broke."""
        self._client = client
        self._streams = streams
        self._max_silence_s = max_silence_s
        self._clock = clock
        self._readers: dict[RunId, ResponseEventReader] = {}

    def keep(self, reply: JsonReply, stream: EventStream | None) -> RunId:
        """The id of a response that was just created; its stream waits for the one who follows it."""
        fields = Fields(reply.body, "what was made")
        run = RunId((fields.object("response") if stream is not None else fields).text("id"))
        self._streams.put(run, stream)
        if stream is not None:
            reader = self._readers[run] = ResponseEventReader()
            reader.read_json(reply.body)
        return run

    async def follow(self, run: RunId, *, give_up_at: float) -> AsyncGenerator[Response | Progress | TextSoFar, None]:
        """Yield what the stream says, and go on after breaks. Ends early where there is none, or it breaks for good.

        Raises RunTooSlowError at the deadline.
        """
        stream, reader = self._streams.take(run), self._readers.pop(run, ResponseEventReader())
        reconnects = 0
        self._streams.followed += 1
        try:
            while stream is not None and (left_s := give_up_at - self._clock()) > _LAST_MOMENT_S:
                goes_on, event = await self._next_event(stream, reader, within_s=min(left_s, self._max_silence_s))
                if isinstance(event, Response):
                    yield event
                    await stream.close(after_last=True)
                    stream = None
                    return
                if event is not None:
                    yield event
                if not goes_on and give_up_at - self._clock() > _LAST_MOMENT_S:
                    await stream.close()
                    reconnects += 1
                    stream = await self._reconnected(run, reader) if reconnects <= _MAX_RECONNECTS else None
            if stream is not None:
                raise RunTooSlowError(f"response {run} was still at work at its deadline")
        finally:
            self._streams.followed -= 1
            if stream is not None:
                await stream.close()

    async def _next_event(
        self, stream: EventStream, reader: ResponseEventReader, *, within_s: float
    ) -> tuple[bool, Response | Progress | TextSoFar | None]:
        """Whether the stream goes on, and what its next event adds."""
        try:
            sent = await stream.next(within_s=within_s)
            return sent is not None, None if sent is None else reader.read(sent)
        except AssistantError as error:
            log.warning("event stream broke", extra={"why": str(error)})
            return False, None

    async def _reconnected(self, run: RunId, reader: ResponseEventReader) -> EventStream | None:
        """The rest of a stream; None where the service does not give it."""
        if reader.after is None:
            return None
        reader.goes_on()
        query = {**objects.INCLUDED, "stream": "true", "starting_after": reader.after}
        try:
            reply, stream = await self._client.get_stream(path_to("responses", run), query)
            if stream is None:
                return None
            if isinstance(reader.read_json(reply.body), Response):  # the end itself: fetching it is simpler
                await stream.close()
                return None
        except AssistantError as error:
            log.warning("event stream cannot be resumed; polling", extra={"run": run, "why": str(error)})
            return None
        return stream

    async def close(self, run: RunId) -> None:
        """Close the stream of a response that nobody follows any more."""
        await self._streams.close(run)
        self._readers.pop(run, None)
