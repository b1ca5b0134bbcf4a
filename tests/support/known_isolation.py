"""What each start of the service finds out about its machine, found out once for all bots of a run of tests.

A start probes its isolation and has matplotlib list the fonts: a second of processor time together, with the same
outcome each time, and tests start hundreds of bots. An isolation that did not hold is never kept. `tests/sandbox` tries
the probes themselves, and programs that are started by the command line make them as ever.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.sandbox import sandbox
from adapters.sandbox.bubblewrap import Bubblewrap
from adapters.sandbox.code_result import IsolationLevel
from adapters.sandbox.guest_process import Isolation
from adapters.sandbox.isolation import IsolationResult, select_isolation
from adapters.sandbox.landlock import Landlock
from adapters.sandbox.session_limits import Limits

_prepare_fonts = sandbox.Sandbox._prepare_fonts
folder: Path | None = None
"""Where it is kept; None until `keep_findings` was called."""


def keep_findings(in_folder: Path) -> None:
    """From now on a sandbox that is opened in this process, or in one forked from it, knows what earlier ones found."""
    global folder  # noqa: PLW0603 - the process has one machine
    folder = in_folder
    sandbox.select_isolation = _known_isolation  # type: ignore[attr-defined]
    sandbox.Sandbox._prepare_fonts = _known_fonts  # type: ignore[method-assign]


async def _known_isolation(
    python: Path, limits: Limits, bwrap: Path | None, mark: str, at_least: IsolationLevel = IsolationLevel.LANDLOCK
) -> IsolationResult:
    file = _file("isolation", python, limits, bwrap, at_least)
    known = _read(file)
    if isinstance(known, (Bubblewrap, Landlock)):
        return IsolationResult(isolation=replace(known, mark=mark))
    found = await select_isolation(python, limits, bwrap, mark, at_least)
    if found.isolation is not None:
        _write(file, found.isolation)
    return found


async def _known_fonts(self: sandbox.Sandbox, isolation: Isolation) -> None:
    file = _file("fonts", self._settings.python, isolation.name)
    known = _read(file)
    if known is not None:
        self._fonts = known
        return
    await _prepare_fonts(self, isolation)
    if self._fonts:
        _write(file, self._fonts)


def _file(kind: str, *asked: object) -> Path:
    assert folder is not None
    return folder / f"{kind}-{hashlib.sha256(repr((os.geteuid(), *asked)).encode()).hexdigest()}"


def _read(file: Path) -> Any:
    return pickle.loads(file.read_bytes()) if file.exists() else None  # noqa: S301 - our own, in our own folder


def _write(file: Path, found: object) -> None:
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(pickle.dumps(found))
    fresh.replace(file)  # in one move: a bot may be killed at any moment
