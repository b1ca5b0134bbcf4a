"""Objects to JSON and back. What is stored is what is sent, so one codec serves the database and the door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from adapters.embedded.errors import unreadable

T = TypeVar("T")

_CODECS: dict[type[Any], TypeAdapter[Any]] = {}


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
    BeforeValidator(_none_is_empty),
]
"""Up to 16 pairs a client may hang on an object."""

Settings = dict[str, Any]
"""Settings that are kept and given back as they came, such as `response_format`."""


def parse(kind: type[T], fields: Mapping[str, Any]) -> T:
    """Make an object of a client's fields; unknown fields are ignored. Raises ApiError."""
    try:
        return _codec(kind).validate_python(fields)
    except ValidationError as error:
        raise unreadable(error) from None


def load(kind: type[T], text: str) -> T:
    """Read an object back from the JSON it was stored as."""
    try:
        return _codec(kind).validate_json(text)
    except ValidationError:
        # pydantic's text quotes the values, which are a user's words.
        raise ValueError(f"a stored {kind.__name__} cannot be read") from None


def dump(value: object) -> bytes:
    """JSON of an object, or of anything made of objects."""
    return orjson.dumps(value)


def plain(text: str) -> str:
    """Text that can be stored and sent: no lone surrogates (UTF-8 has none) and no NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _codec(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _CODECS:
        _CODECS[kind] = TypeAdapter(kind)
    return _CODECS[kind]
