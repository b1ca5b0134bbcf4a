"""How log lines look. Everybody writes to standard `logging`; structlog renders here, and keys are taken out last."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from adapters.file_links import LINK
from bot.log_ids import log_ids
from service.settings.parsers import LogFormat, LogLevel

MALFORMED: Final = "malformed request refused"
"""What is logged of bytes that are no HTTP."""

# Libraries that tell each request, and in doing so the address of it.
_QUIET = (
    "aiohttp.access",
    "asyncio",
    "azure",
    "botbuilder",
    "botframework",
    "markdown_it",
)
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def set_up_logs(*, level: LogLevel | None, form: LogFormat, no_color: bool, stream: TextIO | None = None) -> None:
    """Send every log line of this process to standard error (or to `stream`): one line, or one JSON object, each.

    Without a level, a person at a terminal sees warnings, and a file or collector gets what the service does too.
    """
    out = sys.stderr if stream is None else stream
    as_text = form is LogFormat.TEXT or (form is LogFormat.AUTO and out.isatty())
    handler = logging.StreamHandler(out)
    handler.addFilter(without_request_line)
    handler.addFilter(LinesOfStrangers())
    handler.setFormatter(_text_lines(colors=out.isatty() and not no_color) if as_text else _json_lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel((level or (LogLevel.WARNING if out.isatty() else LogLevel.INFO)).upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def without_request_line(record: logging.LogRecord) -> bool:
    """Let every record through, but without the bytes of a malformed request.

    aiohttp logs the offending line with a traceback as an error: `Authorization: Bearer ...` and all.
    """
    kind = record.exc_info[0] if record.exc_info else None
    if kind is not None and kind.__module__ == "aiohttp.http_exceptions":
        record.msg, record.args, record.exc_info, record.exc_text = MALFORMED, (), None, None
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.error = kind.__name__
    return True


class LinesOfStrangers:
    """Passes once a minute what anybody can have logged by a connection: a flood of them must not fill a disk.

    `more` in such a line is how many like it were left out before.
    """

    def __init__(self, period_s: float = 60.0) -> None:
        self._period_s = period_s
        self._quiet_until_s: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every other record through. asyncio's complaint loses its traceback, which says nothing more."""
        if record.name == "asyncio" and record.getMessage().startswith("socket.accept() out of system resource"):
            record.exc_info = record.exc_text = None
            record.msg, record.args = "no file descriptors left for new connections; raise `ulimit -n`", ()
        elif record.msg != MALFORMED:
            return True
        if record.created < self._quiet_until_s.get(record.msg, 0.0):
            self._left_out[record.msg] += 1
            return False
        self._quiet_until_s[record.msg] = record.created + self._period_s
        if more := self._left_out.pop(record.msg, 0):
            record.more = more
        return True


def _json_lines() -> logging.Formatter:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return _formatter(stamp, structlog.processors.JSONRenderer())


def _text_lines(*, colors: bool) -> logging.Formatter:
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    return _formatter(stamp, structlog.dev.ConsoleRenderer(colors=colors))


def _formatter(stamp: Processor, renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(),
            # Not left to the renderer: where rich is installed, it prints the values of local variables.
            structlog.processors.format_exc_info,
            redacted,
            _with_ids,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            stamp,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def redacted(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """The line without secrets, and without characters that could pass for another line or move the cursor."""
    return {name: value if name.startswith("_") else _safe(name, value) for name, value in line.items()}


def _safe(name: str, value: object) -> object:
    if name == "exception":  # the one value of several lines
        return _UNPRINTABLE.sub("?", redact_text(str(value)))
    value = redact_text(str(value)) if name == "event" else redact_field(name, value)
    return _UNPRINTABLE.sub("?", value.replace("\n", "\\n")) if isinstance(value, str) else value


def _with_ids(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    return {**log_ids(), **line}


# The last line of defence: keys, links and people's words are taken out of every line. The first one is not to write
# them. This one works by the names of fields and by what keys look like, so it can only catch what it knows.

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
