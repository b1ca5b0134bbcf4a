"""The bytes of an activity, judged before anything else looks at them."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import orjson
from aiohttp import web

from adapters.teams.faults import RequestRefusedError

MAX_BODY_BYTES: Final = 1_000_000
MAX_BODY_WAIT_S: Final = 15.0
MAX_VALUES: Final = 20_000  # botbuilder takes seconds of the event loop for a megabyte of empty entities
MAX_NESTING: Final = 50

Json = dict[str, object]

# What this program relies on. Bot Framework's schema would make the text "{}" of an id that is an object.
_SHAPES: Final[dict[str, type]] = {
    "type": str,
    "id": str,
    "text": str,
    "name": str,
    "locale": str,
    "channelId": str,
    "serviceUrl": str,
    "from": dict,
    "from.id": str,
    "from.name": str,
    "recipient": dict,
    "recipient.id": str,
    "recipient.name": str,
    "conversation": dict,
    "conversation.id": str,
    "conversation.conversationType": str,
    "channelData": dict,
    "entities": list,
    "attachments": list,
}
_KINDS: Final[dict[type, str]] = {str: "a string", dict: "an object", list: "an array"}


async def read_activity(request: web.Request) -> Json:
    """The activity in a request's body; RequestRefusedError names what is wrong with it.

    A NUL in a text is dropped here, for databases refuse it; a lone surrogate is refused by orjson.
    """
    if request.content_type != "application/json":
        raise RequestRefusedError(415, "UnsupportedMediaType", "The content type must be application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RequestRefusedError(415, "UnsupportedEncoding", "The body must not be compressed.")
    return _activity(await _body(request))


async def _body(request: web.Request) -> bytes:
    too_large = RequestRefusedError(413, "BodyTooLarge", f"The body must not exceed {MAX_BODY_BYTES:,} bytes.")
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(MAX_BODY_WAIT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise too_large
    except TimeoutError:
        raise RequestRefusedError(408, "BodyTooSlow", f"The body took over {MAX_BODY_WAIT_S:g} s.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise RequestRefusedError(400, "BrokenBody", "The body broke off or is wrongly framed.") from None
    return bytes(body)


def _activity(body: bytes) -> Json:
    try:
        activity = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestRefusedError(400, "MalformedJson", f"The body is not JSON: {error.msg} at {error.pos}.") from None
    if not isinstance(activity, dict):
        raise RequestRefusedError(400, "NotAnActivity", "The body must be a JSON object.")
    _check_extent(activity)
    cleaned = cast(Json, _without_nul(activity)) if b"\\u0000" in body else activity
    _check_shapes(cleaned)
    return cleaned


def _check_extent(activity: Json) -> None:
    level: list[object] = [activity]
    values = 0
    for _ in range(MAX_NESTING):
        values += len(level)
        if values > MAX_VALUES:
            raise RequestRefusedError(413, "TooManyValues", f"An activity must not hold over {MAX_VALUES:,} values.")
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise RequestRefusedError(400, "TooDeep", f"An activity must not be nested deeper than {MAX_NESTING} levels.")


def _inside(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return []


def _without_nul(value: object) -> object:
    match value:
        case str():
            return value.replace("\0", "")
        case dict():
            return {_without_nul(name): _without_nul(inner) for name, inner in value.items()}
        case list():
            return [_without_nul(inner) for inner in value]
        case _:
            return value


def _check_shapes(activity: Json) -> None:
    if not activity.get("type"):
        raise RequestRefusedError(400, "MissingType", "The activity has no `type`.")
    for name, shape in _SHAPES.items():
        if not isinstance(_at(activity, name), shape | None):
            raise RequestRefusedError(400, "WrongShape", f"The activity's `{name}` must be {_KINDS[shape]}.")


def _at(activity: Json, path: str) -> object:
    """A field, or a field of an object whose own shape was checked before."""
    name, _, inner = path.partition(".")
    value = activity.get(name)
    if not inner:
        return value
    return value.get(inner) if isinstance(value, dict) else None
