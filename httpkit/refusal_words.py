"""What AI services say when they refuse: codes differ from service to service, and where they are missing, words tell.

The patterns are words of real refusals; tests/model_shapes holds them with their sources. What is read here is looked
at and dropped: it may quote the user, or the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

PASSING_STATUSES: Final = frozenset({408, 409, 421, 423, 424, 425, 499})
"""Beside 429 and 5xx: what is refused now may be taken later."""

_MAX_READ_CHARS: Final = 8_000
"""Of an error, which may be of any length: Gemini names the pause behind all that was exceeded."""

_TOO_LONG: Final = re.compile(
    r"context[_ -](?:length|size|window|limit)|maximum (?:context|prompt|input|sequence)|n_ctx|max_(?:model|seq)_len|"
    r"reduce the length|too many tokens(?!.{0,40}(?:wait|again|\bper\b|minute))|"
    r"(?:prompt|input|request)(?:(?!image|picture|file|body|entity).){0,20} too (?:long|large)|"
    r"(?:token|prompt|input|context)(?:(?!image|picture|file).){0,60} exceeds? the (?:model|max)|"
    r"inputs?`? (?:tokens \+ `?max_new_tokens|must have less than)",
    re.IGNORECASE,
)
_OUT_OF_MONEY: Final = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|fund)|billing|exceeded your current quota|credit balance|"
    r"(?:out of|no|enough|more|remaining|used all .{0,20}) credits|arrearage|spend(?:ing)?[_ ]limit",
    re.IGNORECASE,
)
_OUT_OF_MONEY_TO_THE_OWNER: Final = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|fund)|exceeded your current quota|credit balance is too low|arrearage|"
    r"billing[_ ]hard[_ ]limit|billing[_ ](?:is )?not[_ ](?:active|enabled)|billing_disabled|enable billing|"
    r"requires (?:billing|more credits)|(?:used all .{0,20}|out of|not enough) credits",
    re.IGNORECASE,
)
"""What a service says to the owner of the account, and hardly a person in a conversation."""
_OVER_THE_MINUTE: Final = re.compile(
    r"\blimit:? (?P<limit>\d{1,12})\b.{0,60}\brequested:? (?P<requested>\d{1,12})\b", re.IGNORECASE
)

_NOTHING_GRANTED: Final = re.compile(r"\blimit: 0\b")
"""Gemini names a pause even where the plan grants nothing at all."""
_MODEL_MISSING: Final = re.compile(
    r"\b(?:model|deployment|agent)\b(?:(?![.;]\s).){0,160}\b(?:not found|not exist|"
    r"no longer (?:available|supported|served)|(?:been|is|was) (?:deprecated|decommissioned|retired))\b|"
    r"\binvalid model\b|not have access to model",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED: Final = re.compile(
    r"content_filter|content management policy|responsibleaipolicyviolation|content_policy|moderation|"
    r"data_inspection_failed|content exists risk|usage policy|input was flagged",
    re.IGNORECASE,
)


def says_too_long(words: str) -> bool:
    """Whether a shorter conversation would be taken."""
    return _TOO_LONG.search(words, 0, _MAX_READ_CHARS) is not None


def never_fits_a_minute(words: str) -> bool:
    """Whether a 429 is about a request that asks for more than a whole minute grants, so that waiting helps nothing.

    Only the numbers tell: "too many tokens" and "request too large" are also said by a throttle that passes.
    """
    found = _OVER_THE_MINUTE.search(words, 0, _MAX_READ_CHARS)
    return found is not None and int(found["requested"]) > int(found["limit"])


def says_out_of_money(words: str, *, may_quote: bool = False) -> bool:
    """Whether somebody has to pay before the service goes on; false where it says itself when it does.

    `may_quote` is for words that may repeat what a person wrote or how a file is called, as those of a 400: there
    "billing" alone says nothing.
    """
    pattern = _OUT_OF_MONEY_TO_THE_OWNER if may_quote else _OUT_OF_MONEY
    if pattern.search(words, 0, _MAX_READ_CHARS) is None:
        return False
    # "You exceeded your current quota": at OpenAI for good, at Gemini for the rest of the minute.
    return try_again_in_s(words) is None or _NOTHING_GRANTED.search(words, 0, _MAX_READ_CHARS) is not None


def says_model_missing(words: str) -> bool:
    """Whether the service has no such model, or not any more."""
    return _MODEL_MISSING.search(words, 0, _MAX_READ_CHARS) is not None


def says_filtered(words: str) -> bool:
    """Whether a content filter stopped what was asked."""
    return _FILTERED.search(words, 0, _MAX_READ_CHARS) is not None


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
    found = _AGAIN.search(words, 0, _MAX_READ_CHARS)
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
