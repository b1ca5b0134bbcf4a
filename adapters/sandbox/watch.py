"""Watches what a session takes from the machine while its code runs. No cgroup is needed, nor the right to make one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from adapters.sandbox.limits import Limits, in_words
from adapters.sandbox.process_tree import descendants, proportional_bytes, resident_bytes, socket_count

PERIOD_S = 0.1
MAX_SHARE_OF_TIME = 0.1  # on a machine with very many processes, look more rarely


async def watch(root_pid: int, file_systems: Sequence[int], limits: Limits, kill: Callable[[str], None]) -> None:
    """Look ten times a second until cancelled; at the first limit that is broken call `kill` with a sentence.

    `root_pid` is the first process inside, `file_systems` are descriptors of the session's writable folders.
    """
    took_s = 0.0
    while True:
        await asyncio.sleep(max(PERIOD_S, took_s / MAX_SHARE_OF_TIME))
        began_s = time.monotonic()
        reason = broken_limit(root_pid, file_systems, limits)
        if reason:
            kill(reason)
            return
        took_s = time.monotonic() - began_s


def broken_limit(root_pid: int, file_systems: Sequence[int], limits: Limits) -> str:
    """Return a sentence about the first limit that is broken now, else an empty string."""
    tree = descendants(root_pid)
    if len(tree) > limits.processes + 1:
        return f"The code started more than {limits.processes} processes and was stopped."
    if _memory_exceeds(tree, limits.memory_bytes):
        return f"The code used more than {in_words(limits.memory_bytes)} of memory and was stopped."
    if any(_file_count(fd) > limits.file_count for fd in file_systems):
        return f"The code made more than {limits.file_count} files and was stopped."
    if socket_count(root_pid) > limits.sockets:
        return f"The code opened more than {limits.sockets} sockets and was stopped."
    return ""


def _memory_exceeds(tree: list[int], max_bytes: int) -> bool:
    """Ask for the exact figure, which is slow, only when the simple one is too high."""
    return (
        sum(resident_bytes(pid) for pid in tree) > max_bytes
        and sum(proportional_bytes(pid) for pid in tree) > max_bytes
    )


def _file_count(fd: int) -> int:
    """Count the inodes of a file system through a descriptor of it: nothing is opened by name."""
    usage = os.fstatvfs(fd)
    return usage.f_files - usage.f_ffree
