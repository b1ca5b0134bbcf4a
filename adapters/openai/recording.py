"""What goes over the wire, for a page that shows it: bodies and times, and neither headers nor the key."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx2
import openai

from bot.exchange import Exchange
from bot.log_ids import log_ids
from bot.ports import Exchanges

Heard = Callable[[int, bytes | int], None]
"""Told the status and the body of the answer; of a body that was not kept, how many bytes it had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request."""

    method: str
    path: str
    query: Mapping[str, object] | None = None
    body: Mapping[str, object] | None = None


class Recording:
    """Tells `listener` of each call as it ends, however it ends."""

    def __init__(self, *, listener: Exchanges | None, key: str) -> None:
        self._listener = listener
        self._key = key

    @contextmanager
    def of(self, asking: Asking) -> Iterator[Heard]:
        """Around a call; the caller adds what was answered."""
        if self._listener is None:
            yield lambda _status, _body: None
            return
        answer: list[tuple[int, bytes | int]] = []
        began_at_s, began = time.time(), time.monotonic()
        try:
            yield lambda status, body: answer.append((status, body))
        except openai.APIStatusError as error:
            answer.append((error.status_code, _body_of(error)))
            raise
        finally:
            status, body = answer[-1] if answer else (None, None)
            exchange = Exchange(
                turn=log_ids().get("turn", ""),
                method=asking.method,
                path=asking.path + (f"?{urlencode(dict(asking.query))}" if asking.query else ""),
                asked=None if asking.body is None else json.dumps(asking.body, ensure_ascii=False, default=str),
                status=status,
                answered=None if body is None else self._readable(body),
                began_at_s=began_at_s,
                took_s=time.monotonic() - began,
            )
            self._listener.note(exchange)

    def _readable(self, body: bytes | int) -> str:
        """Text that may be shown: a service that refuses a key likes to quote it."""
        if isinstance(body, int):
            return f"{body:,} bytes"
        if body.lstrip()[:1] not in (b"{", b"["):
            return f"{len(body):,} bytes"
        text = body.decode("utf-8", "replace")
        return text.replace(self._key, "[key]") if self._key else text


def _body_of(error: openai.APIStatusError) -> bytes:
    try:
        return error.response.content
    except httpx2.ResponseNotRead:  # then we read it ourselves, and `status_error` put it into the message
        return error.message.encode()
