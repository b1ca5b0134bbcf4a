"""Peers, measured in the same minutes, in an environment of their own under .cache/."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.bot import Process, free_port, started

_ENVIRONMENT = Path(".cache/bench-peers").absolute()
_PACKAGES = ("teams-ai==1.8.2", "botbuilder-integration-aiohttp==4.17.1", "setuptools<81")
_SCRIPTS = Path(__file__).parent / "peer_bots"


def prepare() -> None:
    """Make the peers' environment, once."""
    if (_ENVIRONMENT / "ready").exists():
        return
    sys.stderr.write("Installing the peers (teams-ai, botbuilder) for the comparison ...\n")
    uv = str(Path(sys.executable).with_name("uv"))
    python = str(_ENVIRONMENT / "bin" / "python")
    subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(_ENVIRONMENT)], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *_PACKAGES], check=True)
    (_ENVIRONMENT / "ready").touch()


@asynccontextmanager
async def teams_ai(service_url: str, core: int) -> AsyncIterator[Process]:
    """teams-ai 1.8.2's AssistantsPlanner: the official way, now retired."""
    async with _script("teams_ai_bot.py", service_url, core) as process:
        yield process


@asynccontextmanager
async def echo(service_url: str, core: int) -> AsyncIterator[Process]:
    """Botbuilder's CloudAdapter saying the text back: no assistant at all."""
    async with _script("echo_bot.py", service_url, core) as process:
        yield process


@asynccontextmanager
async def _script(name: str, service_url: str, core: int) -> AsyncIterator[Process]:
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "PORT": str(port), "SERVICE_URL": service_url, "HOME": "/nonexistent"}
    command = [str(_ENVIRONMENT / "bin" / "python"), "-W", "ignore", str(_SCRIPTS / name)]
    async with started(command, environ, core, f"http://127.0.0.1:{port}/api/messages") as process:
        yield process


START: dict[str, Any] = {"teams-ai": teams_ai, "echo": echo}
