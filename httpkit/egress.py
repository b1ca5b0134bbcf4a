"""Requests to addresses that other people chose, without becoming their way into this network (SSRF, CWE-918).

A name proves nothing about where it leads: its owner decides, and may decide otherwise between a check and the
connection (DNS rebinding). So each address is judged at the moment a socket is opened to it.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver

# Names that hold an IPv4 address within: RFC 4291 2.5.5.2 (mapped), RFC 6052 (NAT64), RFC 3056 (6to4).
_NAT64: Final = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_AZURE_PLATFORM: Final = IPv4Address("168.63.129.16")  # the host of an Azure machine: a public number, yet internal


class AddressRefusedError(OSError):
    """A name led to an address that is not to be connected to."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet: not to this machine, its network, a cloud's metadata, or nobody.

    False for what is no IP address.
    """
    try:
        parsed = _unwrapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed not in _GLOBAL_UNICAST:
        return False
    return parsed.is_global and not parsed.is_multicast and parsed != _AZURE_PLATFORM


def is_private(address: str) -> bool:
    """Whether an IP address is of this machine or its own network. Metadata services (link-local) are neither."""
    try:
        parsed = _unwrapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified or parsed.is_reserved:
        return parsed.is_loopback  # `::1` counts as reserved
    return parsed.is_private


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address within an IPv6 one, if packets would go there."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:  # the server and the client are both reached
        return min(address.teredo, key=lambda inner: is_public(str(inner)))
    return address.ipv4_mapped or address.sixtofour or address


@asynccontextmanager
async def egress_session(
    *, private: bool, deadline_s: float, resolver: AbstractResolver | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """A pool of connections to public addresses; with `private` to this network's too, for origins an operator named.

    A refused address is a `ClientConnectorError` whose `os_error` is AddressRefusedError. Redirects are the caller's to
    follow (`allow_redirects=False`). No cookies, no proxy of the environment. Without a `resolver` names are those of
    the system.
    """

    def judged_socket(
        info: tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]],
    ) -> socket.socket:
        family, kind, protocol, _, (address, *_) = info
        if not is_public(str(address)) and not (private and is_private(str(address))):
            raise AddressRefusedError("the name leads to an address that is not to be connected to")
        return socket.socket(family, kind, protocol)

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=50, socket_factory=judged_socket, resolver=resolver),
        timeout=aiohttp.ClientTimeout(total=deadline_s, sock_connect=5.0),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session
