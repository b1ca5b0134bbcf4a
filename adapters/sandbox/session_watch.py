"""The watch that enforces what no resource limit of the kernel covers.

Memory is counted over all processes of a session; files and sockets by what these processes hold, and by nothing that
others do. Neither a cgroup nor the right to make one is needed; where there is one (`control_groups.py`), it is a
second fence.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from adapters.sandbox.process_tree import (
    GONE,
    acting_as,
    available_bytes,
    descendants,
    is_ending,
    memory_folder,
    proportional_bytes,
    resident_bytes,
    socket_count,
    tasks,
)
from adapters.sandbox.session_limits import MB, Limits, in_words

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


WRITABLE_FOLDERS = ("mnt/data", "tmp", "dev/shm")
MAX_MAPS_BYTES = (
    16 * 1024 * 1024
)  # of text about all memory maps of a session: numpy and its like take 0.2 MB a process


class SessionUsage(Protocol):
    """What the watch asks."""

    def broken_limit(self, tree: Sequence[int], limits: Limits) -> str:
        """Return a sentence about the first limit that is broken now, else an empty string.

        `tree` is the session's processes, its first one first.
        """
        ...

    def close(self) -> None:
        """Let go of what is held. May be called twice."""
        ...


class NamespaceUsage(SessionUsage):
    """For a session with namespaces of its own: the kernel limits its memory file systems and lists its sockets."""

    def __init__(self, runner_pid: int) -> None:
        """Take hold of the folders by descriptors, while no code has run yet: nothing is opened by name later."""
        self._fds = [
            os.open(f"/proc/{runner_pid}/root/{folder}", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
            for folder in WRITABLE_FOLDERS
        ]

    @override
    def broken_limit(self, tree: Sequence[int], limits: Limits) -> str:
        usages = [os.fstatvfs(fd) for fd in self._fds]
        if any(usage.f_files - usage.f_ffree > limits.file_count for usage in usages):
            return _too_many_files(limits)
        return _too_many_sockets(limits) if socket_count(tree[0]) > limits.sockets else ""

    @override
    def close(self) -> None:
        while self._fds:
            os.close(self._fds.pop())


@dataclass(frozen=True, slots=True)
class DiskUsage(SessionUsage):
    """For a session whose folder is on a disk that it shares with everybody, in everybody's network namespace.

    Its files are counted by walking its folder; files that have no name any more, and sockets, by what its processes
    have open or mapped. The service must be allowed to see that: the filter of system calls keeps the code from hiding
    it, and keeps descriptors from being parked in a socket.
    """

    folder: Path

    @override
    def broken_limit(self, tree: Sequence[int], limits: Limits) -> str:
        count = _FileCount(limits)
        try:
            count.walk(self.folder / "data", self.folder / "tmp")
            sockets: set[int] = set()
            for pid in tree[1:]:  # the first runs no code of the model, and may not be looked into
                for task in tasks(pid):
                    sockets |= count.open_files(task)
                count.mapped_files(pid)
        except _LimitError as error:
            return str(error)
        return _too_many_sockets(limits) if len(sockets) > limits.sockets else count.broken_limit()

    @override
    def close(self) -> None:
        """Nothing is held; the session's guard removes the folder."""


class _LimitError(Exception):
    """A limit is broken; the message is the sentence."""


@dataclass(slots=True)
class _FileCount:
    """One count of a session's files, each once, however many names and descriptors it has."""

    limits: Limits
    inodes: set[int] = field(default_factory=set)
    used_bytes: int = 0
    maps_bytes: int = 0
    hidden: set[int] = field(default_factory=set)  # inodes of files that are mapped, and neither named nor open

    def walk(self, *folders: Path) -> None:
        waiting = list(folders)
        while waiting:
            try:
                # Another folder that is swapped in for one of these is counted in vain, and not for long. The count
                # before a result is accepted is exact, for then the code stands still.
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        self._add(entry.stat(follow_symlinks=False))
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(Path(entry.path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if error.errno in (errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP):
                    raise _LimitError("The code made a folder that cannot be looked into and was stopped.") from error
                raise

    def open_files(self, task: Path) -> set[int]:
        """Count the unnamed files that a task has open. Returns the inodes of its sockets."""
        sockets = set()
        try:
            for fd in os.listdir(task / "fd"):  # noqa: PTH208
                try:
                    info = os.stat(f"{task}/fd/{fd}")  # noqa: PTH116 - may be up to 16,000 times
                except GONE:
                    continue
                if stat.S_ISSOCK(info.st_mode):
                    sockets.add(info.st_ino)
                elif stat.S_ISREG(info.st_mode) and not info.st_nlink:
                    self._add(info)
        except PermissionError as error:
            if not is_ending(task):  # then it has no memory any more, and the kernel shows its files to nobody
                raise _LimitError("The code hid its open files and was stopped.") from error
        except GONE:
            pass
        return sockets

    def mapped_files(self, pid: int) -> None:
        """Note the files that live on only because a process has mapped them or runs them."""
        text, folder = b"", memory_folder(pid)
        try:
            with (folder / "maps").open("rb", buffering=0) as maps:
                text = maps.read(MAX_MAPS_BYTES - self.maps_bytes)
                while piece := maps.read(MAX_MAPS_BYTES - self.maps_bytes - len(text)):
                    text += piece
            program = (folder / "exe").stat()
            if not program.st_nlink:
                self._add(program)
        except PermissionError as error:
            if not is_ending(folder):
                raise _LimitError("The code hid its memory maps and was stopped.") from error
        except GONE:
            pass
        self.maps_bytes += len(text)
        if self.maps_bytes >= MAX_MAPS_BYTES:
            raise _LimitError("The code made too many memory maps and was stopped.")
        if b" (deleted)\n" in text:
            lines = (line.split(maxsplit=5) for line in text.splitlines() if line.endswith(b" (deleted)"))
            self.hidden |= {int(line[4]) for line in lines}

    def broken_limit(self) -> str:
        # The size of a mapped file cannot be asked for without privileges, so each counts as large as a file can be.
        hidden_bytes = len(self.hidden - self.inodes) * self.limits.data_bytes
        max_bytes = self.limits.data_bytes + self.limits.scratch_bytes
        if self.used_bytes + hidden_bytes > max_bytes:
            return f"The code wrote more than {in_words(max_bytes)} of files and was stopped."
        return ""

    def _add(self, info: os.stat_result) -> None:
        if info.st_ino in self.inodes:
            return
        self.inodes.add(info.st_ino)
        self.used_bytes += info.st_blocks * 512
        if len(self.inodes) > self.limits.file_count:
            raise _LimitError(_too_many_files(self.limits))


def _too_many_files(limits: Limits) -> str:
    return f"The code made more than {limits.file_count} files and was stopped."


def _too_many_sockets(limits: Limits) -> str:
    return f"The code opened more than {limits.sockets} sockets and was stopped."
