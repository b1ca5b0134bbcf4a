"""Headers with a grammar of their own: how long to wait, and the name of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

_IN_MS: Final = ("x-ms-retry-after-ms", "retry-after-ms")  # Azure's and OpenAI's own, finer than whole seconds
_NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; None where the server does not say, or says something that cannot be read.

    `Retry-After` holds seconds or a date (RFC 9110, section 10.2.3).
    """
    values = {name.lower(): value for name, value in headers.items()}
    for name in _IN_MS:
        if _NUMBER.fullmatch(milliseconds := values.get(name, "")):
            return float(milliseconds) / 1000
    value = values.get("retry-after", "")
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        # A date without a zone is read as UTC, the only zone that HTTP knows.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def content_disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition with the name twice (RFC 6266): in ASCII for old programs, then in full."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    how = "inline" if inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
