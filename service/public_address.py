"""Looks at the service from outside, as Teams and people's clients do: its public address, and a link to a file."""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from bot.diagnosis import Finding
from httpkit.json_body import read_start
from httpkit.loopback import is_loopback_url

_TIMEOUT: Final = aiohttp.ClientTimeout(total=8.0, connect=5.0)
_MAX_BYTES: Final = 10_000_000
_PROXY: Final = (
    "Let the proxy that ends TLS pass /api/messages, /files, /healthz and /readyz to this service unchanged."
)


class _UnreachableError(Exception):
    """Nobody answered; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.cause)
        self.finding = finding


async def check_endpoint(public_url: str) -> Finding:  # noqa: PLR0911 - one for each fault
    """Whether this bot answers at `/api/messages` below its public address, to a caller without a token."""
    if (wrong := _wrong_address(public_url)) is not None:
        return wrong
    try:
        status, body = await _fetch("POST", f"{public_url}/api/messages")
    except _UnreachableError as error:
        return error.finding
    code = _error_code(body)
    if status == 401 and code in {"MissingToken", "MalformedToken"}:
        return Finding.passed(f"{public_url}/api/messages reaches a bot that demands tokens")
    if code in {"NotLocal", "MalformedJson", "NotAnObject", "ForeignServiceUrl"} or (code and status == 403):
        return Finding.failed(
            f"{public_url} leads to a teamsbot without MicrosoftAppId.",
            "Start the bot behind it with the same settings as this command.",
        )
    if 300 <= status < 400:
        return Finding.failed(f"{public_url}/api/messages redirects ({status}).", _PROXY)
    if status in {502, 503, 504} and not code:
        return Finding.failed(
            f"A proxy answers at {public_url}, and nobody behind it ({status}).",
            "Start teamsbot, and check to which host and port the proxy passes requests.",
        )
    if status in {401, 403}:
        return Finding.failed(
            f"{public_url} is not this bot: something else demands a sign-in there ({status}).",
            "Let PUBLIC_URL lead to this service, and exempt /api/messages and /files from a proxy's sign-in.",
        )
    return Finding.failed(f"{public_url} is not this bot: /api/messages is answered {status}.", _PROXY)


def _wrong_address(public_url: str) -> Finding | None:
    """What can be told without a request."""
    if not public_url.startswith("https://") and not is_loopback_url(public_url):
        return Finding.failed(
            "PUBLIC_URL begins with http://: Teams calls and shows https addresses only.",
            "Put a proxy that ends TLS before the bot, and let PUBLIC_URL begin with https://.",
        )
    base = public_url.rstrip("/")
    if base.endswith("/api/messages"):
        return Finding.failed(
            "PUBLIC_URL ends in /api/messages, which is the endpoint below it.",
            f"Set PUBLIC_URL={base.removesuffix('/api/messages')}.",
        )
    return None


async def check_link(link: str, picture: bytes) -> Finding:
    """Whether anybody can fetch a picture from its link, without signing in."""
    origin = f"{urlsplit(link).scheme}://{urlsplit(link).netloc}"
    try:
        status, body = await _fetch("GET", link)
    except _UnreachableError as error:
        return error.finding
    if status == 200 and body == picture:
        return Finding.passed(f"a stored picture was fetched from {origin} without signing in")
    code = _error_code(body)
    if code == "LinkExpired":
        return Finding.failed(
            "A link that was made just now has expired.", "Set the clocks by NTP, here and where teamsbot runs."
        )
    if status == 404 and code == "NotFound":
        return Finding.failed(
            f"The bot at {origin} does not know a file that this command has stored.",
            "Give all replicas and this command the same DATA_DIR or AZURE_STORAGE_..., and the same LINK_SIGNING_KEY.",
        )
    if status in {401, 403} or 300 <= status < 400:
        return Finding.failed(
            f"{origin} does not hand out files to people without a sign-in ({status}).",
            "Exempt /files and /api/messages from the proxy's sign-in: links are signed, and Teams has no account.",
        )
    return Finding.failed(f"{origin} is not this bot: a link to a stored picture is answered {status}.", _PROXY)


async def _fetch(method: str, url: str) -> tuple[int, bytes]:
    origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, url, allow_redirects=False) as response,
        ):
            return response.status, await read_start(response.content, max_bytes=_MAX_BYTES)
    except aiohttp.ClientConnectorCertificateError:
        cause, fix = f"The certificate of {origin} is not trusted.", "Install a certificate that Microsoft trusts too."
    except (aiohttp.ClientSSLError, ssl.SSLError):
        cause, fix = f"{origin} does not speak TLS.", "Let PUBLIC_URL lead to the proxy that ends TLS, not to the bot."
    except aiohttp.ClientConnectorDNSError:
        cause, fix = f"There is no host of the name in {origin}.", "Correct PUBLIC_URL, or make the DNS entry."
    except TimeoutError:
        cause, fix = f"{origin} did not answer within {_TIMEOUT.total:g} s.", "Check the firewall, and the proxy."
    except (aiohttp.ClientError, OSError) as error:
        cause = f"Nobody can be reached at {origin} ({type(error).__name__})."
        fix = "Start teamsbot and its proxy, and check PUBLIC_URL, the firewall and the port."
    raise _UnreachableError(Finding.failed(cause, fix)) from None


def _error_code(body: bytes) -> str:
    """The code in a refusal of a teamsbot; empty for any other answer."""
    try:
        match orjson.loads(body):
            case {"error": {"code": str(code), "message": str()}}:
                return code
            case _:
                return ""
    except orjson.JSONDecodeError:
        return ""
