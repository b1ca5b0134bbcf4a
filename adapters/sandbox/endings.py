"""Says in plain words how a session's process came to its end."""

from __future__ import annotations

import signal

FORGED = "The code interfered with the sandbox itself and was stopped."


def explain_exit(exit_code: int | None) -> str:
    """Explain an exit code of bubblewrap, which is that of the process inside, or 128 and the signal that killed it."""
    if exit_code is None:
        return FORGED  # the pipe was closed by a process that goes on
    if exit_code in (128 + signal.SIGKILL, -signal.SIGKILL):
        return "The code was killed, by itself or by the machine for want of memory."
    if exit_code > 128:
        return f"The code crashed Python ({_signal_name(exit_code - 128)})."
    return f"The code ended Python itself (exit code {exit_code})."


def _signal_name(number: int) -> str:
    return signal.strsignal(number) or f"signal {number}"
