"""Follows a response by the events that its service sends as they happen, and goes on after a break.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import json
from typing import Final

from adapters.openai.event_stream import MIN_GROWTH
from adapters.openai.responses.response_objects import Response, response_from
from adapters.openai.wire import Fields
from bot.errors import AssistantUnavailableError
from bot.run import Progress, RunPhase, TextSoFar
from httpkit.server_sent_events import ServerSentEvent

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
        self._phase: RunPhase | None = None
        self._texts: dict[tuple[int, int], list[str]] = {}  # the pieces so far, by item and content part
        self._length = self._shown_length = 0  # in characters

    def read(self, sent: ServerSentEvent) -> Response | Progress | TextSoFar | None:
        """What this event adds; None for nothing, or for too little text to be shown. The last one is the response.

        Raises AssistantUnavailableError if it is garbled or an error.
        """
        if sent.data.strip() == "[DONE]":
            return None
        return self.read_json(_json(sent))

    def read_json(self, data: object) -> Response | Progress | TextSoFar | None:
        """The same, of an event's data."""
        event = Fields(data, "an event")
        kind = event.text("type")
        if event.raw.get("sequence_number") is not None:
            self.after = event.count_if_any("sequence_number")
        if kind in _LAST:
            return response_from(event.object("response").raw)
        if kind == "error":
            raise AssistantUnavailableError("the event stream of the response reported an error")
        if kind in {"response.output_text.delta", "response.refusal.delta"}:
            return self._read_text(event)
        phase = _PHASES.get(kind)
        if phase is None or phase is self._phase:
            return None
        self._phase = phase
        return Progress(phase=phase)

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
