"""How long an endpoint wishes to be left alone."""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Mapping


def wished_pause_s(headers: Mapping[str, str]) -> float | None:
    """In each of the three forms in use: milliseconds (OpenAI, Azure), seconds, and a date (RFC 9110, 10.2.3)."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
            return float(value) * unit_s
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):  # no date, or one without a time zone
        return None
