"""`teamsbot` without its second of imports: one process has made them, and forks a child for each start.

The child is what a start by the command line is: the same code in a process of its own, with the environment, folder
and log that it is given; it can be killed, and its exit code is its own. The process of the imports is started as
`python -m tests.support.preloaded_service FD FINDINGS` and ends with the tests, which hold the other end of the socket
FD; FINDINGS is the folder of known_isolation.py.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

from scripts.program import Command
from tests.support import known_isolation

_ROOT = Path(__file__).parents[2]
READ_AT_IMPORT = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR"})
"""What libraries take from the environment when they are imported (aiohttp makes its TLS context then)."""

_lock = threading.Lock()
_requests: socket.socket | None = None


class ForkedProcess:
    """As much of `subprocess.Popen` as tests of a bot need."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self._status = status
        self._returncode: int | None = None

    @property
    def returncode(self) -> int | None:
        """As of this moment; negative where a signal ended it."""
        if self._returncode is None:
            try:
                told = os.read(self._status, 16)
            except BlockingIOError:
                return None
            os.close(self._status)
            self._returncode = os.waitstatus_to_exitcode(int(told))
        return self._returncode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self._status], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("teamsbot", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_preloaded(command: Command, folder: Path, env: Mapping[str, str], log: BinaryIO) -> ForkedProcess:
    """Run `teamsbot` with the arguments of the command, in a folder, with an environment and an open log."""
    with Path(os.devnull).open("rb") as nothing:
        return _fork(command, folder, env, (nothing, log, log))


async def run_preloaded(
    command: Command, *, folder: Path, env: Mapping[str, str], typed: bytes
) -> tuple[int, bytes, bytes]:
    """Run `teamsbot` to its end with this input; its exit code, its output and its errors."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as errors:
        given.write(typed)
        given.seek(0)
        process = await asyncio.to_thread(_fork, command, folder, env, (given, out, errors))
        try:
            while (code := process.returncode) is None:
                await asyncio.sleep(0.005)
        finally:
            process.kill()
        for each in (out, errors):
            each.seek(0)
        return code, out.read(), errors.read()


def _fork(command: Command, folder: Path, env: Mapping[str, str], files: Iterable[IO[bytes]]) -> ForkedProcess:
    """`files` become its standard input, output and errors."""
    global _requests  # noqa: PLW0603 - one for all tests of this process
    assert not READ_AT_IMPORT & env.keys(), "this start has to make its own imports"
    arguments = [str(word) for word in command]
    request = json.dumps({"arguments": arguments, "env": dict(env), "folder": str(folder)}).encode()
    status, told = os.pipe()
    os.set_blocking(status, False)
    with _lock:
        _requests = _requests or _start()
        socket.send_fds(_requests, [request], [*(file.fileno() for file in files), told])
        os.close(told)
        pid = _requests.recv(16)
    assert pid, "the preloaded service has ended; its error is above"
    return ForkedProcess(int(pid), status)


def _start() -> socket.socket:
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.preloaded_service", str(its.fileno()), str(known_isolation.folder)],
            pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=_ROOT,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )  # fmt: skip

    def end() -> None:
        mine.close()  # which it reads as the end
        process.wait(30)

    atexit.register(end)
    return mine


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork for each request. Returns in the child, with what it is to be; None once there are no more requests."""
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    statuses: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            _tell_ends(statuses)
        if requests in ready:
            request, files, _, _ = socket.recv_fds(requests, 1 << 16, 4)
            if not request:
                return None
            *standard, status = files
            pid = os.fork()
            if pid == 0:
                for each in (requests, ended, wake):
                    each.detach()  # so that nothing of the service is closed in their name
                _settle(standard)
                return dict(json.loads(request))
            statuses[pid] = status
            for file in standard:
                os.close(file)
            requests.send(str(pid).encode())


def _settle(standard: list[int]) -> None:
    """Have nothing of the parent in a child but these files, as its standard input, output and errors."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(standard):
        os.dup2(file, number)
    os.closerange(3, 256)


def _tell_ends(statuses: dict[int, int]) -> None:
    while statuses:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        os.write(statuses[pid], str(status).encode())
        os.close(statuses.pop(pid))


def main() -> None:
    """Import what `teamsbot serve` imports, and become it in each child."""
    import service.server  # noqa: F401
    from service.cli import main as teamsbot

    known_isolation.keep_findings(Path(sys.argv[2]))
    gc.collect()
    gc.freeze()
    start = _serve(socket.socket(fileno=int(sys.argv[1])))
    if start is None:
        os._exit(0)
    os.chdir(start["folder"])
    os.environ.clear()
    os.environ.update(start["env"])
    sys.argv = start["arguments"]
    sys.orig_argv = [sys.executable, *sys.argv]  # what the chat page's restart runs
    teamsbot()


if __name__ == "__main__":
    main()
