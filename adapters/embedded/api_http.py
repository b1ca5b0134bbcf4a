"""HTTP around the API: routes, access checks, JSON bodies, lists, error bodies."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.embedded.api_objects import ApiError, dump, parse
from adapters.embedded.object_store import Rows, Store, Stored, StoreError, Window
from httpkit.http_errors import RequestRefusedError
from httpkit.json_body import check_extent, read_body
from httpkit.loopback import why_not_local

log = logging.getLogger(__name__)

ROOTS = ("/v1", "/openai", "/openai/v1")
"""OpenAI's root, Azure's with `?api-version=`, and Azure's newer one. Any api-version is taken."""


class Resource(Protocol):
    """One kind of object and its routes."""

    def routes(self) -> list[web.RouteDef]:
        """Paths below the API's root."""
        ...


def create_app(*, api_key: str, resources: Iterable[Resource]) -> web.Application:
    """Create the application with all routes behind the access control."""
    app = web.Application(middlewares=[access_control(api_key)], client_max_size=MAX_BODY_BYTES)
    for resource in resources:
        for root in ROOTS:
            app.add_routes([web.route(r.method, root + r.path, r.handler) for r in resource.routes()])
    return app


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def access_control(api_key: str) -> Middleware:
    """A middleware that admits requests from this machine with the key, and turns errors into error bodies."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _check_place(request)
            _check_key(request, api_key)
            _check_encoding(request)
            return await handler(request)
        except (ApiError, RequestRefusedError, StoreError, web.HTTPError) as error:
            refusal = _as_api_error(error, request)
            return web.Response(status=refusal.status, body=dump(refusal.as_json()), content_type="application/json")

    return check


def _as_api_error(error: Exception, request: web.Request) -> ApiError:
    match error:
        case ApiError():
            return error
        case RequestRefusedError(status=status):
            return ApiError(str(error), status=status)
        case StoreError():
            log.warning("request not served", extra={"path": request.path, "why": str(error)})
            return ApiError(str(error), status=503, kind="server_error")
        case web.HTTPMethodNotAllowed(method=method):
            return ApiError(f"Not allowed to {method} on {request.path}.", status=405)
        case web.HTTPNotFound():
            return ApiError(f"Invalid URL ({request.method} {request.path})", status=404)
        case web.HTTPError(status=status, reason=reason):
            return ApiError(f"{reason}.", status=status)
        case _:
            raise error


def _check_place(request: web.Request) -> None:
    """A web page elsewhere can reach a loopback port through the browser; its Host or Origin gives it away."""
    if reason := why_not_local(request):
        raise ApiError(f"Only programs of this machine are served: {reason}.", status=403)


def _check_key(request: web.Request, api_key: str) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = request.headers.get("api-key") or (token.strip() if scheme.lower() == "bearer" else "")
    if not given:
        raise ApiError(
            "You didn't provide an API key. Send it as 'Authorization: Bearer KEY' or 'api-key: KEY'.",
            status=401,
            code="missing_api_key",
        )
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), api_key.encode()):
        raise ApiError("Incorrect API key provided.", status=401, code="invalid_api_key")


def _check_encoding(request: web.Request) -> None:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError("The body of the request must not be compressed.", status=415)


MAX_BODY_BYTES = 8_000_000
MAX_NESTING = 100
MAX_VALUES = 200_000
"""In one body. Eight megabytes of tiny objects would hold the event loop for seconds (S23)."""


def answered(value: object) -> web.Response:
    """200 with an object."""
    return web.Response(body=dump(value), content_type="application/json")


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a body; no body is an empty object. Raises ApiError and RequestRefusedError (4xx)."""
    raw = await read_body(request, max_bytes=MAX_BODY_BYTES)
    try:
        body = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise ApiError("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise ApiError("The JSON body of the request has to be an object.")
    check_extent(body, max_nesting=MAX_NESTING, max_values=MAX_VALUES)
    return body


def metadata_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The one field of messages and runs that clients may change; nothing if the body does not speak of it."""
    return {"metadata": fields["metadata"]} if "metadata" in fields else {}


def window_of(request: web.Request, kind: type[Window] = Window) -> Window:
    """Which part of a list is asked for. Raises ApiError (400)."""
    asked = {name: request.query[name] for name in ("limit", "order", "after", "before") if request.query.get(name)}
    return parse(kind, asked)


async def listed(
    store: Store,
    kind: type[Stored],
    window: Window,
    where: Mapping[str, str] | None = None,
    check: Callable[[Rows], object] = lambda _: None,
) -> web.Response:
    """200 with a list. `check` raises ApiError where what the list belongs to is not there."""

    def work(rows: Rows) -> tuple[list[Stored], bool]:
        check(rows)
        return rows.page(kind, window, **(where or {}))

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
