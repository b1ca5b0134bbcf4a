"""What the kernel tells about the processes of a session: which they are, and the memory they hold."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
FREEZE_ROUNDS = 5
GONE = (FileNotFoundError, ProcessLookupError)


def descendants(root_pid: int) -> list[int]:
    """Return the process and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir(PROC):  # noqa: PTH208 - ten times a second, and pathlib is slow
        if name.isdigit():
            with suppress(*GONE):
                children.setdefault(_parent(int(name)), []).append(int(name))
    tree = [root_pid]
    for pid in tree:
        tree.extend(children.get(pid, ()))
    return tree


def resident_bytes(pid: int) -> int:
    """Return the resident memory and page tables of a process; 0 when it is gone. Shared pages count in full."""
    return sum(_kilobytes(PROC / str(pid) / "status", "VmRSS:", "VmPTE:")) * 1024


def proportional_bytes(pid: int) -> int:
    """Return the same, with shared pages divided among those who share them unless the process hides its maps."""
    try:
        shared = sum(_kilobytes(PROC / str(pid) / "smaps_rollup", "Pss:"))
    except PermissionError:
        return resident_bytes(pid)
    return (shared + sum(_kilobytes(PROC / str(pid) / "status", "VmPTE:"))) * 1024


def socket_count(pid: int) -> int:
    """Return the number of unix sockets in the process's network namespace."""
    with suppress(OSError), (PROC / str(pid) / "net" / "unix").open("rb") as table:
        return sum(1 for _ in table) - 1
    return 0


def signal_tree(root_pid: int, number: signal.Signals) -> None:
    """Send a signal to every process in the root's process namespace, again until no new one appears.

    A pid may be given to a stranger at any moment, so the signal goes through a descriptor of the process, taken
    before its namespace is checked.
    """
    namespace = _namespace(root_pid)
    reached: set[int] = set()
    for _ in range(FREEZE_ROUNDS):
        fresh = [pid for pid in descendants(root_pid) if pid not in reached]
        if not fresh or namespace is None:
            return
        for pid in fresh:
            _signal_one(pid, number, namespace)
        reached.update(fresh)


def _signal_one(pid: int, number: signal.Signals, namespace: str) -> None:
    with suppress(*GONE):
        fd = os.pidfd_open(pid)
        try:
            if _namespace(pid) == namespace:
                signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)


def _namespace(pid: int) -> str | None:
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115
    return None


def _parent(pid: int) -> int:
    with (PROC / str(pid) / "stat").open("rb") as stat:
        return int(stat.read().rpartition(b")")[2].split()[1])


def _kilobytes(path: Path, *names: str) -> Iterator[int]:
    with suppress(*GONE), path.open() as lines:
        for line in lines:
            name, _, rest = line.partition("\t") if "\t" in line else line.partition(" ")
            if name.strip() in names:
                yield int(rest.split()[0])
