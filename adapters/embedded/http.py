"""Reading requests and writing answers: JSON bodies, list windows, lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from adapters.embedded.errors import ApiError
from adapters.embedded.rows import Rows, Stored, Window
from adapters.embedded.store import Store
from adapters.embedded.wire import dump, parse

MAX_BODY_BYTES = 8_000_000
MAX_NESTING = 100  # orjson reads far deeper than it writes, and what comes in here goes out again


def answered(value: object) -> web.Response:
    """200 with an object."""
    return web.Response(body=dump(value), content_type="application/json")


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a body; no body is an empty object. Raises ApiError (400, 413)."""
    try:
        raw = await request.read()
    except web.RequestPayloadError as error:
        raise ApiError("The body of the request cannot be read.") from error
    try:
        body = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise ApiError("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise ApiError("The JSON body of the request has to be an object.")
    if _is_deeper_than(MAX_NESTING, body):
        raise ApiError(f"The JSON body of the request is nested deeper than {MAX_NESTING} levels.")
    return body


def window_of(request: web.Request, kind: type[Window] = Window) -> Window:
    """Which part of a list is asked for. Raises ApiError (400)."""
    asked = {name: request.query[name] for name in ("limit", "order", "after", "before") if request.query.get(name)}
    return parse(kind, asked)


async def listed(store: Store, kind: type[Stored], window: Window, **where: str) -> web.Response:
    """200 with a list."""

    def work(rows: Rows) -> tuple[list[Stored], bool]:
        return rows.page(kind, window, **where)

    found, more = await store.transact(work)
    return answered(
        {
            "object": "list",
            "data": found,
            "has_more": more,
            "first_id": found[0].id if found else None,
            "last_id": found[-1].id if found else None,
        }
    )


def _is_deeper_than(levels: int, body: dict[str, Any]) -> bool:
    level: list[Any] = [body]
    for _ in range(levels):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()
