"""What can go wrong with the sandbox itself, as opposed to the code in it."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message is one sentence that a user may read."""


class GuestLost(SandboxError):
    """The session's process has ended, or was ended because it broke a rule; its variables and files are gone."""


class ProtocolViolation(GuestLost):
    """The guest said something that the runner never says: the code is forging messages."""
