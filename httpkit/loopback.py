"""Who may speak to this server while it does not authenticate: programs of this user on this machine, no web page."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from aiohttp import web

from httpkit.http_errors import RequestRefusedError
from httpkit.peer_user import PeerUser, peer_user

log = logging.getLogger(__name__)

_peers: WeakKeyDictionary[asyncio.Transport, PeerUser] = WeakKeyDictionary()

_LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
_LOOPBACK_ORIGIN = re.compile(rf"https?://{_LOOPBACK_HOST.pattern}", re.ASCII | re.IGNORECASE)
# What proxies, tunnels and private networks add (S15). One that adds nothing cannot be told from a local program.
_OF_PROXIES = re.compile(
    r"forwarded|x-forwarded(-.*)?|via|x-(real|client|cluster-client)-ip|true-client-ip|cf-.*|fastly-client-ip|"
    r"x-original-(host|url|for)|x-envoy-.*|x-arr-.*|tailscale-.*",
    re.IGNORECASE,
)
_LOOPBACK_URL = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?", re.ASCII)


@web.middleware
async def loopback_only(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Refuse what comes from elsewhere, WebSockets too.

    A loopback address alone proves little: a page of any site can send requests to it (Origin), can have its own name
    point to it (Host: DNS rebinding), a tunnel or proxy makes strangers look local (Forwarded), and other users of the
    machine reach it like its own. Where the kernel does not tell the user, see `peer_user_of`, those are served.
    """
    if (reason := why_not_local(request)) is not None:
        log.warning("request refused", extra={"why": reason})
        raise RequestRefusedError(403, "NotLocal", f"Without authentication only local requests are served: {reason}.")
    return await handler(request)


def why_not_local(request: web.Request) -> str | None:
    """What shows that a request does not come from a program of this machine; None for one that does."""
    if peer_user_of(request) is PeerUser.ANOTHER:
        return "it comes from another user of this machine"
    if not request.raw_path.startswith("/"):
        return "the request names another server"
    if not _all_match(_LOOPBACK_HOST, request.headers.getall("Host", [])):
        return "the Host header is not a loopback address"
    if any(_OF_PROXIES.fullmatch(name) for name in request.headers):
        return "it was forwarded by a proxy or tunnel"
    origins = request.headers.getall("Origin", [])
    if origins and not _all_match(_LOOPBACK_ORIGIN, origins):
        return "it comes from a web page of another origin"
    return None


def peer_user_of(request: web.Request) -> PeerUser:
    """Whose request it is; the kernel is asked once a connection."""
    transport = request.transport
    if transport is None:  # the other end has gone
        return PeerUser.ANOTHER
    known = _peers.get(transport)
    if known is None:
        connection = transport.get_extra_info("socket")
        known = _peers[transport] = peer_user(connection) if connection is not None else PeerUser.UNKNOWN
    return known


def _all_match(pattern: re.Pattern[str], values: list[str]) -> bool:
    return bool(values) and all(pattern.fullmatch(value) for value in values)


def is_loopback_url(url: str) -> bool:
    """Whether an activity's `serviceUrl` is an address of this very machine.

    One exact form rather than a parser's opinion: no user name, no dots behind the host, no query, no escapes, so that
    no two readers of the address can disagree about its host (look-alikes have carried bots' tokens away).
    """
    return _LOOPBACK_URL.fullmatch(url) is not None
