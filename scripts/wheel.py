"""Builds the wheel and lets it answer from an empty environment: `python -m scripts.wheel FOLDER`.

FOLDER is made, and keeps the wheel and its environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scripts.child_commands import run
from scripts.environments import SANDBOX
from scripts.progress import ROOT, run_story, step
from scripts.uv import PINS, install, uv
from scripts.wheel_story import answer_from


def _build(folder: Path) -> Path:
    pinned = ["--build-constraints", str(PINS / "build.txt"), "--require-hashes"]
    uv("building the wheel", "build", "--quiet", "--wheel", *pinned, "--out-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


def _install(wheel: Path, environment: Path) -> Path:
    run("making an empty environment", [sys.executable, "-m", "venv", "--without-pip", environment], env=os.environ)
    install("installing what the wheel needs", environment, ROOT / "requirements.lock")
    uv("installing the wheel", "pip", "install", "--python", environment / "bin" / "python", "--no-deps", wheel)
    return environment / "bin" / "teamsbot"


def _story() -> None:
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True)
    with step("Building the wheel"):
        wheel = _build(folder)
    with step("Installing it in an empty environment"):
        teamsbot = _install(wheel, folder / "environment")
    answer_from(teamsbot, SANDBOX / "bin" / "python", folder)


if __name__ == "__main__":
    sys.exit(run_story(_story))
