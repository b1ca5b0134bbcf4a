"""The runner in a session of Azure Container Apps: the same notebook, figures and files as on a machine of one's own.

It arrives with the first code of a session. Each piece of code after that is one call of `run`, whose results lie in
one file of /mnt/data until the service has fetched them: the events of `runner.py`, with the output before them.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from adapters.sandbox.guest.runner import DATA, Command, Runner, ServicePipes

RESULT = "teamsbot-result"
"""The file in /mnt/data; code does not see it."""


class RemoteRunner:
    """What this session runs code with."""

    def __init__(self, limits: Mapping[str, int], folder: str = DATA) -> None:
        self._folder = Path(folder)
        self._limits = limits
        self._events = io.BytesIO()
        self._folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        sys.path.append(folder)
        os.environ["MPLBACKEND"] = "module://adapters.sandbox.guest.mpl_backend"
        os.environ["MATPLOTLIBRC"] = str(Path(__file__).with_name("matplotlibrc"))
        if "matplotlib" in sys.modules:  # the session's kernel has one set up in its own way
            sys.modules["matplotlib"].rc_file(os.environ["MATPLOTLIBRC"])
            sys.modules["matplotlib"].use(os.environ["MPLBACKEND"], force=True)
        self._runner = Runner(ServicePipes(commands=io.BytesIO(), events=self._events), limits, folder)

    def run(self, source: str, *, number: int, deadline_s: float, placed: Sequence[tuple[str, str]]) -> None:
        """Run code, interrupt it at its deadline, and lay its results down.

        `placed`: files that were uploaded since the last run, each with the name that it is to have.
        """
        result = self._folder / RESULT
        result.unlink(missing_ok=True)
        for uploaded, name in placed:
            with suppress(OSError):
                self._runner.place(str(self._folder / uploaded), name)
        self._events.seek(0)
        self._events.truncate()
        with tempfile.TemporaryFile() as output:
            with _output_to(output), _no_running_loop(), _interrupted_after(deadline_s):
                self._runner.run(Command(do="run", number=number, name="", body=source.encode("utf-8", "replace")))
            logs = _beginning_and_end(output, self._limits["log_bytes"])
        # Written elsewhere first: while it is there, it is whole.
        fd, path = tempfile.mkstemp()
        with os.fdopen(fd, "wb") as file:
            file.write(json.dumps({"event": "output", "size_bytes": len(logs)}).encode("ascii") + b"\n" + logs)
            file.write(self._events.getvalue())
        os.chmod(path, 0o644)  # noqa: PTH101 - another user may serve the files
        shutil.move(path, result)


@contextmanager
def _output_to(output: BinaryIO) -> Iterator[None]:
    """Send what the code and all its programs print to a file, in order."""
    kept = [os.dup(fd) for fd in (1, 2)]
    streams = sys.stdout, sys.stderr
    for fd in (1, 2):
        os.dup2(output.fileno(), fd)
    options: dict[str, Any] = {"mode": "w", "encoding": "utf-8", "errors": "backslashreplace", "buffering": 1}
    sys.stdout, sys.stderr = (open(fd, closefd=False, **options) for fd in (1, 2))  # noqa: SIM115
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # the code has replaced or closed it
                stream.flush()
        sys.stdout, sys.stderr = streams
        for fd, own in zip((1, 2), kept, strict=True):
            os.dup2(own, fd)
            os.close(own)


@contextmanager
def _no_running_loop() -> Iterator[None]:
    """Let code use `asyncio.run` and `await`, although the session's kernel runs it inside of its own loop."""
    events: Any = asyncio.events
    loop = events._get_running_loop()  # noqa: SLF001 - asyncio has no public way to step out of a loop
    events._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        events._set_running_loop(loop)  # noqa: SLF001


@contextmanager
def _interrupted_after(deadline_s: float) -> Iterator[None]:
    """Interrupt the code as Ctrl-C does. Variables are kept, which a kernel that is restarted would lose."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM)}
    interrupt: Callable[..., None] = lambda *_: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, deadline_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _beginning_and_end(output: BinaryIO, max_bytes: int) -> bytes:
    size_bytes = output.seek(0, os.SEEK_END)
    output.seek(0)
    if size_bytes <= max_bytes:
        return output.read()
    half = max_bytes // 2
    beginning = output.read(half)
    output.seek(size_bytes - half)
    return beginning + f"\n[{size_bytes - 2 * half} bytes left out]\n".encode() + output.read(half)


session = ""
"""What the service calls this session. One that it does not know has started anew, without variables and files."""

_runner: RemoteRunner | None = None


def open_session(name: str, limits: Mapping[str, int]) -> None:
    """Begin, or go on with what an earlier process of the service left here."""
    global session, _runner  # noqa: PLW0603 - one runner for a session, as there is one notebook
    session = name
    _runner = _runner or RemoteRunner(limits)


def run(source: str, *, number: int, deadline_s: float, placed: Sequence[tuple[str, str]]) -> None:
    """Run code in the session that is open."""
    if _runner is not None:
        _runner.run(source, number=number, deadline_s=deadline_s, placed=placed)
