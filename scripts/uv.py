"""uv, the installer: where packages come from is what pip was told, so one setting serves both."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.child_commands import run
from scripts.progress import CACHE, ROOT

PINS = ROOT / "scripts" / "pins"
VENV = ROOT / ".venv"
_OF_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


def uv(what: str, *arguments: str | Path) -> None:
    """Run uv to its end. Raises CannotGoOnError."""
    run(what, [VENV / "bin" / "uv", *arguments], env=_environment())


def install(what: str, environment: Path, pinned: Path, *more: str | Path) -> None:
    """Install what a file pins by hash. Raises CannotGoOnError."""
    python = environment / "bin" / "python"
    uv(what, "pip", "install", "--python", python, "--require-hashes", "-r", pinned, *more)


def _environment() -> dict[str, str]:
    defaults = {
        "UV_CACHE_DIR": str(CACHE / "uv"),  # beside the environments, so that files are linked and not copied
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        **_told_to_pip(),
    }
    return defaults | os.environ


def _told_to_pip() -> dict[str, str]:
    told = {}
    for line in run(
        "asking pip", [VENV / "bin" / "python", "-m", "pip", "config", "list"], env=os.environ
    ).splitlines():
        key, _, value = line.partition("=")
        name = _OF_UV.get(key.rpartition(".")[2])  # keys are global.cert, install.cert, :env:.cert
        if name:
            told[name] = value.strip("'")
    return told
