"""Server-sent events, in OpenAI's shape: `event: name`, `data: object`, and `done` at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiohttp import web

from adapters.embedded.events import Event
from adapters.embedded.run_objects import ACTIVE, Run, RunStatus
from adapters.embedded.wire import dump

DONE = b"event: done\ndata: [DONE]\n\n"
KEEP_ALIVE_S = 15


async def stream(request: web.Request, heard: asyncio.Queue[Event], before: Iterable[Event] = ()) -> web.StreamResponse:
    """Send a run's events until it has ended or waits for its client; a reader that went away ends only the stream."""
    response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
    response.content_type = "text/event-stream"
    await response.prepare(request)
    for event in before:
        await response.write(_line(event))
    while True:
        try:
            event = await asyncio.wait_for(heard.get(), KEEP_ALIVE_S)
        except TimeoutError:
            await response.write(b": still running\n\n")
            continue
        await response.write(_line(event))
        if _is_last(event):
            break
    await response.write(DONE)
    return response


def _line(event: Event) -> bytes:
    return b"event: " + event.name.encode() + b"\ndata: " + dump(event.data) + b"\n\n"


def _is_last(event: Event) -> bool:
    run = event.data
    return isinstance(run, Run) and (run.status not in ACTIVE or run.status is RunStatus.REQUIRES_ACTION)
