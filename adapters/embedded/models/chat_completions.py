"""A model behind any Chat Completions endpoint: OpenAI, Azure OpenAI, Ollama, vLLM, LM Studio.

One POST and one JSON answer: aiohttp does that by itself, and unlike the openai package it takes nothing from the
environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import aiohttp
import orjson

from adapters.embedded.models.chat_errors import (
    RefusedError,
    SettingNames,
    TransientError,
    broken_off,
    status_error,
    unreachable,
    unreadable,
    untrusted,
)
from adapters.embedded.models.chat_reply import UnreadableReplyError, disguised_status, reply_of
from adapters.embedded.models.chat_request import body_of
from adapters.embedded.models.context_window import cut_to_fit
from adapters.embedded.models.endpoint_capabilities import LIFETIME_S, EndpointCapabilities, Feature
from adapters.embedded.models.port import ModelError, ModelReply, ModelRequest
from adapters.embedded.models.reply_repair import repair_reply
from httpkit.backoff import backoff_s
from httpkit.http_headers import retry_after_s

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long an exchange may take. A small model on a plain machine needs minutes for a long answer."""

    call_deadline_s: float = 240.0
    connect_deadline_s: float = 10.0
    max_attempts: int = 4  # one exchange in five may fail without a failed run
    first_pause_s: float = 0.5  # doubles with each attempt, unless the endpoint names a pause
    max_pause_s: float = 20.0


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

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Make one exchange. Raises ModelError, whose sentence names the settings to check."""
        known = capabilities = self._current_capabilities()
        has_called = self._has_called or any(
            message.original and message.original.sender == self._sender and message.original.fields.get("tool_calls")
            for message in request.messages
        )
        while True:
            body = self._body(request, capabilities)
            try:
                reply = await self._with_retries(body)
            except RefusedError as refusal:
                without = capabilities.without

                def matters(part: Feature, without: frozenset[Feature] = without, body: bytes = body) -> bool:
                    return self._body(request, replace(capabilities, without=without | {part})) != body  # noqa: B023

                less = capabilities.after(refusal, request, matters=matters, has_called=bool(has_called))
                if less is None:
                    raise
                log.info("model request reduced", extra={"without": sorted(less.without), "max_chars": less.max_chars})
                capabilities = less
            else:
                if capabilities.kept() != known:
                    self._capabilities = capabilities.kept()
                    self._learned_at_s = self._learned_at_s or self._clock_s()
                self._has_called = self._has_called or bool(reply.tool_calls)
                return repair_reply(reply, request)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    def _current_capabilities(self) -> EndpointCapabilities:
        if self._learned_at_s is not None and self._clock_s() - self._learned_at_s > LIFETIME_S:
            self._capabilities, self._learned_at_s = EndpointCapabilities(), None
        return self._capabilities

    def _body(self, request: ModelRequest, capabilities: EndpointCapabilities) -> bytes:
        if capabilities.max_chars is not None:
            room = capabilities.max_chars - len(request.instructions) - len(request.briefing)
            request = replace(request, messages=cut_to_fit(request.messages, room))
        return orjson.dumps(body_of(request, self._model, capabilities.without, sender=self._sender))

    async def _with_retries(self, body: bytes) -> ModelReply:
        """Call the endpoint, again after a transient error."""
        for attempt in range(1, self._retry_policy.max_attempts):
            try:
                return await self._ask(body)
            except TransientError as error:
                pause_s = error.retry_after_s or backoff_s(attempt, first_s=self._retry_policy.first_pause_s)
                if pause_s > self._retry_policy.max_pause_s:
                    raise
                log.info("model call retried", extra={"pause_s": pause_s, "code": error.code})
                await asyncio.sleep(pause_s)
        return await self._ask(body)

    async def _ask(self, body: bytes) -> ModelReply:
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            async with self._client_session().post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                data = await _read(response)
        except aiohttp.ConnectionTimeoutError:
            raise unreachable(self._names) from None
        except TimeoutError:
            said = f"The model gave no answer within {self._retry_policy.call_deadline_s:g} s."
            # The endpoint is overloaded: a second attempt would wait as long again.
            raise ModelError(said, code="rate_limit_exceeded") from None
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch):
            raise untrusted(self._names) from None
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, ConnectionResetError) as error:
            log.info("model connection lost", extra={"error": type(error).__name__})
            raise broken_off() from None
        except (aiohttp.ClientError, OSError) as error:
            log.info("model endpoint unreachable", extra={"error": type(error).__name__})
            raise unreachable(self._names) from None
        status = response.status if response.status != 200 else disguised_status(data) or 200
        if status != 200:
            raise status_error(status, data, retry_after_s(response.headers), self._names)
        try:
            return reply_of(data, sender=self._sender)
        except UnreadableReplyError:
            raise unreadable(self._names) from None

    def _client_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = aiohttp.ClientTimeout(
                total=self._retry_policy.call_deadline_s, sock_connect=self._retry_policy.connect_deadline_s
            )
            self._session = aiohttp.ClientSession(timeout=limits)
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        data += piece
        if len(data) > MAX_REPLY_BYTES:
            raise ModelError("The model's endpoint sent an answer that is too large.")
    return bytes(data)
