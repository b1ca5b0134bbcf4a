"""Kills what is left of sessions by the mark in their command lines; as a program, once the service has ended.

bubblewrap's `--die-with-parent` leaves a gap: when bubblewrap is killed during its start, before it has let
its child go on, that child waits for it forever. It has no code of the model yet, but it is there.

Started by guest_process.py as `python -I -S kill_orphans.py MARK`; its standard input is a pipe that only the service
holds. Standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

PERIOD_S = 0.05
CLEANS_UP = b"landlock_guard.py"  # asked to end, this program kills what it looks after; killed itself, it could not
QUIET_S = 2.0  # a process that was just being started may take so long to show its mark


def main() -> None:
    """Wait for the end of the service, then kill until nothing new comes up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # meant for the service
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    quiet_until_s = time.monotonic() + QUIET_S
    while time.monotonic() < quiet_until_s:
        if kill_orphans(sys.argv[1]):
            quiet_until_s = time.monotonic() + QUIET_S
        time.sleep(PERIOD_S)


def kill_orphans(mark: str) -> int:
    """Kill every process but this one that has the mark in its command line. Returns how many there were."""
    others = (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())  # noqa: PTH208
    return sum(_kill(pid, mark.encode()) for pid in others if _is_marked(pid, mark.encode()))


def _kill(pid: int, mark: bytes) -> bool:
    """Signal through a descriptor taken before the mark is looked at, for a pid may be given to a stranger."""
    with suppress(OSError):
        fd = os.pidfd_open(pid)
        try:
            if _is_marked(pid, mark):
                signal.pidfd_send_signal(fd, signal.SIGTERM if _is_marked(pid, CLEANS_UP) else signal.SIGKILL)
                return True
        finally:
            os.close(fd)
    return False


def _is_marked(pid: int, mark: bytes) -> bool:
    """A process that is dead already has no command line any more."""
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as line:  # noqa: PTH123
        return mark in line.read()
    return False


if __name__ == "__main__":
    main()
