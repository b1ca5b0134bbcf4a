"""A call of the assistant's API as it went over the wire, for a page that shows what a turn did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Request and answer, without headers, which hold the key. Bodies that are no JSON are told by their size."""

    turn: str  # on whose behalf, as `Turn.id`; empty outside of turns
    method: str
    path: str  # below the API's root, with its query
    asked: str | None  # the body of the request
    status: int | None  # None: no answer came, or not all of it
    answered: str | None  # its body
    began_at_s: float  # unix seconds
    took_s: float
