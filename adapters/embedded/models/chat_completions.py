"""A model behind any Chat Completions endpoint: OpenAI, Azure OpenAI, Ollama, vLLM, LM Studio.

One POST and one JSON answer: aiohttp does that by itself, and unlike the openai package it takes nothing from the
environment.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import aiohttp
import orjson

from adapters.embedded.models.chat_errors import (
    AZURE_NAMES,
    PassingError,
    RefusedError,
    SettingNames,
    broken_off,
    status_error,
    unreachable,
    unreadable,
    untrusted,
    wished_pause_s,
)
from adapters.embedded.models.chat_reply import UnreadableReplyError, disguised_status, reply_of
from adapters.embedded.models.chat_request import body_of
from adapters.embedded.models.context_window import fitted
from adapters.embedded.models.endpoint_capabilities import Part, Ways
from adapters.embedded.models.port import ModelError, ModelReply, ModelRequest
from adapters.embedded.models.reply_repair import helped

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an exchange may take. A small model on a plain machine needs minutes for a long answer."""

    call_deadline_s: float = 240.0
    connect_deadline_s: float = 10.0
    tries: int = 4  # one exchange in five may fail, and nobody notices
    first_pause_s: float = 0.5  # doubles from try to try, unless the endpoint says how long
    max_pause_s: float = 20.0


class ChatCompletions:
    """Asks the endpoint, again while it is unwell, and always the one model it is set to."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        api_version: str | None = None,
        azure: bool = False,
        patience: Patience | None = None,
    ) -> None:
        query = f"?{urlencode({'api-version': api_version})}" if api_version else ""
        self._url = f"{base_url.rstrip('/')}/chat/completions{query}"
        self._headers = {"api-key": api_key} if azure else {"Authorization": f"Bearer {api_key}"}
        self._names = AZURE_NAMES if azure else SettingNames()
        self._model = model
        self._patience = patience or Patience()
        self._ways = Ways()
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def on_azure(
        cls,
        *,
        endpoint: str,
        api_key: str,
        model: str,
        api_version: str | None = None,
        patience: Patience | None = None,
    ) -> ChatCompletions:
        """At an Azure OpenAI resource: by deployment and dated version, or without a version by its v1 API."""
        path = f"deployments/{quote(model, safe='')}" if api_version else "v1"
        return cls(
            base_url=f"{endpoint.rstrip('/')}/openai/{path}",
            api_key=api_key,
            model=model,
            api_version=api_version,
            azure=True,
            patience=patience,
        )

    @property
    def sees(self) -> bool:
        """True until the endpoint has refused a picture."""
        return Part.PICTURES not in self._ways.without

    async def complete(self, request: ModelRequest) -> ModelReply:
        """One exchange. Raises ModelError, whose sentence names the settings to look at."""
        ways = self._ways
        while True:
            try:
                reply = await self._patiently(self._body(request, ways))
            except RefusedError as refusal:
                less = ways.after(refusal, request)
                if less is None:
                    raise
                log.info("model asked with less", extra={"without": sorted(less.without), "most": less.max_chars})
                ways = less
            else:
                self._ways = ways.kept()
                return helped(reply, request)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session:
            await self._session.close()

    def _body(self, request: ModelRequest, ways: Ways) -> bytes:
        if ways.max_chars is not None:
            room = ways.max_chars - len(request.instructions) - len(request.briefing)
            request = replace(request, messages=fitted(request.messages, room))
        return orjson.dumps(body_of(request, self._model, ways.without))

    async def _patiently(self, body: bytes) -> ModelReply:
        """Ask, and again while the endpoint is unwell."""
        for tried in range(1, self._patience.tries):
            try:
                return await self._ask(body)
            except PassingError as error:
                pause_s = error.retry_after_s or self._patience.first_pause_s * 2.0 ** (tried - 1)
                if pause_s > self._patience.max_pause_s:
                    raise
                log.info("model asked again", extra={"pause_s": pause_s, "code": error.code})
                await asyncio.sleep(pause_s)
        return await self._ask(body)

    async def _ask(self, body: bytes) -> ModelReply:
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            async with self._opened().post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                data = await _read(response)
        except aiohttp.ConnectionTimeoutError:
            raise unreachable(self._names) from None
        except TimeoutError:
            said = f"The model gave no answer within {self._patience.call_deadline_s:g} s."
            # It has too much to do: whoever asked again at once would wait as long again.
            raise ModelError(said, code="rate_limit_exceeded") from None
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch):
            raise untrusted(self._names) from None
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, ConnectionResetError) as error:
            log.info("model endpoint broke off", extra={"error": type(error).__name__})
            raise broken_off() from None
        except (aiohttp.ClientError, OSError) as error:
            log.info("model endpoint not reached", extra={"error": type(error).__name__})
            raise unreachable(self._names) from None
        status = response.status if response.status != 200 else disguised_status(data) or 200
        if status != 200:
            raise status_error(status, data, wished_pause_s(response.headers), self._names)
        try:
            return reply_of(data)
        except UnreadableReplyError:
            raise unreadable(self._names) from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = aiohttp.ClientTimeout(
                total=self._patience.call_deadline_s, sock_connect=self._patience.connect_deadline_s
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
