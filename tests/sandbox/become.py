"""Run as root: become a plain user for whom the named paths are reachable, then become another program.

`python become.py UID PATH... -- PROGRAM ARGUMENT...`. A path below a folder that the user may not pass, such as /root,
is shown at the same place in a mount namespace of this process alone. Standard library only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from adapters.sandbox import drop_root


def main() -> None:
    uid, *rest = sys.argv[1:]
    split = rest.index("--")
    make_reachable([Path(path) for path in rest[:split]])
    drop_root.drop_to(int(uid))
    os.environ["HOME"] = "/nonexistent"
    os.execv(rest[split + 1], rest[split + 1 :])  # noqa: S606


def make_reachable(paths: list[Path]) -> None:
    hidden = {path: wall for path in paths if (wall := closed_ancestor(path)) is not None}
    if not hidden:
        return
    drop_root.unshare_mounts()
    opened = {path: os.open(path, os.O_PATH) for path in hidden}
    for wall in set(hidden.values()):
        drop_root.mount("tmpfs", str(wall), "tmpfs", 0)
        wall.chmod(0o755)
    for path, fd in opened.items():
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        drop_root.mount(f"/proc/self/fd/{fd}", str(path), None, drop_root.MS_BIND | drop_root.MS_REC)
        os.close(fd)


def closed_ancestor(path: Path) -> Path | None:
    """The topmost folder above the path that others may not pass."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)


if __name__ == "__main__":
    main()
