"""An answer that an endpoint streams: server-sent events in, the same completion out as if it had come whole.

https://platform.openai.com/docs/api-reference/chat-streaming. Servers differ here too: ids and indexes of calls are
missing or repeated, a call comes whole or in fragments, `[DONE]` never comes, comments keep the connection alive.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import orjson

from adapters.embedded.models.chat_reply import entries_of, function_of, is_first, text_of, words_in
from adapters.embedded.models.port import ModelError
from httpkit.refusal_words import disguised_status
from httpkit.server_sent_events import EventParser, EventTooLargeError

MAX_CALLS: Final = 200
"""Of one answer; what comes beyond them is dropped."""
MAX_MERGED_DEPTH: Final = 100
"""Of lists and objects within one another that come in several pieces."""
MAX_STREAM_BYTES: Final = 64 * 1024 * 1024
"""A stream takes some 200 bytes for each word."""


class UnreadableChunkError(Exception):
    """An event holds something else than a chunk of an answer."""


class ChunkError(Exception):
    """An event says that the endpoint failed: with this status, in these words."""

    def __init__(self, status: int, data: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.data = data


def is_event_stream(begin: bytes, content_type: str) -> bool:
    """Whether a body that begins like this is an event stream, whatever was asked for.

    Some servers send JSON, or a page, as an event stream, and others an event stream as plain text.
    """
    begin = begin.lstrip(b"\xef\xbb\xbf \t\r\n")
    if content_type == "text/event-stream":
        return not begin.startswith((b"{", b"[", b"<"))
    return begin.startswith((b"data:", b"event:", b"id:", b":"))


_SAYS: Final = frozenset({"content", "refusal", "tool_calls", "function_call"})
"""The fields of a delta that are part of the answer, beside the many names of thinking."""


class ReplyAssembly:
    """Puts the chunks of one answer together."""

    def __init__(self) -> None:
        self.model = ""
        self.is_finished = False  # the endpoint has said why it stopped, and nothing since
        self.has_begun = False  # to say, think or call something
        self.thinks_apart = False  # in fields of their own, so that no thought is among the words
        self._finish: str | None = None
        self._sends_deltas = False  # so that a message is no further piece, but everything once more
        self._usage: Any = None
        self._has_choice = False
        self._has_content: bool | None = None  # None while no chunk has spoken of any, not even of null
        self._texts: dict[str, list[str]] = {"content": [], "refusal": []}
        self._half = ""  # the first half of a letter that was cut in two
        self._fields = _Fields()
        self._calls: list[_Call] = []
        self._legacy: _Call | None = None

    @property
    def may_end(self) -> bool:
        """Whether the endpoint has ever said why it stops: then the end of its bytes is the end of the answer."""
        return self._finish is not None

    def add(self, data: str) -> str:
        """Take the data of one event; returns the words that it adds. Raises ChunkError, UnreadableChunkError."""
        chunk = _parsed(data)
        if (chunk.get("error") or "choices" not in chunk) and (status := disguised_status(chunk)) is not None:
            raise ChunkError(status, data.encode())
        self.model = self.model or text_of(chunk.get("model"))
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and is_first(choice):
                return self._add_choice(choice)
        return ""

    def completion(self) -> dict[str, Any]:
        """The answer, in the shape in which it would have come whole."""
        message: dict[str, Any] = {"role": "assistant", **self._fields.values()}
        if self._has_content is not None:
            # Null or an empty text beside calls: servers that send the one refuse the other.
            message["content"] = "".join(self._texts["content"]) or ("" if self._has_content else None)
        if refusal := "".join(self._texts["refusal"]):
            message["refusal"] = refusal
        if calls := [call.written() for call in self._calls if call.is_call]:
            message["tool_calls"] = calls
        elif self._legacy is not None and self._legacy.is_call:
            message["function_call"] = self._legacy.written()["function"]
        choices = [{"index": 0, "message": message, "finish_reason": self._finish}] if self._has_choice else []
        return {"model": self.model, "choices": choices, "usage": self._usage}

    def _add_choice(self, choice: dict[str, Any]) -> str:
        self._has_choice = True
        finish = text_of(choice.get("finish_reason"))
        self._finish = finish or self._finish
        self._usage = choice.get("usage") or self._usage  # Moonshot puts it here
        delta = choice.get("delta")
        if not delta and not self._sends_deltas:
            delta = choice.get("message")  # what some servers call the delta, as in an answer that comes whole
            if not delta and isinstance(choice.get("text"), str):  # as the older interface for completions has it
                delta = {"content": choice["text"]}
        delta = delta if isinstance(delta, dict) else {}
        if any(value and (name in _SAYS or name.startswith("reasoning")) for name, value in delta.items()):
            # Some gateways give a reason in every chunk; that of one which says something is not yet the end.
            self.is_finished = False
        elif finish:
            self.is_finished = True
        if "content" in delta:
            self._has_content = self._has_content or delta["content"] is not None
        words = [self._take(name, value) for name, value in delta.items() if value is not None and value != ""]
        self._sends_deltas = self._sends_deltas or (self.has_begun and bool(choice.get("delta")))
        return "".join(words)

    def _take(self, name: str, value: Any) -> str:
        self.has_begun = self.has_begun or name != "role"
        match name, value:
            case "role", _:
                pass
            case "content", _:
                words = self._whole_letters(words_in(value))
                self._texts["content"].append(words)
                return words
            case "refusal", str():
                self._texts["refusal"].append(value)
            case "tool_calls", _:
                for entry in entries_of(value):
                    self._add_call(entry)
            case "function_call", dict():
                self._legacy = self._legacy or _Call(index=0)
                self._legacy.add({"function": value})
            case _:
                self.thinks_apart = self.thinks_apart or name.startswith("reasoning")
                self._fields.add(name, value)
        return ""

    def _whole_letters(self, text: str) -> str:
        """With the two halves of a letter beyond U+FFFF in one piece, where a server cut it into two events."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _add_call(self, entry: dict[str, Any]) -> None:
        index = entry.get("index")
        call = next((call for call in reversed(self._calls) if index is None or call.index == index), None)
        if call is None or call.is_followed_by(entry):
            if len(self._calls) >= MAX_CALLS:
                return
            call = _Call(index=len(self._calls) if index is None else index)
            self._calls.append(call)
        call.add(entry)


class ReplyStream:
    """An answer as its bytes come in."""

    def __init__(self) -> None:
        self.assembly = ReplyAssembly()
        self.has_begun = False  # to send events
        self.is_done = False  # by `[DONE]`
        self._events = EventParser(is_lenient=True)
        self._size_bytes = 0

    @property
    def is_whole(self) -> bool:
        """Whether the answer has ended, as far as one can tell: what is expected still are its tokens."""
        return self.is_done or self.assembly.is_finished

    def feed(self, piece: bytes) -> str:
        """Take the next bytes, none at the end; returns the words in them.

        Raises ChunkError, UnreadableChunkError, and ModelError where the answer is too large.
        """
        self._size_bytes += len(piece)
        try:
            events = self._events.feed(piece) if piece else self._events.end()
        except EventTooLargeError:
            events, self._size_bytes = [], MAX_STREAM_BYTES + 1
        if self._size_bytes > MAX_STREAM_BYTES:
            raise ModelError("The model's endpoint sent an answer that is too large.")
        words = []
        for event in events:
            data = event.data.strip()
            self.is_done = self.is_done or data.strip('"').upper() == "[DONE]"
            if not self.is_done and data:
                try:
                    words.append(self.assembly.add(data))
                except (AttributeError, TypeError, RecursionError):
                    # A value of a kind, or nested in a way, that no server is known to send.
                    raise UnreadableChunkError from None
                self.has_begun = True
        return "".join(words)


class _Call:
    """One call, as far as it has come."""

    def __init__(self, *, index: Any) -> None:
        self.index = index
        self._id = self._name = ""
        self._arguments: list[str] = []
        self._last = ""  # piece of them
        self._rest = _Fields()
        self._function = _Fields()

    @property
    def is_call(self) -> bool:
        return bool(self._name or self._arguments)

    def is_followed_by(self, entry: dict[str, Any]) -> bool:
        """Whether an entry under the same index begins another call: Gemini and older Ollama number all calls 0."""
        name = text_of(function_of(entry).get("name"))
        if not name or not self._name:
            return False
        id_ = text_of(entry.get("id"))
        if id_ and self._id:
            return id_ != self._id
        # A name that is repeated with each fragment begins nothing; one after whole arguments does.
        return bool(self._arguments) and self._arguments[-1].rstrip().endswith("}") and _is_json(self._joined())

    def add(self, entry: dict[str, Any]) -> None:
        function = function_of(entry)
        self._id = self._id or text_of(entry.get("id"))
        name, arguments = text_of(function.get("name")), function.get("arguments")
        if name != self._name:
            self._name += name
        if isinstance(arguments, dict | list) and arguments:
            self._arguments = [json.dumps(arguments, ensure_ascii=False)]
        elif isinstance(arguments, str) and arguments:
            self._arguments.append(arguments)
            self._last = arguments
        of_call = {"index", "id", "function", *(function if "function" not in entry else ())}
        for given, kept, known in ((entry, self._rest, of_call), (function, self._function, {"name", "arguments"})):
            for key, value in given.items():
                if key not in known and value:
                    kept.add(key, value)

    def written(self) -> dict[str, Any]:
        arguments = self._joined()
        if arguments != self._last and not _is_json(arguments):
            # Each piece held all before it, or an empty object came first.
            whole = next((it for it in (self._last, arguments.removeprefix("{}")) if _is_object(it)), arguments)
            arguments = whole
        function = {**self._function.values(), "name": self._name, "arguments": arguments}
        return {
            **self._rest.values(),
            **({"id": self._id} if self._id else {}),
            "type": "function",
            "function": function,
        }

    def _joined(self) -> str:
        self._arguments = ["".join(self._arguments)]
        return self._arguments[0]


def _parsed(data: str) -> dict[str, Any]:
    try:
        # orjson refuses half letters, which come where a server cuts a text without looking.
        chunk = json.loads(data) if "\\ud" in data.lower() else orjson.loads(data)
    except (ValueError, RecursionError):
        raise UnreadableChunkError from None
    if not isinstance(chunk, dict):
        raise UnreadableChunkError
    return chunk


def _is_object(text: str) -> bool:
    return text.startswith("{") and _is_json(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


_SAID_ONCE: Final = frozenset({"type", "id", "index", "format", "name", "role"})


class _Fields:
    """Fields that nobody here knows, put together as the openai package does: texts grow, lists by their `index`."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._grown: list[tuple[Any, Any, _Pieces]] = []  # where the texts lie that came in several pieces

    def add(self, name: str, piece: Any) -> None:
        """Take the next piece of a field. Raises UnreadableChunkError."""
        if name in self._values:
            self._merge(self._values, name, piece, depth=0)
        else:
            self._values[name] = piece

    def values(self) -> dict[str, Any]:
        """All fields as far as they have come."""
        for holder, at, text in self._grown:
            if holder[at] is text:
                holder[at] = "".join(text.pieces)
        self._grown.clear()
        return self._values

    def _merge(self, holder: Any, at: Any, piece: Any, *, depth: int) -> None:
        """Put a piece to what lies in a dict or list at this place; both came from the wire and are changed in place.

        A text is joined at the end: thinking comes in tens of thousands of pieces.
        """
        if depth > MAX_MERGED_DEPTH:
            raise UnreadableChunkError
        before = holder[at]
        match before, piece:
            case _Pieces(), str():
                before.pieces.append(piece)
            case str(), str():
                holder[at] = _Pieces([before, piece])
                self._grown.append((holder, at, holder[at]))
            case dict(), dict():
                self._merge_members(before, piece, depth=depth + 1)
            case list(), list():
                self._merge_entries(before, piece, depth=depth + 1)
            case _, None:
                pass
            case _:
                holder[at] = piece

    def _merge_members(self, before: dict[str, Any], members: dict[str, Any], *, depth: int) -> None:
        for key, value in members.items():
            if key in before and key not in _SAID_ONCE:
                self._merge(before, key, value, depth=depth)
            else:
                before[key] = value

    def _merge_entries(self, before: list[Any], entries: list[Any], *, depth: int) -> None:
        for entry in entries:
            place = _place_of(entry, before)
            if place is None:
                before.append(entry)
            else:
                self._merge(before, place, entry, depth=depth)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """A text that grows."""

    pieces: list[str]


def _place_of(entry: Any, entries: list[Any]) -> int | None:
    """Which entry of a list another one continues; only the last ones can be meant."""
    index = entry.get("index") if isinstance(entry, dict) else None
    if index is None:
        return None
    for place in range(len(entries) - 1, max(len(entries) - MAX_CALLS, 0) - 1, -1):
        old = entries[place]
        if isinstance(old, dict) and old.get("index") == index:
            return place
    return None
