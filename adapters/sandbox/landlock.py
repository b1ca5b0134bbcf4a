"""Isolation by Landlock and seccomp, where bubblewrap may make no namespaces, as in most containers.

It needs neither root nor namespaces. What namespaces would hide, the filter of system calls must refuse (see
`seccomp.py`); a service that is root gives each session a uid of its own. There is no private mount: the image has to
have a link from /mnt/data to /proc/self/cwd, which is each session's own folder.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from typing_extensions import override

from adapters.sandbox.bubblewrap import (
    DATA,
    DEVICES,
    ENVIRONMENT,
    GUEST_FOLDER,
    GUEST_MODULE,
    READABLE,
    TOP_FOLDERS,
    Interpreter,
    guest_limits,
    math_threads,
)
from adapters.sandbox.code_result import IsolationLevel, SandboxError
from adapters.sandbox.guest_process import GuestDescriptors, Isolation
from adapters.sandbox.landlock_guard import landlock_version
from adapters.sandbox.process_tree import task_count
from adapters.sandbox.seccomp import build_filter
from adapters.sandbox.session_limits import Limits
from adapters.sandbox.session_watch import DiskUsage, SessionUsage

GUARD = Path(__file__).parent / "landlock_guard.py"
OWN_FOLDER = "/proc/self/cwd"
FIRST_UID, UID_COUNT = 61_200, 4_000  # a range from which systemd takes short-lived users; containers leave it unused


@dataclass(frozen=True, slots=True, kw_only=True)
class Landlock(Isolation):
    """The kernel's own walls, in the process that becomes the runner."""

    interpreter: Interpreter
    mark: str
    version: int

    @classmethod
    def of_this_machine(cls, interpreter: Interpreter, mark: str) -> Landlock:
        """Return it, or raise SandboxError where the kernel or the machine lacks what it needs."""
        version = landlock_version()
        if not version:
            raise SandboxError("this kernel has no Landlock, which needs Linux 5.13 or later with landlock in `lsm=`")
        if not (Path(DATA).is_symlink() and os.readlink(DATA) == OWN_FOLDER):  # noqa: PTH115
            raise SandboxError(f"Landlock needs a link in the container's image (`ln -s {OWN_FOLDER} {DATA}`)")
        return cls(interpreter=interpreter, mark=mark, version=version)

    @property
    @override
    def name(self) -> str:
        return f"Landlock {self.version} and seccomp"

    @property
    @override
    def level(self) -> IsolationLevel:
        return IsolationLevel.LANDLOCK

    @property
    @override
    def end_signal(self) -> signal.Signals:
        return signal.SIGTERM  # the guard is the one that kills

    @override
    def system_call_filter(self) -> bytes:
        return build_filter(landlock_version=self.version)

    @override
    def usage(self, runner_pid: int, info: dict[str, Any]) -> SessionUsage:
        return DiskUsage(Path(info["folder"]))

    @override
    def command(self, limits: Limits, ends: GuestDescriptors, mark: str) -> list[str]:
        own_uid = os.geteuid() == 0
        # The kernel counts the processes of a user: of this session's own, or of the service's with all that it has.
        processes = limits.processes if own_uid else limits.processes + task_count(os.geteuid())
        places = {
            "HOME": "{folder}/tmp",
            "TMPDIR": "{folder}/tmp",
            "PYTHONPATH": "{folder}/lib",
            "MPLCONFIGDIR": "{folder}/tmp/matplotlib",
            "MATPLOTLIBRC": "{folder}/lib/adapters/sandbox/guest/matplotlibrc",
        }
        order = {
            "mark": mark,
            "service": os.getpid(),
            "uid": FIRST_UID + secrets.randbelow(UID_COUNT) if own_uid else None,
            "prefix": f"{tempfile.gettempdir()}/teamsbot-sandbox-",
            "guest": str(GUEST_FOLDER),
            "package": GUEST_MODULE.split(".")[:-1],
            "readable": [*TOP_FOLDERS, *READABLE, *map(str, self.interpreter.paths)],
            "devices": [f"/dev/{name}" for name in DEVICES],
            "environment": ENVIRONMENT | places | math_threads(),
            "event_fd": ends.event_fd,
            "info_fd": ends.info_fd,
            "filter_fd": ends.filter_fd,
            "command": [
                str(self.interpreter.executable),
                "-m",
                GUEST_MODULE,
                str(ends.event_fd),
                guest_limits(limits, processes),
            ],
        }
        return [sys.executable, "-I", "-S", str(GUARD), orjson.dumps(order).decode()]
