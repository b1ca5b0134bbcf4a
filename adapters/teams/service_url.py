"""Where the bot may speak to."""

from __future__ import annotations

import re

_LOOPBACK_URL = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?", re.ASCII)


def is_loopback_url(url: str) -> bool:
    """Whether an activity's `serviceUrl` is an address of this very machine.

    One exact form rather than a parser's opinion: no user name, no dots behind the host, no query, no escapes, so that
    no two readers of the address can disagree about its host (look-alikes have carried bots' tokens away).
    """
    return _LOOPBACK_URL.fullmatch(url) is not None
