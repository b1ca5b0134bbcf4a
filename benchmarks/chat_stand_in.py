"""A stand-in of a Chat Completions endpoint: the model behind the embedded server, streamed where it is asked to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import orjson
from aiohttp import web

from benchmarks.stand_ins import WORD_S, Seen, Serve


class ChatStandIn:
    """A model whose last word is the tag of the message; before it come words for `words_s`."""

    def __init__(self, seen: dict[str, Seen], *, words_s: float) -> None:
        self._seen = seen
        self._words_s = words_s

    def add_to(self, app: web.Application, around: Callable[[Serve], Serve]) -> None:
        """Add the route, with `around` around its handler."""
        app.router.add_route("POST", "/v1/chat/completions", around(self._complete))

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        tag, seconds = body["messages"][-1]["content"].split()[-2:]
        seen = self._seen.setdefault(tag, Seen())
        seen.run_ends_at_s, seen.run_s = time.monotonic() + float(seconds), float(seconds)
        if body.get("stream") is not True:
            await asyncio.sleep(float(seconds))
            choice = {"index": 0, "message": {"role": "assistant", "content": tag}, "finish_reason": "stop"}
            return web.json_response({"model": "bench", "choices": [choice]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(max(0.0, seen.run_ends_at_s - self._words_s - time.monotonic()))
        seen.first_token_at_s = time.monotonic()
        while seen.run_ends_at_s - time.monotonic() > WORD_S:
            await response.write(_chunk({"content": "word "}))
            await asyncio.sleep(WORD_S)
        await asyncio.sleep(max(0.0, seen.run_ends_at_s - time.monotonic()))
        await response.write(_chunk({"content": tag}) + _chunk({}, "stop") + b"data: [DONE]\n\n")
        return response


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"model": "bench", "choices": [choice]}) + b"\n\n"
