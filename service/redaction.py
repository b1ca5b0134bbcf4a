"""The last line of defence of the logs: keys, links and people's words are taken out of every line.

The first line is not to write them. This one works by the names of fields and by what keys look like, so it can only
catch what it knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Final

from adapters.file_links import LINK

HIDDEN: Final = "(hidden)"

_SECRET_WORDS = frozenset(
    {
        "token",
        "authorization",
        "key",
        "apikey",
        "password",
        "passwd",
        "secret",
        "cookie",
        "sig",
        "signature",
        "credential",
    }
)
_WORDS_OF_PEOPLE = frozenset(
    {"text", "content", "body", "payload", "arguments", "question", "answer", "prompt", "instructions"}
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MAX_VALUE = 1000
_MAX_DEPTH = 4

_PATTERNS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+", r"\1 (hidden)"),
        (r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?", HIDDEN),
        (r"\bsk-[\w-]{6,}", HIDDEN),
        (
            r"(?i)\b((?:api[-_]?|access_?|account_?|shared_?access_?)?(?:key|token|signature)|sig|\w*secret|password)"
            r"([\"']?\s*[=:]\s*[\"']?)[^\s&;,\"'}]+",
            r"\1\2(hidden)",
        ),
        (r"://[^/\s:@]+:[^/\s@]+@", "://(hidden)@"),
        (rf"(?:/files/)?{LINK}(/[^\s\"']*)?", "/files/(hidden)"),
        (r"/files/[\w-]{32}(/[^\s\"']*)?", "/files/(hidden)"),  # links of version 0.1.0
    )
)


def redact_text(text: str) -> str:
    """The text without anything that looks like a key or the link to a file."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_field(name: str, value: object) -> object:
    """The value of a log line's field as it may be written. Numbers always may."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if name.lower() in _WORDS_OF_PEOPLE or not _SECRET_WORDS.isdisjoint(word.lower() for word in _WORD.findall(name)):
        return HIDDEN
    return _plain(value, depth=0)


def _plain(value: object, depth: int) -> object:
    """Only what is known to be plain is written out; of any other object, its kind."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return _plain(value.value, depth)
        case str() | PurePath() | BaseException():
            return _short(redact_text(str(value)))
        case Mapping() if depth < _MAX_DEPTH:
            return {str(name): redact_field(str(name), _plain(member, depth + 1)) for name, member in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_plain(member, depth + 1) for member in value]
        case _:
            return f"<{type(value).__name__}>"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}... ({len(text)} characters)"
