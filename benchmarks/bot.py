"""The bot as a process of its own, on a core of its own, and what it used."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_READY_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A bot that is measured."""

    pid: int
    messages_url: str

    def cpu_s(self) -> float:
        """User and system time of the process and its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def resident_peak_mb(self) -> float:
        """The most memory it ever held."""
        lines = Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


RESPONSES = {"ASSISTANT_BACKEND": "responses", "ASSISTANT_ID": "", "MODEL": "gpt-6-luna"}
"""Settings that take the Responses API in the place of the Assistants API."""

EMBEDDED = {"ASSISTANT_BACKEND": "embedded", "ASSISTANT_ID": "", "MODEL": "bench"}
"""Settings that take the server of our own with a Chat Completions model behind it."""


@asynccontextmanager
async def ours(service_url: str, core: int, settings: Mapping[str, str] | None = None) -> AsyncIterator[Process]:
    """`teamsbot serve` with a fresh data folder, and further settings."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environ = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": f"{folder}/data",
            "PORT": str(port),
            "LOG_LEVEL": "warning",
            "ASSISTANT_BACKEND": "assistants",
            "ASSISTANT_ID": "asst_bench",
            "OPENAI_BASE_URL": service_url,
            "OPENAI_API_KEY": "key-of-the-bench",
            **(settings or {}),
        }
        program = str(Path(sys.executable).with_name("teamsbot"))
        async with started([program, "serve"], environ, core, f"http://127.0.0.1:{port}/api/messages") as process:
            yield process


@asynccontextmanager
async def started(command: list[str], environ: Mapping[str, str], core: int, url: str) -> AsyncIterator[Process]:
    """A process pinned to a core, from its first answer to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environ),
        cwd=tempfile.gettempdir(),
        stdout=asyncio.subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        await _answers(process, url)
        yield Process(pid=process.pid, messages_url=url)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(process: asyncio.subprocess.Process, url: str) -> None:
    async with asyncio.timeout(_READY_S), aiohttp.ClientSession() as session:
        while process.returncode is None:
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise RuntimeError(f"the measured bot ended with {process.returncode} before it listened")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
