"""Attempts to escape that an isolation must withstand before it is used; each that succeeds is named.

The code below runs inside and is given its targets: things that really exist, set up by the service for
the purpose, so that an isolation with a hole is found out.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

ATTACK = """
import ctypes, json, os, socket, sys

def reads(path):
    with open(path, "rb") as file:
        file.read(1)

def connects(port):
    socket.create_connection(("127.0.0.1", port), timeout=1).close()

def binds():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(("127.0.0.1", 0))

def unshares():
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:
        raise PermissionError

def writes(folder):
    with open(os.path.join(folder, "canary"), "w") as file:
        file.write("out")

def is_root():
    if os.geteuid() != 0:
        raise PermissionError

def gains_privileges():
    if ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 1:
        raise PermissionError

def attack(target):
    yield "reads a file of the service", lambda: reads(target["secret"])
    yield "reads the environment of the service", lambda: reads(f"/proc/{target['pid']}/environ")
    yield "reads its own first process", lambda: reads("/proc/1/environ")
    yield "connects to a port of the service", lambda: connects(target["port"])
    yield "opens a socket", binds
    yield "signals the service", lambda: os.kill(target["pid"], 0) if target["pid"] > 99 else reads("")
    yield "makes a namespace", unshares
    yield "writes to the system", lambda: writes("/usr/lib")
    yield "writes to the root folder", lambda: writes("/")
    runner = os.path.dirname(sys.modules["adapters.sandbox.guest.cell"].__file__)
    yield "writes to its own runner", lambda: writes(runner)
    yield "reads a file of another session", lambda: reads(target["neighbour"])
    yield "is root", is_root
    yield "may gain privileges", gains_privileges

def leaks(target):
    tried = 0
    for name, attempt in attack(target):
        tried += 1
        try:
            attempt()
        except OSError:
            continue
        yield name
    yield tried
"""
ATTACK_COUNT = 13


@asynccontextmanager
async def escape_probes(neighbour: str) -> AsyncIterator[str]:
    """Set up what is to be attacked, and yield the code that attacks it; `neighbour` is a file of another session."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    with tempfile.TemporaryDirectory(prefix="teamsbot-probe-") as folder:
        target = {
            "secret": _secret(folder),
            "neighbour": neighbour,
            "pid": os.getpid(),
            "port": server.sockets[0].getsockname()[1],
        }
        try:
            yield f"{ATTACK}\nprint(json.dumps(list(leaks({target}))))\n"
        finally:
            server.close()
            await server.wait_closed()


def _secret(folder: str) -> str:
    """Write a file that anybody may read: the isolation must hide it, not its mode."""
    Path(folder).chmod(0o755)
    path = Path(folder, "secret")
    path.write_text("secret", encoding="ascii")
    return str(path)


def successful_probes(logs: str) -> list[str]:
    """Return the names of the attacks that succeeded. Raises ValueError when not all of them were tried."""
    *leaks, tried = orjson.loads(logs)
    if tried != ATTACK_COUNT:
        raise ValueError(f"{tried} attacks of {ATTACK_COUNT}")
    return [str(leak) for leak in leaks]
