"""The bot's own token, with which it posts to the connector."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError

from bot.diagnosis import Finding

log = logging.getLogger(__name__)

_RENEW_BEFORE_S: Final = 600.0
_RETRY_AFTER_S: Final = 15.0
_DEADLINE_S: Final = 15.0
_AADSTS: Final = re.compile(r"AADSTS\d+")


# https://learn.microsoft.com/entra/identity-platform/reference-error-codes: what each code means here, and what helps.
_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "AADSTS7000215": (
        "the client secret is wrong",
        "Copy the secret's value (not its id) into MicrosoftAppPassword, or make a new one: teams app update, or "
        "Certificates & secrets in the Entra admin center.",
    ),
    "AADSTS7000222": (
        "the client secret has expired",
        "Make a new secret for the app registration, put it into MicrosoftAppPassword and start teamsbot again.",
    ),
    "AADSTS7000229": (
        "the app has no service principal in this tenant",
        "Create it: az ad sp create --id followed by MicrosoftAppId.",
    ),
    "AADSTS700016": (
        "the app is not registered in this tenant",
        "Compare MicrosoftAppId and MicrosoftAppTenantId with the app registration. If it belongs to one tenant, "
        "MicrosoftAppType must be SingleTenant.",
    ),
    "AADSTS50194": (
        "the app is for one tenant, and its token is asked for many",
        "Set MicrosoftAppType=SingleTenant and MicrosoftAppTenantId.",
    ),
    "AADSTS90002": (
        "there is no such tenant in this cloud",
        "Correct MicrosoftAppTenantId, or name the tenant's cloud in CLOUD.",
    ),
    "AADSTS900023": ("the tenant's id is not one", "Correct MicrosoftAppTenantId."),
    "AADSTS900382": ("the app belongs to another cloud", "Name the tenant's cloud in CLOUD."),
    "AADSTS500011": (
        "the tenant does not know the Bot Framework under this name, which differs between clouds",
        "Name the tenant's cloud in CLOUD, and leave ToChannelFromBotOAuthScope unset.",
    ),
    "AADSTS1002012": ("the scope is not one for an app", "Leave ToChannelFromBotOAuthScope unset."),
    "AADSTS700027": (
        "the certificate is not on the app registration, or has expired",
        "Upload the certificate of MicrosoftAppCertificate to the app registration.",
    ),
    "AADSTS70021": (
        "the app registration does not trust this managed identity",
        "Add a federated credential for MicrosoftAppFederatedIdentity to the app registration.",
    ),
    "AADSTS700024": ("the clock of this machine is wrong", "Set the clock by NTP."),
    "AADSTS7000112": ("the app is disabled in the tenant", "Enable its enterprise application in Entra."),
    "AADSTS53003": (
        "a Conditional Access policy blocks the app",
        "Let the policy for workload identities allow this app from this address.",
    ),
}
_REFUSALS_BEGIN: Final = {"AADSTS70021": "AADSTS70021", "AADSTS90038": "AADSTS900382"}  # 700211, 700213, 900381

_NO_ANSWER: Final = (
    "Let this machine reach the login service by https, and check CLOUD. Behind a company's own certificate authority "
    "set SSL_CERT_FILE."
)
_NO_IDENTITY: Final = (
    "Assign the user-assigned managed identity to this machine or container. Elsewhere use a secret or a certificate."
)


class TokenUnavailableError(Exception):
    """The bot cannot get a token; the text names Microsoft's error code, and nothing secret.

    `reason` is that code (AADSTS...), or the kind of error where nothing was answered.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


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
        self._retired: set[asyncio.Task[None]] = set()  # end with the connections of a former credential
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
            old, fetch = self._credential, self._fetch
            self._token, self._credential, self._fetch = None, self._open_credential(), None
            retired = asyncio.create_task(_retire(old, fetch), name="former credential of the bot")
            self._retired.add(retired)
            retired.add_done_callback(self._retired.discard)
        return await self.get()

    async def check(self) -> Finding:
        """Whether the bot gets a token with its credential, and if not, what Microsoft says."""
        try:
            await self.get()
        except TokenUnavailableError as error:
            return _finding(error.reason)
        return Finding.passed("Microsoft gives the bot its token")

    async def close(self) -> None:
        """End fetches that are on their way."""
        await asyncio.sleep(0)  # a task that is cancelled before it began closes nothing
        for retired in self._retired:
            retired.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        await _retire(self._credential, self._fetch, waits=False)

    def _start_fetch(self) -> asyncio.Task[AccessToken]:
        if self._fetch is None or self._fetch.done():
            self._fetch = asyncio.create_task(self._request(), name="bot token")
        return self._fetch

    async def _request(self) -> AccessToken:
        credential = self._credential
        try:
            async with asyncio.timeout(_DEADLINE_S):
                token = await credential.get_token(self._scope)
        except (AzureError, TimeoutError, OSError, ValueError, LookupError, TypeError) as error:
            # The last two: azure-identity reads an answer of an unexpected shape without looking.
            code = _AADSTS.search(str(error))
            why = code[0] if code else type(error).__name__
            raise TokenUnavailableError(f"the bot gets no token for the connector: {why}", reason=why) from None
        if credential is self._credential:  # else its tokens were refused meanwhile
            self._token = token
        return token


async def _retire(credential: TokenCredential, fetch: asyncio.Task[AccessToken] | None, *, waits: bool = True) -> None:
    """Close a credential once the fetch that asks it has ended; `waits`: by itself, rather than by being cancelled."""
    try:
        if fetch is not None and waits:
            await asyncio.wait({fetch})
    finally:
        if fetch is not None:
            fetch.cancel()
            await asyncio.gather(fetch, return_exceptions=True)
        await credential.close()


def _note_failure(fetch: asyncio.Task[AccessToken]) -> None:
    if not fetch.cancelled() and (error := fetch.exception()) is not None:
        log.warning("bot token not renewed", extra={"why": str(error)})


def _finding(reason: str) -> Finding:
    family = next((known for begin, known in _REFUSALS_BEGIN.items() if reason.startswith(begin)), reason)
    if (known := _REFUSALS.get(family)) is not None:
        return Finding.failed(f"The bot gets no token because {known[0]} ({reason}).", known[1])
    if reason == "CredentialUnavailableError":
        return Finding.failed("The bot gets no token because this machine has no managed identity.", _NO_IDENTITY)
    if reason.startswith("AADSTS"):
        return Finding.failed(
            f"The bot gets no token, and Microsoft answers {reason}.",
            f"Look up {reason} at login.microsoftonline.com/error.",
        )
    if reason == "ValueError":
        return Finding.failed(
            "The bot gets no token because its credential cannot be used.",
            "MicrosoftAppCertificate must be a PEM file with the certificate and its unencrypted private key.",
        )
    return Finding.failed(
        f"The bot gets no token because the login service cannot be reached, or gave no usable answer ({reason}).",
        _NO_ANSWER,
    )
