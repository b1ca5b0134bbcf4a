"""What AI services say when they refuse: codes differ from service to service, and where they are missing, words tell.

The patterns are words of real refusals; tests/model_shapes holds them with their sources. What is read here is looked
at and dropped: it may quote the user, or the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_TOO_LONG: Final = re.compile(
    r"context[_ -](?:length|size|window|limit)|maximum (?:context|prompt|input|sequence)|n_ctx|max_(?:model|seq)_len|"
    r"reduce the length|too many tokens|(?:prompt|input|request).{0,20} too (?:long|large)|exceeds? the (?:model|max)|"
    r"inputs?`? (?:tokens \+ `?max_new_tokens|must have less than)",
    re.IGNORECASE,
)
_OUT_OF_MONEY: Final = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|fund)|billing|exceeded your current quota|credit balance|"
    r"(?:out of|no|enough|more|remaining|used all .{0,20}) credits|arrearage|spend(?:ing)?[_ ]limit",
    re.IGNORECASE,
)
_NOTHING_GRANTED: Final = re.compile(r"\blimit: 0\b")
"""Gemini names a pause even where the plan grants nothing at all."""
_MODEL_MISSING: Final = re.compile(
    r"\b(?:model|deployment|agent)\b.{0,160}\b(?:not found|not exist|no longer (?:available|supported|served)|"
    r"(?:been|is|was) (?:deprecated|decommissioned|retired))\b|\binvalid model\b|not have access to model",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED: Final = re.compile(
    r"content_filter|content management policy|responsibleaipolicyviolation|content_policy|moderation|"
    r"data_inspection_failed|content exists risk|usage policy|input was flagged",
    re.IGNORECASE,
)


def says_too_long(words: str) -> bool:
    """Whether a shorter conversation would be taken."""
    return _TOO_LONG.search(words) is not None


def says_out_of_money(words: str) -> bool:
    """Whether somebody has to pay before the service goes on; false where it says itself when it does."""
    if _OUT_OF_MONEY.search(words) is None:
        return False
    # "You exceeded your current quota": at OpenAI for good, at Gemini for the rest of the minute.
    return try_again_in_s(words) is None or _NOTHING_GRANTED.search(words) is not None


def says_model_missing(words: str) -> bool:
    """Whether the service has no such model, or not any more."""
    return _MODEL_MISSING.search(words) is not None


def says_filtered(words: str) -> bool:
    """Whether a content filter stopped what was asked."""
    return _FILTERED.search(words) is not None


_AGAIN: Final = re.compile(
    r"(?:try again|retry|retrying) (?:in|after) (?P<time>(?:\d{1,6}(?:\.\d{1,12})?\s?[a-z]{1,12}[\s,]{0,2}){1,4})",
    re.IGNORECASE,
)
_TIME: Final = re.compile(
    r"(?P<count>\d+(?:\.\d+)?)\s?"
    r"(?P<unit>ms|milliseconds?|m|mins?|minutes?|s|secs?|seconds?|h|hours?|d|days?)(?![a-z])",
    re.IGNORECASE,
)
_SECONDS: Final[Mapping[str, float]] = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def try_again_in_s(words: str) -> float | None:
    """The pause that a rate limit's sentence names: "in 1m30.5s", "after 26 seconds"; None where it names none."""
    found = _AGAIN.search(words)
    times = list(_TIME.finditer(found["time"])) if found else []
    if not times:
        return None
    units = [time["unit"].lower() for time in times]
    scales = [0.001 if unit.startswith(("ms", "mil")) else _SECONDS[unit[0]] for unit in units]
    return sum(float(time["count"]) * scale for time, scale in zip(times, scales, strict=True))


_STATUSES: Final[Mapping[str, int]] = {
    **dict.fromkeys(("invalid_request_error", "context_length_exceeded", "content_filter", "invalid_prompt"), 400),
    **dict.fromkeys(("invalid_api_key", "authentication_error"), 401),
    "permission_error": 403,
    **dict.fromkeys(("model_not_found", "not_found_error"), 404),
    **dict.fromkeys(("insufficient_quota", "rate_limit_exceeded", "rate_limit_error", "tokens", "requests"), 429),
    "overloaded_error": 529,
}


def disguised_status(body: object) -> int | None:
    """The status of an error that came with 200, as gateways and streams send it; None for anything else.

    Shapes: `{"error": {...}}`, `{"error": "words"}`, `{"type": "error", ...}` and `{"object": "error", ...}`.
    """
    if isinstance(body, list) and len(body) == 1:  # Gemini
        body = body[0]
    if not isinstance(body, dict):
        return None
    error: Any = body.get("error")
    if not error:
        if "error" not in (body.get("type"), body.get("object")):
            return None
        error = body
    if not isinstance(error, dict):
        return 500
    code = error.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:4])
    if isinstance(code, int) and 400 <= code < 600:
        return code
    told = [name.lower() for name in (code, error.get("type")) if isinstance(name, str)]
    return next((_STATUSES[name] for name in told if name in _STATUSES), 500)
