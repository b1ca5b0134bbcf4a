"""A stand-in for the hosts that keep people's files: SharePoint, the connector's pictures, and whatever is hostile."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, with what of it matters."""

    method: str
    path: str
    authorization: str | None
    content_range: str | None = None
    body: bytes = b""


@dataclass
class FileHost:
    """`async with FileHost() as host: ...`; remembers each request, and answers by path."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    wants_token: str | None = None  # without it: 401
    said_sizes: dict[str, int | None] = field(default_factory=dict)  # of files that never end; None: it says none
    sent_bytes: int = 0  # of those
    statuses: deque[int] = field(default_factory=deque)  # of the next requests
    asked: list[Asked] = field(default_factory=list)
    _server: TestServer | None = None

    @property
    def origin(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=100_000_000)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app)
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        await self._server.close()

    async def _endless(self, request: web.Request, said_size: int | None) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = said_size
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while self.sent_bytes < 1_000_000_000:
                await response.write(b"x" * 1_000_000)
                self.sent_bytes += 1_000_000
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        body = await request.read()
        self.asked.append(
            Asked(request.method, request.path, headers.get("Authorization"), headers.get("Content-Range"), body)
        )
        if self.statuses and (status := self.statuses.popleft()) != 200:
            return web.Response(status=status)
        if self.wants_token is not None and headers.get("Authorization") != f"Bearer {self.wants_token}":
            return web.Response(status=401)
        if request.method == "PUT":
            _, end, total = map(int, re.findall(r"[0-9]+", headers["Content-Range"]))
            return web.Response(status=201 if end + 1 == total else 202)
        if (target := self.redirects.get(request.path)) is not None:
            return web.Response(status=302, headers={"Location": target})
        if request.path in self.said_sizes:
            return await self._endless(request, self.said_sizes[request.path])
        data = self.files.get(request.path)
        return web.Response(status=404) if data is None else web.Response(body=data)
