"""Who may come in, and how a refusal looks. Every answer that is no success is an error object in OpenAI's shape."""

from __future__ import annotations

import hmac
import logging
import re

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.embedded.errors import ApiError
from adapters.embedded.store import StoreError
from adapters.embedded.wire import dump

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_ORIGIN = re.compile(rf"https?://{_HOST.pattern}", re.IGNORECASE)


def door(api_key: str) -> Middleware:
    """A middleware that lets in whoever is on this machine and has the key."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _check_place(request)
            _check_key(request, api_key)
            _check_encoding(request)
            return await handler(request)
        except ApiError as error:
            return _refused(error)
        except StoreError as error:
            log.warning("request not served", extra={"path": request.path, "why": str(error)})
            return _refused(ApiError(str(error), status=503, kind="server_error"))
        except web.HTTPRequestEntityTooLarge:
            return _refused(ApiError("The request is too large.", status=413))
        except web.HTTPMethodNotAllowed as error:
            return _refused(ApiError(f"Not allowed to {error.method} on {request.path}.", status=405))
        except web.HTTPNotFound:
            return _refused(ApiError(f"Invalid URL ({request.method} {request.path})", status=404))

    return check


def _check_place(request: web.Request) -> None:
    """A web page elsewhere can reach a loopback port through the browser; its Host or Origin gives it away."""
    if not _HOST.fullmatch(request.headers.get("Host", "")):
        raise ApiError("This server answers only to its loopback address.", status=403)
    origin = request.headers.get("Origin")
    if origin is not None and not _ORIGIN.fullmatch(origin):
        raise ApiError("Requests of web pages from elsewhere are refused.", status=403)


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


def _refused(error: ApiError) -> web.Response:
    return web.Response(status=error.status, body=dump(error.as_json()), content_type="application/json")
