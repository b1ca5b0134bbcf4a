"""The HTTP server's own limits, and its manners towards bytes that are no HTTP.

aiohttp alone waits for ever for the rest of a header, unpacks compressed bodies before anybody asked for them, writes a
malformed line with its secrets into the log and back to the caller, and names its version in each answer.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any, Final

from aiohttp import hdrs, web

from httpkit.http_errors import error_body

log = logging.getLogger(__name__)

IDLE_S: Final = 30.0  # how long a connection may take to bring a whole header, the first one or the next
_LINGER_S: Final = 2.0  # how long the rest of a refused body is read, so that the refusal can be seen


class HttpRunner(web.AppRunner):
    """`web.AppRunner` for a service that strangers can reach."""

    def __init__(self, app: web.Application, *, idle_s: float = IDLE_S, shutdown_timeout_s: float = 5.0) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout_s)
        self._idle_s = idle_s
        app.on_response_prepare.append(_drop_banner)

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _Server(
            server.request_handler,
            request_factory=server.request_factory,
            keepalive_timeout=self._idle_s,
            lingering_time=_LINGER_S,
            auto_decompress=False,
            access_log=None,
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)


class _Connection(web.RequestHandler):
    """One connection. Its idle limit counts from the end of the last answer to the end of the next header."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Tell the reader of a body when its framing breaks: aiohttp keeps that for the next request, and both wait."""
        super().data_received(data)
        request = self._current_request
        broken = any(not hasattr(message, "path") for message, _ in self._messages)
        if broken and request is not None and not request.content.is_eof():
            request.content.set_exception(web.RequestPayloadError("the body is wrongly framed"))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A JSON answer that tells nothing of what came in (as aiohttp's `message` does), nor of what broke here."""
        if status < 500:
            log.info("malformed request refused", extra={"error": type(exc).__name__})
            body = error_body("MalformedRequest", "This is not a well-formed HTTP request.")
        else:
            self.log_exception(exc_info=exc)
            body = error_body("InternalError", "Something broke while answering. The log of this service says more.")
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        page = _Page(status=status, body=body, content_type="application/json")
        page.force_close()
        return page

    def log_exception(self, *args: Any, exc_info: BaseException | None = None, **kw: Any) -> None:
        """The kind of error and where it arose; its text may hold what somebody sent."""
        steps = traceback.extract_tb(exc_info.__traceback__) if exc_info else []
        log.error(
            "request failed",
            extra={
                "error": type(exc_info).__name__,
                "where": [f"{step.name}:{step.lineno}" for step in steps[-5:]],
            },
        )


class _Page(web.Response):
    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)


async def _drop_banner(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall(hdrs.SERVER, None)
