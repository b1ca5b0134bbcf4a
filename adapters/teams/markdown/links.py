"""Which addresses of a model's text may be clicked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# No user name (looks like a host), no query (carries data away), nothing that two parsers may read in two ways.
_HARMLESS: Final = re.compile(
    r"(?P<address>https?://(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)*\.?(:\d{1,5})?)(/[\w.~!$&'()*+,;=:@%/-]*)?)(#.*)?",
    re.ASCII | re.IGNORECASE,
)
_MAX_ADDRESS: Final = 300  # characters; more is data

_ENCODED: Final = str.maketrans({"(": "%28", ")": "%29", "*": "%2A", "&": "%26", "'": "%27", "~": "%7E"})

_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}(?:[^/\\?#]*@)?([^/\\?#]+)", re.IGNORECASE)

_PUNCTUATION: Final = frozenset(".,;:!?'\"*_`]}")

BARE_ADDRESS: Final = re.compile(
    r"(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+|(?<![\w.-])(?:[\w-]{1,63}\.){1,20}[a-z]{2,63}(?::\d{1,5})?/[^\s<>\"?]{0,300}\?[^\s<>\"]+",
    re.IGNORECASE,
)
"""What a client may turn into a link by itself: with a scheme, with `www.`, or a host with a path and a query.

Its parts are bounded: else a text of nothing but `a.bb/` would take the square of its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address, or None for one that is not to be clicked, and the host that a person should see."""

    address: str | None
    host: str


def judged(url: str) -> Link:
    """A link stays if it is http(s) and carries no data: no query, no user name, of modest length; a fragment is cut.

    Other schemes (`javascript:`, `data:`, `sandbox:`, `mailto:`) and relative addresses have neither address nor host.
    """
    found = _HARMLESS.fullmatch(url)
    if found is not None and len(url) <= _MAX_ADDRESS:
        return Link(address=found["address"].translate(_ENCODED), host=found["host"].lower())
    host = _HOST.match(url)
    return Link(address=None, host=host[1].lower() if host else "")


def judged_bare(url: str) -> Link:
    """The same for an address within text, where the scheme may be missing."""
    return judged(url if "://" in url else f"http://{url}")


def trimmed(address: str) -> str:
    """A bare address without the punctuation of the sentence around it."""
    unopened = address.count(")") - address.count("(")
    end = len(address)
    while end and (address[end - 1] in _PUNCTUATION or (address[end - 1] == ")" and unopened > 0)):
        unopened -= address[end - 1] == ")"
        end -= 1
    return address[:end]
