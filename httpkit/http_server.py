"""The HTTP server's own limits, and its manners towards bytes that are no HTTP.

aiohttp alone waits for ever for the rest of a header, unpacks compressed bodies before anybody asked for them, writes a
malformed line with its secrets into the log and back to the caller, names its version in each answer, and accepts
connections until the process has no descriptor left.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from aiohttp import hdrs, web
from typing_extensions import override

from httpkit.http_errors import error_body

log = logging.getLogger(__name__)

IDLE_S: Final = 10.0  # how long a connection may take to bring a whole header, the first one or the next
MAX_CONNECTIONS: Final = 10_000
ACCEPT_BATCH: Final = 32  # as asyncio's backlog: how many it accepts before any of them can be closed again
_LINGER_S: Final = 2.0  # how long the rest of a refused body is read, so that the refusal can be seen


def raise_descriptor_limit() -> None:
    """Let this process open as many files and sockets as it may, up to 65,536; shells usually start it with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class HttpRunner(web.AppRunner):
    """`web.AppRunner` for a service that strangers can reach.

    It holds at most a quarter of the descriptors that this process may open: a program has several listeners, and
    databases, files and sandboxes need some too. Above that, the connection that has waited longest without a request
    makes room for a new one.
    """

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


@asynccontextmanager
async def listening(app: web.Application, port: socket.socket, *, backlog: int) -> AsyncIterator[None]:
    """Serve an application on a socket until the context ends; `backlog` connections may wait to be accepted."""
    runner = HttpRunner(app)
    await runner.setup()
    try:
        # More would run out of descriptors at once (https://github.com/python/cpython/issues/151615), but the kernel
        # may queue more.
        await web.SockSite(runner, port, backlog=ACCEPT_BATCH).start()
        port.listen(backlog)
        yield
    finally:
        await runner.cleanup()


class _Server(web.Server):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._max_connections = MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(soft // 4, MAX_CONNECTIONS)
        self._open: dict[_Connection, asyncio.Transport] = {}  # the oldest first

    @override
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)

    @override
    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._open[cast(_Connection, handler)] = transport
        if len(self._open) > self._max_connections:
            waiting = next((connection for connection in self._open if connection.waits), cast(_Connection, handler))
            self._open.pop(waiting).abort()

    @override
    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._open.pop(cast(_Connection, handler), None)


class _Connection(web.RequestHandler):
    """One connection. Its idle limit counts from the end of the last answer to the end of the next header."""

    __slots__ = ()

    @property
    def waits(self) -> bool:
        """Whether no whole header has arrived for the request that is to come next."""
        return self._current_request is None and not self._messages

    @override
    async def start(self) -> None:
        """Serve, unless the connection is gone already: aiohttp would log an assertion for each one that was cut."""
        if self._manager is not None:
            await super().start()

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
            if isinstance(exc, ConnectionError) and (self.transport is None or self.transport.is_closing()):
                log.info("client left before the end of its answer")
                raise exc
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
