"""The addresses that this bot speaks to, of connectors and of files, and those that may see its token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from yarl import URL

from httpkit.loopback import is_loopback_url

# One exact form, as for loopback addresses: no user name, escape, query or dot segment, so that no two readers of an
# address can disagree about its host.
_URL: Final = re.compile(
    r"(?P<origin>https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[::1\])(?::[0-9]{1,5})?)"
    r"(?P<path>(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?)",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}

# One exact form, so that no two readers of an address can disagree about its host: no user name, backslash, blank,
# fragment or other writing of a host. Paths and queries are SharePoint's business.
_ADDRESS: Final = re.compile(
    r"(?P<origin>https?://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[::1\])(?::(?P<port>[0-9]{1,5}))?)"
    r"(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII | re.IGNORECASE,
)
_MAX_ADDRESS_CHARS: Final = 8_000
_MAX_PORT: Final = 65_535


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """An address that may be asked. `named`: the operator named its origin, so it may lie within this network."""

    url: URL
    named: bool = False
    takes_token: bool = False
    follows_redirects: bool = True


class FilePlaces:
    """Judges addresses of files, those of a redirect too."""

    def __init__(self, *, services: TrustedServices, domains: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        """`domains` are Microsoft's, below which each tenant has a name; `origins` the operator named."""
        self._services = services
        self._suffixes = tuple(f".{domain}" for domain in domains)
        self._origins = frozenset(map(normal_origin, origins))

    def of_attachment(self, url: str, service_url: str) -> FilePlace | None:
        """The place of a file that came with a message from `service_url`; None for one that is not to be asked."""
        found = _parsed(url)
        if found is None or not self._services.allows(service_url):
            return None
        is_services_own = normal_origin(found["origin"]) == origin_of(service_url)
        if not self._services.takes_token(service_url):
            # A program of this machine, which may lead the bot to itself and nowhere else.
            is_own = is_services_own and url.startswith(found["origin"] + "/")
            return FilePlace(url=_url(url), named=True, follows_redirects=False) if is_own else None
        if is_services_own:
            return FilePlace(url=_url(url), named=self._services.is_named(service_url), takes_token=True)
        return self.of_file(url)

    def of_file(self, url: str) -> FilePlace | None:
        """The place of a file in SharePoint, OneDrive or at an origin that the operator named, without the token."""
        found = _parsed(url)
        if found is None:
            return None
        if normal_origin(found["origin"]) in self._origins:
            return FilePlace(url=_url(url), named=True)
        is_https = found["origin"].lower().startswith("https:") and found["port"] in (None, "443")
        return FilePlace(url=_url(url)) if is_https and found["host"].lower().endswith(self._suffixes) else None


def _parsed(url: str) -> re.Match[str] | None:
    found = _ADDRESS.fullmatch(url) if len(url) <= _MAX_ADDRESS_CHARS else None
    return found if found is not None and int(found["port"] or 443) <= _MAX_PORT else None


def _url(url: str) -> URL:
    return URL(url, encoded=True)
