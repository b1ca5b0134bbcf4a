"""What the assistant's API was asked and answered, turn by turn, in memory and within bounds.

A restart forgets it: what can be read again is read again from the API itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from bot.exchange import Exchange

_MAX_CHARS: Final = 4_000_000
_MAX_BODY_CHARS: Final = 64_000
_MAX_OF_TURN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it was made last, and how many times in a row: waiting for a run is the same question many times."""

    exchange: Exchange
    times: int = 1

    @property
    def size_chars(self) -> int:
        """What it holds in memory, roughly."""
        return len(self.exchange.asked or "") + len(self.exchange.answered or "") + len(self.exchange.path)

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        return {**asdict(self.exchange), "times": self.times}


class Calls:
    """The calls of the latest turns. Implements `bot.ports.Exchanges`."""

    def __init__(self, *, max_chars: int = _MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._turns: OrderedDict[str, list[Call]] = OrderedDict()
        self._size_chars = 0

    def note(self, exchange: Exchange) -> None:
        """Keep a call of a turn; the calls of the oldest turns go when there are too many."""
        if not exchange.turn:
            return
        calls = self._turns.setdefault(exchange.turn, [])
        call = Call(exchange=replace(exchange, asked=_cut(exchange.asked), answered=_cut(exchange.answered)))
        if calls and _is_repeated(calls[-1].exchange, exchange):
            last = calls.pop()
            call = replace(call, times=last.times + 1)
            self._size_chars -= last.size_chars
        elif len(calls) >= _MAX_OF_TURN:
            self._size_chars -= calls.pop(0).size_chars
        calls.append(call)
        self._size_chars += call.size_chars
        while self._size_chars > self._max_chars:
            _, gone = self._turns.popitem(last=False)
            self._size_chars -= sum(each.size_chars for each in gone)

    def of(self, turn: str) -> list[Call]:
        """The calls of a turn, in the order in which they ended."""
        return list(self._turns.get(turn, ()))


def _is_repeated(before: Exchange, now: Exchange) -> bool:
    return now.method == "GET" and (before.method, before.path) == (now.method, now.path)


def _cut(body: str | None) -> str | None:
    if body is None or len(body) <= _MAX_BODY_CHARS:
        return body
    return f"{body[:_MAX_BODY_CHARS]}\n... {len(body) - _MAX_BODY_CHARS:,} characters more"
