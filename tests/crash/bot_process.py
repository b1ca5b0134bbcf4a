"""The real program as a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp

from tests.support.free_ports import lasting_port
from tests.support.openai_stand_in import KEY
from tests.support.preloaded_service import READ_AT_IMPORT, ForkedProcess, start_preloaded

_READY_S = 60.0


class BotProcess:
    """`teamsbot serve`, which may have many lives in one data folder and at one port.

    Its lives are forked from a process that has made the imports; one in a wrapper, or with certificates of its own,
    starts by the command line, as those of tests/scenario/test_cli_start.py do.
    """

    def __init__(self, *, data_dir: Path, service_address: str, **environ: str) -> None:
        self.port = lasting_port()
        self._log = data_dir.parent / "bot.log"
        self.environ = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            "ASSISTANT_BACKEND": "assistants",
            "ASSISTANT_ID": "asst_crash",
            "OPENAI_BASE_URL": service_address,
            "OPENAI_API_KEY": KEY,
            "LOG_FORMAT": "json",
            **environ,
        }
        self._process: asyncio.subprocess.Process | ForkedProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def _was_killed(self) -> bool:
        return self._process is not None and self._process.returncode == -signal.SIGKILL

    async def start(self, *wrapper: str) -> None:
        """Start, and wait until it listens or is killed."""
        await self._spawn(*wrapper)
        async with asyncio.timeout(_READY_S), aiohttp.ClientSession() as session:
            while not await self._answers(session):
                if self._was_killed:
                    return  # by the work it found, before it listened: the caller sees `is_alive`
                assert self.is_alive, self.log[-3000:]
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, at once, whether it lives or not."""
        if self.is_alive:
            assert self._process is not None
            self._process.send_signal(signal.SIGKILL)

    async def end(self) -> None:
        """Kill it if it lives, and wait; nothing is left of it then."""
        self.kill()
        if self._process is not None:
            await self.ended()

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        async with asyncio.timeout(30):
            while (code := self._process.returncode) is None:
                await asyncio.sleep(0.005)
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait."""
        if self.is_alive:
            assert self._process is not None
            self._process.send_signal(number)
        return await self.ended()

    async def stop_twice(self) -> None:
        """Ask it to stop, and at once again: it ends by the second signal."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        while self.is_alive:
            await asyncio.sleep(0.02)
            if self.is_alive:
                self._process.send_signal(signal.SIGTERM)
        await self.ended()

    async def start_and_die_after(self, seconds: float) -> None:
        """A life that ends before or soon after it listens."""
        await self._spawn()
        await asyncio.sleep(seconds)
        self.kill()
        await self.ended()

    async def _spawn(self, *wrapper: str) -> None:
        command = (*wrapper, str(Path(sys.executable).with_name("teamsbot")), "serve")
        folder = self._log.parent
        with self._log.open("ab") as log:
            if wrapper or READ_AT_IMPORT & self.environ.keys():
                self._process = await asyncio.create_subprocess_exec(
                    *command, env=self.environ, stdout=log, stderr=log, cwd=folder
                )
            else:
                self._process = await asyncio.to_thread(start_preloaded, command, folder, self.environ, log)

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/api/messages") as response:
                return response.status == 405
        except aiohttp.ClientError:
            return False
