"""The connector addresses that this bot speaks to, and those that may see its token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from httpkit.loopback import is_loopback_url

# One exact form, as for loopback addresses: no user name, escape, query or dot segment, so that no two readers of an
# address can disagree about its host.
_URL: Final = re.compile(
    r"(?P<origin>https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[::1\])(?::[0-9]{1,5})?)"
    r"(?P<path>(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?)",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}


class TrustedServices:
    """Judges service addresses, of new and of stored messages alike.

    Hosts are compared whole: anybody can register a name below trafficmanager.net.
    """

    def __init__(self, *, hosts: Iterable[str] = (), origins: Iterable[str] = (), loopback: bool = False) -> None:
        """`origins` are further exact origins. With `loopback` this machine may be posted to too, without a token."""
        self._named = frozenset(map(normal_origin, origins))
        self._with_token = frozenset({f"https://{host}" for host in hosts}) | self._named
        self._loopback = loopback

    def allows(self, url: str) -> bool:
        """Whether activities may be posted below this service address."""
        return self.takes_token(url) or (self._loopback and is_loopback_url(url))

    def takes_token(self, url: str) -> bool:
        """Whether the bot's token may go to this address."""
        return origin_of(url) in self._with_token

    def is_named(self, url: str) -> bool:
        """Whether the operator named the origin of this address, which may lie within this network then."""
        return origin_of(url) in self._named


class LoopbackServices(TrustedServices):
    """The services of a bot without an app id: any on this machine, and no token for any of them."""

    def __init__(self) -> None:
        super().__init__(loopback=True)


def origin_of(url: str) -> str | None:
    """Scheme, host and port of a service address; None if it is not of the one form that is accepted."""
    found = _URL.fullmatch(url)
    return normal_origin(found["origin"]) if found is not None else None


def normal_origin(origin: str) -> str:
    """The one way of writing an origin: in small letters, without the port that its scheme implies (RFC 3986, 6.2)."""
    origin = origin.lower()
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], ""))


def is_same_address(one: str, other: str) -> bool:
    """Whether two service addresses are the same, however their hosts are written; paths are compared to the letter."""
    first, second = _URL.fullmatch(one), _URL.fullmatch(other)
    if first is None or second is None:
        return one == other
    return (normal_origin(first["origin"]), first["path"]) == (normal_origin(second["origin"]), second["path"])
