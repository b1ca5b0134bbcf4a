"""A stand-in for Microsoft Entra: gives tokens to apps over TLS, and tells their registrations as Graph does."""

from __future__ import annotations

import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.certificates import write_certificate

GRAPH_TOKEN = "canary-graph-token"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
BOT_TOKEN = "canary-bot-token"


class EntraServer:
    """`async with EntraServer(folder) as entra: ...`; `SSL_CERT_FILE` must name `certificate`."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self._key = write_certificate(folder)
        self.error: str | None = None  # a description with which tokens are refused
        self.asked: list[tuple[str, dict[str, str]]] = []  # tenant and form of each request for a token
        self.graph_token = GRAPH_TOKEN
        self.application: dict[str, Any] | None = None  # what Graph knows of the app; None: the app may not ask
        self.discovery: dict[str, Any] | None = None  # the tenant's OpenID metadata; None: there is no such tenant
        app = web.Application()
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_post("/adfs/oauth2/token", self._token)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/v1.0/{path:.*}", self._graph)
        self._server = TestServer(app, scheme="https")

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self._server.port}"

    async def __aenter__(self) -> Self:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.certificate, self._key)
        await self._server.start_server(ssl=tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._server.close()

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((request.match_info.get("tenant", "adfs"), form))
        if self.error is not None:
            refusal = {"error": "invalid_client", "error_description": f"{self.error}. Trace ID: canary-trace"}
            return web.json_response(refusal, status=401)
        token = self.graph_token if form.get("scope") == GRAPH_SCOPE else BOT_TOKEN
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    async def _discovery(self, request: web.Request) -> web.Response:
        if self.discovery is None:
            unknown = {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant not found."}
            return web.json_response(unknown, status=400)
        return web.json_response(self.discovery)

    async def _graph(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.graph_token}":
            return web.json_response({"error": {"code": "InvalidAuthenticationToken"}}, status=401)
        if self.application is None:
            return web.json_response({"error": {"code": "Authorization_RequestDenied"}}, status=403)
        return web.json_response(self.application)
