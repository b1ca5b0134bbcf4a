"""Waiting in tests: for what is to become true, and not longer than a deadline.

Tests run beside others, and a process may get no processor for seconds. So a deadline tells "late" from "never": it is
long, and costs nothing where all is well. What is to happen *at once* is told by what happened, not by a clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 30.0


async def until(condition: Callable[[], bool], *, deadline_s: float = PATIENCE_S, pause_s: float = 0.01) -> float:
    """Wait until it is so; the seconds it took. Raises TimeoutError."""
    start_s = time.monotonic()
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(pause_s)
    return time.monotonic() - start_s


async def settled(*, turns: int = 20, pause_s: float = 0.005) -> None:
    """Let all that is under way in this event loop go on: so many turns of it, however long each takes."""
    for _ in range(turns):
        await asyncio.sleep(pause_s)


async def until_done(pending: Callable[[], int], *, silence_s: float = 60.0, pause_s: float = 0.1) -> None:
    """Wait until nothing is pending, for as long as it becomes less: a busy machine needs longer for the same work."""
    least = pending()
    while least:
        await until(lambda least=least: pending() < least, deadline_s=silence_s, pause_s=pause_s)  # type: ignore[misc]
        least = pending()
