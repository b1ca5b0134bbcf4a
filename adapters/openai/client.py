"""Calls to the service, through the openai package's low-level client.

Its `beta.*` methods warn on each call and may vanish; `get` and `post` do neither. What this adds: a deadline and a
size for every answer, repetition only where it can do no harm, and the application's errors.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

import httpx2
import openai

from adapters.openai.errors import NotDoneError, translated
from adapters.openai.retry import Insistence, Patience
from bot.errors import AssistantError, AssistantUnavailableError

_JSON_LIMIT_BYTES = 16 * 1024 * 1024
_UNREAD = {"X-Stainless-Raw-Response": "stream"}  # the package hands the answer over before its body is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the service is and how it knows us."""

    base_url: str  # without the resource: .../v1, https://NAME.openai.azure.com/openai
    api_key: str = field(repr=False)
    api_version: str = ""  # sent as a query parameter; Azure and Foundry demand one
    azure_key: bool = False  # the key travels as `api-key`, as Azure OpenAI wants it, not as bearer token


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A JSON answer, not yet judged by `wire`."""

    body: object
    poll_after_s: float | None = None  # the service's wish for the next look at a run (header openai-poll-after-ms)


class _Sdk(openai.AsyncOpenAI):
    """The package's client, deaf to the environment: it would take organization, project and other headers there."""

    @property
    def default_headers(self) -> dict[str, str | openai.Omit]:
        return {}


def _sdk(endpoint: Endpoint, call_deadline_s: float) -> _Sdk:
    return _Sdk(
        api_key=endpoint.api_key,
        base_url=endpoint.base_url,
        max_retries=0,
        default_query={"api-version": endpoint.api_version} if endpoint.api_version else None,
        timeout=httpx2.Timeout(call_deadline_s, connect=5.0),
        # No redirects: a redirected `api-key` would go to whoever asks for it. trust_env would obey HTTP_PROXY.
        http_client=openai.DefaultAioHttpClient(trust_env=False, follow_redirects=False),
    )


def _headers(endpoint: Endpoint) -> dict[str, str | openai.Omit]:
    key: dict[str, str | openai.Omit] = {"Authorization": f"Bearer {endpoint.api_key}"}
    if endpoint.azure_key:
        key = {"Authorization": openai.Omit(), "api-key": endpoint.api_key}
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "teams-assistants-bot",
        "OpenAI-Beta": "assistants=v2",
        **_UNREAD,
        **key,
    }


class Client:
    """The service's HTTP interface. Every method raises AssistantError and nothing else."""

    def __init__(self, *, endpoint: Endpoint, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._insistence = Insistence(patience=self._patience)
        self._headers = _headers(endpoint)
        self._sdk = _sdk(endpoint, self._patience.call_deadline_s)

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> Reply:
        """Read something, and again while the service is unwell."""
        do = partial(self.look, path, query, within_s=self._patience.call_deadline_s)
        return await self._insistence.call(do, again_on=AssistantUnavailableError)

    async def look(self, path: str, query: Mapping[str, object] | None = None, *, within_s: float) -> Reply:
        """Read something, once."""
        within_s = min(within_s, self._patience.call_deadline_s)
        return _reply(*await self._receive(self._asked(path, query), limit_bytes=_JSON_LIMIT_BYTES, within_s=within_s))

    async def post(self, path: str, body: Mapping[str, object], *, repeatable: bool = False) -> Reply:
        """Have something done: once, unless it is certain that nothing was done, or it may be done twice."""
        do = partial(self._post_once, path, body)
        return await self._insistence.call(do, again_on=AssistantUnavailableError if repeatable else NotDoneError)

    async def download(self, path: str, *, limit_bytes: int) -> bytes:
        """The bytes behind a path; AssistantError if there are more than the limit."""
        do = partial(self._download_once, path, limit_bytes)
        return await self._insistence.call(do, again_on=AssistantUnavailableError)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._sdk.close()

    async def _post_once(self, path: str, body: Mapping[str, object]) -> Reply:
        answer = self._sdk.post(path, cast_to=httpx2.Response, body=body, options={"headers": self._headers})
        within_s = self._patience.call_deadline_s
        return _reply(*await self._receive(answer, limit_bytes=_JSON_LIMIT_BYTES, within_s=within_s))

    async def _download_once(self, path: str, limit_bytes: int) -> bytes:
        within_s = self._patience.download_deadline_s
        return (await self._receive(self._asked(path, None), limit_bytes=limit_bytes, within_s=within_s))[1]

    def _asked(self, path: str, query: Mapping[str, object] | None) -> Awaitable[httpx2.Response]:
        return self._sdk.get(path, cast_to=httpx2.Response, options={"params": query or {}, "headers": self._headers})

    async def _receive(
        self,
        answer: Awaitable[httpx2.Response],
        *,
        limit_bytes: int,
        within_s: float,
    ) -> tuple[Mapping[str, str], bytes]:
        with translated():
            async with asyncio.timeout(within_s):
                response = await answer
                try:
                    return response.headers, await _read(response, limit_bytes)
                finally:
                    await response.aclose()


async def _read(answer: httpx2.Response, limit_bytes: int) -> bytes:
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > limit_bytes:
            raise AssistantError(f"the assistant's service sent more than {limit_bytes} bytes")
    return bytes(data)


def _reply(headers: Mapping[str, str], data: bytes) -> Reply:
    try:
        body: object = json.loads(data)
    except (ValueError, RecursionError):
        raise AssistantUnavailableError("the assistant's service sent an answer that is no JSON") from None
    wish_ms = headers.get("openai-poll-after-ms", "")
    return Reply(body=body, poll_after_s=int(wish_ms) / 1000 if re.fullmatch(r"\d{1,7}", wish_ms) else None)


def path_to(*names: str) -> str:
    """A path of the service's interface; a name can hold anything and stays one name."""
    return "/" + "/".join(quote(name, safe="") for name in names)
