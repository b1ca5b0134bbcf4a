"""Verifies the tokens that come with activities.

The rules are those of
https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication, read strictly:
what a token must have is demanded by name and type, and what it may not be is refused with a reason.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import jwt

from adapters.teams.signing_keys import SigningKey, SigningKeys

MAX_TOKEN_CHARS: Final = 6_000  # real ones have about 1,200
SKEW_S: Final = 300  # between the issuer's clock and ours
MAX_LIFETIME_S: Final = 24 * 3600  # real ones are valid for about an hour
MAX_CACHED: Final = 1_024  # tokens; Teams sends one and the same for about an hour

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MAX_KEY_ID_CHARS: Final = 200
_ENTRA: Final = re.compile(
    r"https://(sts\.windows\.net|login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn"
    r"|sts\.chinacloudapi\.cn)/",
    re.ASCII,
)
_EMULATOR_TENANTS: Final = (
    "d6d49420-f39b-4df7-a1dc-d59a935871db",
    "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
    "69e9b82d-4842-4902-8d1e-abc5b98a55e8",
    "cab8a31a-1906-4287-a0d8-4eef66b95f6e",
)
_AGENTIC_CALLER: Final = "5a807f24-c9de-44ee-a3a7-329e88a00ffc"  # sends on behalf of agentic users (Agent 365)


class TokenRefusedError(Exception):
    """A token that proves nothing. `code` names the reason; `detail` quotes the token and is for the log only."""

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who may sign. Keys belong to the issuer whose document named them, never to another with the same key id."""

    name: str
    keys: SigningKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What a verified token says. `service_url` and `tenant` are None where it says nothing."""

    service_url: str | None
    tenant: str | None
    endorsements: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignedToken:
    """A token whose signature is right; its times, in unix seconds, are judged each time it comes."""

    keys: SigningKeys
    key_id: str
    key: SigningKey
    begins_s: int
    expires_s: int
    token: VerifiedToken


class TokenVerifier:
    """Verifies signature, issuer, audience and times.

    A token that comes again is known by its hash and not verified anew, as long as its issuer has the very key that it
    was verified with (a fetch replaces all keys). Its times are judged each time. Refusals are not kept.
    """

    def __init__(
        self,
        *,
        app_id: str,
        issuers: Sequence[Issuer],
        max_cached: int = MAX_CACHED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app_id = app_id.lower()
        # Never `https://api.botframework.com`: that is the audience of every bot's own outbound token.
        self._audiences = frozenset({self._app_id, f"api://{self._app_id}", f"api://botid-{self._app_id}"})
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._max_cached = max_cached
        self._clock = clock
        self._cache: dict[bytes, _SignedToken] = {}  # by SHA-256, oldest first

    def __len__(self) -> int:
        """How many tokens are cached."""
        return len(self._cache)

    async def verify(self, token: str) -> VerifiedToken:
        """Raises TokenRefusedError, KeysUnavailableError."""
        if len(token) > MAX_TOKEN_CHARS or not _TOKEN.fullmatch(token):
            raise TokenRefusedError("MalformedToken", "The bearer token is not a signed JSON Web Token.")
        digest = hashlib.sha256(token.encode()).digest()
        signed = self._cache.get(digest)
        if signed is None or await signed.keys.find(signed.key_id) is not signed.key:
            self._cache.pop(digest, None)
            signed = await self._verify_signature(token)
        now_s = self._clock()
        if now_s >= signed.expires_s + SKEW_S:
            self._cache.pop(digest, None)
            raise TokenRefusedError("ExpiredToken", "The token has expired.")
        if now_s < signed.begins_s - SKEW_S:
            raise TokenRefusedError("TokenNotYetValid", "The token is not valid yet.")
        if digest not in self._cache:
            if len(self._cache) >= self._max_cached:
                del self._cache[next(iter(self._cache))]
            self._cache[digest] = signed
        return signed.token

    async def _verify_signature(self, token: str) -> _SignedToken:
        """Judge everything but whether now is within the token's time."""
        encoded_header, encoded_claims, _ = token.split(".")
        key_id = _key_id(_json_part(encoded_header))
        claims = _json_part(encoded_claims)
        issuer = self._issuer(claims)
        audience = self._audience(claims)
        begins_s, expires_s = _times(claims)
        # Everything so far only refuses. It comes first so that a token of another issuer never costs a key fetch.
        key = await issuer.keys.find(key_id)
        if key is None:
            raise TokenRefusedError(
                "UnknownKey", "The token is signed with a key that its issuer does not have.", key_id
            )
        try:
            verified = jwt.decode(
                token,
                key.public_key,
                algorithms=["RS256"],
                audience=audience,
                issuer=issuer.name,
                options={
                    "require": ["exp", "nbf", "iss", "aud"],
                    # `verify` compares them with the clock, also for a token that is not decoded again.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except jwt.InvalidSignatureError:
            raise TokenRefusedError("WrongSignature", "The token's signature is wrong.") from None
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise TokenRefusedError("MalformedToken", "The token is malformed.", type(error).__name__) from None
        return _SignedToken(
            keys=issuer.keys,
            key_id=key_id,
            key=key,
            begins_s=begins_s,
            expires_s=expires_s,
            token=VerifiedToken(
                service_url=_optional_text(verified, "serviceurl"),
                tenant=_optional_text(verified, "tid"),
                endorsements=key.endorsements,
            ),
        )

    def _issuer(self, claims: dict[str, object]) -> Issuer:
        name = claims.get("iss")
        if not isinstance(name, str):
            raise TokenRefusedError("MissingClaim", "The token's `iss` must be a string.")
        if (issuer := self._issuers.get(name)) is not None:
            return issuer
        # The names are for the operator. They are read from a token that nobody has verified, and only refuse it.
        caller = claims.get("azp", claims.get("appid"))
        if not _ENTRA.match(name):
            raise TokenRefusedError("WrongIssuer", "The token's issuer is not the Bot Framework's.", name)
        if any(tenant in name for tenant in _EMULATOR_TENANTS):
            raise TokenRefusedError("EmulatorToken", "Tokens of the Emulator are not accepted.", name)
        if caller == _AGENTIC_CALLER:
            raise TokenRefusedError("AgenticUserToken", "Agentic users (Agent 365) are not supported.", name)
        if isinstance(caller, str) and caller.lower() == self._app_id:
            raise TokenRefusedError("PlaygroundToken", "The bot's own Entra tokens do not open its endpoint.", name)
        raise TokenRefusedError("EntraToken", "Tokens of Microsoft Entra ID are not accepted.", name)

    def _audience(self, claims: dict[str, object]) -> str:
        audience = claims.get("aud")
        if not isinstance(audience, str):
            raise TokenRefusedError("MissingClaim", "The token's `aud` must be one string.")
        if audience.lower() not in self._audiences:
            detail = f"audience {audience[:60]}, expected {self._app_id}"
            raise TokenRefusedError("WrongAudience", "The token is meant for another app.", detail)
        return audience


def _json_part(encoded: str) -> dict[str, object]:
    """One part of a token. PyJWT takes a name that comes twice, and NaN; two readers could disagree about those."""
    try:
        data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        part = json.loads(data, object_pairs_hook=_object_of_pairs, parse_constant=_refuse_constant)
    except (binascii.Error, ValueError, RecursionError):
        raise TokenRefusedError("MalformedToken", "The token does not hold well-formed JSON.") from None
    if not isinstance(part, dict):
        raise TokenRefusedError("MalformedToken", "The token's parts must be JSON objects.")
    return part


def _object_of_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name comes twice")
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _key_id(header: dict[str, object]) -> str:
    """The id of the key; addresses of keys (`jku`, `x5u`) and keys themselves (`jwk`) in a token are never used."""
    if header.get("alg") != "RS256":
        raise TokenRefusedError("WrongAlgorithm", "The token must be signed with RS256.", str(header.get("alg")))
    if "crit" in header or header.get("b64", True) is not True:
        raise TokenRefusedError("MalformedToken", "The token demands extensions that are not supported.")
    kind = header.get("typ", "JWT")
    if not (isinstance(kind, str) and kind.upper() == "JWT"):
        raise TokenRefusedError("MalformedToken", "The token's `typ` must be JWT.")
    key_id = header.get("kid")
    if not (isinstance(key_id, str) and 0 < len(key_id) <= _MAX_KEY_ID_CHARS):
        raise TokenRefusedError("MalformedToken", "The token must name its key (`kid`).")
    return key_id


def _times(claims: dict[str, object]) -> tuple[int, int]:
    """From when and until when a token is meant to be valid."""
    times_s: dict[str, int] = {}
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if type(value) is int:  # no bool, which is an int to Python, and no text
            times_s[name] = value
        elif name != "iat" or name in claims:
            raise TokenRefusedError("MissingClaim", f"The token's `{name}` must be a whole number.")
    begins_s, expires_s = times_s["nbf"], times_s["exp"]
    if not 0 < expires_s - begins_s <= MAX_LIFETIME_S:
        raise TokenRefusedError("WrongLifetime", "The token's time of validity is implausible.")
    return max(begins_s, times_s.get("iat", begins_s)), expires_s


def _optional_text(claims: dict[str, object], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise TokenRefusedError("MalformedToken", f"The token's `{name}` must be a string.")
    return value
