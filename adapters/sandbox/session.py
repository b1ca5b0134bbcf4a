"""One session: a confined process that runs one piece of code after another and keeps its variables and files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from adapters.sandbox.endings import FORGED, explain_exit
from adapters.sandbox.errors import GuestEndedError, GuestLostError, ProtocolViolationError, SandboxError
from adapters.sandbox.harvest import Harvest
from adapters.sandbox.limits import Limits, in_words
from adapters.sandbox.process import GuestProcess, Wall
from adapters.sandbox.results import CodeResult, CodeStatus
from adapters.sandbox.watch import watch

COMMAND_DEADLINE_S = 30.0  # for handing in a file
EXIT_DEADLINE_S = 1.0  # between the guest's last word and its exit code

RUN_ENDINGS = frozenset({"ok", "raised", "interrupted"})
PUT_ENDINGS = frozenset({"ok", "refused"})


class Session:
    """A running guest. One command at a time; between commands all its processes stand still."""

    def __init__(self, limits: Limits) -> None:
        """For `start` only."""
        self._limits = limits
        self._guest: GuestProcess | None = None
        self._killed_because = ""
        self._number = 0
        self.used_at_s = time.monotonic()

    @classmethod
    async def start(cls, wall: Wall, limits: Limits, fonts: Mapping[str, bytes]) -> Session:
        """Start a guest; `fonts` are matplotlib's cache files, by name. Raises SandboxError."""
        session = cls(limits)
        session._guest = await GuestProcess.start(wall, limits, session._flooded)
        try:
            for name, data in fonts.items():
                await session._hand_in("seed_fonts", name, data)
        except BaseException:
            await session.end()
            raise
        return session

    @property
    def alive(self) -> bool:
        """Whether the next command finds the variables of the last."""
        return self._guest is not None and not self._guest.over

    async def run(self, code: str, deadline_s: float) -> CodeResult:
        """Run code to its end, its deadline or the first broken limit. Never raises for what the code does."""
        try:
            async with self._awake() as guest:
                return await self._run(guest, code.encode("utf-8", "replace"), deadline_s)
        except ProtocolViolationError:
            reason = FORGED
        except GuestEndedError:
            reason = self._killed_because or await self._exit_reason()
        except GuestLostError as lost:
            reason = str(lost)
        logs = self._guest.output.take() if self._guest else ""
        await self.end()
        return CodeResult(status=CodeStatus.KILLED, logs=logs, reason=reason, session_lost=True)

    async def put(self, name: str, data: bytes) -> None:
        """Write a file into /mnt/data. Raises SandboxError, GuestLostError among them."""
        async with self._awake():
            harvest = await self._hand_in("put", name, data)
        if harvest.ending == "refused":
            raise SandboxError(f"The file {name} could not be written: {harvest.reason}.")

    def kill(self, reason: str) -> None:
        """End it at once, also in the middle of a command, which then ends with this reason; `end` must follow."""
        self._killed_because = reason
        if self._guest is not None:
            self._guest.kill()

    async def end(self) -> None:
        """Kill what is left of it and wait for that. May be called twice, but not in the middle of a command."""
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.kill()
            await guest.wait_closed()

    async def _run(self, guest: GuestProcess, code: bytes, deadline_s: float) -> CodeResult:
        guest.output.take()
        running = asyncio.create_task(self._converse(guest, "run", "", code, RUN_ENDINGS))
        try:
            await asyncio.wait({running}, timeout=deadline_s)
            if not running.done():
                guest.interrupt()
                await asyncio.wait({running}, timeout=self._limits.interrupt_grace_s)
            if not running.done():
                raise GuestLostError(f"The code ran longer than {deadline_s:g} s and ended only by being killed.")
            return _result(running.result(), guest.output.take(), deadline_s)
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _hand_in(self, do: str, name: str, data: bytes) -> Harvest:
        if self._guest is None:
            raise GuestEndedError
        try:
            async with asyncio.timeout(COMMAND_DEADLINE_S):
                return await self._converse(self._guest, do, name, data, PUT_ENDINGS)
        except TimeoutError as error:
            raise GuestLostError("The session's process did not answer.") from error

    async def _converse(self, guest: GuestProcess, do: str, name: str, body: bytes, endings: frozenset[str]) -> Harvest:
        self._number += 1
        await guest.send(do, body, number=self._number, name=name)
        return await guest.events.harvest(self._number, endings)

    @asynccontextmanager
    async def _awake(self) -> AsyncIterator[GuestProcess]:
        """Let the session's processes go on for as long as the block takes, watched; kill them if it goes wrong."""
        guest = self._guest
        if guest is None or guest.over:
            raise GuestEndedError
        guest.thaw()
        watching = asyncio.create_task(watch(guest.init_pid, guest.file_systems, self._limits, self.kill))
        try:
            yield guest
            guest.freeze()
        except GuestEndedError:
            raise  # it ends by itself, with an exit code that tells why
        except BaseException:
            guest.kill()
            raise
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            self.used_at_s = time.monotonic()

    async def _exit_reason(self) -> str:
        return explain_exit(await self._guest.wait_ended(EXIT_DEADLINE_S) if self._guest else None)

    def _flooded(self) -> None:
        self.kill(f"The code printed more than {in_words(self._limits.output_bytes)} and was stopped.")


def _result(harvest: Harvest, logs: str, deadline_s: float) -> CodeResult:
    status, reason = {
        "ok": (CodeStatus.OK, ""),
        "raised": (CodeStatus.RAISED, "The code raised an exception."),
        "interrupted": (CodeStatus.TIMED_OUT, f"The code ran longer than {deadline_s:g} s and was interrupted."),
    }[harvest.ending]
    return CodeResult(status=status, logs=logs, images=tuple(harvest.images), files=tuple(harvest.files), reason=reason)
