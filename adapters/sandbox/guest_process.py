"""One confined process and the pipes to it: its start, its signals, its end; and a guard that outlives the service."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import orjson

from adapters.sandbox.code_result import GuestEndedError, GuestLostError, IsolationLevel, SandboxError
from adapters.sandbox.control_groups import ControlGroup, ControlGroups
from adapters.sandbox.guest_output import LINE_BYTES, EventReader, OutputPipe
from adapters.sandbox.kill_orphans import kill_orphans
from adapters.sandbox.process_tree import (
    available_bytes,
    descendants,
    freeze_tree,
    ran_since,
    signal_each,
    stopped_tree,
)
from adapters.sandbox.session_limits import Limits
from adapters.sandbox.session_watch import SessionUsage, Watched

END_DEADLINE_S = 5.0
FREEZE_DEADLINE_S, FREEZE_PERIOD_S = 2.0, 0.005
MAX_KILL_ROUNDS, KILL_PERIOD_S = 100, 0.01
LATE_KILL_S = 0.5  # a process that was killed has ended by then, in whatever it was
WRITE_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestDescriptors:
    """The descriptors that a session's process is started with, besides its standard ones."""

    event_fd: int  # what the runner says
    info_fd: int  # what the outermost process says of itself: JSON, with "child-pid" for the first process inside
    filter_fd: int  # the filter of system calls


class Isolation(Protocol):
    """A way to start a runner so that it cannot get out."""

    @property
    def name(self) -> str:
        """What logs and operators read."""
        ...

    @property
    def level(self) -> IsolationLevel:
        """Which kind it is."""
        ...

    @property
    def mark(self) -> str:
        """What distinguishes the processes of this service from all others."""
        ...

    @property
    def end_signal(self) -> signal.Signals:
        """What ends the outermost process, and all others with it."""
        ...

    def system_call_filter(self) -> bytes:
        """Return the filter that seccomp loads before any code runs."""
        ...

    def usage(self, runner_pid: int, info: dict[str, Any]) -> SessionUsage:
        """Return what counts a session's files and sockets; `info` is what the outermost process said."""
        ...

    def command(self, limits: Limits, ends: GuestDescriptors, mark: str) -> list[str]:
        """Return a command line with this mark, to be started with an empty environment and these descriptors."""
        ...


@dataclass(slots=True, kw_only=True)
class GuestProcess:
    """A started runner. Everything here is owned by one session, and let go by `kill` and `wait_closed`."""

    process: asyncio.subprocess.Process
    events: EventReader
    output: OutputPipe
    event_transport: asyncio.ReadTransport
    outer_fd: int  # a descriptor of the outermost process, whose end is the end of all
    end_signal: signal.Signals
    init_pid: int = 0  # the first process inside, as the host numbers it
    runner_fd: int = -1  # a descriptor of the runner's process, for signals
    uid: int = 0  # of the runner
    usage: SessionUsage | None = None
    group: ControlGroup | None = None
    free_before_bytes: int = 0
    frozen: dict[int, int] = field(default_factory=dict)  # processor time of each stopped process, by its pid
    killed: bool = False

    @classmethod
    async def start(
        cls,
        isolation: Isolation,
        limits: Limits,
        on_flood: Callable[[], None],
        groups: ControlGroups | None = None,
    ) -> GuestProcess:
        """Start a runner and wait until it is ready.

        Must be called on the event loop's own thread: the kernel kills the guest when the thread that started it ends.
        Raises SandboxError with what bubblewrap or the runner printed when it does not come up.
        """
        mark = f"{isolation.mark}-{secrets.token_hex(4)}"
        pipes = _Pipes(isolation.system_call_filter())
        try:
            process = await _spawn(isolation, limits, pipes, mark)
            pipes.close_theirs()
            stream, transport = await _reader(pipes.keep(pipes.event_fd))
            output = OutputPipe(pipes.keep(pipes.output_fd), limits=limits, on_flood=on_flood)
            events = EventReader(stream, limits)
            guest = cls(
                process=process,
                events=events,
                output=output,
                event_transport=transport,
                outer_fd=_descriptor_of(process.pid),
                end_signal=isolation.end_signal,
            )
            await guest._wait_until_ready(isolation, pipes.info_fd, limits.start_s)
            if groups is not None:  # no code has run yet, and all that it starts will be in the group
                guest.group = groups.add(descendants(guest.init_pid), limits)
        except BaseException:
            await _kill_start(mark)
            raise
        finally:
            pipes.close()
        return guest

    @property
    def watched(self) -> Watched:
        """What is to be watched while code runs."""
        if self.usage is None:
            raise GuestEndedError
        return Watched(root_pid=self.init_pid, uid=self.uid, usage=self.usage, free_before_bytes=self.free_before_bytes)

    @property
    def over(self) -> bool:
        """Whether the process has ended or was killed."""
        return self.killed or self.process.returncode is not None

    async def send(self, do: str, body: bytes, *, number: int, name: str = "") -> None:
        """Write one command to the runner. Raises GuestEndedError when nobody reads there."""
        head = {"do": do, "number": number, "name": name, "size_bytes": len(body)}
        pipe = self.process.stdin
        if pipe is None or pipe.is_closing():
            raise GuestEndedError
        try:
            pipe.write(orjson.dumps(head) + b"\n")
            for start in range(0, len(body), WRITE_CHUNK_BYTES):
                pipe.write(body[start : start + WRITE_CHUNK_BYTES])
                await pipe.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise GuestEndedError from error

    def interrupt(self) -> None:
        """Interrupt the code, as Ctrl-C does."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.runner_fd, signal.SIGINT)

    async def freeze(self) -> None:
        """Stop every process of the session where it stands. Raises GuestLostError when one does not stop."""
        deadline_s = time.monotonic() + FREEZE_DEADLINE_S
        # Not until every process was seen to have stopped: one may have been woken again after it was signalled (S2).
        while (frozen := freeze_tree(self.init_pid)) is None:
            if time.monotonic() > deadline_s:
                raise GuestLostError("The code could not be stopped between two runs and was ended.")
            await asyncio.sleep(FREEZE_PERIOD_S)
        self.frozen = frozen

    def thaw(self) -> None:
        """Let them go on."""
        self.free_before_bytes = available_bytes()
        frozen, self.frozen = self.frozen, {}
        signal_each(frozen, signal.SIGCONT, self.init_pid)

    def is_frozen(self) -> bool:
        """Whether the processes are as `freeze` left them: all stopped, no new one, next to no processor time used."""
        return bool(self.frozen) and not ran_since(self.frozen, stopped_tree(self.init_pid))

    def kill(self) -> None:
        """Kill every process of the session; does not wait, not even for the pipes."""
        if self.killed:
            return
        self.killed = True
        _drop_input(self.process)
        if self.outer_fd >= 0:
            with suppress(ProcessLookupError):  # Process.kill() would reap it behind the back of asyncio
                signal.pidfd_send_signal(self.outer_fd, self.end_signal)

    async def wait_ended(self, deadline_s: float) -> int | None:
        """Wait for the end of the process. Returns its exit code, None when it goes on."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), deadline_s)
        return self.process.returncode

    async def wait_closed(self) -> None:
        """Wait for the end of a killed process and let go of everything."""
        try:
            await self.wait_ended(END_DEADLINE_S)
        finally:
            self.event_transport.close()
            self.output.close()
            if self.usage is not None:
                self.usage.close()
            if self.group is not None:
                await self.group.remove()
            for fd in {self.outer_fd, self.runner_fd} - {-1}:
                os.close(fd)
            self.outer_fd, self.runner_fd = -1, -1

    async def _wait_until_ready(self, isolation: Isolation, info_fd: int, deadline_s: float) -> None:
        try:
            await asyncio.wait_for(self.events.wait_ready(), deadline_s)
            self._open_handles(isolation, info_fd)
        except (GuestLostError, TimeoutError, OSError, LookupError, ValueError) as error:
            said = " ".join(self.output.take().split())[-300:]
            raise SandboxError(said or f"The runner did not start: {type(error).__name__} {error}") from error
        finally:
            if self.usage is None:
                self.kill()
                await self.wait_closed()

    def _open_handles(self, isolation: Isolation, info_fd: int) -> None:
        """Take hold of the processes and folders inside while there is nothing but the runner to be found there."""
        info = orjson.loads(os.read(info_fd, 4096))
        self.init_pid = int(info["child-pid"])
        _, runner_pid = descendants(self.init_pid)
        self.runner_fd = os.pidfd_open(runner_pid)
        # When the machine runs out of memory the kernel is to kill code of a model, not the service. All that the code
        # starts inherits this from the runner, and without /proc it cannot be undone inside.
        Path(f"/proc/{runner_pid}/oom_score_adj").write_text("1000", encoding="ascii")
        self.uid = Path(f"/proc/{runner_pid}").stat().st_uid
        self.usage = isolation.usage(runner_pid, info)


@dataclass(slots=True)
class _Pipes:
    """The pipes of a start: our reading ends, and the guest's ends, which we close once it has them."""

    system_call_filter: bytes
    event_fd: int = -1
    output_fd: int = -1
    info_fd: int = -1
    ours: set[int] = field(default_factory=set)
    theirs: list[int] = field(default_factory=list)  # event, output, info, filter

    def __post_init__(self) -> None:
        self.event_fd, self.output_fd, self.info_fd = self._pipe(), self._pipe(), self._pipe()
        filter_fd = os.memfd_create("seccomp")
        self.theirs.append(filter_fd)
        os.write(filter_fd, self.system_call_filter)
        os.lseek(filter_fd, 0, os.SEEK_SET)

    def _pipe(self) -> int:
        reading, writing = os.pipe()
        self.ours.add(reading)
        self.theirs.append(writing)
        return reading

    def keep(self, fd: int) -> int:
        """Give one of our ends away to an owner who will close it."""
        self.ours.remove(fd)
        return fd

    def close_theirs(self) -> None:
        while self.theirs:
            os.close(self.theirs.pop())

    def close(self) -> None:
        self.close_theirs()
        while self.ours:
            os.close(self.ours.pop())


async def _spawn(isolation: Isolation, limits: Limits, pipes: _Pipes, mark: str) -> asyncio.subprocess.Process:
    event_fd, output_fd, info_fd, filter_fd = pipes.theirs
    command = isolation.command(limits, GuestDescriptors(event_fd=event_fd, info_fd=info_fd, filter_fd=filter_fd), mark)
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=output_fd,
            stderr=output_fd,
            pass_fds=(event_fd, info_fd, filter_fd),
            env={},  # whatever bubblewrap itself has in its environment can be read inside
            cwd="/",
        )
    )
    try:
        return await asyncio.shield(starting)
    except OSError as error:
        raise SandboxError(f"{command[0]} cannot be started: {error.strerror}.") from error
    except asyncio.CancelledError:
        # Not passed on to asyncio, which would wait for the end of a pipe that nobody closes, for ever. The processes
        # themselves are killed by their mark.
        starting.add_done_callback(partial(_abandon, isolation.end_signal, mark))
        raise


def _abandon(end_signal: signal.Signals, mark: str, starting: asyncio.Future[asyncio.subprocess.Process]) -> None:
    if not starting.cancelled() and not starting.exception():
        process = starting.result()
        _drop_input(process)
        with suppress(ProcessLookupError):
            process.send_signal(end_signal)
        # It came up after its start had been given up; a child that it was just making would outlive it.
        asyncio.get_running_loop().call_later(LATE_KILL_S, kill_orphans, mark)


def _drop_input(process: asyncio.subprocess.Process) -> None:
    """Close the pipe to a process without waiting; asyncio breaks over one that has closed already."""
    pipe = process.stdin
    if pipe is not None and not pipe.is_closing():
        pipe.transport.abort()


async def _kill_start(mark: str) -> None:
    """Kill what a start that failed or was given up may have left; see kill_orphans.py."""
    for _ in range(MAX_KILL_ROUNDS):
        if not kill_orphans(mark):
            return
        await asyncio.sleep(KILL_PERIOD_S)


def _descriptor_of(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.pidfd_open(pid)
    return -1


async def _reader(fd: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    stream = asyncio.StreamReader(limit=LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(fd, "rb", buffering=0)
    )
    return stream, transport


KILL_ORPHANS = Path(__file__).parent / "kill_orphans.py"


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
