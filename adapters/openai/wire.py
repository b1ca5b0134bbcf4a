"""What the service sends, judged field by field before anything else sees it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bot.errors import AssistantUnavailableError

log = logging.getLogger(__name__)


class GarbledError(AssistantUnavailableError):
    """The service sent JSON that is not what it ought to be. It may be whole the next time, once or twice."""


class Fields:
    """One JSON object of the service. Complaints name the field and never quote what stood in it."""

    def __init__(self, body: object, what: str) -> None:
        if not isinstance(body, dict):
            raise GarbledError(f"the assistant's service sent no object where {what} was due")
        self._body: dict[str, object] = body
        self._what = what

    @property
    def raw(self) -> Mapping[str, object]:
        """The object as it came."""
        return self._body

    def text(self, name: str) -> str:
        """A field that must be there and hold something."""
        value = self._body.get(name)
        if not isinstance(value, str) or not value:
            raise self._lacks(name, "a text")
        return _sound(value)

    def text_if_any(self, name: str) -> str:
        """A field that may be missing or null, and is empty then."""
        return "" if self._body.get(name) in (None, "") else self.text(name)

    def word(self, name: str) -> str:
        """A text on which nothing depends: empty for whatever else stands there."""
        value = self._body.get(name)
        return _sound(value) if isinstance(value, str) else ""

    def json_text(self, name: str) -> str:
        """JSON as a text, such as the arguments of a call; some servers send it unpacked."""
        value = self._body.get(name)
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else self.text_if_any(name)

    def flag(self, name: str) -> bool:
        """Whether a field is true; false where it is missing."""
        return self._body.get(name) is True

    def count_if_any(self, name: str) -> int:
        """A number of things, 0 where it is missing or no such number: nothing depends on one."""
        value = self._body.get(name)
        return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0

    def number_if_any(self, name: str) -> float | None:
        """A number such as a time, or None where it is missing or null."""
        value = self._body.get(name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise self._lacks(name, "a number")
        return value

    def object(self, name: str) -> Fields:
        """An object within this one."""
        return Fields(self._body.get(name), f"`{name}` of {self._what}")

    def object_if_any(self, name: str) -> Fields | None:
        """An object within this one, or None where it is missing or null."""
        return None if self._body.get(name) is None else self.object(name)

    def object_or_none(self, name: str) -> Fields | None:
        """An object on which nothing depends: None for whatever else stands there."""
        return self.object(name) if isinstance(self._body.get(name), dict) else None

    def objects_among(self, name: str) -> tuple[Fields, ...]:
        """The objects of a list; what else is in it is left out, and logged."""
        value = self._body.get(name) or []
        if not isinstance(value, list):
            raise self._lacks(name, "a list")
        found = [item for item in value if isinstance(item, dict)]
        if len(found) < len(value):
            log.warning("left out of an answer", extra={"what": f"items of `{name}`", "why": "they are no objects"})
        return tuple(Fields(item, f"an item of `{name}` of {self._what}") for item in found)

    def objects(self, name: str) -> tuple[Fields, ...]:
        """A list of objects."""
        value = self._body.get(name)
        if not isinstance(value, list):
            raise self._lacks(name, "a list")
        return tuple(Fields(item, f"an item of `{name}` of {self._what}") for item in value)

    def objects_if_any(self, name: str) -> tuple[Fields, ...]:
        """A list of objects, empty where it is missing or null."""
        return () if self._body.get(name) is None else self.objects(name)

    def texts(self, name: str) -> dict[str, str]:
        """A map from text to text, such as metadata; empty where it is missing or null."""
        value = self._body.get(name) or {}
        if not isinstance(value, dict):
            raise self._lacks(name, "a map")
        return {key: _sound(text) for key, text in value.items() if isinstance(text, str)}

    def _lacks(self, name: str, kind: str) -> GarbledError:
        return GarbledError(f"the assistant's service sent {self._what} without {kind} in `{name}`")


@contextmanager
def or_left_out(what: str) -> Iterator[None]:
    """Go on without a part of an answer that is garbled: the rest of it is worth more than none."""
    try:
        yield
    except AssistantUnavailableError as error:
        log.warning("left out of an answer", extra={"what": what, "why": str(error)})


def _sound(text: str) -> str:
    """JSON can hold half a character (a lone surrogate, where a text was cut); no file and no database can."""
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= char <= "\udfff" for char in text) else text


def chars_in(body: object) -> int:
    """The characters in all texts of a JSON value, which are most of what it takes in memory."""
    match body:
        case str():
            return len(body)
        case list():
            return sum(map(chars_in, body))
        case dict():
            return sum(map(chars_in, body.values()))
        case _:
            return 0
