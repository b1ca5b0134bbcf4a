"""Starts other programs: `run` one to its end, or let one run beside this process with `running`."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from scripts.progress import CACHE, ROOT, CannotGoOnError

Command = Sequence[str | Path]
LOGS = CACHE / "logs"
_RUN_S = 900
_LOOK_EVERY_S = 0.05
_END_S = 15.0

_REASONS = (
    (r"no space left on device|disk quota exceeded", "the disk is full", "Free 3 GB, then run it again"),
    (
        r"network is unreachable|name resolution|dns error|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|connection refused"
        r"|error sending request|failed to establish a new connection|max retries|timed? ?out|tunnel|ETIMEDOUT",
        "the package index cannot be reached",
        "Check the network, or the index and proxy that pip or npm are set to, then run it again: it goes on from here",
    ),
    (
        r"certificate|self.signed|UnknownIssuer",
        "the package index shows a certificate that is not trusted here",
        "Name your authorities: SSL_CERT_FILE for Python's packages, NODE_EXTRA_CA_CERTS for npm's",
    ),
    (r"permission denied|read-only file system", "this folder cannot be written", "Make it yours: chown"),
)


def run(what: str, command: Command, *, env: Mapping[str, str], cwd: Path = ROOT) -> str:
    """Run it to its end and return what it printed. `what` names the work and its log. Raises CannotGoOnError."""
    log = LOGS / f"{re.sub(r'[^a-z0-9]+', '-', what.lower()).strip('-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=cwd,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotGoOnError(
            f"{what}: no end after {_RUN_S // 60} minutes. Check the network, then run it again"
        ) from error
    log.write_text(done.stdout)
    if done.returncode:
        raise CannotGoOnError(f"{what}: {_reason(done.stdout)}. All it said: {log.relative_to(ROOT)}")
    return done.stdout


def _reason(output: str) -> str:
    for pattern, why, fix in _REASONS:
        if re.search(pattern, output, re.IGNORECASE):
            return f"{why}. {fix}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return (lines or ["it failed without a word"])[-1][:200].rstrip(".")


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
