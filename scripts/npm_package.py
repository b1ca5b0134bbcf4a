"""One file from npm, held to the hash in `pins/npm.json`, unpacked into the cache in one move.

New versions: `npm view NAME@VERSION dist.integrity` prints the hash for the pin.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.child_commands import Command, run
from scripts.node import Node
from scripts.progress import CACHE, CannotGoOnError
from scripts.uv import PINS


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
