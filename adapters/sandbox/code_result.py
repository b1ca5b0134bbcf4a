"""What a caller of the sandbox gets: a result, or an error of the sandbox itself.

Everything in a result is hostile until checked, and is data here, never a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CodeStatus(StrEnum):
    """How a piece of code ended."""

    OK = "ok"
    RAISED = "raised"  # the code raised; the traceback is in the logs
    TIMED_OUT = "timed_out"  # interrupted at its deadline; variables are kept if `session_lost` is false
    KILLED = "killed"  # a limit was broken or the process died; `reason` says which
    UNAVAILABLE = "unavailable"  # nothing was run, mostly because nothing here can isolate it; `reason` names the fix


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestImage:
    """A figure that the code showed: PNG bytes, checked for their signature only."""

    data: bytes
    alt_text: str  # built from what was drawn: title, axes, series, range; never empty


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFile:
    """A file that is new or changed in /mnt/data since the last run; `name` is sanitised, with no folder."""

    name: str
    data: bytes
    alt_text: str = ""  # where the code saved a figure as a picture: what it shows


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
    """The sandbox cannot do what was asked; the message is one sentence that a user may read."""


class GuestLostError(SandboxError):
    """The session is over, or must be ended now; its variables and files are gone."""


class GuestEndedError(GuestLostError):
    """The guest closed its side of the pipes: its process has ended, or is about to."""

    def __init__(self) -> None:
        super().__init__("The session's process has ended.")


class ProtocolViolationError(GuestLostError):
    """The guest sent something that the runner never sends: the code is forging messages."""
