"""A stand-in of the Responses API for the benchmark, beside that of the Assistants service: same clock, same tags.

https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson
from aiohttp import web

from benchmarks.stand_ins import Seen, Serve

WORD_S = 0.2


@dataclass(slots=True)
class Response:
    """A response of the stand-in."""

    id: str
    conversation: str
    tag: str
    ends_at_s: float

    def shown(self, status: str = "") -> dict[str, object]:
        """As the service shows it: with its text from its end on."""
        status = status or ("completed" if time.monotonic() >= self.ends_at_s else "in_progress")
        part = {"type": "output_text", "text": self.tag, "annotations": []}
        message = {"type": "message", "id": f"msg_{self.id}", "role": "assistant", "status": "completed"}
        return {
            "id": self.id,
            "object": "response",
            "created_at": 0,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "output": [{**message, "content": [part]}] if status == "completed" else [],
            "usage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
        }


class ResponsesStandIn:
    """Conversations and background responses, streamed where they are asked for and `streams` says so."""

    def __init__(self, seen: dict[str, Seen], *, streams: bool, words_s: float) -> None:
        self._seen = seen
        self._streams = streams
        self._words_s = words_s
        self._ids = itertools.count(1)
        self._responses: dict[str, Response] = {}

    def add_to(self, app: web.Application, around: Callable[[Serve], Serve]) -> None:
        """Add the routes, each with `around` around its handler."""
        add = app.router.add_route
        add("POST", "/v1/conversations", around(self._conversation))
        add("GET", "/v1/conversations/{conversation}/items", around(self._items))
        add("POST", "/v1/responses", around(self._create))
        add("GET", "/v1/responses/{response}", around(self._look))

    async def _conversation(self, _request: web.Request) -> web.StreamResponse:
        return _json({"id": f"conv_{next(self._ids)}", "object": "conversation", "created_at": 0, "metadata": {}})

    async def _items(self, request: web.Request) -> web.StreamResponse:
        conversation = request.match_info["conversation"]
        said = [item for r in self._responses.values() if r.conversation == conversation for item in _output(r)]
        return _json({"object": "list", "data": said[::-1], "has_more": False})

    async def _look(self, request: web.Request) -> web.StreamResponse:
        return _json(self._responses[request.match_info["response"]].shown())

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        tag, seconds = body["input"][-1]["content"][0]["text"].split()[-2:]
        response = Response(
            id=f"resp_{next(self._ids)}",
            conversation=body["conversation"],
            tag=tag,
            ends_at_s=time.monotonic() + float(seconds),
        )
        self._responses[response.id] = response
        seen = self._seen.setdefault(tag, Seen())
        seen.run_ends_at_s, seen.run_s = response.ends_at_s, float(seconds)
        if self._streams and body.get("stream") is True:
            return await self._stream(request, response, seen)
        return _json(response.shown())

    async def _stream(self, request: web.Request, response: Response, seen: Seen) -> web.StreamResponse:
        """The events, with one write for what happens at once."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        numbers = itertools.count()

        def event(kind: str, **fields: object) -> bytes:
            data = orjson.dumps({"type": kind, "sequence_number": next(numbers), **fields})
            return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"

        def word(text: str) -> bytes:
            return event("response.output_text.delta", output_index=0, content_index=0, item_id="m", delta=text)

        begun = ("created", "queued"), ("queued", "queued"), ("in_progress", "in_progress")
        await stream.write(b"".join(event(f"response.{k}", response=response.shown(status)) for k, status in begun))
        await asyncio.sleep(max(0.0, response.ends_at_s - self._words_s - time.monotonic()))
        seen.first_token_at_s = time.monotonic()
        while response.ends_at_s - time.monotonic() > WORD_S:
            await stream.write(word("word "))
            await asyncio.sleep(WORD_S)
        await asyncio.sleep(max(0.0, response.ends_at_s - time.monotonic()))
        last = event("response.completed", response=response.shown("completed"))
        await stream.write(word(response.tag) + last)
        return stream


def _output(response: Response) -> list[object]:
    output = response.shown()["output"]
    return output if isinstance(output, list) else []


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
