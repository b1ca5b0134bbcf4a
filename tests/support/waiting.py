"""Waiting in tests: for what is to become true, and not longer than a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], bool], *, deadline_s: float = 5.0, pause_s: float = 0.01) -> float:
    """Wait until it is so; the seconds it took. Raises TimeoutError."""
    start_s = time.monotonic()
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(pause_s)
    return time.monotonic() - start_s
