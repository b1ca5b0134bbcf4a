"""The bot's own token, with which it posts to the connector."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError

log = logging.getLogger(__name__)

_RENEW_BEFORE_S: Final = 600.0
_RETRY_AFTER_S: Final = 15.0
_DEADLINE_S: Final = 15.0
_AADSTS: Final = re.compile(r"AADSTS\d+")


class TokenUnavailableError(Exception):
    """The bot cannot get a token; the text names Microsoft's error code, and nothing secret."""


class TokenCredential(Protocol):
    """The part of azure-identity's asynchronous credentials that is used here."""

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """A token for the scopes. Raises AzureError."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class BotToken:
    """The token of one app at one authority for one scope: each has an object, and so a cache, of its own.

    It is renewed in the background before it ends; requests wait only while there is none.
    """

    def __init__(
        self, *, open_credential: Callable[[], TokenCredential], scope: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._open_credential = open_credential
        self._credential = open_credential()
        self._scope = scope
        self._clock = clock
        self._token: AccessToken | None = None
        self._fetch: asyncio.Task[AccessToken] | None = None
        self._retry_at = 0.0

    async def get(self) -> str:
        """The token. Raises TokenUnavailableError."""
        now = self._clock()
        token = self._token
        if token is None or token.expires_on <= now:
            token = await asyncio.shield(self._start_fetch())
        elif token.expires_on - now < _RENEW_BEFORE_S and now >= self._retry_at:
            self._retry_at = now + _RETRY_AFTER_S
            self._start_fetch().add_done_callback(_note_failure)
        return token.token

    async def renew(self, refused: str) -> str:
        """Another token than the one that the connector refused. Raises TokenUnavailableError."""
        if self._token is not None and self._token.token == refused:
            # azure-identity would give the same one out of its own cache again; a new credential has an empty one.
            self._token, old, self._credential = None, self._credential, self._open_credential()
            await old.close()
        return await self.get()

    async def close(self) -> None:
        """End a fetch that is on its way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)
        await self._credential.close()

    def _start_fetch(self) -> asyncio.Task[AccessToken]:
        if self._fetch is None or self._fetch.done():
            self._fetch = asyncio.create_task(self._request(), name="bot token")
        return self._fetch

    async def _request(self) -> AccessToken:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                self._token = await self._credential.get_token(self._scope)
        except (AzureError, TimeoutError, OSError, ValueError) as error:
            code = _AADSTS.search(str(error))
            why = code[0] if code else type(error).__name__
            raise TokenUnavailableError(f"the bot gets no token for the connector: {why}") from None
        return self._token


def _note_failure(fetch: asyncio.Task[AccessToken]) -> None:
    if not fetch.cancelled() and (error := fetch.exception()) is not None:
        log.warning("bot token not renewed", extra={"why": str(error)})
