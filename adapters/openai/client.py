"""Calls to the service, by aiohttp.

The openai package's client, which says the same on the wire, costs three to four times the CPU of a call (a turn is
mostly calls, docs/performance.md), and its import a third of the time of a start.
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
from typing import TypeVar
from urllib.parse import quote
from weakref import WeakSet

import aiohttp
from yarl import URL

from adapters.openai.event_stream import EventStream
from adapters.openai.recording import Asking, Recording
from adapters.openai.service_errors import (
    FileGoneError,
    InDoubtError,
    NotDoneError,
    ResponseGoneError,
    StatusError,
    translated,
)
from adapters.openai.wire import Fields
from bot.errors import AssistantError, AssistantUnavailableError, ThreadGoneError
from bot.ports import Exchanges
from httpkit.backoff import backoff_s
from httpkit.json_body import json_bytes
from httpkit.refusal_words import disguised_status

log = logging.getLogger(__name__)

_JSON_LIMIT_BYTES = 16 * 1024 * 1024
_ERROR_LIMIT_BYTES = 1024 * 1024
_MAX_CONNECTIONS = 1000
_IDLE_S = 5.0  # for which a connection is kept
_CONNECT_S = 5.0

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long one call may take, and how often and how long it is repeated."""

    call_deadline_s: float = 30.0
    download_deadline_s: float = 120.0
    total_deadline_s: float = 90.0  # no attempt begins after this
    max_attempts: int = 7  # some 12 seconds: one call in five may fail, and nobody notices
    first_pause_s: float = 0.25  # doubles with each attempt; the service's own Retry-After wins if it is longer

    def pause_s(self, attempts: int) -> float:
        """The pause after so many attempts."""
        return backoff_s(attempts, first_s=self.first_pause_s, jitter=(0.5, 1))


class Retrier:
    """Repeats calls that failed in a way that may pass."""

    def __init__(self, *, policy: RetryPolicy, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._policy = policy
        self._clock = clock
        self._sleep = sleep

    async def call(self, do: Callable[[], Awaitable[_T]], *, retry_on: type[AssistantError]) -> _T:
        """Call `do` until it returns. Raises its error when attempts or time are used up, or if it is no `retry_on`."""
        give_up_at = self._clock() + self._policy.total_deadline_s
        for attempts in range(1, self._policy.max_attempts):
            try:
                return await do()
            except retry_on as error:
                retry_after_s = error.retry_after_s if isinstance(error, AssistantUnavailableError) else None
                pause_s = max(retry_after_s or 0.0, self._policy.pause_s(attempts))
                if self._clock() + pause_s > give_up_at:
                    raise
            await self._sleep(pause_s)
        return await do()


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
        self._session: aiohttp.ClientSession | None = None  # opened by the first call
        self._streamed: WeakSet[aiohttp.ClientResponse] = WeakSet()  # answers whose events may still come

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
        return await self._receive(asking, self._sent(asking), within_s=within_s)

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
        """Let go of the connections, those of streams that nobody closed too."""
        for response in list(self._streamed):
            response.release()
        if self._session is not None:
            await self._session.close()

    async def _post_once(self, path: str, body: Mapping[str, object]) -> JsonReply:
        asking, within_s = Asking(method="POST", path=path, body=body), self._retry.call_deadline_s
        return await self._receive(asking, self._sent(asking), within_s=within_s)

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
        do = partial(self._stream_once, asking, names_it=True)
        return await self._retrier.call(do, retry_on=NotDoneError)

    async def get_stream(self, path: str, query: Mapping[str, object]) -> tuple[JsonReply, EventStream | None]:
        """Read something as events, as `post_for_stream` gives them; once."""
        return await self._stream_once(Asking(method="GET", path=path, query=query))

    async def _stream_once(self, asking: Asking, *, names_it: bool = False) -> tuple[JsonReply, EventStream | None]:
        """With `names_it` the first event that counts is the one that tells the id of what was made."""
        call = self._recording.begin(asking)
        with translated():
            async with AsyncExitStack() as stack, asyncio.timeout(self._retry.call_deadline_s):
                stack.callback(call.end)
                try:
                    response = await self._sent(asking, accept="text/event-stream, application/json")
                except StatusError as error:
                    call.hear(error.status, error.data)
                    raise
                stack.callback(response.release)
                if response.content_type != "text/event-stream":
                    data = await _read(response, _JSON_LIMIT_BYTES)
                    call.hear(response.status, data)
                    return _reply(response, data), None
                stream, reply = EventStream(response, call), None
                # Some proxies begin with signs of life of their own.
                while reply is None or (names_it and not _names_something(reply.body)):
                    first = await stream.next(within_s=self._retry.call_deadline_s)
                    if first is None:
                        raise AssistantUnavailableError("the assistant's service sent a stream without an event")
                    reply = _reply(response, first.data.encode())
                self._streamed.add(response)
                stack.pop_all()  # from here on the stream is closed by the one who follows it
                return reply, stream

    async def _download_once(self, path: str, *, skip_bytes: int, limit_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield what follows the first bytes, over one connection."""
        ends_at, seen_bytes = time.monotonic() + self._retry.download_deadline_s, 0
        asking = Asking(method="GET", path=path)
        with translated(), self._recording.of(asking) as heard:
            async with asyncio.timeout(self._retry.download_deadline_s):
                response = await self._sent(asking)
            try:
                pieces = response.content.iter_any()
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
                response.release()
            heard(response.status, seen_bytes)

    async def _upload_once(self, path: str, name: str, content: Path, fields: Mapping[str, str]) -> str:
        with content.open("rb") as file:
            form = aiohttp.FormData(dict(fields), quote_fields=False)
            form.add_field("file", file, filename=name, content_type="application/octet-stream")
            asking = Asking(method="POST", path=path, body={**fields, "file": name})
            answer, within_s = self._sent(asking, form=form), self._retry.download_deadline_s
            return Fields((await self._receive(asking, answer, within_s=within_s)).body, "a file").text("id")

    async def _delete_once(self, path: str) -> None:
        asking, within_s = Asking(method="DELETE", path=path), self._retry.call_deadline_s
        await self._receive(asking, self._sent(asking), within_s=within_s, may_be_empty=True)

    async def _sent(
        self, asking: Asking, *, accept: str = "application/json", form: aiohttp.FormData | None = None
    ) -> aiohttp.ClientResponse:
        """The answer, whose body is still to be read. Raises StatusError if it is no success."""
        if self._session is None:
            self._session = _session()
        headers = {**await self._headers(), "Accept": accept}
        data: bytes | aiohttp.FormData | None = form
        if form is None and asking.body is not None:
            headers["Content-Type"] = "application/json"
            data = json_bytes(asking.body)
        parameters = {name: str(value) for name, value in {**self._query, **(asking.query or {})}.items()}
        url = URL(f"{self._base_url}{asking.path}", encoded=True)
        # No redirects: a redirected `api-key` would go to any server that asks for it.
        response = await self._session.request(
            asking.method, url, params=parameters or None, headers=headers, data=data, allow_redirects=False
        )
        if 200 <= response.status < 300:
            return response
        try:
            data = await _read(response, _ERROR_LIMIT_BYTES)
            raise StatusError(response.status, data, path=response.url.path, headers=response.headers)
        finally:
            response.release()

    async def _receive(
        self,
        asking: Asking,
        answer: Awaitable[aiohttp.ClientResponse],
        *,
        within_s: float,
        may_be_empty: bool = False,
    ) -> JsonReply:
        with translated(), self._recording.of(asking) as heard:
            async with asyncio.timeout(within_s):
                response = await answer
                try:
                    data = await _read(response, _JSON_LIMIT_BYTES)
                finally:
                    response.release()
            heard(response.status, data)
            return _reply(response, data, may_be_empty=may_be_empty)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # aiohttp's own TLS context was made at import; another would hold up the first message by 80 ms.
        connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, keepalive_timeout=_IDLE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),  # each call has a deadline of its own
        trust_env=False,  # it would obey HTTP_PROXY
    )


async def _read(answer: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    data = bytearray()
    async for piece in answer.content.iter_any():
        data += piece
        if len(data) > limit_bytes:
            raise AssistantError(f"the assistant's service sent more than {limit_bytes} bytes")
    return bytes(data)


def _id_of(reply: JsonReply) -> str:
    return Fields(reply.body, "what was made").text("id")


def _names_something(body: object) -> bool:
    """Whether an event tells the id of a run, or holds a response."""
    return isinstance(body, dict) and (isinstance(body.get("id"), str) or isinstance(body.get("response"), dict))


def _reply(response: aiohttp.ClientResponse, data: bytes, *, may_be_empty: bool = False) -> JsonReply:
    """The JSON of an answer. Raises AssistantUnavailableError, and StatusError for an error with 200."""
    try:
        body: object = json.loads(data)
    except (ValueError, RecursionError):
        if may_be_empty:
            return JsonReply(body=None)
        raise AssistantUnavailableError("the assistant's service sent an answer that is no JSON") from None
    # What has an id is an answer: a failed response has an `error` too.
    if not (isinstance(body, dict) and body.get("id")) and (status := disguised_status(body)) is not None:
        raise StatusError(status, data, path=response.url.path, headers=response.headers)
    poll_after_ms = response.headers.get("openai-poll-after-ms", "")
    return JsonReply(
        body=body, poll_after_s=int(poll_after_ms) / 1000 if re.fullmatch(r"\d{1,7}", poll_after_ms) else None
    )


def path_to(*names: str) -> str:
    """A path of the service's interface; a name can hold anything and stays one name."""
    return "/" + "/".join(quote(name, safe="") for name in names)
