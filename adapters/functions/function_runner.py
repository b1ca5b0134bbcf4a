"""Runs foreign code in a process below this one, and leaves nothing of it alive.

Started as `python -I -m adapters.functions.function_runner`. Standard input brings the request, one line of JSON, and
stays open for as long as the bot wants the work: when it closes, because the bot gave up or died, everything ends.
Standard output brings what the worker says, lines of JSON, and then a last line of this process: {"end": ...}.

Standard library only, so that little is copied when the worker is forked.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER: Final = 36
_LOOK_S: Final = 0.1  # between looks at a worker whose pipe is held open by a process that it left behind
_SWEEP_S: Final = 2.0
_CHUNK_BYTES: Final = 65_536


def main() -> None:
    """Do what the request says, and end."""
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the bot, which closes the pipe when it stops
        signal.signal(number, signal.SIG_IGN)
    request = json.loads(sys.stdin.buffer.readline())
    # Orphans of the worker become children of this process, wherever they moved to, so that they are found.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with suppress(OSError):  # when the machine runs out of memory, the kernel is to end this and not the bot
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    reading, writing = os.pipe()
    this = os.getpid()
    worker = os.fork()
    if worker == 0:
        os.close(reading)
        _work(request, writing, parent=this)
    os.close(writing)
    end = "killed"
    try:
        end = _relay(reading, worker, limit_bytes=request["limit_bytes"])
    finally:
        _sweep(worker)
    _write(sys.stdout.fileno(), {"end": end})


def _relay(reading: int, worker: int, *, limit_bytes: int) -> str:
    """Pass on what the worker says until it ends, says too much or is not wanted any more; which of these it was."""
    said_bytes, status = 0, None
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(reading, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select(0 if status is not None else _LOOK_S)}
            if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), _CHUNK_BYTES):
                return "not wanted"
            if reading in ready:
                data = os.read(reading, _CHUNK_BYTES)
                said_bytes += len(data)
                if said_bytes > limit_bytes:
                    return "said too much"
                if data:
                    _write_all(sys.stdout.fileno(), data)
                    continue
            if status is None:
                ended, status = os.waitpid(worker, 0 if reading in ready else os.WNOHANG)
                status = status if ended else None
            if status is not None and (reading in ready or not ready):
                return _in_words(status)


def _in_words(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return "done" if os.WEXITSTATUS(status) == 0 else f"exit code {os.WEXITSTATUS(status)}"


def _work(request: Mapping[str, Any], writing: int, *, parent: int) -> NoReturn:
    """Be the worker. Never returns: neither do threads and exit handlers of foreign code."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2 if request.get("shows_output") else nowhere, 1)  # what functions print is for no answer
    worker = os.getpid()

    def say(line: Mapping[str, Any]) -> None:
        if os.getpid() != worker:  # a copy that foreign code forked and let return
            os._exit(1)
        _write(writing, line)

    try:
        from adapters.functions.function_worker import work

        work(request, say)
    except BaseException:
        if request.get("shows_output"):
            raise
        os._exit(1)
    with suppress(OSError, ValueError, AttributeError):  # a stream that foreign code closed
        sys.stdout.flush()
    os._exit(0)


def _sweep(worker: int) -> None:
    """Kill the worker's group and every process that comes from it, and wait for them."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)
    give_up_at = time.monotonic() + _SWEEP_S
    while time.monotonic() < give_up_at:
        # Killed children leave their own to this process, so that the next round finds those.
        for pid in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def _children() -> list[int]:
    this = os.getpid()
    with suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/self/task/{this}/children").read_text(encoding="ascii").split()]
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):  # a kernel without lists of children
        with suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == this:
                found.append(int(stat.parent.name))
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _write(fd: int, line: Mapping[str, Any]) -> None:
    _write_all(fd, json.dumps(line).encode() + b"\n")


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


if __name__ == "__main__":
    main()
