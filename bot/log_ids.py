"""The ids that belong on every log line written on behalf of one turn, however deep below it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_ids: ContextVar[Mapping[str, str]] = ContextVar("log_ids", default=MappingProxyType({}))


def conversation_hash(conversation: str) -> str:
    """12 digits that stand for a conversation: its id can hold the id of a person."""
    return hashlib.sha256(conversation.encode("utf-8", "replace")).hexdigest()[:12]


@contextmanager
def logging_for(*, turn: str, conversation: str) -> Iterator[None]:
    """Put these on all log lines of the block and of the tasks started in it."""
    token = _ids.set({"turn": turn, "conversation": conversation_hash(conversation)})
    try:
        yield
    finally:
        _ids.reset(token)


def log_ids() -> Mapping[str, str]:
    """The ids of the turn on whose behalf this code runs; empty outside of turns."""
    return _ids.get()
