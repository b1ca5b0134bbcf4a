"""The folders that the code of a session may write to, and how much lies in them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from adapters.sandbox.limits import Limits, in_words

WRITABLE_FOLDERS = ("mnt/data", "tmp", "dev/shm")


class SessionFolders(Protocol):
    """What the watch asks."""

    def broken_limit(self, limits: Limits) -> str:
        """Return a sentence about the first limit that is broken now, else an empty string."""
        ...

    def close(self) -> None:
        """Let go of what is held. May be called twice."""
        ...


class MemoryFolders(SessionFolders):
    """Memory file systems that the kernel keeps from growing; the watch counts their files."""

    def __init__(self, runner_pid: int) -> None:
        """Take hold of the folders by descriptors, while no code has run yet: nothing is opened by name later."""
        self._fds = [
            os.open(f"/proc/{runner_pid}/root/{folder}", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
            for folder in WRITABLE_FOLDERS
        ]

    @override
    def broken_limit(self, limits: Limits) -> str:
        usages = [os.fstatvfs(fd) for fd in self._fds]
        return _too_many_files(limits) if any(u.f_files - u.f_ffree > limits.file_count for u in usages) else ""

    @override
    def close(self) -> None:
        while self._fds:
            os.close(self._fds.pop())


@dataclass(slots=True)
class DiskFolders(SessionFolders):
    """Folders on a file system of the machine, where nothing but the watch limits what the code writes."""

    path: Path
    free_bytes: int = -1  # of the file system when the session began

    def __post_init__(self) -> None:
        self.free_bytes = self._free_bytes()

    @override
    def broken_limit(self, limits: Limits) -> str:
        max_bytes = limits.data_bytes + limits.scratch_bytes
        files, used_bytes = 0, 0
        waiting = [self.path / "data", self.path / "tmp"]
        while waiting:
            try:
                # Another folder that is swapped in for one of these is counted in vain, and not for long.
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        info = entry.stat(follow_symlinks=False)
                        files, used_bytes = files + 1, used_bytes + info.st_blocks * 512
                        if files > limits.file_count:
                            return _too_many_files(limits)
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(Path(entry.path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError:
                return "The code made a folder that cannot be looked into and was stopped."
        # Files without a name are seen only by the room that they take from everybody.
        if used_bytes > max_bytes or self.free_bytes - self._free_bytes() > 2 * max_bytes:
            return f"The code wrote more than {in_words(max_bytes)} of files and was stopped."
        return ""

    @override
    def close(self) -> None:
        """Nothing is held; the session's guard removes the folder."""

    def _free_bytes(self) -> int:
        usage = os.statvfs(self.path)
        return usage.f_bfree * usage.f_frsize


def _too_many_files(limits: Limits) -> str:
    return f"The code made more than {limits.file_count} files and was stopped."
