"""The public keys with which a token issuer signs, fetched from its OpenID metadata and kept for everybody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from yarl import URL

from bot.diagnosis import Finding
from httpkit.backoff import backoff_s

log = logging.getLogger(__name__)

FRESH_S: Final = 3600.0  # older keys are fetched again, in the background
MAX_AGE_S: Final = 24 * 3600.0  # older keys are not trusted any more
UNKNOWN_KEY_INTERVAL_S: Final = 60.0  # between two fetches for the sake of unknown key ids, which anybody can invent
_FIRST_RETRY_S: Final = 2.0
_FETCH_DEADLINE_S: Final = 5.0
_MAX_DOCUMENT_BYTES: Final = 1_000_000
_MAX_KEYS: Final = 100
_MIN_KEY_BITS: Final = 2048
_MAX_WAITING: Final = 200  # requests that wait for one fetch


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had now, so a token can be neither accepted nor refused."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the issuer's signing keys cannot be fetched")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A public key, and the channels for which its issuer endorses it."""

    public_key: RSAPublicKey
    endorsements: frozenset[str]


class SigningKeys:
    """The keys of one issuer.

    One fetch serves all requests. A key that is known is used at once, whatever the issuer's server does meanwhile. A
    key id that is not known leads to a fetch, for keys are rotated, but at most once in `UNKNOWN_KEY_INTERVAL_S`.
    """

    def __init__(
        self,
        *,
        issuer: str,
        metadata_url: str,
        session: aiohttp.ClientSession,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._metadata_url = URL(metadata_url)
        self._session = session
        self._clock = clock
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched_at = -MAX_AGE_S
        self._failures = 0
        self._retry_at = 0.0  # after a failure
        self._unknown_key_fetch_at = -UNKNOWN_KEY_INTERVAL_S
        self._fetch: asyncio.Task[None] | None = None
        self._waiting = 0

    def prefetch(self) -> None:
        """Start to fetch the keys before the first token needs them."""
        self._start_fetch()

    async def close(self) -> None:
        """End a fetch that is on its way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)

    async def check(self, channel: str) -> Finding:
        """Whether the keys can be fetched now, and whether one of them may sign for this channel."""
        try:
            async with asyncio.timeout(_FETCH_DEADLINE_S):
                keys = await self._download()
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            return Finding.failed(
                f"The certificate of {self._metadata_url.host} is not trusted here.",
                "If a proxy of your company inspects TLS, set SSL_CERT_FILE to its certificate authority.",
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Finding.failed(
                f"The keys of Teams' tokens cannot be fetched from {self._metadata_url.host} ({type(error).__name__}), "
                "so every message is answered 503.",
                f"Let this machine reach https://{self._metadata_url.host} directly (name resolution, firewall): "
                "HTTPS_PROXY is not used.",
            )
        except ValueError as error:
            return Finding.failed(
                f"The keys of Teams' tokens at {self._metadata_url.host} cannot be used: {error}.",
                "Check CLOUD, and leave ToBotFromChannelOpenIdMetadataUrl and ToBotFromChannelTokenIssuer unset.",
            )
        if not any(channel in key.endorsements for key in keys.values()):
            return Finding.failed(
                f"No key of {self._issuer} is endorsed for {channel}, so no message is taken.",
                "Check CLOUD: the keys are those of another service.",
            )
        count = "1 signing key" if len(keys) == 1 else f"{len(keys)} signing keys"
        return Finding.passed(f"{count} of {self._issuer} fetched")

    async def find(self, key_id: str) -> SigningKey | None:
        """The key of this id; None if the issuer has none. Raises KeysUnavailableError."""
        now = self._clock()
        if self._keys and now - self._fetched_at > MAX_AGE_S:
            log.error("signing keys are too old to be trusted", extra={"issuer": self._issuer})
            self._keys = {}
        if (key := self._keys.get(key_id)) is not None:
            if now - self._fetched_at > FRESH_S and now >= self._retry_at:
                self._start_fetch()
            return key
        if self._fetch is None and not self._fetch_for_unknown_key(now):
            return None
        await self._wait_for_fetch()
        key = self._keys.get(key_id)
        if key is None and self._failures:
            raise KeysUnavailableError(max(1.0, self._retry_at - self._clock()))
        return key

    def _fetch_for_unknown_key(self, now: float) -> bool:
        """Start a fetch, if it is time for one."""
        if now < self._retry_at:
            raise KeysUnavailableError(self._retry_at - now)
        if self._keys:
            if now - self._unknown_key_fetch_at < UNKNOWN_KEY_INTERVAL_S:
                return False
            self._unknown_key_fetch_at = now
        self._start_fetch()
        return True

    def _start_fetch(self) -> None:
        if self._fetch is None:
            self._fetch = asyncio.create_task(self._refresh(), name=f"signing keys of {self._issuer}")

    async def _wait_for_fetch(self) -> None:
        if self._waiting >= _MAX_WAITING:
            raise KeysUnavailableError(1.0)
        if self._fetch is not None:
            self._waiting += 1
            try:
                # One request that is cut off must not end the fetch of all the others.
                await asyncio.shield(self._fetch)
            finally:
                self._waiting -= 1

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_DEADLINE_S):
                self._keys = await self._download()
            self._fetched_at, self._failures, self._retry_at = self._clock(), 0, 0.0
            log.info("signing keys fetched", extra={"issuer": self._issuer, "count": len(self._keys)})
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._failures += 1
            pause_s = backoff_s(self._failures, first_s=_FIRST_RETRY_S, max_s=UNKNOWN_KEY_INTERVAL_S)
            self._retry_at = self._clock() + pause_s
            why = str(error) if type(error) is ValueError else type(error).__name__
            log.warning("signing keys not fetched", extra={"issuer": self._issuer, "why": why, "pause_s": pause_s})
        finally:
            self._fetch = None

    async def _download(self) -> Mapping[str, SigningKey]:
        metadata = await self._get(self._metadata_url)
        if metadata.get("issuer") != self._issuer:
            raise ValueError("the metadata names another issuer")
        jwks_url = metadata.get("jwks_uri")
        if not isinstance(jwks_url, str) or URL(jwks_url).origin() != self._metadata_url.origin():
            raise ValueError("the metadata's `jwks_uri` is not on its own server")
        entries = (await self._get(URL(jwks_url))).get("keys")
        keys: dict[str, SigningKey] = {}
        for entry in entries[:_MAX_KEYS] if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(key_id := entry.get("kid"), str) and key_id not in keys:
                key = _signing_key(entry)
                if key is not None:
                    keys[key_id] = key
        if not keys:
            raise ValueError("the key set has no RSA key to verify with")
        return keys

    async def _get(self, url: URL) -> dict[str, object]:
        body = bytearray()
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MAX_DOCUMENT_BYTES:
                    raise ValueError("the document is too large")
        document = orjson.loads(body)  # its error is a ValueError too
        return document if isinstance(document, dict) else {}


def _signing_key(entry: dict[str, object]) -> SigningKey | None:
    """The key of one entry of a key set (RFC 7517); None if it is not an RSA key for verifying RS256."""
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    try:
        # Only the public numbers are handed over, so that no entry can make a private key of itself.
        public_key = RSAAlgorithm.from_jwk({name: str(entry[name]) for name in ("kty", "n", "e")})
    except (jwt.PyJWTError, KeyError, ValueError):
        return None
    if not isinstance(public_key, RSAPublicKey) or public_key.key_size < _MIN_KEY_BITS:
        return None
    endorsements = entry.get("endorsements")
    named = endorsements if isinstance(endorsements, list) else []
    return SigningKey(public_key=public_key, endorsements=frozenset(each for each in named if isinstance(each, str)))


_SKEW_S: Final = 300.0  # tokens are refused beyond it
_CLOCK_WARN_S: Final = 60.0


async def check_clock(metadata_url: str) -> Finding:
    """Whether the clock of this machine agrees with that of the issuer of Teams' tokens."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(metadata_url, allow_redirects=False) as response,
        ):
            theirs = parsedate_to_datetime(response.headers.get("Date", ""))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Finding.skipped("nobody told the time; see the check `keys`")
    apart_s = (datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds()
    side = "ahead" if apart_s > 0 else "behind"
    if abs(apart_s) > _SKEW_S:
        return Finding.failed(
            f"The clock of this machine is {abs(apart_s):.0f} s {side}: tokens of Teams and Microsoft count as "
            "expired or not yet valid.",
            "Set the clock by NTP (timedatectl set-ntp true).",
        )
    if abs(apart_s) > _CLOCK_WARN_S:
        return Finding.warned(
            f"The clock of this machine is {abs(apart_s):.0f} s {side}; beyond {_SKEW_S:.0f} s tokens are refused.",
            "Set the clock by NTP (timedatectl set-ntp true).",
        )
    return Finding.passed("the clock is right")
