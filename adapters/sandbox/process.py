"""One confined process and the pipes to it: its start, its signals, its end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Protocol

import orjson

from adapters.sandbox.errors import GuestLost, SandboxError
from adapters.sandbox.events import LINE_BYTES, EventReader
from adapters.sandbox.limits import Limits
from adapters.sandbox.output import OutputPipe
from adapters.sandbox.process_tree import descendants, signal_tree
from adapters.sandbox.seccomp import build_filter

END_DEADLINE_S = 5.0
WRITE_CHUNK_BYTES = 1024 * 1024
WRITABLE_FOLDERS = ("mnt/data", "tmp", "dev/shm")


class Wall(Protocol):
    """A way to start a runner so that it cannot get out."""

    @property
    def name(self) -> str:
        """How the wall is called in logs."""
        ...

    def command(self, *, limits: Limits, event_fd: int, info_fd: int, filter_fd: int) -> list[str]:
        """Return a command line, to be started with an empty environment and these three descriptors."""
        ...


@dataclass(slots=True, kw_only=True)
class GuestProcess:
    """A started runner. Everything here is owned by one session, and let go by `kill` and `wait_closed`."""

    process: asyncio.subprocess.Process
    events: EventReader
    output: OutputPipe
    event_transport: asyncio.ReadTransport
    init_pid: int = 0                       # the first process inside, as the host numbers it
    runner_fd: int = -1                     # a descriptor of the runner's process, for signals
    file_systems: tuple[int, ...] = ()      # descriptors of the writable folders, taken before any code ran

    @classmethod
    async def start(cls, wall: Wall, limits: Limits, on_flood: Callable[[], None]) -> GuestProcess:
        """Start a runner and wait for its first word.

        Must be called on the event loop's own thread: the kernel kills the guest when the thread that started it ends.
        Raises SandboxError with what the wall or the runner said when it does not come up.
        """
        with ExitStack() as ours, ExitStack() as theirs:
            event_fd, guest_event_fd = _pipe(ours, theirs)
            output_fd, guest_output_fd = _pipe(ours, theirs)
            info_fd, guest_info_fd = _pipe(ours, theirs)
            filter_fd = _filter_file(theirs)
            command = wall.command(limits=limits, event_fd=guest_event_fd, info_fd=guest_info_fd, filter_fd=filter_fd)
            process = await _spawn(command, guest_output_fd, (guest_event_fd, guest_info_fd, filter_fd))
            theirs.close()
            stream, transport = await _reader(event_fd)
            guest = cls(
                process=process,
                events=EventReader(stream, limits),
                output=OutputPipe(
                    os.dup(output_fd), kept_bytes=limits.log_bytes, most_bytes=limits.output_bytes, on_flood=on_flood
                ),
                event_transport=transport,
            )
            try:
                await guest._come_up(info_fd, limits.start_s)
            except BaseException:
                guest.kill()
                await guest.wait_closed()
                raise
            return guest

    async def send(self, do: str, body: bytes, *, number: int, name: str = "") -> None:
        """Write one command to the runner. Raises GuestLost when nobody reads there."""
        head = {"do": do, "number": number, "name": name, "size_bytes": len(body)}
        pipe = self.process.stdin
        if pipe is None or pipe.is_closing():
            raise GuestLost("The session's process has ended.")
        try:
            pipe.write(orjson.dumps(head) + b"\n")
            for start in range(0, len(body), WRITE_CHUNK_BYTES):
                pipe.write(body[start : start + WRITE_CHUNK_BYTES])
                await pipe.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise GuestLost("The session's process has ended.") from error

    def interrupt(self) -> None:
        """Interrupt the code, as Ctrl-C does."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.runner_fd, signal.SIGINT)

    def freeze(self) -> None:
        """Stop every process of the session where it stands."""
        signal_tree(self.init_pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        signal_tree(self.init_pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill every process of the session; does not wait, not even for the pipes."""
        pipe = self.process.stdin
        if pipe is not None and not pipe.is_closing():
            pipe.transport.abort()
        with suppress(ProcessLookupError):
            self.process.kill()

    async def wait_closed(self) -> int | None:
        """Wait for the end of a killed or dying process and let go of everything. Returns the exit code if known."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), END_DEADLINE_S)
        self.event_transport.close()
        self.output.close()
        for fd in (self.runner_fd, *self.file_systems):
            if fd >= 0:
                os.close(fd)
        self.runner_fd, self.file_systems = -1, ()
        return self.process.returncode

    async def _come_up(self, info_fd: int, deadline_s: float) -> None:
        try:
            await asyncio.wait_for(self.events.wait_ready(), deadline_s)
            self.init_pid = int(orjson.loads(os.read(info_fd, 4096))["child-pid"])
            runner_pid = descendants(self.init_pid)[1]
            self.runner_fd = os.pidfd_open(runner_pid)
            self.file_systems = tuple(
                os.open(f"/proc/{runner_pid}/root/{folder}", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
                for folder in WRITABLE_FOLDERS
            )
        except (GuestLost, TimeoutError, OSError, LookupError, ValueError) as error:
            said = " ".join(self.output.take().split())[-300:]
            raise SandboxError(said or f"The runner did not start: {type(error).__name__} {error}") from error


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    reading, writing = os.pipe()
    ours.callback(_close_quietly, reading)
    theirs.callback(_close_quietly, writing)
    return reading, writing


def _filter_file(theirs: ExitStack) -> int:
    fd = os.memfd_create("seccomp")
    theirs.callback(_close_quietly, fd)
    os.write(fd, build_filter())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


async def _spawn(command: list[str], output_fd: int, passed: tuple[int, ...]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=output_fd,
            stderr=output_fd,
            pass_fds=passed,
            env={},     # whatever bubblewrap has in its environment can be read inside
            cwd="/",
        )
    except OSError as error:
        raise SandboxError(f"{command[0]} cannot be started: {error.strerror}.") from error


async def _reader(fd: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    stream = asyncio.StreamReader(limit=LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(os.dup(fd), "rb", buffering=0)
    )
    return stream, transport


def _close_quietly(fd: int) -> None:
    with suppress(OSError):
        os.close(fd)
