"""The outermost process of a session that Landlock confines, as a program of its own. Standard library only.

Three processes: this guard, an init process, and the runner. The guard and init collect orphans
(PR_SET_CHILD_SUBREAPER), so nothing that the code starts can leave the tree; both stay outside of the runner's Landlock
domain, so the code can neither signal nor trace them. Init is what the service stops between two runs. The guard is
never stopped: when init ends, or the service asks (SIGTERM) or ends, it kills what is left and removes the session's
folder.

The one argument is JSON; see `landlock.py`, which writes it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
SECCOMP_MODE_FILTER = 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULESET_VERSION, RULE_PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15
NEW_DEVICES = 1 << 6 | 1 << 11
FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights on files each version of Landlock knows
ALL_NETWORK, ALL_SCOPES = 3, 3
KILL_PERIOD_S = 0.005

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Start a session, wait for its end, clean up; exits as the runner did."""
    order = json.loads(sys.argv[1])
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != order["service"]:  # it ended before that was set
        sys.exit(1)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    heard = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    os.umask(0o022)
    folder = tempfile.mkdtemp(prefix=order["prefix"])
    try:
        make_folders(folder, order)
        init_pid = os.fork()
        if init_pid == 0:
            run_init(folder, order)
        os.write(order["info_fd"], json.dumps({"child-pid": init_pid, "folder": folder}).encode())
        let_go(order)
        exit_code = wait_for_end(init_pid, heard)
    finally:
        kill_descendants()
        remove(folder)
    os._exit(exit_code)


def make_folders(folder: str, order: dict[str, Any]) -> None:
    """Make the session's folders: `data` and `tmp` are the code's own, `lib` holds the runner."""
    os.chmod(folder, 0o711)  # noqa: S103, PTH101 - it has an unguessable name, and those inside are closed
    guest = os.path.join(folder, "lib", *order["package"])  # noqa: PTH118
    shutil.copytree(order["guest"], guest, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("data", "tmp"):
        os.mkdir(os.path.join(folder, name), 0o700)  # noqa: PTH102, PTH118
        if order["uid"] is not None:
            os.chown(os.path.join(folder, name), order["uid"], order["uid"])  # noqa: PTH118


def let_go(order: dict[str, Any]) -> None:
    """Close the pipes of the runner: the service must see their end when the runner ends."""
    null_fd = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null_fd, fd)
    for fd in (null_fd, order["event_fd"], order["info_fd"], order["filter_fd"]):
        with suppress(OSError):
            os.close(fd)


def wait_for_end(init_pid: int, heard: set[signal.Signals]) -> int:
    """Wait until init has ended or the session is to end. Returns the exit code."""
    while True:
        if signal.sigwait(heard) == signal.SIGTERM:
            return 128 + signal.SIGKILL
        with suppress(ChildProcessError):
            pid, status = os.waitpid(init_pid, os.WNOHANG)
            if pid == init_pid:
                return as_exit_code(status)


def as_exit_code(status: int) -> int:
    """Return an exit code as a shell does: 128 and the number of the signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def kill_descendants() -> None:
    """Kill until nothing is left. Orphans become children of this process, so in the end all of them are seen."""
    while True:
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(KILL_PERIOD_S)


def descendants(root_pid: int) -> list[int]:
    """Return all that came of a process, parents first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                children.setdefault(int(file.read().rpartition(b")")[2].split()[1]), []).append(int(name))
    tree = list(children.get(root_pid, ()))
    for pid in tree:
        tree.extend(children.get(pid, ()))
    return tree


def remove(folder: str) -> None:
    """Remove the folder, which may hold anything: `rm` neither follows links nor minds the depth."""
    for command in (["rm", "-rf", "--"], ["chmod", "-R", "u+rwx", "--"], ["rm", "-rf", "--"]):
        if os.path.lexists(folder):
            path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
            with suppress(OSError):
                subprocess.run([*command, folder], stderr=subprocess.DEVNULL, check=False, env=path)  # noqa: S603


def run_init(folder: str, order: dict[str, Any]) -> None:
    """Become the parent of all that the code starts; ends as the runner does. Never returns."""
    exit_code = 1
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        become(order["uid"])
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        runner_pid = os.fork()
        if runner_pid == 0:
            run_runner(folder, order)
        let_go(order)
        pid, status = 0, 0
        while pid != runner_pid:
            pid, status = os.wait()
        exit_code = as_exit_code(status)
    except OSError as error:
        os.write(2, f"{error.filename or 'init'}: {error.strerror}".encode())
    finally:
        os._exit(exit_code)


def become(uid: int | None) -> None:
    """Give up root for good. Raises OSError, e.g. where the container does not let root do so."""
    if uid is None:
        return
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"become uid {uid}") from error


def run_runner(folder: str, order: dict[str, Any]) -> None:
    """Confine this process and become the runner. Never returns."""
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.chdir(f"{folder}/data")
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        confine(folder, order)
        filter_systemcalls(os.pread(order["filter_fd"], 1 << 20, 0))
        environment = {name: value.replace("{folder}", folder) for name, value in order["environment"].items()}
        os.execve(order["command"][0], [*order["command"], f"{folder}/data"], environment)  # noqa: S606
    except OSError as error:
        os.write(2, f"{error.filename or 'Landlock'}: {error.strerror}".encode())
    finally:
        os._exit(1)


def landlock_version() -> int:
    """Return the kernel's version of Landlock, 0 where it has none."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, 0, RULESET_VERSION)))


def confine(folder: str, order: dict[str, Any]) -> None:
    """Allow the listed paths, and no network nor signals to others as far as this kernel's Landlock knows them."""
    version = landlock_version()
    if version == 0:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), "Landlock")
    handled = (1 << FS_RIGHTS.get(version, FS_RIGHTS[5])) - 1
    parts = [handled, *([ALL_NETWORK] if version >= 4 else []), *([ALL_SCOPES] if version >= 6 else [])]
    attributes = struct.pack(f"={len(parts)}Q", *parts)
    ruleset = _checked("Landlock", libc.syscall(CREATE_RULESET, attributes, len(attributes), 0))
    readable, own = EXECUTE | READ_FILE | READ_DIR, handled & ~NEW_DEVICES
    for path in (*order["readable"], f"{folder}/lib"):
        _allow(ruleset, path, readable & handled)
    for path in order["devices"]:
        _allow(ruleset, path, (READ_FILE | WRITE_FILE) & handled)
    for name in ("data", "tmp"):
        _allow(ruleset, f"{folder}/{name}", own)
    _checked("Landlock", libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:  # not every system has all of the list
        return
    if not os.path.isdir(path):  # noqa: PTH112
        rights &= ON_FILES
    rule = struct.pack("=Qi", rights, fd)
    _checked(path, libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0))
    os.close(fd)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_systemcalls(instructions: bytes) -> None:
    """Load a filter of system calls, which everything that this process becomes or starts keeps."""
    program = _Program(len(instructions) // 8, instructions)
    _checked("seccomp", libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))


def _prctl(option: int, value: int) -> None:
    _checked("prctl", libc.prctl(option, value, 0, 0, 0))


def _checked(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


if __name__ == "__main__":
    main()
