"""A Chat Completions endpoint on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web


def completion(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> web.Response:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return web.json_response({"object": "chat.completion", "model": "gpt-x-2026", "choices": [choice], **more})


class Endpoint:
    """A Chat Completions endpoint that answers as told and remembers what it was sent."""

    def __init__(self) -> None:
        self.answers: list[web.Response | float] = []
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(await request.json())
        answer = self.answers.pop(0) if self.answers else completion({"content": "hi"})
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return completion({"content": "late"})
        return answer
