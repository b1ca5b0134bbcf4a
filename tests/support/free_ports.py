"""Ports for programs that are ended and started again at the same address."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

_LOWEST = 10_000
_GIVEN_AWAY = Path("/proc/sys/net/ipv4/ip_local_port_range")


def lasting_port() -> int:
    """A port of this machine that nobody has, and that nobody is given while its program is away.

    The ports which the system gives to clients and to servers that ask for any are left out: neighbours ask for many.
    """
    for port in random.sample(range(_LOWEST, _first_given_away()), k=100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("a hundred ports are all taken")


def _first_given_away() -> int:
    return int(_GIVEN_AWAY.read_text().split()[0]) if _GIVEN_AWAY.exists() else 49_152
