"""A program that runs beside this one: started, waited for until it says it is ready, ended."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.child_commands import Command
from scripts.progress import CannotGoOnError

_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running program. `told` is what it said about itself when it was ready: the first group of the pattern."""

    process: subprocess.Popen[bytes]
    told: str
    log: Path

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(errors="replace")


@contextmanager
def running(
    command: Command, *, folder: Path, env: Mapping[str, str], ready: str, start_s: float = 30, end_s: float = 15
) -> Iterator[Program]:
    """Run it in `folder` until the block ends; its output goes to a log there. Raises CannotGoOnError."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Program(process=process, told=_wait_until(ready, process, log, start_s), log=log)
    finally:
        _end(process, end_s)


def _wait_until(ready: str, process: subprocess.Popen[bytes], log: Path, deadline_s: float) -> str:
    ends_at_s = time.monotonic() + deadline_s
    while process.poll() is None and time.monotonic() < ends_at_s:
        told = re.search(ready, log.read_text(errors="replace"))
        if told:
            return told[1]
        time.sleep(_LOOK_EVERY_S)
    said = log.read_text(errors="replace").strip()
    raise CannotGoOnError(f"{log.stem} did not start: {said[-2000:] or 'it said nothing'}")


def _end(process: subprocess.Popen[bytes], deadline_s: float) -> None:
    process.terminate()
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(deadline_s)
