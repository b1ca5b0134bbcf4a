"""A Chat Completions endpoint on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web


def completion(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> web.Response:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return web.json_response({"object": "chat.completion", "model": "gpt-x-2026", "choices": [choice], **more})


@dataclass(frozen=True, slots=True)
class Streamed:
    """A body in pieces, as it is sent; then the connection is closed, in the midst of the body if it `breaks`."""

    pieces: Callable[[], AsyncIterator[bytes]]
    breaks: bool = False
    content_type: str = "text/event-stream"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "model": "gpt-x-2026", "choices": [choice], **more}


def event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def streamed(*pieces: bytes | dict[str, Any], breaks: bool = False) -> Streamed:
    """Each of these in a packet of its own: bytes as they are, a chunk as an event."""

    async def one_by_one() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece if isinstance(piece, bytes) else event(piece)

    return Streamed(one_by_one, breaks=breaks)


def told(*words: str, finish: str = "stop") -> Streamed:
    """An answer in these pieces, as OpenAI sends it."""
    usage = {"object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}
    deltas: Iterable[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": word} for word in words)]
    return streamed(*map(chunk, deltas), chunk({}, finish), usage, DONE)


def split(text: str, size: int) -> Sequence[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


class Endpoint:
    """A Chat Completions endpoint that answers as told and remembers what it was sent."""

    def __init__(self) -> None:
        self.answers: list[web.Response | Streamed | float] = []
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[web.Request] = []
        self.hung_up = asyncio.Event()  # a client that has closed its connection in the midst of a stream

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.json())
        answer = self.answers.pop(0) if self.answers else completion({"content": "hi"})
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return completion({"content": "late"})
        return await self._stream(request, answer) if isinstance(answer, Streamed) else answer

    async def _stream(self, request: web.Request, answer: Streamed) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = answer.content_type
        await response.prepare(request)
        try:
            async for piece in answer.pieces():
                await response.write(piece)
                await asyncio.sleep(0)
        except (ConnectionResetError, asyncio.CancelledError):
            self.hung_up.set()
            raise
        if answer.breaks and request.transport:
            request.transport.close()
        return response
