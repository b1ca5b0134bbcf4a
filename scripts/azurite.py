"""Azurite, Microsoft's own stand-in for Azure Blob Storage: a test tool, fetched and never part of this project.

Unlike the other tools from npm it needs packages beside it. `pins/azurite` holds all of them to their hashes.
New versions: change package.json there, then, beside it,
`npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved`, which names no registry.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.environments import PINS
from scripts.node import Node, ensure_node, find_node
from scripts.program import Command, Program, run, running
from scripts.progress import CACHE, step

_PINS = PINS / "azurite"
_VERSION = json.loads((_PINS / "package.json").read_text())["dependencies"]["azurite"]
_HOME = CACHE / f"azurite-{_VERSION}"
_BLOBS = _HOME / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


def ensure_azurite() -> None:
    """Fetch it where it is missing. Raises CannotGoOnError."""
    if azurite_is_here():
        return
    node = ensure_node()
    with step("Fetching Azurite for the tests of Azure Blob Storage (80 MB)"):
        _fetch(node)


def azurite_is_here() -> bool:
    """Whether `running_azurite` can start it."""
    return _BLOBS.is_file() and find_node() is not None


@contextmanager
def running_azurite(node: Node, *, folder: Path, port: int = 0, options: Command = ()) -> Iterator[Program]:
    """An empty storage in memory, on loopback; `told` is its port. Raises CannotGoOnError.

    The client library speaks newer versions of the protocol than Azurite has heard of.
    """
    quiet: Command = ["--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck"]
    start: Command = [node.node, _BLOBS, *quiet, "--blobHost", "127.0.0.1", "--blobPort", str(port), *options]
    with running(start, folder=folder, env=node.environment(), ready=r"https?://127\.0\.0\.1:(\d+)") as program:
        yield program


def azurite_command(node: Node) -> Command:
    """What starts its blobs, without options. Raises CannotGoOnError where it cannot be fetched."""
    ensure_azurite()
    return [node.node, _BLOBS]


def _fetch(node: Node) -> None:
    """Whole or not at all; npm judges each package by its hash."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetching-") as name:
        folder = Path(name)
        fresh = folder / "azurite"
        shutil.copytree(_PINS, fresh)
        only: Command = ["--ignore-scripts", "--omit=dev", "--omit=optional", "--no-audit", "--no-fund"]
        how: Command = ["--cache", folder / "npm-cache", "--fetch-retries", "1", "--loglevel", "error"]
        run("fetching azurite", [*node.npm, "ci", *only, *how], env=node.environment(), cwd=fresh)
        shutil.rmtree(_HOME, ignore_errors=True)
        fresh.replace(_HOME)
