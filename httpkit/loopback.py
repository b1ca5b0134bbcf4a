"""Who may speak to this server while it does not authenticate: programs of this user on this machine, no web page."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from aiohttp import web

from httpkit.http_errors import RequestRefusedError

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
_ALL_STATES = 0xFFFF_FFFF
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_HEAD = struct.Struct("=BBBBI")  # struct inet_diag_req_v2, up to its socket id
_SOCKET_ID = struct.Struct("!HH16s16s")  # struct inet_diag_sockid up to its addresses, in network order
_SOCKET_ID_TAIL = struct.pack("=III", 0, 0xFFFF_FFFF, 0xFFFF_FFFF)  # any interface, no cookie
_UID_OFFSET = _HEADER.size + 4 + 48 + 12  # struct inet_diag_msg: four bytes, the socket id, three counters
_NOBODY_ANY_MORE = -1
_ANSWER_BYTES = 4096
_ANSWER_DEADLINE_S = 1.0


class PeerUser(Enum):
    """Who owns the other end of a connection."""

    OURS = auto()  # the user of this process, or root, from whom nothing on the machine is hidden
    ANOTHER = auto()  # or one that cannot be known because the other end was closed meanwhile
    UNKNOWN = auto()  # not Linux, or a socket of another network namespace, such as a container's


class Connection(Protocol):
    """The part of a socket, or of asyncio's wrapper of one, that says between which addresses it is."""

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        ...

    def getpeername(self) -> Any:
        """The address of the other end."""
        ...

    def getsockname(self) -> Any:
        """The address of this end."""
        ...


def peer_user(connection: Connection) -> PeerUser:
    """Ask the kernel who owns the other end of a TCP connection.

    sock_diag(7): a query for one socket by its addresses, which every user may ask and which costs some 20
    microseconds.
    """
    with suppress(OSError, ValueError, struct.error):
        uid = _owner(connection.family, local=connection.getpeername(), remote=connection.getsockname())
        if uid is not None:
            return PeerUser.OURS if uid in (os.geteuid(), 0) else PeerUser.ANOTHER
    return PeerUser.UNKNOWN


def can_tell_users_apart() -> bool:
    """Whether this kernel answers, tried with a connection of this process."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
        connection, _ = server.accept()
        with connection:
            return peer_user(connection) is PeerUser.OURS


def _owner(family: int, *, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    if sys.platform != "linux":
        return None
    (local_address, local_port), (remote_address, remote_port) = local[:2], remote[:2]
    socket_id = _SOCKET_ID.pack(local_port, remote_port, _packed(local_address), _packed(remote_address))
    query = _HEAD.pack(family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES) + socket_id + _SOCKET_ID_TAIL
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as kernel:
        kernel.settimeout(_ANSWER_DEADLINE_S)
        kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 1, 0) + query)
        answer = kernel.recv(_ANSWER_BYTES)
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:  # an error: there is no such socket in this network namespace
        return None
    uid, inode = struct.unpack_from("=II", answer, _UID_OFFSET)
    # A socket whose process has closed it is shown as root's, without an inode: its request must not pass as root's.
    return int(uid) if inode else _NOBODY_ANY_MORE


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address.partition("%")[0]).packed.ljust(16, b"\0")


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
