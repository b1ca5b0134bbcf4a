"""Where files of Teams lie: which addresses may be asked, and which of them see the bot's token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from yarl import URL

from adapters.teams.trusted_services import TrustedServices, normal_origin, origin_of

# One exact form, so that no two readers of an address can disagree about its host: no user name, backslash, blank,
# fragment or other writing of a host. Paths and queries are SharePoint's business.
_ADDRESS: Final = re.compile(
    r"(?P<origin>https?://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[::1\])(?::(?P<port>[0-9]{1,5}))?)"
    r"(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII | re.IGNORECASE,
)
_MAX_ADDRESS_CHARS: Final = 8_000
_MAX_PORT: Final = 65_535


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
