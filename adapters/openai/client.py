"""Calls to the service, through the openai package's low-level client.

Its `beta.*` methods warn on each call and may vanish; `post` does neither. Reading goes to the package's HTTP client
directly: a turn that polls is mostly that, and the package's own `get` costs twice the CPU (docs/performance.md).
What this adds: a deadline and a size for every answer, repetition only where it can do no harm, and the application's
errors.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

import httpx2
import openai

from adapters.openai.event_stream import EventStream
from adapters.openai.recording import Asking, Recording
from adapters.openai.retry import Retrier, RetryPolicy
from adapters.openai.service_errors import (
    FileGoneError,
    InDoubtError,
    NotDoneError,
    ResponseGoneError,
    status_error,
    translated,
)
from adapters.openai.wire import Fields
from bot.errors import AssistantError, AssistantUnavailableError, ThreadGoneError
from bot.ports import Exchanges

log = logging.getLogger(__name__)

_JSON_LIMIT_BYTES = 16 * 1024 * 1024
_ERROR_LIMIT_BYTES = 1024 * 1024
_SDK_HEADERS = {
    "Content-Type": "application/json",
    "X-Stainless-Raw-Response": "stream",  # the package hands the answer over before its body is read
}


TokenSource = Callable[[], Awaitable[str]]
"""A bearer token that is valid now. Raises AssistantError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the service is and how it knows us."""

    base_url: str  # without the resource: .../v1, https://NAME.openai.azure.com/openai
    api_key: str = field(default="", repr=False)
    token: TokenSource | None = None  # gives the bearer token of each request, in place of a key
    api_version: str = ""  # sent as a query parameter; Azure and Foundry demand one
    azure_key: bool = False  # the key travels as `api-key`, as Azure OpenAI wants it, not as bearer token
    beta: str = "assistants=v2"  # the header OpenAI-Beta; empty for none


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonReply:
    """A JSON answer, not yet judged by `wire`."""

    body: object
    poll_after_s: float | None = None  # when the service wants a run to be fetched again (header openai-poll-after-ms)


class _Sdk(openai.AsyncOpenAI):
    """The package's client, deaf to the environment: it would take organization, project and other headers there."""

    @property
    def default_headers(self) -> dict[str, str | openai.Omit]:
        return {}


def _sdk(endpoint: Endpoint, http: openai.DefaultAioHttpClient, call_deadline_s: float) -> _Sdk:
    return _Sdk(
        api_key=endpoint.api_key or "none",  # the package wants one; it is never sent (see `_SDK_HEADERS`)
        base_url=endpoint.base_url,
        max_retries=0,
        default_query={"api-version": endpoint.api_version} if endpoint.api_version else None,
        timeout=httpx2.Timeout(call_deadline_s, connect=5.0),
        http_client=http,
    )


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"Accept": "application/json", "User-Agent": "teams-assistants-bot"}
    if endpoint.beta:
        headers["OpenAI-Beta"] = endpoint.beta
    if endpoint.token is None:
        name, value = ("api-key", endpoint.api_key) if endpoint.azure_key else ("Authorization", endpoint.api_key)
        headers[name] = value if endpoint.azure_key else f"Bearer {value}"
    return headers


OnStream = Callable[[str, EventStream | None], None]
"""Told the id of what was made, and handed the stream of its events; None where the service answered without one."""


class Client:
    """The service's HTTP interface. Every method raises AssistantError and nothing else."""

    def __init__(
        self, *, endpoint: Endpoint, retry: RetryPolicy | None = None, listener: Exchanges | None = None
    ) -> None:
        self._recording = Recording(listener=listener, key=endpoint.api_key)
        self._retry = retry or RetryPolicy()
        self._retrier = Retrier(policy=self._retry)
        self._base_url = endpoint.base_url.rstrip("/")
        self._query = {"api-version": endpoint.api_version} if endpoint.api_version else {}
        self._fixed_headers = _headers(endpoint)
        self._token = endpoint.token
        # No redirects: a redirected `api-key` would go to any server that asks for it. trust_env would obey HTTP_PROXY.
        self._http = openai.DefaultAioHttpClient(trust_env=False, follow_redirects=False)
        self._sdk = _sdk(endpoint, self._http, self._retry.call_deadline_s)

    async def _headers(self) -> dict[str, str]:
        if self._token is None:
            return self._fixed_headers
        return {**self._fixed_headers, "Authorization": f"Bearer {await self._token()}"}

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> JsonReply:
        """Read something, and again while the service is down."""
        do = partial(self.get_once, path, query, within_s=self._retry.call_deadline_s)
        return await self._retrier.call(do, retry_on=AssistantUnavailableError)

    async def get_once(self, path: str, query: Mapping[str, object] | None = None, *, within_s: float) -> JsonReply:
        """Read something, once."""
        within_s = min(within_s, self._retry.call_deadline_s)
        asking = Asking(method="GET", path=path, query=query)
        answer = self._asked(path, query)
        return _reply(*await self._receive(asking, answer, limit_bytes=_JSON_LIMIT_BYTES, within_s=within_s))

    async def post(self, path: str, body: Mapping[str, object], *, repeatable: bool = False) -> JsonReply:
        """Have something done: once, unless it is certain that nothing was done, or it may be done twice."""
        do = partial(self._post_once, path, body)
        return await self._retrier.call(do, retry_on=AssistantUnavailableError if repeatable else NotDoneError)

    async def make(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        find: Callable[[], Awaitable[str | None]],
        on_stream: OnStream | None = None,
    ) -> str:
        """Have something made, and its id. When the answer is lost, `find` looks for it before another one is made.

        With `on_stream` the service is asked for a stream of events that begins with what was made. It is handed over
        with the id, or None by a service that answers without a stream.
        """
        return await self._retrier.call(partial(self._make_once, path, body, find, on_stream), retry_on=InDoubtError)

    async def download(self, path: str, *, limit_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes behind a path as they come; AssistantError once there are more than the limit.

        Where the connection breaks, another one goes on behind what was yielded already.
        """
        given_bytes, source = 0, self._download_once(path, skip_bytes=0, limit_bytes=limit_bytes)

        async def next_piece() -> bytes:
            nonlocal given_bytes, source
            try:
                piece = await anext(source, b"")
            except AssistantUnavailableError:
                source = self._download_once(path, skip_bytes=given_bytes, limit_bytes=limit_bytes)
                raise
            given_bytes += len(piece)
            return piece

        give_up_at = time.monotonic() + self._retry.download_deadline_s + self._retry.total_deadline_s
        try:
            while piece := await self._retrier.call(next_piece, retry_on=AssistantUnavailableError):
                if time.monotonic() > give_up_at:
                    raise AssistantUnavailableError("a file of the assistant's service came too slowly")
                yield piece
        finally:
            await source.aclose()

    async def upload(self, path: str, *, name: str, content: Path, fields: Mapping[str, str]) -> str:
        """Bring a file, read from disk piece by piece, and its id; done twice it is there twice, which does no harm."""
        do = partial(self._upload_once, path, name, content, fields)
        return await self._retrier.call(do, retry_on=AssistantUnavailableError)

    async def delete(self, path: str) -> None:
        """Delete something; what is not there is as good as deleted."""
        do = partial(self._delete_once, path)
        with suppress(ThreadGoneError, FileGoneError, ResponseGoneError):
            await self._retrier.call(do, retry_on=AssistantUnavailableError)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._sdk.close()

    async def _post_once(self, path: str, body: Mapping[str, object]) -> JsonReply:
        headers: dict[str, str | openai.Omit] = {
            "Authorization": openai.Omit(),
            **await self._headers(),
            **_SDK_HEADERS,
        }
        answer = self._sdk.post(path, cast_to=httpx2.Response, body=body, options={"headers": headers})
        asking, within_s = Asking(method="POST", path=path, body=body), self._retry.call_deadline_s
        return _reply(*await self._receive(asking, answer, limit_bytes=_JSON_LIMIT_BYTES, within_s=within_s))

    async def _make_once(
        self,
        path: str,
        body: Mapping[str, object],
        find: Callable[[], Awaitable[str | None]],
        on_stream: OnStream | None,
    ) -> str:
        try:
            if on_stream is None:
                return _id_of(await self.post(path, body))
            first, stream = await self.post_for_stream(path, body)
            made = _id_of(first)
        except NotDoneError:
            raise
        except AssistantUnavailableError as error:
            log.warning("it may have been made or not", extra={"why": str(error)})
            found = await find()
            if found is None:
                raise InDoubtError(str(error), retry_after_s=error.retry_after_s) from None
            return found
        on_stream(made, stream)
        return made

    async def post_for_stream(self, path: str, body: Mapping[str, object]) -> tuple[JsonReply, EventStream | None]:
        """Have something done once, and told as events: the data of the first event, and the stream of the others.

        A service that answers without a stream gives its JSON, and None.
        """
        asking = Asking(method="POST", path=path, body={**body, "stream": True})
        return await self._retrier.call(partial(self._stream_once, asking), retry_on=NotDoneError)

    async def get_stream(self, path: str, query: Mapping[str, object]) -> tuple[JsonReply, EventStream | None]:
        """Read something as events, as `post_for_stream` gives them; once."""
        return await self._stream_once(Asking(method="GET", path=path, query=query))

    async def _stream_once(self, asking: Asking) -> tuple[JsonReply, EventStream | None]:
        parameters = {name: str(value) for name, value in {**self._query, **(asking.query or {})}.items()}
        request = self._http.build_request(
            asking.method,
            f"{self._base_url}{asking.path}",
            params=parameters or None,
            headers={**await self._headers(), "Accept": "text/event-stream, application/json"},
            json=asking.body,
        )
        call = self._recording.begin(asking)
        with translated():
            async with AsyncExitStack() as stack, asyncio.timeout(self._retry.call_deadline_s):
                stack.callback(call.end)
                try:
                    response = await self._sent(request)
                except openai.APIStatusError as error:
                    call.hear(error.status_code, error.message.encode())
                    raise
                stack.push_async_callback(response.aclose)
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    data = await _read(response, _JSON_LIMIT_BYTES)
                    call.hear(response.status_code, data)
                    return _reply(response.headers, data), None
                stream = EventStream(response, call)
                first = await stream.next(within_s=self._retry.call_deadline_s)
                if first is None:
                    raise AssistantUnavailableError("the assistant's service sent a stream without an event")
                reply = _reply(response.headers, first.data.encode())
                stack.pop_all()  # from here on the stream is closed by the one who follows it
                return reply, stream

    async def _download_once(self, path: str, *, skip_bytes: int, limit_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield what follows the first bytes, over one connection."""
        ends_at, seen_bytes = time.monotonic() + self._retry.download_deadline_s, 0
        with translated(), self._recording.of(Asking(method="GET", path=path)) as heard:
            async with asyncio.timeout(self._retry.download_deadline_s):
                response = await self._asked(path, None)
            try:
                pieces = response.aiter_bytes()
                # No time limit may stand around a yield: it would cancel the one who uses the bytes.
                while True:
                    async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
                        piece = await anext(pieces, None)
                    if piece is None:
                        break
                    fresh = piece[max(0, skip_bytes - seen_bytes) :]
                    seen_bytes += len(piece)
                    if seen_bytes > limit_bytes:
                        raise AssistantError(f"the assistant's service sent more than {limit_bytes} bytes")
                    if fresh:
                        yield fresh
            finally:
                await response.aclose()
            heard(response.status_code, seen_bytes)

    async def _upload_once(self, path: str, name: str, content: Path, fields: Mapping[str, str]) -> str:
        with content.open("rb") as file:
            request = self._http.build_request(
                "POST",
                f"{self._base_url}{path}",
                params=self._query or None,
                headers=await self._headers(),
                data=dict(fields),
                files={"file": (name, file, "application/octet-stream")},
            )
            asking = Asking(method="POST", path=path, body={**fields, "file": name})
            answer, within_s = self._sent(request), self._retry.download_deadline_s
            reply = _reply(*await self._receive(asking, answer, limit_bytes=_JSON_LIMIT_BYTES, within_s=within_s))
            return Fields(reply.body, "a file").text("id")

    async def _delete_once(self, path: str) -> None:
        request = self._http.build_request(
            "DELETE", f"{self._base_url}{path}", params=self._query or None, headers=await self._headers()
        )
        asking, answer = Asking(method="DELETE", path=path), self._sent(request)
        await self._receive(asking, answer, limit_bytes=_JSON_LIMIT_BYTES, within_s=self._retry.call_deadline_s)

    async def _asked(self, path: str, query: Mapping[str, object] | None) -> httpx2.Response:
        parameters = {name: str(value) for name, value in {**self._query, **(query or {})}.items()}
        headers = await self._headers()
        return await self._sent(
            self._http.build_request("GET", f"{self._base_url}{path}", params=parameters or None, headers=headers)
        )

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._http.send(request, stream=True)
        if response.is_success:
            return response
        try:
            raise status_error(response, await _read(response, _ERROR_LIMIT_BYTES))
        finally:
            await response.aclose()

    async def _receive(
        self,
        asking: Asking,
        answer: Awaitable[httpx2.Response],
        *,
        limit_bytes: int,
        within_s: float,
    ) -> tuple[Mapping[str, str], bytes]:
        with translated(), self._recording.of(asking) as heard:
            async with asyncio.timeout(within_s):
                response = await answer
                try:
                    data = await _read(response, limit_bytes)
                finally:
                    await response.aclose()
            heard(response.status_code, data)
            return response.headers, data


async def _read(answer: httpx2.Response, limit_bytes: int) -> bytes:
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > limit_bytes:
            raise AssistantError(f"the assistant's service sent more than {limit_bytes} bytes")
    return bytes(data)


def _id_of(reply: JsonReply) -> str:
    return Fields(reply.body, "what was made").text("id")


def _reply(headers: Mapping[str, str], data: bytes) -> JsonReply:
    try:
        body: object = json.loads(data)
    except (ValueError, RecursionError):
        raise AssistantUnavailableError("the assistant's service sent an answer that is no JSON") from None
    poll_after_ms = headers.get("openai-poll-after-ms", "")
    return JsonReply(
        body=body, poll_after_s=int(poll_after_ms) / 1000 if re.fullmatch(r"\d{1,7}", poll_after_ms) else None
    )


def path_to(*names: str) -> str:
    """A path of the service's interface; a name can hold anything and stays one name."""
    return "/" + "/".join(quote(name, safe="") for name in names)
