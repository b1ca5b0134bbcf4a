"""Looks at a model's endpoint once, at the start: whether anybody answers there, and whether the address ends in `/v1`.

It asks for the list of models, which costs nothing and which nearly every server has. What a server does not say about
itself stays unknown: only a fault that is certain is told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp
import orjson

from httpkit.json_body import read_start

log = logging.getLogger(__name__)

DEADLINE_S = 3.0
MAX_ANSWER_BYTES = 4_000_000
_CHAT_PATH = "/chat/completions"


async def find_endpoint_fault(base_url: str, *, setting: str, headers: Mapping[str, str]) -> str | None:
    """Return one sentence that says what to change in `setting`, or None. Takes `DEADLINE_S` at most."""
    url = base_url.rstrip("/")
    if url.endswith(_CHAT_PATH):
        return f"{setting} must end before {_CHAT_PATH}: {url.removesuffix(_CHAT_PATH)}"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE_S), headers=headers) as session:
            if await _lists_models(session, url) is not False:
                return None
            if not url.endswith("/v1") and await _lists_models(session, f"{url}/v1"):
                return f"{setting} lacks /v1 at its end: {url}/v1"
    except TimeoutError:
        return f"Nobody answered at {url} within {DEADLINE_S:g} s. Check that the model's server runs, and {setting}."
    except aiohttp.ClientConnectorError as error:
        return _not_connected(error, url, setting)
    except (aiohttp.ClientError, ValueError) as error:
        log.info("model endpoint not checked", extra={"error": type(error).__name__})
    return None


def _not_connected(error: aiohttp.ClientConnectorError, url: str, setting: str) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"The certificate of {url} is not trusted. Set SSL_CERT_FILE to its authority, or correct {setting}."
        case aiohttp.ClientSSLError():
            return f"{url} does not speak TLS. Check {setting}: http:// may be right there."
        case aiohttp.ClientConnectorDNSError():
            return f"There is no host of the name in {url}. Correct {setting}, or this machine's name resolution."
        case _:
            return f"Nobody answers at {url}. Start the model's server, or check {setting}."


async def _lists_models(session: aiohttp.ClientSession, url: str) -> bool | None:
    """Whether there is an API at this address; None where the answer does not tell."""
    async with session.get(f"{url}/models", allow_redirects=False) as response:
        if response.status == HTTPStatus.NOT_FOUND:
            return False
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return True  # it wants the key first
        if response.status != HTTPStatus.OK:
            return None
        # LM Studio answers 200 to any path; only a list is a list.
        try:
            answer = orjson.loads(await read_start(response.content, max_bytes=MAX_ANSWER_BYTES))
        except orjson.JSONDecodeError:
            return None
        if not isinstance(answer, dict):
            return None
        return True if isinstance(answer.get("data"), list) else False if "error" in answer else None
