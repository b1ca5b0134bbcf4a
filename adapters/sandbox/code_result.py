"""What a caller of the sandbox gets: a result, or an error of the sandbox itself.

Everything in a result is hostile until checked, and is data here, never a path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

UNKNOWN_OUTCOME: Final = (
    "The service was interrupted while this code ran, and it is not known what became of it. It was not run again."
)


class CodeStatus(StrEnum):
    """How a piece of code ended."""

    OK = "ok"
    RAISED = "raised"  # the code raised; the traceback is in the logs
    TIMED_OUT = "timed_out"  # interrupted at its deadline; variables are kept if `session_lost` is false
    KILLED = "killed"  # a limit was broken or the process died; `reason` says which
    EXPIRED = "expired"  # nothing was run: the session had ended unnoticed; put its files back and run the code again
    UNAVAILABLE = "unavailable"  # nothing was run, mostly because nothing here can isolate it; `reason` names the fix


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestImage:
    """A figure that the code showed: PNG bytes, checked for their signature only."""

    data: bytes
    alt_text: str  # built from what was drawn: title, axes, series, range; never empty
    points: bytes = b""  # what was drawn, as csv; unchecked


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFile:
    """A file that is new or changed in /mnt/data since the last run; `name` is sanitised, with no folder."""

    name: str
    data: bytes
    alt_text: str = ""  # where the code saved a figure as a picture: what it shows
    points: bytes = b""  # the same as of an image


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeResult:
    """What one piece of code did. `logs` is stdout and stderr in order, and the value of a last bare expression."""

    status: CodeStatus
    logs: str = ""
    images: tuple[GuestImage, ...] = ()
    files: tuple[GuestFile, ...] = ()
    reason: str = ""  # one sentence for the model and the user where status is not OK
    session_lost: bool = False  # variables are gone; the next run starts a new process


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message is one sentence that a user may read.

    `fix` tells an operator what to do, where that is known.
    """

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


class GuestLostError(SandboxError):
    """The session is over, or must be ended now; its variables and files are gone."""


class GuestEndedError(GuestLostError):
    """The guest closed its side of the pipes: its process has ended, or is about to."""

    def __init__(self) -> None:
        super().__init__("The session's process has ended.")


class ProtocolViolationError(GuestLostError):
    """The guest sent something that the runner never sends: the code is forging messages."""


class IsolationLevel(StrEnum):
    """The kinds of isolation, the strongest first."""

    DYNAMIC_SESSIONS = "dynamic-sessions"
    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"


NoteExecution = Callable[[int], Awaitable[None]]
"""Writes the number of an execution down. Awaited right before code goes to where it may outlive this process, and with
`SESSION_ENDED` when its session was ended before it told anything."""

OnStart = Callable[[], None]
"""Called right before code runs, when it no longer waits for a session or for others' code."""

SESSION_ENDED: Final = 0
"""Noted in place of the number of an execution of which nothing is left."""


class CodeSandbox(Protocol):
    """Runs code in sessions: on this machine, or in a pool of Azure Container Apps."""

    reason: str
    """Why no code can be run, and what would help; empty where it can."""

    @property
    def isolation(self) -> str | None:
        """What confines the code, in words; None where nothing does."""
        ...

    @property
    def level(self) -> IsolationLevel | None:
        """Which kind of isolation that is."""
        ...

    @property
    def counted_by(self) -> str:
        """What counts the memory and processes of a session, in half a sentence."""
        ...

    def alive(self, session: str) -> bool:
        """Whether the session's variables and files are there, as far as is known."""
        ...

    async def run(
        self,
        session: str,
        code: str,
        *,
        deadline_s: float | None = None,
        user: str = "",
        note: NoteExecution | None = None,
        on_start: OnStart | None = None,
    ) -> CodeResult:
        """Run code in a session, which is started on first use; never raises for what the code does.

        `note` is not called where code ends with this process. Raises what `note` raises, and then runs nothing.
        """
        ...

    async def recall(self, session: str, number: int, *, age_s: float, note: NoteExecution | None = None) -> CodeResult:
        """What became of an execution that an earlier process noted so long ago. Runs nothing, whatever it finds."""
        ...

    async def put(self, session: str, name: str, data: bytes) -> None:
        """Write a file into the session's /mnt/data, over one of that name. Raises SandboxError, saying why not."""
        ...

    async def forget(self, session: str) -> None:
        """End a session; its variables and files are gone."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
