"""What must be visible inside the walls so that the sandbox's own Python can run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import orjson

from adapters.sandbox.errors import SandboxError

ASK = "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.base_exec_prefix]))"
ASK_DEADLINE_S = 20.0


PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
"""All of an installation that Python needs to run. The rest may be anything, even a project that is its own venv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python and the paths that belong to it: of its environment and its installation, links as they are named."""

    executable: Path
    paths: tuple[Path, ...]


async def inspect_interpreter(executable: Path) -> Interpreter:
    """Ask the interpreter where it lives. Raises SandboxError when it is missing or does not answer."""
    try:
        process = await asyncio.create_subprocess_exec(
            executable, "-I", "-c", ASK, env={}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        raise SandboxError(f"The sandbox's Python {executable} cannot be started: {error.strerror}.") from error
    try:
        answer, _ = await asyncio.wait_for(process.communicate(), ASK_DEADLINE_S)
        named = [Path(text) for text in orjson.loads(answer)]
    except (TimeoutError, orjson.JSONDecodeError) as error:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise SandboxError(f"The sandbox's Python {executable} does not answer.") from error
    return Interpreter(executable=named[0], paths=_paths(named[1:], executable))


def _paths(prefixes: list[Path], executable: Path) -> tuple[Path, ...]:
    home = executable.resolve().parent.parent  # behind every link, e.g. of a version manager
    folders = {folder for prefix in (*prefixes, home) for folder in (prefix, prefix.resolve())}
    own = (folder for folder in folders if str(folder) not in ("/usr", "/usr/local"))  # these are visible anyway
    return tuple(sorted(folder / part for folder in own for part in PARTS if (folder / part).exists()))
