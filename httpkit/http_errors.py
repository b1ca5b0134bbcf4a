"""What is wrong with a request, as the JSON that every refusal of this server has for a body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import orjson
from aiohttp import web


class RequestRefusedError(Exception):
    """A request that is not taken; `code` is for programs, the message for the person who reads the answer."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


def error_body(code: str, message: str) -> bytes:
    """`{"error": {"code": ..., "message": ...}}`, the shape of Bot Framework's own errors."""
    return orjson.dumps({"error": {"code": code, "message": message}})


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A refusal as a response."""
    return web.Response(status=status, body=error_body(code, message), content_type="application/json", headers=headers)


@web.middleware
async def errors_as_json(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Every refusal is JSON, aiohttp's own (404, 405, 413) too."""
    try:
        return await handler(request)
    except RequestRefusedError as refusal:
        return error_response(refusal.status, refusal.code, str(refusal), refusal.headers)
    except web.HTTPError as error:
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        message = f"{error.reason}: {request.method} {request.path}"
        return error_response(error.status, error.reason.replace(" ", ""), message, allowed)
