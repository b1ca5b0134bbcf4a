"""The management API of a pool of dynamic sessions: run code in a session, give it files, fetch files, end it.

https://learn.microsoft.com/rest/api/containerapps, Dynamic Sessions, and the specification beside it:
azure-rest-api-specs, specification/app/data-plane/Microsoft.App.DynamicSessions. A session is made by the first request
that names it, so a name has to be a secret: who knows it and holds a token for the pool is in the session.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

import aiohttp
import orjson

from adapters.sandbox.code_result import SandboxError
from httpkit.backoff import backoff_s
from httpkit.http_headers import retry_after_s

log = logging.getLogger(__name__)

API_VERSION: Final = "2025-10-02-preview"
SCOPE: Final = "https://dynamicsessions.io/.default"
MAX_RUN_S: Final = 220  # of one execution, by the service

_MAX_WAIT_S: Final = 30.0  # for a pool that is busy
_FIRST_PAUSE_S: Final = 1.0
_ANSWER_S: Final = 30.0  # for all but executions, which take their own time
_FILE_S: Final = 120.0
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
_POLL_S: Final = 0.5
_DONE: Final = (200, 201, 202, 204)
_CHUNK_BYTES: Final = 256 * 1024

_BUSY: Final = "Code cannot be run now, because too much of it is running already. Try again in a minute."
_SILENT: Final = "Code cannot be run now, because the service that runs it does not answer. Try again in a minute."
_ROLE: Final = "Give the bot's identity the role Azure ContainerApps Session Executor on the session pool."
_ADDRESS: Final = "Compare DYNAMIC_SESSIONS_ENDPOINT with the pool's management endpoint (docs/operating.md)."
_POOL_SIZE: Final = "Raise the pool's max-sessions, or lower its cooldown-period."


class UnknownOutcomeError(SandboxError):
    """The request may have been carried out or not."""


class SessionsToken(Protocol):
    """The token that opens the pool."""

    async def get(self) -> str:
        """The token. Raises SandboxError."""
        ...

    async def renew(self, refused: str) -> str:
        """Another one than this, which the pool refused. Raises SandboxError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What became of a piece of code; `stdout` is cut by the service."""

    succeeded: bool
    stdout: str
    error: str  # the service's own words, for the log


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    path: str
    session: str
    answer_s: float = _ANSWER_S
    max_bytes: int = _MAX_ANSWER_BYTES
    json: dict[str, object] | None = None
    file: tuple[str, bytes] | None = None
    repeatable: bool = True

    @property
    def kind(self) -> str:
        """The path without names of files, for the log."""
        return self.path.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: bytes
    pause_s: float | None


class SessionPool:
    """One pool. Every method raises SandboxError and nothing else.

    The token goes to the origin of the endpoint alone: no address of an answer is opened, no redirect followed.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        token: SessionsToken,
        http: aiohttp.ClientSession,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._http = http
        self._clock = clock
        self._sleep = sleep

    async def execute(self, session: str, code: str, *, timeout_s: int) -> Execution:
        """Run code to its end. Raises UnknownOutcomeError if the service does not say what became of it."""
        order: dict[str, object] = {
            "codeInputType": "Inline",
            "executionType": "Synchronous",
            "code": code,
            "timeoutInSeconds": min(timeout_s, MAX_RUN_S),
        }
        end_s = self._clock() + timeout_s + _ANSWER_S
        request = _Request(
            method="POST",
            path="executions",
            session=session,
            answer_s=timeout_s + _ANSWER_S,
            json=order,
            repeatable=False,
        )
        execution = _json(await self._answer(request))
        while execution.get("status") in ("NotStarted", "Running"):  # it may answer before the end
            if self._clock() > end_s or not isinstance(id_ := execution.get("id"), str):
                raise UnknownOutcomeError(_SILENT)
            await self._sleep(_POLL_S)
            path = f"executions/{quote(id_, safe='')}"
            execution = _json(await self._answer(_Request(method="GET", path=path, session=session)))
        result, error = execution.get("result"), execution.get("error")
        stdout = result.get("stdout") if isinstance(result, dict) else ""
        return Execution(
            succeeded=execution.get("status") == "Succeeded",
            stdout=stdout if isinstance(stdout, str) else "",
            error=_error_words(error if isinstance(error, dict) else {}),
        )

    async def upload(self, session: str, name: str, data: bytes) -> None:
        """Put a file into /mnt/data, over one of that name."""
        await self._answer(_Request(method="POST", path="files", session=session, answer_s=_FILE_S, file=(name, data)))

    async def download(self, session: str, name: str, *, max_bytes: int) -> bytes | None:
        """A file of /mnt/data; None if there is none. SandboxError if it is bigger."""
        path = f"files/{quote(name, safe='')}/content"
        request = _Request(method="GET", path=path, session=session, answer_s=_FILE_S, max_bytes=max_bytes)
        answer = await self._answer(request, missing_is_none=True)
        return None if answer is None else answer.body

    async def end(self, session: str) -> None:
        """End a session with all that is in it. Nothing happens if there is none."""
        await self._answer(_Request(method="DELETE", path="session", session=session), missing_is_none=True)

    async def pause(self, seconds: float) -> None:
        """Wait before the pool is asked again."""
        await self._sleep(seconds)

    async def _answer(self, request: _Request, *, missing_is_none: bool = False) -> _Answer | None:
        """The answer to a request that was carried out."""
        end_s, tried, renewed = self._clock() + _MAX_WAIT_S, 0, False
        token = await self._token.get()
        while True:
            answer = await self._attempt(request, token)
            if answer.status in _DONE:
                return answer
            if answer.status == 404 and missing_is_none:
                return None
            if answer.status == 401 and not renewed:
                token, renewed = await self._token.renew(token), True
                continue
            _raise_refusal(answer, request)
            tried += 1
            wait_s = backoff_s(tried, first_s=_FIRST_PAUSE_S) if answer.pause_s is None else answer.pause_s
            if self._clock() + wait_s > end_s:
                is_busy = answer.status == 429
                raise SandboxError(_BUSY if is_busy else _SILENT, fix=_POOL_SIZE if is_busy else _ADDRESS)
            await self._sleep(wait_s)

    async def _attempt(self, request: _Request, token: str) -> _Answer:
        """Send it once. The status is 0 where nothing came back, and the request may be made again."""
        try:
            return await self._send(request, token)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):  # nothing was sent
            log.warning("session pool not reached", extra={"path": request.kind})
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("session pool silent", extra={"path": request.kind, "error": type(error).__name__})
            if not request.repeatable:
                raise UnknownOutcomeError(_SILENT, fix=_ADDRESS) from None
        return _Answer(status=0, body=b"", pause_s=None)

    async def _send(self, request: _Request, token: str) -> _Answer:
        data: aiohttp.FormData | bytes | None = None
        headers = {"Authorization": f"Bearer {token}"}
        if request.file is not None:
            name, content = request.file
            data = aiohttp.FormData(quote_fields=False)
            data.add_field("file", content, filename=name, content_type="application/octet-stream")
        elif request.json is not None:
            data, headers["Content-Type"] = orjson.dumps(request.json), "application/json"
        async with self._http.request(
            request.method,
            f"{self._endpoint}/{request.path}",
            params={"api-version": API_VERSION, "identifier": request.session},
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=request.answer_s, sock_connect=10.0),
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > request.max_bytes:
                    raise SandboxError("What the code made is too big to be fetched.")
            return _Answer(status=response.status, body=bytes(body), pause_s=retry_after_s(response.headers))


def _raise_refusal(answer: _Answer, request: _Request) -> None:
    """Raise what an answer means, unless the same request may succeed a moment later."""
    status = answer.status
    if status in (0, 429, 503):
        return
    words = _error_words(_object(answer.body))
    log.warning("session pool refused", extra={"path": request.kind, "status": status, "why": words})
    if status in (401, 403):
        raise SandboxError(f"Code cannot be run now: the session pool refuses this bot ({status}).", fix=_ROLE)
    if status == 404:
        # More than max-sessions are answered by 404 (session-pool.md); a wrong address too.
        raise SandboxError(_BUSY, fix=f"{_POOL_SIZE} If no session is in use: {_ADDRESS}")
    if status == 413:
        raise SandboxError("The file is bigger than the session pool takes.")
    if status >= 500:
        if request.repeatable:
            return
        raise UnknownOutcomeError(_SILENT)
    if 300 <= status < 400:
        raise SandboxError(f"Code cannot be run now: the session pool answers {status}.", fix=_ADDRESS)
    raise SandboxError(f"Code cannot be run now: the session pool answers {status}.", fix="Its log says more.")


def _json(answer: _Answer | None) -> dict[str, object]:
    return {} if answer is None else _object(answer.body)


def _object(body: bytes) -> dict[str, object]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _error_words(told: dict[str, object]) -> str:
    """The code of an error: a word of the service's, and nothing that code or people wrote."""
    error = told.get("error", told)
    code = error.get("code") if isinstance(error, dict) else None
    return code[:80] if isinstance(code, str) and code.isprintable() else ""
