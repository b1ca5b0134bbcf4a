"""Run as root, on its own: become an unused uid, then become bubblewrap. Standard library only.

bubblewrap started by real root is no sandbox: its guest keeps kernel uid 0 and can write to /proc/sys. The unused uid
in turn cannot pass folders such as /root, so what bubblewrap must show to the guest is first bound to public paths, in
a mount namespace of this process alone. Nothing of it is seen outside or stays behind.

The one argument is JSON: {"uid": 65521, "stage": [[source, staged path], ...], "command": [...]}.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 4096, 16384, 1 << 19
STAGE_PARENT = "/tmp"  # noqa: S108 - covered by a file system of our own

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Do it, or exit with 1 and one line on standard error."""
    order = json.loads(sys.argv[1])
    os.umask(0o022)
    try:
        if order["stage"]:
            stage(order["stage"])
        drop_to(order["uid"])
        os.execve(order["command"][0], order["command"], {})  # noqa: S606
    except OSError as error:
        sys.exit(f"as root: {error.filename}: {error.strerror}")


def stage(pairs: list[list[str]]) -> None:
    """Bind every source to its staged path. Raises OSError, e.g. where root has no CAP_SYS_ADMIN."""
    unshare_mounts()
    opened = [(os.open(source, os.O_PATH), staged) for source, staged in pairs]
    mount("tmpfs", STAGE_PARENT, "tmpfs", MS_NOSUID | MS_NODEV)
    for fd, staged in opened:
        source = f"/proc/self/fd/{fd}"
        os.makedirs(os.path.dirname(staged), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
        if os.path.isdir(source):  # noqa: PTH112
            os.mkdir(staged)  # noqa: PTH102
        else:
            os.close(os.open(staged, os.O_CREAT | os.O_WRONLY, 0o755))
        mount(source, staged, None, MS_BIND | MS_REC)
        os.close(fd)


def unshare_mounts() -> None:
    """From here on, what this process mounts is seen by it and its children only."""
    _checked("unshare", libc.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_SLAVE)


def drop_to(uid: int) -> None:
    """Give up root for good. Raises OSError, e.g. where this uid does not exist in the container."""
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"become uid {uid}") from error
    os.chdir("/")


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    """Mount. Raises OSError."""
    done = libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), None)
    _checked(f"mount {target}", done)


def _checked(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main()
