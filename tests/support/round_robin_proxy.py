"""A small load balancer: each request goes to the next replica, and to another one if that one cannot be reached."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


class RoundRobinProxy:
    """`async with RoundRobinProxy() as proxy: ...`; `replicas` are addresses, which may come and go."""

    def __init__(self) -> None:
        self.replicas: Sequence[str] = ()
        self.passed: dict[str, int] = {}  # requests that each replica answered
        self._turn = itertools.count()
        app = web.Application(client_max_size=2_000_000)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._server.close()
        await self._session.close()

    async def _pass(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        for _ in range(len(self.replicas)):
            replica = self.replicas[next(self._turn) % len(self.replicas)]
            try:
                async with self._session.request(
                    request.method, f"{replica}{request.raw_path}", data=body, headers=headers, allow_redirects=False
                ) as answer:
                    content = await answer.read()
            except aiohttp.ClientError:  # it restarts
                continue
            self.passed[replica] = self.passed.get(replica, 0) + 1
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, body=content, headers=kept)
        return web.Response(status=502)
