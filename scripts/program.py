"""A program that runs beside this one: started, waited for until it says it is ready, ended."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from scripts.child_commands import Command
from scripts.progress import CannotGoOnError

_LOOK_EVERY_S = 0.05
_END_S = 15.0


class Process(Protocol):
    """As much of `subprocess.Popen` as a running program needs."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it runs."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


Start = Callable[[Command, Path, Mapping[str, str], BinaryIO], Process]
"""Starts a command in a folder, with an environment and an open log."""


def _start(command: Command, folder: Path, env: Mapping[str, str], log: BinaryIO) -> Process:
    return subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running program. `told` is what it said about itself when it was ready: the first group of the pattern."""

    process: Process
    told: str
    log: Path

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(errors="replace")


@contextmanager
def running(
    command: Command,
    *,
    folder: Path,
    env: Mapping[str, str],
    ready: str,
    start_s: float = 30,
    start: Start = _start,
) -> Iterator[Program]:
    """Run it in `folder` until the block ends; its output goes to a log there. Raises CannotGoOnError."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = start(command, folder, env, output)
    try:
        yield Program(process=process, told=_wait_until(ready, process, log, start_s), log=log)
    finally:
        _end(process)


def _wait_until(ready: str, process: Process, log: Path, deadline_s: float) -> str:
    ends_at_s = time.monotonic() + deadline_s
    while process.poll() is None and time.monotonic() < ends_at_s:
        told = re.search(ready, log.read_text(errors="replace"))
        if told:
            return told[1]
        time.sleep(_LOOK_EVERY_S)
    said = log.read_text(errors="replace").strip()
    raise CannotGoOnError(f"{log.stem} did not start: {said[-2000:] or 'it said nothing'}")


def _end(process: Process) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_END_S)
