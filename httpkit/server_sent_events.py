"""Server-sent events, as a client reads them.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from typing import Final

MAX_EVENT_CHARS: Final = 16 * 1024 * 1024


class EventTooLargeError(Exception):
    """The service sends an event that is larger than any real one."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event. Ids and retry times are of no use here."""

    name: str
    data: str


class EventParser:
    """Splits bytes as they come into events."""

    def __init__(self, *, is_lenient: bool = False) -> None:
        """`is_lenient`: a line of data after one that ends a JSON object begins the next event.

        Some servers leave out the empty line between two events.
        """
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._is_lenient = is_lenient
        self._line: list[str] = []  # the pieces of one that has not ended yet
        self._name, self._data = "", list[str]()
        self._size_chars = 0  # of the event that has not ended yet

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that end in these bytes. Raises EventTooLargeError."""
        text = self._decoder.decode(chunk)
        self._line.append(text)
        lines: list[str] = []
        if "\n" in text:
            *lines, rest = "".join(self._line).split("\n")
            self._line = [rest]
        self._size_chars += len(text)
        events = self._events_in(lines)
        if self._size_chars > MAX_EVENT_CHARS:
            raise EventTooLargeError
        return events

    def end(self) -> list[ServerSentEvent]:
        """The event that had not ended when the stream did; a browser would drop it."""
        rest = "".join(self._line) + self._decoder.decode(b"", final=True)
        return self._events_in([*rest.split("\n"), ""])

    def _events_in(self, lines: list[str]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        for line in lines:
            field, _, value = line.partition(":")
            begins_next = (
                self._is_lenient and field == "data" and self._data and self._data[-1].endswith(("}", "[DONE]"))
            )
            if (not line or begins_next) and (self._name or self._data):
                events.append(ServerSentEvent(self._name, "\n".join(self._data)))
                self._name, self._data = "", []
                self._size_chars = sum(map(len, self._line))
            if field == "event":
                self._name = value.removeprefix(" ")
            elif field == "data":
                self._data.append(value.removeprefix(" "))
        return events
