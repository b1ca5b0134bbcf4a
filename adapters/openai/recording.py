"""What goes over the wire, for a page that shows it: bodies and times, and neither headers nor the key."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from adapters.openai.service_errors import StatusError
from bot.log_ids import log_ids
from bot.ports import Exchanges
from bot.run import Exchange

Heard = Callable[[int, bytes | int], None]
"""Told the status and the body of the answer; of a body that was not kept, how many bytes it had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request."""

    method: str
    path: str
    query: Mapping[str, object] | None = None
    body: Mapping[str, object] | None = None


class Call:
    """A call that is under way. Its answer is described by what was heard last."""

    def __init__(self, asking: Asking, listener: Exchanges | None, readable: Callable[[bytes | int], str]) -> None:
        self._asking = asking
        self._listener = listener
        self._readable = readable
        self._turn = log_ids().get("turn", "")
        self._began_at_s, self._began = time.time(), time.monotonic()
        self._answer: tuple[int | None, bytes | int | None] = (None, None)

    def hear(self, status: int, body: bytes | int) -> None:
        """Add what was answered; what was heard before is forgotten."""
        self._answer = (status, body)

    def end(self) -> None:
        """Nothing more is answered. Told once, however often it is said."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        asking, (status, body) = self._asking, self._answer
        exchange = Exchange(
            turn=self._turn,
            method=asking.method,
            path=asking.path + (f"?{urlencode(dict(asking.query))}" if asking.query else ""),
            asked=None if asking.body is None else json.dumps(asking.body, ensure_ascii=False, default=str),
            status=status,
            answered=None if body is None else self._readable(body),
            began_at_s=self._began_at_s,
            took_s=time.monotonic() - self._began,
        )
        listener.note(exchange)


class Recording:
    """Tells `listener` of each call as it ends, however it ends."""

    def __init__(self, *, listener: Exchanges | None, key: str) -> None:
        self._listener = listener
        self._key = key

    @contextmanager
    def of(self, asking: Asking) -> Iterator[Heard]:
        """Around a call; the caller adds what was answered."""
        call = self.begin(asking)
        try:
            yield call.hear
        except StatusError as error:
            call.hear(error.status, error.data)
            raise
        finally:
            call.end()

    def begin(self, asking: Asking) -> Call:
        """A call begins, whose end is told by `Call.end`."""
        return Call(asking, self._listener, self._readable)

    def _readable(self, body: bytes | int) -> str:
        """Text that may be shown: a service that refuses a key likes to quote it."""
        if isinstance(body, int):
            return f"{body:,} bytes"
        if body.lstrip()[:1] not in (b"{", b"["):
            return f"{len(body):,} bytes"
        text = body.decode("utf-8", "replace")
        return text.replace(self._key, "[key]") if self._key else text
