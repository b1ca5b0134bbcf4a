"""What can go wrong with the sandbox itself, as opposed to the code in it."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message is one sentence that a user may read."""


class GuestLostError(SandboxError):
    """The session is over, or must be ended now; its variables and files are gone."""


class GuestEndedError(GuestLostError):
    """The guest closed its side of the pipes: its process has ended, or is about to."""

    def __init__(self) -> None:
        super().__init__("The session's process has ended.")


class ProtocolViolationError(GuestLostError):
    """The guest said something that the runner never says: the code is forging messages."""
