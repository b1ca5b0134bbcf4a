"""Makes the two environments: `python -m scripts.environments run|test`, or for an image `packages`, then `image`.

`python -m scripts.environments lock` writes the lock files that they are made from.

`.venv` holds the service, `.sandbox` what model-written code may import. A stamp in each says what it was made from, so
a later start finds nothing to do; an environment without one, or from another Python or folder, is made anew.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.program import Command, run
from scripts.progress import CACHE, ROOT, alone, run_story, step

PINS = ROOT / "scripts" / "pins"
VENV = ROOT / ".venv"
SANDBOX = ROOT / ".sandbox"
_STAMPS = ".stamps"
_WORDS = {
    "requirements.lock": "the service's packages",
    "requirements-dev.lock": "the service's packages and those of the tests",
}
_EXPORT = ("export", "--quiet", "--no-header", "--no-emit-project", "--no-annotate")
_LOCKS = {
    "requirements.lock": (),
    "requirements-dev.lock": ("--group", "dev", "--group", "test"),
    "sandbox.lock": ("--only-group", "sandbox"),
}
# Where packages come from is what pip was told, so that one setting serves both installers.
_OF_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


def prepare(lock_name: str, *, project: bool = True) -> None:
    """Bring both environments to what the locks say: `requirements.lock` to run, `requirements-dev.lock` to test."""
    with alone():
        _make(VENV, "the service's environment", PINS / "uv.txt")
        _install(VENV, ROOT / lock_name, _WORDS[lock_name])
        if project:
            _install_project()
        _make(SANDBOX, "the sandbox's environment", None)
        _install(SANDBOX, ROOT / "sandbox.lock", "the sandbox's packages (numpy, pandas, matplotlib and others)")
        _list_fonts()


def finish_image() -> None:
    """Put teamsbot itself into the environment that `packages` made, and take the installers out of it."""
    with alone(), step("Installing teamsbot itself"):
        pinned: Command = ["--build-constraints", PINS / "build.txt", "--require-build-hashes"]
        python = VENV / "bin" / "python"
        uv("installing teamsbot", "pip", "install", "--python", python, "--no-deps", *pinned, ROOT)
        run("compiling teamsbot", [python, "-m", "compileall", "-q", VENV / "lib"], env=os.environ)
        run("removing installers", [python, "-m", "pip", "uninstall", "--yes", "--quiet", "uv", "pip"], env=os.environ)


def lock() -> None:
    """Choose the newest versions that pyproject.toml allows, and write them down with their hashes.

    uv's own lock names a registry in every entry, so it stays out of the repository; what is exported names none.
    """
    with alone(), step("Choosing versions"):
        uv("choosing versions", "lock", "--upgrade")
        for name, groups in _LOCKS.items():
            uv(f"writing {name}", *_EXPORT, *groups, "--output-file", ROOT / name)


def uv(what: str, *arguments: str | Path) -> None:
    """Run uv to its end. Raises CannotGoOnError."""
    run(what, [VENV / "bin" / "uv", *arguments], env=_environment())


def install(what: str, environment: Path, pinned: Path, *more: str | Path) -> None:
    """Install what a file pins by hash. Raises CannotGoOnError."""
    python = environment / "bin" / "python"
    uv(what, "pip", "install", "--python", python, "--require-hashes", "-r", pinned, *more)


def _make(environment: Path, words: str, pip_installs: Path | None) -> None:
    made_from = f"{sys.version_info[:2]} {sys.base_prefix} {environment}"
    if _stamped(environment, "made", made_from) and (environment / "bin" / "python").exists():
        return
    with step(f"Making {words}"):
        options = [] if pip_installs else ["--without-pip"]
        run(f"making {words}", [_base_python(), "-m", "venv", "--clear", *options, environment], env=os.environ)
        if pip_installs:
            pip: Command = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--retries", "1"]
            run("installing uv", [*pip, "--require-hashes", "-r", pip_installs], env=os.environ)
    _stamp(environment, "made", made_from)


def _base_python() -> Path:
    """The installation behind this Python, which may itself be of the environment that is made anew.

    With no links on the way: inside the sandbox's walls a folder of links is not there.
    """
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _install(environment: Path, lock: Path, words: str) -> None:
    if _stamped(environment, lock.name, lock.read_text()):
        return
    with step(f"Installing {words}"):
        install(f"installing {lock.name}", environment, lock, "--compile-bytecode")
    _stamp(environment, lock.name, lock.read_text())


def _install_project() -> None:
    made_from = (ROOT / "pyproject.toml").read_text()
    if _stamped(VENV, "project", made_from):
        return
    with step("Installing teamsbot itself"):
        pinned: Command = ["--build-constraints", PINS / "build.txt", "--require-build-hashes"]
        where: Command = ["--python", VENV / "bin" / "python"]
        uv("installing teamsbot", "pip", "install", *where, "--no-deps", *pinned, "-e", ROOT)
    _stamp(VENV, "project", made_from)


def _list_fonts() -> None:
    made_from = (ROOT / "sandbox.lock").read_text()
    if _stamped(SANDBOX, "fonts", made_from):
        return
    with step("Listing the fonts for plots"):
        run(
            "listing the fonts",
            [SANDBOX / "bin" / "python", "-c", "import matplotlib.font_manager"],
            env={"PATH": os.defpath, "MPLCONFIGDIR": str(SANDBOX / "share" / "matplotlib")},
        )
    _stamp(SANDBOX, "fonts", made_from)


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


def _stamped(environment: Path, name: str, made_from: str) -> bool:
    stamp = environment / _STAMPS / name
    return stamp.is_file() and stamp.read_text() == _digest(made_from)


def _stamp(environment: Path, name: str, made_from: str) -> None:
    (environment / _STAMPS).mkdir(exist_ok=True)
    (environment / _STAMPS / name).write_text(_digest(made_from))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    stories: dict[str, Callable[[], None]] = {
        "run": partial(prepare, "requirements.lock"),
        "test": partial(prepare, "requirements-dev.lock"),
        "packages": partial(prepare, "requirements.lock", project=False),
        "image": finish_image,
        "lock": lock,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in stories:
        sys.exit(f"Usage: python -m scripts.environments {'|'.join(stories)}")
    sys.exit(run_story(stories[sys.argv[1]]))
