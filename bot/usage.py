"""What turns consume at the assistant's service: of one run, of one turn, and of a person over some time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and runs of code. Each is 0 where the service does not say."""

    input_tokens: int = 0  # the cached ones among them
    cached_tokens: int = 0
    output_tokens: int = 0  # those of reasoning among them
    reasoning_tokens: int = 0
    code_runs: int = 0
    code_ms: int = 0  # for which code ran; the embedded server says it

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Usage)})

    @classmethod
    def from_json(cls, row: Any) -> Usage | None:
        """What `dataclasses.asdict` made of one; None for None."""
        return None if row is None else cls(**{each.name: row.get(each.name, 0) for each in fields(Usage)})


def key_of(id: str) -> str:  # noqa: A002
    """An id as every database can hold it: a channel may send half characters, and NUL."""
    return id.encode("utf-8", "replace").decode().replace("\0", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnUsage:
    """What a turn consumed, and on whose behalf."""

    tenant: str  # this and the person as `key_of` gives them
    person: str  # the object id in the directory, else the channel's id of the person
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """What some turns consumed together; turns that asked the assistant count, whatever became of them."""

    turns: int = 0
    usage: Usage = Usage()
