"""A model behind any Chat Completions endpoint: OpenAI, Azure OpenAI, Ollama, vLLM, LM Studio.

One POST, and one JSON answer or an event stream: aiohttp does that by itself, and unlike the openai package it takes
nothing from the environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import quote, urlencode

import aiohttp
import orjson

from adapters.embedded.models.chat_errors import (
    RefusedError,
    SettingNames,
    TransientError,
    broken_off,
    no_tls,
    status_error,
    unreachable,
    unreadable,
    untrusted,
)
from adapters.embedded.models.chat_reply import (
    UnreadableReplyError,
    completion_of,
    has_unmarked_thought,
    reply_of,
    status_of_error,
)
from adapters.embedded.models.chat_request import body_of
from adapters.embedded.models.chat_stream import (
    ChunkError,
    ReplyAssembly,
    ReplyStream,
    UnreadableChunkError,
    is_event_stream,
)
from adapters.embedded.models.context_window import cut_to_fit
from adapters.embedded.models.endpoint_capabilities import LIFETIME_S, EndpointCapabilities, Feature
from adapters.embedded.models.port import CODE_INTERPRETER, ModelError, ModelReply, ModelRequest, OnWords
from adapters.embedded.models.reply_repair import may_run, program_in, repair_reply
from adapters.embedded.models.word_filter import WordFilter
from httpkit.backoff import backoff_s
from httpkit.http_headers import retry_after_s

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 16 * 1024 * 1024
LAST_EVENTS_S = 2.0
"""How long the tokens and the end of a stream are waited for, once the answer is there."""
END_S = 0.05
"""How long the end of the response is waited for after `[DONE]`, so that the connection can be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long an exchange may take. A small model on a plain machine needs minutes for a long answer."""

    call_deadline_s: float = 240.0  # of an answer that comes whole, and of the first piece of one that streams
    silence_deadline_s: float = 120.0  # between two pieces; some servers hold a call back until it is complete
    stream_deadline_s: float = 600.0  # of all pieces together
    connect_deadline_s: float = 10.0
    max_attempts: int = 4  # one exchange in five may fail without a failed run
    first_pause_s: float = 0.5  # doubles with each attempt, unless the endpoint names a pause
    max_pause_s: float = 20.0


class _Hearing:
    """The words of one exchange, on their way to the one who hears them, if anybody does."""

    def __init__(self, tell: OnWords | None = None, words: WordFilter | None = None) -> None:
        self._tell = tell
        self._words = words
        self._told: list[str] = []
        self.may_stream = True  # until something has come: a second stream could say something else
        self.came_whole = False  # though it was to be streamed
        self.streamed = False  # to its end

    @property
    def told(self) -> str:
        return "".join(self._told)

    def hear(self, assembly: ReplyAssembly, text: str) -> None:
        """Take what a piece of the stream has added."""
        if self._tell is None or self._words is None:
            return
        if assembly.thinks_apart:
            self._words.think_apart()
        self._words.meet(assembly.model)
        if text and (words := self._words.add(text)):
            self._told.append(words)
            self._tell(words)


class ChatCompletions:
    """Calls one model of an endpoint, with retries and without the features that the endpoint refuses."""

    def __init__(  # noqa: PLR0913 - one for each setting
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        settings: SettingNames,
        api_version: str | None = None,
        azure: bool = False,
        retry_policy: RetryPolicy | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        query = f"?{urlencode({'api-version': api_version})}" if api_version else ""
        self._url = f"{base_url.rstrip('/')}/chat/completions{query}"
        self._headers = {"api-key": api_key} if azure else {"Authorization": f"Bearer {api_key}"}
        self._names = settings
        self._model = model
        self._retry_policy = retry_policy or RetryPolicy()
        self._sender = hashlib.sha256(f"{self._url} {model}".encode()).hexdigest()[:16]
        self._clock_s = clock_s
        # Of this model at this endpoint: another one has a ChatCompletions of its own.
        self._capabilities = EndpointCapabilities()
        self._learned_at_s: float | None = None
        self._has_called = False
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def on_azure(
        cls,
        *,
        endpoint: str,
        api_key: str,
        model: str,
        settings: SettingNames,
        api_version: str | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> ChatCompletions:
        """At an Azure OpenAI resource: by deployment and dated version, or without a version by its v1 API."""
        path = f"deployments/{quote(model, safe='')}" if api_version else "v1"
        return cls(
            base_url=f"{endpoint.rstrip('/')}/openai/{path}",
            api_key=api_key,
            model=model,
            api_version=api_version,
            azure=True,
            settings=settings,
            retry_policy=retry_policy,
        )

    @property
    def sees(self) -> bool:
        """True until the endpoint has refused a picture."""
        return Feature.PICTURES not in self._current_capabilities().without

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        """Make one exchange. Raises ModelError, whose sentence names the settings to check.

        The answer is streamed if someone hears its words and the endpoint can.
        """
        known = capabilities = self._current_capabilities()
        has_called = self._has_called or any(
            message.original and message.original.sender == self._sender and message.original.fields.get("tool_calls")
            for message in request.messages
        )
        hearing = self._hearing(request, on_words, known) if on_words else None
        while True:
            try:
                reply = await self._with_retries(request, capabilities, hearing)
            except RefusedError as refusal:
                may_stream = hearing is not None and hearing.may_stream
                body = self._body(request, capabilities, may_stream=may_stream)

                def matters(part: Feature, with_part: EndpointCapabilities = capabilities, body: bytes = body) -> bool:
                    less = replace(with_part, without=with_part.without | {part})
                    return self._body(request, less, may_stream=may_stream) != body  # noqa: B023

                less = capabilities.after(refusal, request, matters=matters, has_called=bool(has_called))
                if less is None:
                    raise
                log.info("model request reduced", extra={"without": sorted(less.without), "max_chars": less.max_chars})
                capabilities = less
            else:
                repaired = repair_reply(reply, request, hearing.told if hearing else "")
                if hearing and hearing.came_whole:
                    capabilities = replace(capabilities, without=capabilities.without | {Feature.STREAM})
                capabilities = capabilities.having_seen(
                    streams=bool(hearing and hearing.streamed),
                    thinks_first=has_unmarked_thought(reply.text) if reply.text.strip() else None,
                    writes_programs=bool(repaired.tool_calls and not reply.tool_calls and program_in(reply.text))
                    if _runs_programs(request)
                    else None,
                )
                if (learned := capabilities.kept()) != known:
                    self._capabilities = self._current_capabilities().with_learned(learned, since=known)
                    self._learned_at_s = self._learned_at_s or self._clock_s()
                self._has_called = self._has_called or bool(reply.tool_calls)
                return repaired

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    def _current_capabilities(self) -> EndpointCapabilities:
        if self._learned_at_s is not None and self._clock_s() - self._learned_at_s > LIFETIME_S:
            self._capabilities, self._learned_at_s = self._capabilities.habits(), None
        return self._capabilities

    def _hearing(self, request: ModelRequest, tell: OnWords, known: EndpointCapabilities) -> _Hearing | None:
        """Who hears the words of this exchange; None where nothing can be said of them before all have come."""
        runs_programs = _runs_programs(request)
        if runs_programs and (known.writes_programs or Feature.TOOLS in known.without):
            return None
        words = WordFilter(offered=_offered(request), runs_programs=runs_programs, thinks_first=known.thinks_first)
        words.meet(self._model)
        return _Hearing(tell, words)

    def _body(self, request: ModelRequest, capabilities: EndpointCapabilities, *, may_stream: bool) -> bytes:
        if capabilities.max_chars is not None:
            room = capabilities.max_chars - len(request.instructions) - len(request.briefing)
            request = replace(request, messages=cut_to_fit(request.messages, room))
        streams = may_stream and Feature.STREAM not in capabilities.without
        return orjson.dumps(body_of(request, self._model, capabilities.without, sender=self._sender, streams=streams))

    async def _with_retries(
        self, request: ModelRequest, capabilities: EndpointCapabilities, hearing: _Hearing | None
    ) -> ModelReply:
        """Call the endpoint, again after a transient error: for the whole answer, where a stream of it broke off."""
        attempt = 0
        while True:
            attempt += 1
            streamed_to = hearing if hearing and hearing.may_stream else None
            body = self._body(request, capabilities, may_stream=streamed_to is not None)
            try:
                return await self._ask(body, None if Feature.STREAM in capabilities.without else streamed_to)
            except TransientError as error:
                pause_s = error.retry_after_s or backoff_s(attempt, first_s=self._retry_policy.first_pause_s)
                if attempt >= self._retry_policy.max_attempts or pause_s > self._retry_policy.max_pause_s:
                    raise
                log.info("model call retried", extra={"pause_s": pause_s, "code": error.code})
                await asyncio.sleep(pause_s)

    async def _ask(self, body: bytes, hearing: _Hearing | None) -> ModelReply:
        headers = {**self._headers, "Content-Type": "application/json"}
        post = self._client_session().post
        with self._told_in_words(hearing):
            async with (
                asyncio.timeout(self._retry_policy.call_deadline_s) as deadline,
                post(self._url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                begin = await response.content.readany()
                is_stream = begin and is_event_stream(begin, response.content_type)
                if is_stream and _is_success(response.status):
                    hearing = hearing or _Hearing()
                    answer = await self._receive(response, begin, hearing, deadline)
                    hearing.streamed = True
                    return self._reply(answer)
                data = await _read(response, begin)
        status = (status_of_error(data) or HTTPStatus.OK) if _is_success(response.status) else response.status
        if status != HTTPStatus.OK:
            raise status_error(status, data, retry_after_s(response.headers), self._names)
        if hearing:
            hearing.came_whole = True
        return self._reply(data)

    @contextmanager
    def _told_in_words(self, hearing: _Hearing | None) -> Iterator[None]:  # noqa: C901 - one for each kind of trouble
        """Turn what goes wrong with a connection into a ModelError."""
        try:
            yield
        except aiohttp.ConnectionTimeoutError:
            raise unreachable(self._names) from None
        except TimeoutError:
            # The endpoint is overloaded: a second attempt would wait as long again.
            raise ModelError(self._silence(hearing), code="rate_limit_exceeded") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch):
            raise untrusted(self._names) from None
        except aiohttp.ClientSSLError:
            raise no_tls(self._names) from None
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, ConnectionResetError) as error:
            log.info("model connection lost", extra={"error": type(error).__name__})
            if hearing and isinstance(error, aiohttp.ClientPayloadError):
                hearing.may_stream = False
            raise broken_off() from None
        except aiohttp.ClientResponseError as error:  # a compression that was not asked for, or no HTTP at all
            log.info("model endpoint not understood", extra={"error": type(error).__name__})
            raise unreadable(self._names) from None
        except (aiohttp.ClientError, OSError) as error:
            log.info("model endpoint unreachable", extra={"error": type(error).__name__})
            raise unreachable(self._names) from None

    def _silence(self, hearing: _Hearing | None) -> str:
        if hearing is None or hearing.may_stream:
            return f"The model gave no answer within {self._retry_policy.call_deadline_s:g} s."
        return f"The model fell silent in the middle of its answer, for {self._retry_policy.silence_deadline_s:g} s."

    def _reply(self, answer: bytes | ReplyAssembly) -> ModelReply:
        try:
            value = completion_of(answer) if isinstance(answer, bytes) else answer.completion()
            return reply_of(value, sender=self._sender)
        except UnreadableReplyError:
            raise unreadable(self._names) from None

    async def _receive(
        self, response: aiohttp.ClientResponse, begin: bytes, hearing: _Hearing, deadline: asyncio.Timeout
    ) -> ReplyAssembly:
        """Read an event stream to its end, and pass its words on. Raises ModelError and aiohttp's errors."""
        stream, piece, now_s = ReplyStream(), begin, asyncio.get_running_loop().time
        ends_at_s = now_s() + self._retry_policy.stream_deadline_s
        last_at_s = math.inf  # when no more is waited for
        while True:
            try:
                words = stream.feed(piece)
            except ChunkError as error:
                hearing.may_stream = not stream.has_begun
                raise status_error(error.status, error.data, None, self._names) from None
            except UnreadableChunkError:
                hearing.may_stream = False
                raise broken_off() from None
            hearing.may_stream = hearing.may_stream and not stream.has_begun
            hearing.hear(stream.assembly, words)
            if not piece:
                break
            if stream.is_whole:
                # Counted from the end of the answer, not from the latest piece: comments may come without end.
                last_at_s = min(last_at_s, now_s() + (END_S if stream.is_done else LAST_EVENTS_S))
                deadline.reschedule(None)
                piece = await _piece_until(last_at_s, response)
                continue
            last_at_s = math.inf
            if stream.assembly.has_begun:
                deadline.reschedule(min(now_s() + self._retry_policy.silence_deadline_s, ends_at_s))
            piece = await response.content.readany()
        said_nothing = not stream.assembly.has_begun  # but `[DONE]`
        if not stream.assembly.may_end and (said_nothing or not stream.is_whole):
            hearing.may_stream = False
            raise broken_off()
        return stream.assembly

    def _client_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = aiohttp.ClientTimeout(total=None, sock_connect=self._retry_policy.connect_deadline_s)
            self._session = aiohttp.ClientSession(timeout=limits)
        return self._session


def _is_success(status: int) -> bool:
    """Whether an answer may be a completion: some gateways create (201) what they answer."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _offered(request: ModelRequest) -> frozenset[str]:
    return frozenset(tool.name for tool in request.tools) if request.tool_choice != "none" else frozenset()


def _runs_programs(request: ModelRequest) -> bool:
    """Whether a block of Python in the answer would be run."""
    return CODE_INTERPRETER in _offered(request) and may_run(request)


async def _piece_until(last_at_s: float, response: aiohttp.ClientResponse) -> bytes:
    """The next bytes after a whole answer; none at the end of the stream, and where they do not come in time."""
    try:
        async with asyncio.timeout_at(last_at_s):
            return await response.content.readany()
    except (TimeoutError, aiohttp.ClientPayloadError, ConnectionResetError):
        return b""


async def _read(response: aiohttp.ClientResponse, begin: bytes) -> bytes:
    data = bytearray(begin)
    async for piece in response.content.iter_chunked(64 * 1024):
        data += piece
        if len(data) > MAX_REPLY_BYTES:
            raise ModelError("The model's endpoint sent an answer that is too large.")
    return bytes(data)
