"""What a session takes of files and sockets, counted by what its own processes hold and by nothing that others do."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from adapters.sandbox.process_tree import GONE, is_ending, memory_folder, socket_count, tasks
from adapters.sandbox.session_limits import Limits, in_words

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
