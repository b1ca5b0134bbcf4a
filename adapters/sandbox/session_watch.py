"""The watch that enforces what no resource limit of the kernel covers.

Neither a cgroup nor the right to make one is needed; where there is one (`control_groups.py`), it is a second fence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from adapters.sandbox.process_tree import (
    acting_as,
    available_bytes,
    descendants,
    proportional_bytes,
    resident_bytes,
)
from adapters.sandbox.session_limits import MB, Limits, in_words
from adapters.sandbox.session_usage import SessionUsage

WATCH_PERIOD_S = 0.1
UNCOUNTED_BYTES = 16 * MB  # of stacks and page tables, which RLIMIT_DATA leaves out
MAX_SHARE_OF_TIME = 0.1  # on a machine with very many processes, check less often


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the watch looks at."""

    root_pid: int  # the first process inside
    uid: int  # of its processes
    usage: SessionUsage
    free_before_bytes: int  # of the machine's memory, when the run began


async def watch(session: Watched, limits: Limits, kill: Callable[[str], None]) -> None:
    """Check ten times a second until cancelled; at the first broken limit call `kill` with a sentence."""
    took_s = 0.0
    while True:
        await asyncio.sleep(max(WATCH_PERIOD_S, took_s / MAX_SHARE_OF_TIME))
        began_s = time.monotonic()
        reason = broken_limit(session, limits)
        if reason:
            kill(reason)
            return
        took_s = time.monotonic() - began_s


def broken_limit(session: Watched, limits: Limits) -> str:
    """Return a sentence about the first limit that is broken now, else an empty string."""
    tree = descendants(session.root_pid)
    if len(tree) > limits.processes + 1:
        return f"The code started more than {limits.processes} processes and was stopped."
    # Whatever way of hiding memory this list does not know: what it takes is missing on the machine. The kernel would
    # soon kill code for it, and nobody would be told why.
    free_bytes = available_bytes()
    if free_bytes < limits.reserve_bytes and session.free_before_bytes - free_bytes > limits.memory_bytes // 4:
        return "The machine ran short of memory while the code ran, so it was stopped."
    with acting_as(session.uid):
        if _memory_exceeds(tree[1:], limits.memory_bytes):  # the first runs no code of the model
            return f"The code used more than {in_words(limits.memory_bytes)} of memory and was stopped."
        return session.usage.broken_limit(tree, limits)


def _memory_exceeds(tree: list[int], max_bytes: int) -> bool:
    """Ask for the exact figure, which is slow, only when the simple one is too high."""
    # A single process meets the kernel's limit first, always, and its code sees a MemoryError that it can handle.
    max_bytes += UNCOUNTED_BYTES
    return (
        sum(resident_bytes(pid) for pid in tree) > max_bytes
        and sum(proportional_bytes(pid) for pid in tree) > max_bytes
    )
