"""What the kernel tells about the processes of a session: which they are, and the memory they hold."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PROC = Path("/proc")
STOPPED_STATES = frozenset("TtZX")  # a zombie runs no code either
ALLOWED_TICKS = 5  # of processor time, 10 ms each on Linux
GONE = (FileNotFoundError, ProcessLookupError)

PF_EXITING = 0x4

libc = ctypes.CDLL(None)


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Look into files and processes with the rights of this user and its group of the same number.

    A root without CAP_SYS_PTRACE, as in a container, may not look into another user's processes; that user may. This
    holds for the calling thread alone, so nothing may be awaited meanwhile.
    """
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    libc.setfsgid(uid)
    libc.setfsuid(uid)
    try:
        yield
    finally:
        libc.setfsuid(0)
        libc.setfsgid(os.getegid())


def is_ending(task: Path) -> bool:
    """Tell whether a thread, or a process's first one, has ended or is about to: it runs no code any more."""
    try:
        fields = _stat(task)
    except GONE:
        return True
    return fields[0] in "ZX" or bool(int(fields[6]) & PF_EXITING)


def tasks(pid: int) -> list[Path]:
    """Return the folders in /proc of a process's threads; none when it is gone."""
    with suppress(*GONE):
        return list((PROC / str(pid) / "task").iterdir())
    return []


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
    """Return the memory and page tables of a process; 0 when it is gone. Shared pages count in full.

    Pages of files, such as the code of libraries, do not count: the kernel drops them when it needs the room.
    """
    status = _kilobytes(memory_folder(pid) / "status")
    return (status.get("VmRSS", 0) - status.get("RssFile", 0) + status.get("VmPTE", 0)) * 1024


def proportional_bytes(pid: int) -> int:
    """Return the same, with shared pages divided among those who share them unless the process hides its maps."""
    folder = memory_folder(pid)
    try:
        rollup = _kilobytes(folder / "smaps_rollup")
    except PermissionError:
        return resident_bytes(pid)
    tables = _kilobytes(folder / "status").get("VmPTE", 0)
    return (rollup.get("Pss", 0) - rollup.get("Pss_File", 0) + tables) * 1024


def available_bytes(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how much memory the machine can still give without swapping, within the limit of a container."""
    free = [_kilobytes(PROC / "meminfo").get("MemAvailable", 0) * 1024]
    for limit, used in (
        (cgroup / "memory.max", cgroup / "memory.current"),
        (cgroup / "memory/memory.limit_in_bytes", cgroup / "memory/memory.usage_in_bytes"),  # version 1
    ):
        # "max" where there is no limit. Pages of files count as used, and are given back when they are needed.
        with suppress(OSError, ValueError):
            stat = limit.with_name("memory.stat").read_text(encoding="ascii").split()
            given_back = int(stat[stat.index("inactive_file") + 1])
            free.append(int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii")) + given_back)
    return min(free)


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
        signal_each(tree, signal.SIGSTOP, root_pid)
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


def signal_each(pids: Iterable[int], number: signal.Signals, root_pid: int) -> None:
    """Send a signal to those of the processes that belong to the tree.

    A pid may be given to a stranger at any moment, so the signal goes through a descriptor of the process, taken
    before it is looked up whether it belongs to the tree.
    """
    for pid in pids:
        with suppress(*GONE):
            fd = os.pidfd_open(pid)
            try:
                if _is_in_tree(pid, root_pid):
                    signal.pidfd_send_signal(fd, number)
            finally:
                os.close(fd)


def task_count(uid: int) -> int:
    """Return how many threads there are of a user, as the kernel counts them for RLIMIT_NPROC."""
    count = 0
    for name in os.listdir(PROC):  # noqa: PTH208
        if name.isdigit():
            with suppress(*GONE):
                if os.stat(f"/proc/{name}").st_uid == uid:  # noqa: PTH116
                    count += int(_stat(f"/proc/{name}")[17])
    return count


def _is_in_tree(pid: int, root_pid: int) -> bool:
    while pid not in (root_pid, 0):
        pid = _parent(pid)
    return pid == root_pid


def _parent(pid: int) -> int:
    return int(_stat(f"/proc/{pid}")[1])


def _stat(folder: str | Path) -> list[str]:
    """Return the fields of a process's or thread's stat file from its state on (proc_pid_stat(5), field 3)."""
    fd = os.open(f"{folder}/stat", os.O_RDONLY)  # read for every process of the machine, so it must be quick
    try:
        return os.read(fd, 1024).decode("ascii", "replace").rpartition(")")[2].split()
    finally:
        os.close(fd)


def memory_folder(pid: int) -> Path:
    """Return the folder in /proc that tells the process's memory.

    A first thread that has ended is a zombie, and tells of no memory although the other threads go on using it (S3).
    Then any living thread tells the same.
    """
    folder = PROC / str(pid)
    with suppress(*GONE):
        if _stat(folder)[0] == "Z":
            return next((task for task in (folder / "task").iterdir() if _stat(task)[0] not in "ZX"), folder)
    return folder


def _kilobytes(table: Path) -> dict[str, int]:
    """Return the amounts that a table of the kernel gives in kB, by name; empty when the process is gone."""
    with suppress(*GONE), table.open() as lines:
        named = (line.partition(":") for line in lines)
        return {name: int(amount.split()[0]) for name, _, amount in named if amount.endswith(" kB\n")}
    return {}
