"""One session: a confined process that runs one piece of code after another and keeps its variables and files."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from adapters.sandbox.code_result import (
    CodeResult,
    CodeStatus,
    GuestEndedError,
    GuestLostError,
    ProtocolViolationError,
    SandboxError,
)
from adapters.sandbox.control_groups import ControlGroups
from adapters.sandbox.guest_output import CommandResult
from adapters.sandbox.guest_process import GuestProcess, Isolation
from adapters.sandbox.session_limits import Limits, in_words
from adapters.sandbox.session_watch import broken_limit, watch

log = logging.getLogger(__name__)

STANDING_PERIOD_S = 1.0  # between looks at a session that stands still
COMMAND_DEADLINE_S = 30.0  # for handing in a file
FORGED = "The code interfered with the sandbox itself and was stopped."
USED_UP = {
    "exhausted": "The code left too many files open; its session was ended.",
    "out of memory": "The code left hardly any memory free; its session was ended.",
}
EXIT_DEADLINE_S = 1.0  # between the guest's last word and its exit code

RUN_EXITS = frozenset({"ok", "raised", "interrupted", *USED_UP})
PUT_EXITS = frozenset({"ok", "refused"})


class Session:
    """A running guest. One command at a time; between commands all its processes stand still."""

    def __init__(self, limits: Limits) -> None:
        """For `start` only."""
        self._limits = limits
        self._guest: GuestProcess | None = None
        self._killed_because = ""
        self._number = 0
        self._standing: asyncio.Task[None] | None = None
        self.used_at_s = time.monotonic()

    @classmethod
    async def start(
        cls,
        isolation: Isolation,
        limits: Limits,
        fonts: Mapping[str, bytes],
        groups: ControlGroups | None = None,
    ) -> Session:
        """Start a guest; `fonts` are matplotlib's cache files, by name. Raises SandboxError."""
        session = cls(limits)
        session._guest = await GuestProcess.start(isolation, limits, session._flooded, groups)
        try:
            for name, data in fonts.items():
                await session._send_file("seed_fonts", name, data)
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
            async with self._running() as guest:
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
        async with self._running():
            result = await self._send_file("put", name, data)
        if result.ending == "refused":
            raise SandboxError(f"The file {name} could not be written: {result.reason}.")

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
        try:
            await self._stop_standing_watch()
        finally:  # a caller that is cancelled meanwhile must not leave the pipes open
            if guest is not None:
                await guest.wait_closed()

    async def _run(self, guest: GuestProcess, code: bytes, deadline_s: float) -> CodeResult:
        guest.output.take()
        running = asyncio.create_task(self._command(guest, "run", "", code, RUN_EXITS))
        try:
            await asyncio.wait({running}, timeout=deadline_s)
            is_late = not running.done()
            if is_late:
                guest.interrupt()
                await asyncio.wait({running}, timeout=self._limits.interrupt_grace_s)
            if not running.done():
                raise GuestLostError(f"The code ran longer than {deadline_s:g} s and ended only by being killed.")
            result = running.result()
            if why := USED_UP.get(result.ending):
                raise GuestLostError(why)
            if result.ending == "interrupted" and not is_late:
                result.ending = "raised"  # a KeyboardInterrupt of the code's own
            return result_of(result, guest.output.take(), deadline_s)
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _send_file(self, do: str, name: str, data: bytes) -> CommandResult:
        if self._guest is None:
            raise GuestEndedError
        try:
            async with asyncio.timeout(COMMAND_DEADLINE_S):
                return await self._command(self._guest, do, name, data, PUT_EXITS)
        except TimeoutError as error:
            raise GuestLostError("The session's process did not answer.") from error

    async def _command(
        self, guest: GuestProcess, do: str, name: str, body: bytes, exits: frozenset[str]
    ) -> CommandResult:
        self._number += 1
        await guest.send(do, body, number=self._number, name=name)
        return await guest.events.read_command(self._number, exits)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[GuestProcess]:
        """Let the session's processes go on for as long as the block takes, watched; kill them if it goes wrong."""
        guest = self._guest
        if guest is None or guest.over:
            raise GuestEndedError
        await self._stop_standing_watch()
        if guest.over:  # it was killed by that watch
            raise GuestEndedError
        guest.thaw()
        watching = asyncio.create_task(watch(guest.watched, self._limits, self.kill))
        try:
            yield guest
            await guest.freeze()
            self._check_limits(guest)
            self._standing = asyncio.create_task(self._watch_standing(guest), name="sandbox session between runs")
        except GuestEndedError:
            raise  # it ends by itself, with an exit code that tells why
        except BaseException:
            guest.kill()
            raise
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            self.used_at_s = time.monotonic()

    def _check_limits(self, guest: GuestProcess) -> None:
        # The watch may not have looked since the run began: look once more before what came out is accepted (S2).
        reason = self._killed_because or broken_limit(guest.watched, self._limits)
        if reason:
            raise GuestLostError(reason)

    async def _watch_standing(self, guest: GuestProcess) -> None:
        """Kill the session when anything of it runs between two commands: it must use nothing then."""
        while not guest.over and guest.is_frozen():  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(STANDING_PERIOD_S)
        if not guest.over:
            log.warning("sandbox session ran between commands")
            guest.kill()

    async def _stop_standing_watch(self) -> None:
        if self._standing is not None:
            self._standing.cancel()
            await asyncio.wait({self._standing})
            self._standing = None

    async def _exit_reason(self) -> str:
        return explain_exit(await self._guest.wait_ended(EXIT_DEADLINE_S) if self._guest else None)

    def _flooded(self) -> None:
        self.kill(f"The code printed more than {in_words(self._limits.output_bytes)} and was stopped.")


def result_of(result: CommandResult, logs: str, deadline_s: float) -> CodeResult:
    """What a caller of the sandbox gets of a run that came to an end, and was not killed."""
    status, reason = {
        "ok": (CodeStatus.OK, ""),
        "raised": (CodeStatus.RAISED, "The code raised an exception."),
        "interrupted": (CodeStatus.TIMED_OUT, f"The code ran longer than {deadline_s:g} s and was interrupted."),
    }[result.ending]
    return CodeResult(status=status, logs=logs, images=tuple(result.images), files=tuple(result.files), reason=reason)


def explain_exit(exit_code: int | None) -> str:
    """Explain an exit code of bubblewrap, which is that of the process inside, or 128 and the signal that killed it."""
    if exit_code is None:
        return FORGED  # the pipe was closed by a process that goes on
    if exit_code in (128 + signal.SIGKILL, -signal.SIGKILL):
        return "The code was killed, by itself or by the machine because it ran out of memory."
    if exit_code > 128:
        return f"The code crashed Python ({_signal_name(exit_code - 128)})."
    return f"The code ended Python itself (exit code {exit_code})."


def _signal_name(number: int) -> str:
    return signal.strsignal(number) or f"signal {number}"
