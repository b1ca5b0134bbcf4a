"""What an attempt of hostile code is, and how it must end.

The code of an attempt runs inside with `target` at hand, which says what there is to steal or to break. Whatever it
manages to do it tells with `leaked(...)`; `attempt(...)` calls and shrugs at the errors that a wall gives;
`hold()` keeps what was taken until the watch must have looked, where only the watch limits it.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from tests.sandbox.service import ROOT, Host

PREAMBLE = """
import ctypes, json, os, signal, socket, stat, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
target = json.loads(TARGET)
def leaked(what):
    print("LEAKED", what)
def attempt(call, *args):
    try:
        result = call(*args)
    except (OSError, MemoryError, subprocess.SubprocessError, RuntimeError) as error:
        return error
    leaked(f"{call.__name__} {args} {result}"[:300])
def syscall(number, *args):
    if libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return number
def read(path):
    with open(path, "rb") as file:
        return file.read(200)
def write(path, text="x"):
    with open(path, "a") as file:
        return file.write(text)
def hold():
    time.sleep(target["hold_s"])
MB = 1024 * 1024
"""
DONE = "\nprint('ATTEMPTED')\n"
HOLD_S = 30.0


def preamble(host: Host, *, hold_s: float = 0) -> str:
    """What a session runs before an attempt."""
    target = orjson.dumps(host.targets | {"project": str(ROOT), "hold_s": hold_s}).decode()
    return f"TARGET = {target!r}\n{PREAMBLE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An attempt that fails while the session lives on."""

    code: str
    deadline_s: float = 15.0
    times_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """An attempt that costs the session its life; `because` is part of what the user is told."""

    code: str
    because: str
    deadline_s: float = 15.0
