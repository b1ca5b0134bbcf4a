"""Run as root: become a process as in a container that forbids namespaces, then become another program.

`python -m tests.sandbox.in_container PATH... -- PROGRAM ARGUMENT...`. The capabilities and the refused system calls are
those of Docker's defaults; /mnt/data is the link that the image has. The named paths are made reachable for everybody.
What a real engine adds (an own root folder, masked files in /proc, a memory limit) is not here.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from adapters.sandbox import drop_root, landlock_guard, seccomp
from tests.sandbox.become import make_reachable

PR_CAPBSET_DROP = 24
DOCKER_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
FORBIDDEN = ("mount", "umount2", "pivot_root", "unshare", "setns", "move_mount", "open_tree", "fsopen", "bpf")


def main() -> None:
    split = sys.argv.index("--")
    drop_root.unshare_mounts()
    make_reachable([Path(path) for path in sys.argv[1:split]])
    drop_root.mount("tmpfs", "/mnt", "tmpfs", 0)
    Path("/mnt/data").symlink_to("/proc/self/cwd")
    for capability in set(range(41)) - DOCKER_CAPABILITIES:
        landlock_guard.libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    landlock_guard.filter_systemcalls(docker_filter())
    os.execv(sys.argv[split + 1], sys.argv[split + 1 :])  # noqa: S606


def docker_filter() -> bytes:
    machine = seccomp.MACHINES[os.uname().machine]
    program = [seccomp._op(seccomp.LOAD, seccomp.NUMBER_AT)]
    for name in FORBIDDEN:
        program += seccomp._refuse(seccomp.REFUSED[name][machine.column], errno.EPERM)
    program += seccomp._refuse(seccomp.ABSENT["clone3"][machine.column], errno.ENOSYS)
    no_new_namespace = [
        seccomp._argument(0),
        seccomp._op(seccomp.JUMP_ANY_BIT, seccomp.NEW_NAMESPACE_FLAGS, if_false=1),
        seccomp._op(seccomp.RETURN, seccomp.REFUSE | errno.EPERM),
        seccomp._op(seccomp.RETURN, seccomp.ALLOW),
    ]
    program += seccomp._when(seccomp.CLONE, machine, no_new_namespace)
    return b"".join([*program, seccomp._op(seccomp.RETURN, seccomp.ALLOW)])


if __name__ == "__main__":
    main()
