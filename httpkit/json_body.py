"""JSON over HTTP: what others send, bounded in size, time, depth and values, and what is sent to them."""

from __future__ import annotations

import asyncio
import codecs
import json
from typing import Final, cast

import orjson
from aiohttp import StreamReader, web

from httpkit.http_errors import RequestRefusedError

MAX_BODY_WAIT_S: Final = 15.0

Json = dict[str, object]


def json_bytes(value: object) -> bytes:
    """JSON in UTF-8. Half a surrogate pair, which a model's tool may print, becomes a question mark and no failure."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, ensure_ascii=False).encode(errors="replace")


async def read_json_object(
    request: web.Request, *, max_bytes: int, max_nesting: int, max_values: int | None = None
) -> Json:
    """The JSON object in a request's body. Raises RequestRefusedError, which names what is wrong with it.

    NUL characters are dropped from all texts, because databases refuse them; orjson refuses lone surrogates itself.
    """
    if request.content_type != "application/json":
        raise RequestRefusedError(415, "UnsupportedMediaType", "The content type must be application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RequestRefusedError(415, "UnsupportedEncoding", "The body must not be compressed.")
    body = await read_body(request, max_bytes=max_bytes)
    try:
        value = orjson.loads(body.removeprefix(codecs.BOM_UTF8))  # RFC 8259, section 8.1: a reader may ignore it
    except orjson.JSONDecodeError as error:
        raise RequestRefusedError(400, "MalformedJson", f"The body is not JSON: {error.msg} at {error.pos}.") from None
    if not isinstance(value, dict):
        raise RequestRefusedError(400, "NotAnObject", "The body must be a JSON object.")
    check_extent(value, max_nesting=max_nesting, max_values=max_values)
    return cast(Json, _without_nul(value)) if b"\\u0000" in body else value


async def read_body(request: web.Request, *, max_bytes: int) -> bytes:
    """The bytes of a body, at most `max_bytes` of them within `MAX_BODY_WAIT_S`. Raises RequestRefusedError."""
    too_large = RequestRefusedError(413, "BodyTooLarge", f"The body must not exceed {max_bytes:,} bytes.")
    if (request.content_length or 0) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(MAX_BODY_WAIT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise RequestRefusedError(408, "BodyTooSlow", f"The body took over {MAX_BODY_WAIT_S:g} s.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise RequestRefusedError(400, "BrokenBody", "The body broke off or is wrongly framed.") from None
    return bytes(body)


async def read_start(content: StreamReader, *, max_bytes: int) -> bytes:
    """The first `max_bytes` of a body, or all of it. `content.read(n)` returns what has arrived so far."""
    start = bytearray()
    async for piece in content.iter_any():
        start += piece
        if len(start) >= max_bytes:
            break
    return bytes(start[:max_bytes])


def check_extent(value: Json, *, max_nesting: int, max_values: int | None) -> None:
    """Raise RequestRefusedError for an object that is nested too deep or holds too many values.

    orjson reads far deeper than it writes, and some readers need seconds of the event loop for a megabyte of tiny
    objects. The tree is walked level by level, because recursion would fail at the very depth it looks for.
    """
    level: list[object] = [value]
    values = 0
    for _ in range(max_nesting):
        values += len(level)
        if max_values is not None and values > max_values:
            raise RequestRefusedError(413, "TooManyValues", f"The body must not hold over {max_values:,} values.")
        level = [inner for each in level for inner in _children(each)]
        if not level:
            return
    raise RequestRefusedError(400, "TooDeep", f"The body must not be nested deeper than {max_nesting} levels.")


def _children(value: object) -> list[object]:
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
