"""Makes sure that nothing outlives the service, even when it is killed while a session starts."""

from __future__ import annotations

import asyncio
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from adapters.sandbox.code_result import SandboxError
from adapters.sandbox.kill_orphans import kill_orphans

KILL_ORPHANS = Path(__file__).parent / "kill_orphans.py"
END_DEADLINE_S = 5.0


class OrphanGuard:
    """A process of its own that waits for the end of this one. `mark` is to be in the command line of every session."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str) -> None:
        """For `open` only."""
        self._process = process
        self.mark = mark

    @classmethod
    async def open(cls) -> OrphanGuard:
        """Start it. Raises SandboxError."""
        mark = f"teamsbot-{secrets.token_hex(8)}"
        nowhere = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(KILL_ORPHANS),
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
        """Kill what is left, which ends the guard as well: the mark is in its command line too."""
        kill_orphans(self.mark)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_DEADLINE_S)
