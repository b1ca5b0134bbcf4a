"""Tells a folder that lies on another machine, where SQLite's locks and syncs cannot be relied upon.

https://www.sqlite.org/useovernet.html
"""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_KINDS = frozenset(
    # A program's own file system without a subtype is one, such as blobfuse2's; those of local disks are "fuseblk".
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
)


def network_disk(path: Path, *, mounts: Path = _MOUNTS) -> str | None:
    """The kind of network file system that a path lies on; None if it is a local one, or nobody can tell."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # no Linux
        return None
    points = [(_mount_point(line), line) for line in lines]
    inside = [(len(point.parts), line) for point, line in points if path.resolve().is_relative_to(point)]
    _, line = max(reversed(inside), key=lambda each: each[0], default=(0, ""))  # a later mount hides an earlier one
    kind = line.partition(" - ")[2].partition(" ")[0]
    return kind if kind in _KINDS or kind.startswith("fuse.") else None


def _mount_point(line: str) -> Path:
    """The fifth field, a space in it as octal: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html."""
    return Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split(" ")[4]))
