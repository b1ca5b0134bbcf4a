"""Sees to it that nothing outlives the service, not even when it is killed in the midst of starting a session."""

from __future__ import annotations

import asyncio
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from adapters.sandbox.errors import SandboxError
from adapters.sandbox.sweep import kill_marked

SWEEP = Path(__file__).parent / "sweep.py"
END_DEADLINE_S = 5.0


class Guard:
    """A process of its own that waits for the end of this one. `mark` is to be in the command line of every session."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str) -> None:
        """For `open` only."""
        self._process = process
        self.mark = mark

    @classmethod
    async def open(cls) -> Guard:
        """Start it. Raises SandboxError."""
        mark = f"teamsbot-{secrets.token_hex(8)}"
        nowhere = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(SWEEP),
                mark,
                stdin=asyncio.subprocess.PIPE,
                stdout=nowhere,
                stderr=nowhere,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"The guard of the sandbox cannot be started: {error.strerror}.") from error
        return cls(process, mark)

    async def close(self) -> None:
        """Sweep a last time, which ends the guard as well: the mark is in its command line too."""
        kill_marked(self.mark)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_DEADLINE_S)
