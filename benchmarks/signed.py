"""The bot as a company runs it: signed activities, an allow-list, a token of its own, signed links.

`python -m benchmarks.signed` says what verifying one token costs.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from urllib.parse import urlsplit

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from adapters.teams.signing_keys import SigningKeys
from adapters.teams.token_verifier import Issuer, TokenVerifier
from benchmarks import bot
from benchmarks.load import TENANTS, tenant_id
from benchmarks.stand_ins import listening

_APP_ID = "11111111-2222-3333-4444-555555555555"
_ISSUER = "https://api.botframework.com"
_METADATA, _KEYS, _IDENTITY = "/issuer/openidconfiguration", "/issuer/keys", "/identity"
_VERIFICATIONS = 2_000


@cache
def _key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def token(service_url: str) -> str:
    """What the channel sends with each activity."""
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": _APP_ID, "nbf": now - 300, "exp": now + 3600, "serviceurl": service_url}
    return jwt.encode(claims, _key(), algorithm="RS256", headers={"kid": "bench"})


def add_routes(app: web.Application) -> None:
    """The issuer's keys, and the identity of this machine, which gives the bot its token."""
    app.router.add_get(_METADATA, _metadata)
    app.router.add_get(_KEYS, _keys)
    app.router.add_get(_IDENTITY, _identity)


async def _metadata(request: web.Request) -> web.Response:
    return web.json_response({"issuer": _ISSUER, "jwks_uri": f"{request.url.origin()}{_KEYS}"})


async def _keys(_request: web.Request) -> web.Response:
    entry = json.loads(RSAAlgorithm.to_jwk(_key().public_key()))
    entry.pop("key_ops", None)
    return web.json_response({"keys": [{**entry, "kid": "bench", "use": "sig", "endorsements": ["msteams"]}]})


async def _identity(_request: web.Request) -> web.Response:
    expires_on = str(int(time.time()) + 86_400)
    given = {"access_token": "of-the-bench", "expires_on": expires_on, "resource": "r", "token_type": "Bearer"}
    return web.json_response(given)


@asynccontextmanager
async def ours(service_url: str, core: int) -> AsyncIterator[bot.Process]:
    """`teamsbot serve` with an app id. Without limits of questions, which the other bot does not have either."""
    parts = urlsplit(service_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    settings = {
        "MicrosoftAppId": _APP_ID,
        "MicrosoftAppType": "UserAssignedMSI",
        "MicrosoftAppTenantId": tenant_id(0),
        "ALLOWED_TENANTS": ",".join(map(tenant_id, range(TENANTS))),
        "PUBLIC_URL": "https://bot.example.com",
        "LINK_SIGNING_KEY": "hT4mPq8WzX2kVn6yRb0cJs7dLf3gAe9u",
        "ToBotFromChannelOpenIdMetadataUrl": f"{origin}{_METADATA}",
        "TRUSTED_SERVICE_URLS": origin,
        "IDENTITY_ENDPOINT": f"{origin}{_IDENTITY}",
        "IDENTITY_HEADER": "of-the-bench",
        "LIMIT_QUESTIONS_PER_MINUTE": "off",
        "LIMIT_TOKENS_PER_DAY": "off",
        "LIMIT_CODE_SECONDS_PER_HOUR": "off",
    }
    async with bot.ours(service_url, core, settings) as process:
        yield process


async def _verification_ms() -> list[float]:
    """What one verification takes, with the keys in the cache."""
    app = web.Application()
    add_routes(app)
    runner, port = await listening(app)
    async with aiohttp.ClientSession() as session:
        keys = SigningKeys(issuer=_ISSUER, metadata_url=f"http://127.0.0.1:{port}{_METADATA}", session=session)
        verifier = TokenVerifier(app_id=_APP_ID, issuers=[Issuer(name=_ISSUER, keys=keys)])
        given = token("http://127.0.0.1/")
        await verifier.verify(given)
        took_ms = []
        for _ in range(_VERIFICATIONS):
            began_s = time.perf_counter()
            await verifier.verify(given)
            took_ms.append((time.perf_counter() - began_s) * 1e3)
        await keys.close()
    await runner.cleanup()
    return took_ms


if __name__ == "__main__":
    took = asyncio.run(_verification_ms())
    ends = statistics.quantiles(took, n=100)
    print(f"one verification: {ends[49]:.3f} ms (p50), {ends[98]:.3f} ms (p99) of {len(took)}")  # noqa: T201
