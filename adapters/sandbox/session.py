"""One session: a confined process that runs one piece of code after another and keeps its variables and files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from adapters.sandbox.errors import GuestLost, ProtocolViolation, SandboxError
from adapters.sandbox.events import Harvest
from adapters.sandbox.limits import MB, Limits
from adapters.sandbox.process import GuestProcess, Wall
from adapters.sandbox.results import CodeResult, CodeStatus
from adapters.sandbox.watch import watch

FORGED = "The code interfered with the sandbox itself and was stopped."
COMMAND_DEADLINE_S = 30.0       # for handing in a file


class Session:
    """A running guest. One command at a time; between commands all its processes stand still."""

    def __init__(self, limits: Limits) -> None:
        """For `start` only."""
        self._limits = limits
        self._guest: GuestProcess | None = None
        self._breach: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._number = 0
        self.used_at_s = time.monotonic()

    @classmethod
    async def start(cls, wall: Wall, limits: Limits, fonts: Mapping[str, bytes]) -> Session:
        """Start a guest with matplotlib's font list in place. Raises SandboxError."""
        session = cls(limits)
        session._guest = await GuestProcess.start(wall, limits, session._flooded)
        try:
            for name, data in fonts.items():
                await session._command("seed_fonts", data, name=name)
        except BaseException:
            await session.end()
            raise
        return session

    @property
    def alive(self) -> bool:
        """Whether the next command finds the variables of the last."""
        return self._guest is not None and self._guest.process.returncode is None

    async def run(self, code: str, deadline_s: float) -> CodeResult:
        """Run code to its end, its deadline or the first broken limit. Never raises for what the code does."""
        try:
            async with self._awake() as guest:
                return await self._run(guest, code, deadline_s)
        except ProtocolViolation:
            return await self._killed(FORGED)
        except GuestLost as lost:
            return await self._killed(str(lost))

    async def put(self, name: str, data: bytes) -> None:
        """Write a file into /mnt/data. Raises SandboxError when it does not fit, GuestLost when the session is over."""
        async with self._awake():
            harvest = await self._command("put", data, name=name)
        if harvest.status == "refused":
            raise SandboxError(f"The file {name} could not be written: {harvest.reason}.")

    async def end(self) -> None:
        """Kill what is left of it and wait for that. May be called twice."""
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.kill()
            await guest.wait_closed()

    async def _run(self, guest: GuestProcess, code: str, deadline_s: float) -> CodeResult:
        self._number += 1
        number = self._number
        guest.output.take()
        await guest.send("run", code.encode("utf-8", "replace"), number=number)
        harvesting = asyncio.create_task(guest.events.harvest(number))
        try:
            if not await self._ended(harvesting, deadline_s):
                guest.interrupt()
                if not await self._ended(harvesting, self._limits.interrupt_grace_s):
                    raise GuestLost(f"The code ran longer than {deadline_s:g} s, did not stop when asked, and was killed.")
            harvest = harvesting.result()
        finally:
            harvesting.cancel()
        return self._result(harvest, guest.output.take(), deadline_s)

    async def _ended(self, harvesting: asyncio.Task[Harvest], deadline_s: float) -> bool:
        """Wait for the end of the code. Raises GuestLost when a limit is broken first."""
        await asyncio.wait({harvesting, self._breach}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        if self._breach.done():
            raise GuestLost(self._breach.result())
        return harvesting.done()

    @staticmethod
    def _result(harvest: Harvest, logs: str, deadline_s: float) -> CodeResult:
        status, reason = {
            "ok": (CodeStatus.OK, ""),
            "raised": (CodeStatus.RAISED, "The code raised an exception."),
            "interrupted": (CodeStatus.TIMED_OUT, f"The code ran longer than {deadline_s:g} s and was interrupted."),
        }[harvest.status]
        return CodeResult(
            status=status, logs=logs, images=tuple(harvest.images), files=tuple(harvest.files), reason=reason
        )

    async def _command(self, do: str, body: bytes, *, name: str = "") -> Harvest:
        guest = self._guest
        if guest is None:
            raise GuestLost("The session's process has ended.")
        self._number += 1
        try:
            async with asyncio.timeout(COMMAND_DEADLINE_S):
                await guest.send(do, body, number=self._number, name=name)
                return await guest.events.harvest(self._number)
        except TimeoutError as error:
            raise GuestLost("The session's process did not answer.") from error

    @asynccontextmanager
    async def _awake(self) -> AsyncIterator[GuestProcess]:
        """Let the session's processes go on, watched, for as long as the block takes; kill them if it does not end well."""
        guest = self._guest
        if guest is None or not self.alive:
            raise GuestLost("The session's process has ended.")
        guest.thaw()
        watching = asyncio.create_task(watch(guest.init_pid, guest.file_systems, self._limits, self._break))
        try:
            yield guest
        except BaseException:
            guest.kill()
            raise
        else:
            guest.freeze()
        finally:
            watching.cancel()
            self.used_at_s = time.monotonic()

    async def _killed(self, reason: str) -> CodeResult:
        guest, self._guest = self._guest, None
        logs = ""
        if guest is not None:
            logs = guest.output.take()
            guest.kill()
            await guest.wait_closed()
        return CodeResult(status=CodeStatus.KILLED, logs=logs, reason=reason, session_lost=True)

    def _flooded(self) -> None:
        self._break(f"The code printed more than {self._limits.output_bytes // MB} MB and was stopped.")

    def _break(self, reason: str) -> None:
        if not self._breach.done():
            self._breach.set_result(reason)
