"""A stand-in for the Bot Framework's token issuer: a key server on loopback, and the tokens that it signs."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from functools import cache
from types import TracebackType
from typing import Any, Self

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

APP_ID = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"
ISSUER = "https://api.botframework.com"
SERVICE_URL = "https://smba.trafficmanager.net/emea/"


@cache
def rsa_key(name: str) -> RSAPrivateKey:
    """A key by name, too short for use if it is named so. Making one takes a tenth of a second."""
    return generate_private_key(65537, 1024 if name == "short" else 2048)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a real token; a change to None takes one away."""
    now = int(time.time())
    real = {"iss": ISSUER, "aud": APP_ID, "nbf": now - 300, "exp": now + 3600, "serviceurl": SERVICE_URL}
    return {name: value for name, value in {**real, **changes}.items() if value is not None}


def signed(claims: dict[str, Any], *, key: str = "one", kid: object = "one", alg: str = "RS256", **header: Any) -> str:
    """A token signed by one of the keys, with any header."""
    return jwt.encode(claims, rsa_key(key), algorithm=alg, headers={"kid": kid, **header})


def token(**changes: Any) -> str:
    """A token as the channel sends it, but for these claims."""
    return signed(claims(**changes))


def raw_token(header: str | bytes, payload: str | bytes, *, key: str = "one") -> str:
    """A correctly signed token of any two texts, JSON or not."""
    algorithm = RSAAlgorithm(RSAAlgorithm.SHA256)
    parts = [_encoded(part.encode() if isinstance(part, str) else part) for part in (header, payload)]
    signature = algorithm.sign(".".join(parts).encode(), rsa_key(key))
    return ".".join((*parts, _encoded(signature)))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key_entry(name: str, /, endorsements: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    """A key as a key set shows it."""
    entry = json.loads(RSAAlgorithm.to_jwk(rsa_key(name).public_key()))
    entry.pop("key_ops", None)
    entry |= {
        "kid": name,
        "use": "sig",
        "endorsements": ["msteams", "webchat"] if endorsements is None else endorsements,
    }
    return {name: value for name, value in {**entry, **changes}.items() if value is not None}


class TokenIssuer:
    """`async with TokenIssuer() as issuer: ...`; counts fetches, and can hang, fail or rotate its keys."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [key_entry("one")]
        self.metadata: dict[str, Any] = {"issuer": ISSUER}
        self.fetches = 0
        self.status = 200
        self.hangs_s = 0.0
        app = web.Application()
        app.router.add_get("/v1/.well-known/openidconfiguration", self._metadata)
        app.router.add_get("/v1/.well-known/keys", self._keys)
        self._server = TestServer(app)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def metadata_url(self) -> str:
        return f"{self.origin}/v1/.well-known/openidconfiguration"

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        self.metadata["jwks_uri"] = f"{self.origin}/v1/.well-known/keys"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.hangs_s = 0.0
        await self._server.close()

    async def _metadata(self, request: web.Request) -> web.Response:
        self.fetches += 1
        await asyncio.sleep(self.hangs_s)
        return web.json_response(self.metadata, status=self.status)

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": self.keys})
