"""A stand-in for Microsoft Graph, as strict as the pages on chatMessage and driveItem say: consent, ids, no queries.

Bytes are given as Graph gives them: by a redirect to an address that holds its own permission.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

GRAPH_TOKEN: Final = "canary-graph-token"
GRAPH: Final = "https://graph.microsoft.com"
"""The resource for which a token is asked, wherever the stand-in listens."""

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFault:
    """What to answer instead, once. None in its place lets a request pass."""

    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    hang_up: bool = False


@dataclass
class GraphService:
    """`async with GraphService() as graph: ...`; `file_host` is where redirects lead."""

    file_host: str = ""
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # attachments by the path of the message
    files: dict[str, str] = field(default_factory=dict)  # by contentUrl: the path at the file host, or a whole address
    consented: bool = True  # the team or chat to reading its messages
    may_read_files: bool = True  # Files.Read.All
    message_faults: deque[GraphFault | None] = field(default_factory=deque)
    file_faults: deque[GraphFault | None] = field(default_factory=deque)
    file_delays_s: dict[str, float] = field(default_factory=dict)  # by the names of files
    asked: list[str] = field(default_factory=list)  # paths
    tokens: list[str] = field(default_factory=list)  # Authorization of each request
    _server: TestServer | None = None

    @property
    def origin(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.port}"

    def attach(self, path: str, *names: str, **more: Any) -> None:
        """Let the message at a path have files of these names."""
        self.messages[path] = []
        for name in names:
            url = f"https://contoso.sharepoint.com/sites/team/Shared Documents/{name}"
            reference = {"id": "1150d938-8870", "contentType": "reference", "contentUrl": url, "name": name, **more}
            self.messages[path].append(reference)
            self.files[url] = f"/download.aspx/{name}?tempauth=x"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1.0/chats/{chat}/messages/{message}", self._message)
        channel = "/v1.0/teams/{team}/channels/{channel}/messages/{message}"
        app.router.add_get(channel, self._message)
        app.router.add_get(channel + "/replies/{reply}", self._message)
        app.router.add_get("/v1.0/shares/{share}/driveItem/content", self._file)
        self._server = TestServer(app)
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        await self._server.close()

    async def _message(self, request: web.Request) -> web.StreamResponse:
        if (refusal := await self._refusal(request, self.message_faults)) is not None:
            return refusal
        team = request.match_info.get("team")
        if request.query or (team is not None and not _GUID.fullmatch(team)):
            return _error(400, "BadRequest", "Invalid request.")
        if not self.consented:
            return _error(403, "Forbidden", "Missing role permissions on the request. API requires one of ...")
        path = request.path.removeprefix("/v1.0/")
        if path not in self.messages:
            return _error(404, "NotFound", "NotFound")
        attachments = self.messages[path]
        return web.json_response({"id": path.rpartition("/")[2], "body": {}, "attachments": attachments})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if (refusal := await self._refusal(request, self.file_faults)) is not None:
            return refusal
        if not self.may_read_files:
            return _error(403, "accessDenied", "Access denied")
        share = request.match_info["share"]
        if not re.fullmatch(r"u![A-Za-z0-9_-]+", share):
            return _error(400, "invalidRequest", "The sharing id is no encoded URL.")
        url = base64.urlsafe_b64decode(share[2:] + "=" * (-len(share[2:]) % 4)).decode()
        await asyncio.sleep(self.file_delays_s.get(url.rpartition("/")[2], 0))
        if url not in self.files:
            return _error(404, "itemNotFound", "The resource could not be found.")
        target = self.files[url]
        location = f"{self.file_host}{target}" if target.startswith("/") else target
        return web.Response(status=302, headers={"Location": location})

    async def _refusal(self, request: web.Request, faults: deque[GraphFault | None]) -> web.StreamResponse | None:
        self.asked.append(request.path.removeprefix("/v1.0/"))
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.tokens[-1] != f"Bearer {GRAPH_TOKEN}":
            return _error(401, "InvalidAuthenticationToken", "Access token validation failure.")
        if not faults or (fault := faults.popleft()) is None:
            return None
        await asyncio.sleep(fault.after_s)
        if fault.hang_up:
            assert request.transport is not None
            request.transport.abort()
        return _error(fault.status, "fault", "", **fault.headers)


def _error(status: int, code: str, message: str, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=named)
