"""Servers of the Responses protocol that nobody here wrote: test tools, fetched and never part of this project.

Microsoft's own, which runs agents in Foundry's containers (`azure-ai-agentserver-responses`, MIT), and Steady, a mock
that holds each request against OpenAI's public description (MIT). New versions: `uv pip compile --universal
--generate-hashes` writes `pins/agent-server.txt`; `scripts.node` says how to pin Steady.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.environments import PINS, VENV, install
from scripts.node import NpmPackage, ensure_node
from scripts.program import Command, Program, running
from scripts.progress import CACHE, CannotGoOnError, step

_AGENT_PINS = PINS / "agent-server.txt"
_VERSION = next(
    line.partition("==")[2].split()[0]
    for line in _AGENT_PINS.read_text().splitlines()
    if line.startswith("azure-ai-agentserver-responses==")
)
_AGENT_SERVER = CACHE / f"agent-server-{_VERSION}"
_PROCESSORS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def ensure_second_servers() -> None:
    """Fetch them where they are missing. Raises CannotGoOnError."""
    if not agent_server_is_here():
        with step("Fetching Microsoft's server of the Responses protocol (100 MB)"):
            install("fetching it", VENV, _AGENT_PINS, "--target", _AGENT_SERVER)
    steady = _steady()
    if steady is not None and not _steady_program(steady).is_file():
        node = ensure_node()
        with step("Fetching Steady, a mock of OpenAI's API (38 MB)"):
            steady.unpack(node, _steady_program(steady).parents[1])


def agent_server_is_here() -> bool:
    """Whether `running_agent_server` can start it."""
    return (_AGENT_SERVER / "azure" / "ai" / "agentserver" / "responses").is_dir()


def steady_is_here() -> bool:
    """Whether `running_steady` can start it."""
    steady = _steady()
    return steady is not None and _steady_program(steady).is_file()


@contextmanager
def running_agent_server(agent: Path, *arguments: str | Path, folder: Path, port: int) -> Iterator[Program]:
    """Run a program that serves an agent of its own on this port of loopback. Raises CannotGoOnError."""
    env = {
        "PATH": os.defpath,
        "PYTHONPATH": str(_AGENT_SERVER),
        "PORT": str(port),
        "AGENTSERVER_STATE_ROOT": str(folder / "state"),
        "HOME": str(folder),
    }
    start: Command = [VENV / "bin" / "python", agent, *arguments]
    with running(start, folder=folder, env=env, ready=r"(Running) on http") as program:
        yield program


@contextmanager
def running_steady(description: Path, *, folder: Path, port: int) -> Iterator[Program]:
    """Serve what an OpenAPI description describes, on this port of loopback; `output` tells each request's faults."""
    steady = _steady()
    if steady is None:
        raise CannotGoOnError("there is no Steady for this system")
    where: Command = ["--host", "127.0.0.1", "--port", str(port), "--no-color"]
    like_openai: Command = ["--validator-query-array-format=brackets"]  # as its own packages write lists in a query
    start: Command = [_steady_program(steady), *where, *like_openai, description]
    env = {"PATH": os.defpath, "HOME": str(folder)}
    with running(start, folder=folder, env=env, ready=r"(Ready) to accept requests") as program:
        yield program


def _steady() -> NpmPackage | None:
    """The package for this system."""
    system, processor = sys.platform, _PROCESSORS.get(platform.machine().lower())
    return NpmPackage.pinned(f"steady-{system}-{processor}") if system in {"linux", "darwin"} and processor else None


def _steady_program(package: NpmPackage) -> Path:
    return CACHE / f"steady-{package.version}" / "bin" / "steady"
