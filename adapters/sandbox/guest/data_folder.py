"""The files of a session in /mnt/data: writing those handed in, finding those the code made or changed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NewType

Signature = NewType("Signature", tuple[int, int, int, int])
"""Inode, size and times in nanoseconds: changes whenever the file's bytes may have changed."""

Content = NewType("Content", tuple[int, int, int])
"""Inode, size and time of the last write: stays when a file is renamed, and changes when it is written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A new or changed file; `body` is None where it is too big to hand over."""

    path: str
    name: str  # with folders joined by "-"; always valid Unicode
    size_bytes: int
    content: Content
    body: bytes | None


class DataFolder:
    """Knows which files the service has seen already."""

    def __init__(self, path: str, *, depth: int = 16, max_entries: int = 5_000, max_bytes: int | None = None) -> None:
        """`max_bytes` limits what is handed in, where the file system does not."""
        self._max_bytes = max_bytes
        self._path = path
        self._depth = depth
        self._max_entries = max_entries
        self._seen: dict[str, Signature] = {}

    def put(self, name: str, body: bytes) -> None:
        """Write a file that was handed in. Raises OSError, e.g. when the disk is full."""
        if self._max_bytes is not None:
            used_bytes = sum(info.st_blocks * 512 for _, info in self._entries())
            if used_bytes + len(body) > self._max_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path = os.path.join(self._path, name)  # noqa: PTH118
        if os.path.lexists(path):
            os.unlink(path)  # noqa: PTH108 - a link of that name is replaced, never followed
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(fd, "wb") as file:
            file.write(body)
        self._seen[path] = _signature(os.stat(path, follow_symlinks=False))  # noqa: PTH116

    def place(self, uploaded: str, name: str) -> None:
        """Give a file that was handed in by another way its name. Raises OSError."""
        path = os.path.join(self._path, name)  # noqa: PTH118
        if uploaded != path:
            os.replace(uploaded, path)  # noqa: PTH105
        self._seen[path] = _signature(os.stat(path, follow_symlinks=False))  # noqa: PTH116

    def take_changes(self, *, max_bytes: int) -> Iterator[FoundFile]:
        """Yield what is new or changed since the last call, oldest first; at most `max_bytes` bytes in all."""
        now = {path: info for path, info in self._entries() if stat.S_ISREG(info.st_mode)}
        changed = [path for path, info in now.items() if self._seen.get(path) != _signature(info)]
        self._seen = {path: _signature(info) for path, info in now.items()}
        for path in sorted(changed, key=lambda path: now[path].st_mtime_ns):
            found = self._read(path, max_bytes=max_bytes)
            if found is not None:
                max_bytes -= len(found.body or b"")
                yield found

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        folders = [(self._path, 0)]
        count = 0
        while folders:
            folder, depth = folders.pop()
            try:
                entries = list(os.scandir(folder))
            except OSError:  # removed or locked by the code itself
                continue
            for entry in entries:
                count += 1
                if count > self._max_entries:
                    return
                if entry.name.startswith((".", "__pycache__")):
                    continue
                if entry.is_dir(follow_symlinks=False) and depth < self._depth:
                    folders.append((entry.path, depth + 1))
                try:
                    yield entry.path, entry.stat(follow_symlinks=False)
                except OSError:
                    continue

    @staticmethod
    def _opened(path: str) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            return os.open(path, flags)
        except PermissionError:  # its own mode hides it, as after copying one from an archive
            os.chmod(path, 0o600)  # noqa: PTH101
            return os.open(path, flags)

    def _read(self, path: str, *, max_bytes: int) -> FoundFile | None:
        try:
            fd = self._opened(path)
        except OSError:
            return None
        with os.fdopen(fd, "rb") as file:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                return None
            try:
                # A buffer of that size is made before anything is read.
                body = file.read(min(info.st_size, max_bytes) + 1)
                fits = len(body) <= max_bytes
            except MemoryError:  # the code left too little
                body, fits = b"", False
        name = os.fsencode(os.path.relpath(path, self._path)).decode("utf-8", "replace").replace("/", "-")
        content = content_of(info)
        return FoundFile(path=path, name=name, size_bytes=info.st_size, content=content, body=body if fits else None)


def content_of(info: os.stat_result) -> Content:
    """What tells whether a file still holds what was written to it."""
    return Content((info.st_ino, info.st_size, info.st_mtime_ns))


def _signature(info: os.stat_result) -> Signature:
    return Signature((info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns))
