"""Peers, measured in the same minutes, in an environment of their own under .cache/."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.bot import Process, free_port, started

# teams-ai wants an `openai` of its time, so it lives apart.
_RETIRED = Path(".cache/bench-peers").absolute()
_SDKS = Path(".cache/bench-sdks").absolute()
_PACKAGES = {
    _RETIRED: ("teams-ai==1.8.2", "botbuilder-integration-aiohttp==4.17.1", "setuptools<81"),
    _SDKS: ("microsoft-teams-apps==2.1.1", "microsoft-agents-hosting-aiohttp==1.9.0", "openai>=2,<3"),
}
_SCRIPTS = Path(__file__).parent / "peer_bots"


def prepare() -> None:
    """Make the peers' environments, once."""
    uv = str(Path(sys.executable).with_name("uv"))
    for environment, packages in _PACKAGES.items():
        if (environment / "ready").exists():
            continue
        sys.stderr.write(f"Installing peers for the comparison ({packages[0]} and others) ...\n")
        python = str(environment / "bin" / "python")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(environment)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", python, *packages], check=True)
        (environment / "ready").touch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A bot of somebody else: its script, where its packages are, and whether it only says the text back."""

    script: str
    environment: Path
    echoes: bool = False

    @asynccontextmanager
    async def start(self, service_url: str, core: int) -> AsyncIterator[Process]:
        """Its process, from its first answer to its end."""
        port = free_port()
        environ = {
            "PATH": os.environ["PATH"],
            "PORT": str(port),
            "SERVICE_URL": service_url,
            "HOME": "/nonexistent",
            **({"ECHO": "1"} if self.echoes else {}),
        }
        command = [str(self.environment / "bin" / "python"), "-W", "ignore", str(_SCRIPTS / self.script)]
        async with started(command, environ, core, f"http://127.0.0.1:{port}/api/messages") as process:
            yield process


PEERS: Final = {
    # The official way until 2026, now retired, and its adapter saying the text back: no assistant at all.
    "teams-ai": Peer(script="teams_ai_bot.py", environment=_RETIRED),
    "echo": Peer(script="echo_bot.py", environment=_RETIRED, echoes=True),
    # Microsoft's SDKs of today have no assistant: the bots ask one as the `openai` package does.
    "Teams SDK": Peer(script="teams_sdk_bot.py", environment=_SDKS),
    "Agents SDK": Peer(script="agents_sdk_bot.py", environment=_SDKS),
    "Agents SDK echo": Peer(script="agents_sdk_bot.py", environment=_SDKS, echoes=True),
}
