"""What the kernel tells about the processes of a session: which they are, and the memory they hold."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
FREEZE_ROUNDS = 5
GONE = (FileNotFoundError, ProcessLookupError)


def descendants(root_pid: int) -> list[int]:
    """Return the process and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir(PROC):  # noqa: PTH208
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


def freeze_tree(root_pid: int) -> list[int]:
    """Stop every process of the tree, again until no new one appears. Returns them all, for `thaw`."""
    frozen: list[int] = []
    for _ in range(FREEZE_ROUNDS):
        fresh = [pid for pid in descendants(root_pid) if pid not in frozen]
        if not fresh:
            break
        signal_each(fresh, signal.SIGSTOP, _namespace(root_pid))
        frozen += fresh
    return frozen


def thaw(frozen: list[int], root_pid: int) -> None:
    """Let the processes go on that `freeze_tree` stopped: while they stand still they start no others."""
    signal_each(frozen, signal.SIGCONT, _namespace(root_pid))


def signal_each(pids: list[int], number: signal.Signals, namespace: str | None) -> None:
    """Send a signal to those of the processes that are in this process namespace.

    A pid may be given to a stranger at any moment, so the signal goes through a descriptor of the process, taken
    before its namespace is checked.
    """
    for pid in pids:
        with suppress(*GONE):
            fd = os.pidfd_open(pid)
            try:
                if namespace is not None and _namespace(pid) == namespace:
                    signal.pidfd_send_signal(fd, number)
            finally:
                os.close(fd)


def _namespace(pid: int) -> str | None:
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115
    return None


def _parent(pid: int) -> int:
    fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)  # read for every process of the machine, so it must be quick
    try:
        return int(os.read(fd, 1024).rpartition(b")")[2].split(None, 2)[1])
    finally:
        os.close(fd)


def _kilobytes(path: Path, *names: str) -> Iterator[int]:
    with suppress(*GONE), path.open() as lines:
        for line in lines:
            name, _, rest = line.partition("\t") if "\t" in line else line.partition(" ")
            if name.strip() in names:
                yield int(rest.split()[0])
