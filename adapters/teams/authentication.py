"""Who may bring activities: Teams, proven by a token, or programs of this machine while the bot has no app id.

Of Teams, only the tenants and people that the operator named.
"""

from __future__ import annotations

import hmac
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import hdrs, web
from typing_extensions import override

from adapters.teams.signing_keys import KeysUnavailableError
from adapters.teams.token_verifier import TokenRefusedError, TokenVerifier, VerifiedToken
from adapters.teams.trusted_addresses import TrustedServices, is_same_address
from bot.conversation import OWN_CHANNELS, ConversationReference
from httpkit.http_errors import RequestRefusedError
from httpkit.json_body import Json
from httpkit.loopback import is_loopback_url

log = logging.getLogger(__name__)

# Other channels have other rules, and some of their names are this program's own (webchat, terminal): a signed activity
# that claims one would join the threads of the chat page.
_CHANNELS: Final = frozenset({"msteams"})
_MAX_LOGGED_PER_MINUTE: Final = 30
_MAX_DETAIL_CHARS: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a request at the door: 202, or the status of the refusal with its reason.

    `detail` is a stranger's text, cut and escaped.
    """

    status: int
    reason: str = ""
    detail: str = ""


OnVerdict = Callable[[Verdict], None]
"""Called for each authenticated request; must be quick, and must not fail."""


class Admission(Protocol):
    """A caller whose activity may now be read."""

    def admit(self, activity: Json) -> str | None:
        """Raise RequestRefusedError if this caller may not bring this activity.

        A code is why its sender is not served, of whom the caller may speak; None if they are.
        """
        ...


class Authentication(Protocol):
    """Decides about a request in two steps, because some checks need the body and a body is work."""

    async def authenticate(self, request: web.Request) -> Admission:
        """Judge the headers, before the body is read. Raises RequestRefusedError."""
        ...


class LoopbackAuthentication(Authentication, Admission):
    """For callers on this machine (`httpkit.loopback`), which is also where their answers go."""

    def __init__(self, *, own_channels: Mapping[str, str] | None = None, takes_others: bool = True) -> None:
        """`own_channels` maps each channel that this program itself serves to its one `serviceUrl`, a secret.

        With an app id nobody else is taken (`takes_others`): other channels have to prove where they come from.
        """
        self._takes_others = takes_others
        self._own_channels = dict.fromkeys(OWN_CHANNELS, "") | dict(own_channels or {})

    @override
    async def authenticate(self, request: web.Request) -> Admission:
        return self

    @override
    def admit(self, activity: Json) -> str | None:
        service_url = _text(activity, "serviceUrl") or ""
        own_url = self._own_channels.get(_text(activity, "channelId") or "")
        if own_url is None and not self._takes_others:
            raise RequestRefusedError(403, "ForeignChannel", "Here only the chat page speaks; Teams has another door.")
        if own_url is not None and not hmac.compare_digest(own_url.encode(), service_url.encode()):
            # Otherwise a message could join a thread of the chat page and have its answer sent elsewhere.
            raise RequestRefusedError(403, "ForeignChannel", "Only this program itself speaks in that channel.")
        if not is_loopback_url(service_url):
            raise RequestRefusedError(
                403,
                "ForeignServiceUrl",
                "Without authentication the `serviceUrl` must be a loopback address (http).",
            )
        return None


class TokenAuthentication(Authentication):
    """For a bot with an app id: callers show a token that the channel's issuer signed for this very bot."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        services: TrustedServices,
        access: AccessList,
        on_verdict: OnVerdict = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._verifier = verifier
        self._services = services
        self._refusals = RefusalLog(clock=clock, on_verdict=on_verdict)

    @override
    async def authenticate(self, request: web.Request) -> Admission:
        try:
            token = await self._verifier.verify(_bearer_token(request))
        except TokenRefusedError as refusal:
            self._refusals.note(refusal.code, refusal.detail, status=401)
            raise RequestRefusedError(
                401, refusal.code, str(refusal), headers={hdrs.WWW_AUTHENTICATE: "Bearer"}
            ) from None
        except KeysUnavailableError as error:
            self._refusals.note("KeysUnavailable", str(error), status=503)
            raise RequestRefusedError(
                503,
                "KeysUnavailable",
                "The token cannot be verified at the moment.",
                headers={hdrs.RETRY_AFTER: str(max(1, math.ceil(error.retry_after_s)))},
            ) from None
        return _TokenAdmission(token, self._services, self._access, self._refusals)


class _TokenAdmission(Admission):
    """A verified token, to be compared with the activity that came with it."""

    def __init__(
        self, token: VerifiedToken, services: TrustedServices, access: AccessList, refusals: RefusalLog
    ) -> None:
        self._access = access
        self._token = token
        self._services = services
        self._refusals = refusals

    @override
    def admit(self, activity: Json) -> str | None:
        try:
            tenant = self._compared(activity)
        except TokenRefusedError as refusal:
            self._refusals.note(refusal.code, refusal.detail, status=403)
            raise RequestRefusedError(403, refusal.code, str(refusal)) from None
        reason = self._access.refusal(activity, tenant)
        if reason is not None:
            self._refusals.note(reason, tenant or "no tenant", status=403)
        else:
            self._refusals.on_verdict(Verdict(status=202))
        return reason

    def _compared(self, activity: Json) -> str | None:
        """The tenant in which the activity happened, once it is certain that the token speaks for it."""
        # Microsoft 365 Copilot writes `msteams:copilot`; the endorsement is for the part before the colon.
        channel = (_text(activity, "channelId") or "").partition(":")[0]
        if channel not in _CHANNELS:
            raise TokenRefusedError("ForeignChannel", "Only activities of Microsoft Teams are served.", channel)
        if channel not in self._token.endorsements:
            raise TokenRefusedError("NotEndorsed", "The token's key is not endorsed for this channel.", channel)
        service_url = _text(activity, "serviceUrl")
        # Two absences are not equal: a token that names no service could be replayed with any `serviceUrl`.
        if not service_url or not self._token.service_url:
            raise TokenRefusedError("MissingServiceUrl", "Token and activity must both name the service address.")
        if not is_same_address(service_url, self._token.service_url):
            raise TokenRefusedError("WrongServiceUrl", "Token and activity name different service addresses.")
        if not self._services.allows(service_url):
            detail = f"{service_url} is not in TRUSTED_SERVICE_URLS"
            raise TokenRefusedError("ForeignServiceUrl", "The service address is not a known one.", detail)
        tenants = {tenant.lower() for tenant in (*_tenants(activity), self._token.tenant) if tenant}
        if len(tenants) > 1:
            raise TokenRefusedError(
                "TenantMismatch", "The activity names different tenants.", " ".join(sorted(tenants))
            )
        return next(iter(tenants), None)


class RefusalLog:
    """Logs why requests are refused, at most some a minute: a flood of bad tokens must not become one of lines."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, on_verdict: OnVerdict = lambda _: None) -> None:
        self.on_verdict = on_verdict
        self._clock = clock
        self._minute = -1
        self._logged = self._suppressed = 0

    def note(self, reason: str, detail: str, *, status: int = 401) -> None:
        """Log one refusal. `detail` is a stranger's text: it is cut, and its control characters are escaped."""
        shown = detail[:_MAX_DETAIL_CHARS].encode("unicode_escape").decode("ascii")[:_MAX_DETAIL_CHARS]
        self.on_verdict(Verdict(status=status, reason=reason, detail=shown))
        if (minute := int(self._clock() // 60)) != self._minute:
            if self._suppressed:
                log.warning("more requests refused", extra={"count": self._suppressed})
            self._minute, self._logged, self._suppressed = minute, 0, 0
        if self._logged == _MAX_LOGGED_PER_MINUTE:
            self._suppressed += 1
            return
        self._logged += 1
        log.warning("request refused", extra={"reason": reason, "detail": shown})


def _bearer_token(request: web.Request) -> str:
    headers = request.headers.getall(hdrs.AUTHORIZATION, [])
    if not headers:
        raise TokenRefusedError("MissingToken", "The request has no Authorization header.")
    if len(headers) > 1:
        raise TokenRefusedError("MalformedToken", "The request has several Authorization headers.")
    scheme, _, token = headers[0].partition(" ")
    if scheme.lower() != "bearer":
        raise TokenRefusedError("MissingToken", "The Authorization header must hold a bearer token.")
    return token


def _text(activity: Json, name: str) -> str | None:
    value = activity.get(name)
    return value if isinstance(value, str) else None


def _tenants(activity: Json) -> tuple[str | None, str | None]:
    """The two places in which an activity names its tenant."""
    return _text(_object(_object(activity, "channelData"), "tenant"), "id"), _text(
        _object(activity, "conversation"), "tenantId"
    )


def _object(activity: Json, name: str) -> Json:
    value = activity.get(name)
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """`tenants` None means everybody, by the operator's own `*`; `users` None means everybody of those tenants."""

    tenants: frozenset[str] | None
    users: frozenset[str] | None = None
    allow_guests: bool = False

    def refusal(self, activity: Json, tenant: str | None) -> str | None:
        """Why the sender is not served, as a code; None if they are. `tenant` is that of the conversation."""
        sender = activity.get("from")
        person = sender if isinstance(sender, dict) else {}
        return self._refusal(tenant or "", str(person.get("aadObjectId") or ""), is_guest=is_guest(person, tenant))

    def refusal_of(self, reference: ConversationReference) -> str | None:
        """The same for a message that was stored; people at this machine's own channels are always served."""
        if reference.key.channel in OWN_CHANNELS:
            return None
        return self._refusal(reference.key.tenant, reference.user.directory_id, is_guest=reference.user.is_guest)

    def _refusal(self, tenant: str, directory_id: str, *, is_guest: bool) -> str | None:
        # What is not said never counts as allowed.
        if self.tenants is not None and tenant.lower() not in self.tenants:
            return "TenantNotAllowed"
        if self.users is not None and directory_id.lower() not in self.users:
            return "UserNotAllowed"
        if is_guest and not self.allow_guests:
            return "GuestNotAllowed"
        return None


def is_guest(person: Json, tenant: str | None) -> bool:
    """Whether Teams says that somebody is a guest: by another tenant, by their role, or by the form of their name."""
    home = person.get("tenantId")
    return (
        (isinstance(home, str) and bool(tenant) and home.lower() != (tenant or "").lower())
        or str(person.get("userRole") or "").lower() in ("guest", "anonymous")
        or "#ext#" in str(person.get("userPrincipalName") or "").lower()
    )
