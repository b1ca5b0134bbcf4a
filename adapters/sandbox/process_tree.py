"""What the kernel tells about the processes of a session: which they are, and the memory they hold."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
STOPPED_STATES = frozenset("TtZX")  # a zombie runs no code either
ALLOWED_TICKS = 5  # of processor time, 10 ms each on Linux
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
    return sum(_kilobytes(_memory_folder(pid) / "status", "VmRSS:", "VmPTE:")) * 1024


def proportional_bytes(pid: int) -> int:
    """Return the same, with shared pages divided among those who share them unless the process hides its maps."""
    folder = _memory_folder(pid)
    try:
        shared = sum(_kilobytes(folder / "smaps_rollup", "Pss:"))
    except PermissionError:
        return resident_bytes(pid)
    return (shared + sum(_kilobytes(folder / "status", "VmPTE:"))) * 1024


def socket_count(pid: int) -> int:
    """Return the number of unix sockets in the process's network namespace."""
    with suppress(OSError), (PROC / str(pid) / "net" / "unix").open("rb") as table:
        return sum(1 for _ in table) - 1
    return 0


def freeze_tree(root_pid: int) -> dict[int, int] | None:
    """Stop every process of the tree. Returns the tree when all of it has stopped (see `stopped_tree`), else None."""
    tree = descendants(root_pid)
    stopped = _stopped(tree)
    if stopped is None:
        signal_each(tree, signal.SIGSTOP, pid_namespace(root_pid))
        stopped = _stopped(tree)
    if stopped is None:
        return None
    # The tree is read again only now that all of it was seen to have stopped: one that was signalled in the middle of
    # a fork finishes the fork first.
    return stopped if set(descendants(root_pid)) <= set(tree) else None


def stopped_tree(root_pid: int) -> dict[int, int] | None:
    """Return the processor time used by each process of a tree, by pid; None when one of them is not stopped.

    Follows the kernel's lists of children, which are reliable where all are stopped and cost far less than a look at
    every process of the machine.
    """
    tree = [root_pid]
    try:
        for pid in tree:
            for task in (PROC / str(pid) / "task").iterdir():
                tree.extend(map(int, (task / "children").read_text(encoding="ascii").split()))
    except FileNotFoundError:  # one has ended, or this kernel has no such lists
        tree = descendants(root_pid)
    return _stopped(tree)


def ran_since(frozen: Mapping[int, int], now: Mapping[int, int] | None) -> bool:
    """Tell from two results of `stopped_tree` whether anything of the tree ran between them."""
    if now is None:
        return True
    # The kernel shows a process as stopped or ended a moment before it leaves the processor, and charges that moment
    # later: on a busy machine several ticks. The allowance is for the whole time since the freeze, not for each look.
    return any(pid not in frozen or used - frozen[pid] > ALLOWED_TICKS for pid, used in now.items())


def _stopped(tree: Iterable[int]) -> dict[int, int] | None:
    used: dict[int, int] = {}
    for pid in tree:
        with suppress(*GONE):
            # Each thread, since a process shows the state of its first thread only.
            for task in (PROC / str(pid) / "task").iterdir():
                if _stat(task)[0] not in STOPPED_STATES:
                    return None
            fields = _stat(PROC / str(pid))
            used[pid] = int(fields[11]) + int(fields[12])  # utime and stime of all its threads
    return used


def signal_each(pids: Iterable[int], number: signal.Signals, namespace: str | None) -> None:
    """Send a signal to those of the processes that are in this process namespace.

    A pid may be given to a stranger at any moment, so the signal goes through a descriptor of the process, taken
    before its namespace is checked.
    """
    for pid in pids:
        with suppress(*GONE):
            fd = os.pidfd_open(pid)
            try:
                if namespace is not None and pid_namespace(pid) == namespace:
                    signal.pidfd_send_signal(fd, number)
            finally:
                os.close(fd)


def pid_namespace(pid: int) -> str | None:
    """Return what identifies the process's pid namespace; None when the process is gone."""
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115
    return None


def _parent(pid: int) -> int:
    return int(_stat(f"/proc/{pid}")[1])


def _stat(folder: str | Path) -> list[str]:
    """Return the fields of a process's or thread's stat file from its state on (proc_pid_stat(5), field 3)."""
    fd = os.open(f"{folder}/stat", os.O_RDONLY)  # read for every process of the machine, so it must be quick
    try:
        return os.read(fd, 1024).decode("ascii", "replace").rpartition(")")[2].split()
    finally:
        os.close(fd)


def _memory_folder(pid: int) -> Path:
    """Return the folder in /proc that tells the process's memory.

    A first thread that has ended is a zombie, and tells of no memory although the other threads go on using it (S3).
    Then any living thread tells the same.
    """
    folder = PROC / str(pid)
    with suppress(*GONE):
        if _stat(folder)[0] == "Z":
            return next((task for task in (folder / "task").iterdir() if _stat(task)[0] not in "ZX"), folder)
    return folder


def _kilobytes(path: Path, *names: str) -> Iterator[int]:
    with suppress(*GONE), path.open() as lines:
        for line in lines:
            name, _, rest = line.partition("\t") if "\t" in line else line.partition(" ")
            if name.strip() in names:
                yield int(rest.split()[0])
