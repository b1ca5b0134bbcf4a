"""The sandbox as the rest of the service sees it, in the service's own process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox import guest_process, session_watch
from adapters.sandbox.code_result import CodeStatus, IsolationLevel, SandboxError
from adapters.sandbox.guest_process import GuestDescriptors, GuestProcess
from adapters.sandbox.sandbox import Sandbox, SandboxSettings
from adapters.sandbox.session_limits import MB, Limits
from adapters.sandbox.session_watch import SessionUsage
from tests.sandbox.service import SANDBOX_PYTHON
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(
    not SANDBOX_PYTHON.exists(), reason="the sandbox's own environment is not here; `make test` builds it"
)

SETTINGS = SandboxSettings(python=SANDBOX_PYTHON, limits=Limits(interrupt_grace_s=0.5))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = await Sandbox.open(replace(SETTINGS, max_sessions=3, idle_s=60.0))
    assert opened.isolation is not None, opened.reason
    yield opened
    await opened.close()


async def test_runs_of_one_session_follow_one_another(sandbox: Sandbox) -> None:
    await sandbox.run("one", "import time; order = []")
    await asyncio.gather(*(sandbox.run("one", f"time.sleep(0.02); order.append({n})") for n in range(4)))
    assert (await sandbox.run("one", "order")).logs == "[0, 1, 2, 3]\n"


async def test_no_more_run_at_once_than_there_are_slots() -> None:
    sandbox = await Sandbox.open(replace(SETTINGS, max_running=1))
    code = "import time; began = time.time(); time.sleep(0.2); began"
    try:
        first, second = await asyncio.gather(sandbox.run("one", code), sandbox.run("two", code))
    finally:
        await sandbox.close()
    assert abs(float(first.logs) - float(second.logs)) >= 0.2


async def test_forgetting_a_session_ends_a_run_in_the_middle(sandbox: Sandbox) -> None:
    running = asyncio.create_task(sandbox.run("one", "while True: pass"))
    await until(lambda: sandbox.alive("one"))
    await sandbox.forget("one")
    result = await running
    assert (result.status, result.reason, result.session_lost) == (CodeStatus.KILLED, "The session was ended.", True)
    assert not sandbox.alive("one")


async def test_forgetting_a_session_that_is_just_starting_ends_it_too(sandbox: Sandbox) -> None:
    running = asyncio.create_task(sandbox.run("one", "while True: pass"))
    await asyncio.sleep(0)
    await asyncio.wait_for(sandbox.forget("one"), 30)
    assert (await running).reason == "The session was ended."


async def test_a_cancelled_run_costs_only_its_own_session(sandbox: Sandbox) -> None:
    await sandbox.run("one", "x = 1")
    await sandbox.run("two", "x = 2")
    running = asyncio.create_task(sandbox.run("one", "while True: pass"))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not sandbox.alive("one")
    assert (await sandbox.run("one", "'x' in globals()")).logs == "False\n"
    assert (await sandbox.run("two", "x")).logs == "2\n"


async def test_a_session_that_died_between_two_runs_is_replaced_in_silence(sandbox: Sandbox) -> None:
    await sandbox.run("one", "x = 1")
    place = sandbox._slots_by_name["one"]
    assert place.session is not None
    assert place.session._guest is not None
    os.kill(place.session._guest.process.pid, signal.SIGKILL)
    await until(lambda: not sandbox.alive("one"))
    result = await sandbox.run("one", "'x' in globals()")
    assert (result.status, result.logs) == (CodeStatus.OK, "False\n")


async def test_runs_cancelled_while_their_sessions_start_leave_no_process(sandbox: Sandbox) -> None:
    await asyncio.wait(sandbox._tasks[1:])
    for moment_ms in range(0, 100, 5):
        running = {asyncio.create_task(sandbox.run(str(number), "1")) for number in range(4)}
        await asyncio.sleep(moment_ms / 1000)
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        for number in range(4):
            await sandbox.forget(str(number))
    guard = sandbox._guard
    assert guard is not None
    await until(lambda: len(_marked(guard.mark)) == 1)  # the guard's own command line


class _Forking:
    """Stands for bubblewrap in the moment when it has a child that outlives it and holds its standard input."""

    name = "forking"
    level = IsolationLevel.BUBBLEWRAP
    end_signal = signal.SIGKILL
    mark = "teamsbot-test-of-a-cancelled-start"

    def system_call_filter(self) -> bytes:
        return b""

    def usage(self, runner_pid: int, info: dict[str, Any]) -> SessionUsage:
        raise NotImplementedError

    def command(self, limits: Limits, ends: GuestDescriptors, mark: str) -> list[str]:
        return [sys.executable, "-c", "import os, time; os.fork(); time.sleep(60)", mark]


async def test_a_start_that_is_cancelled_before_its_pipes_are_connected_ends_and_leaves_no_process() -> None:
    starting = asyncio.create_task(GuestProcess.start(_Forking(), Limits(), lambda: None))
    await asyncio.sleep(0)
    time.sleep(0.5)  # noqa: ASYNC251 - the machine is busy: the process has forked, the loop has not connected its pipes

    starting.cancel()
    await asyncio.wait({starting}, timeout=10)

    assert starting.cancelled()
    await until(lambda: not _marked(_Forking.mark))


class _Brief:
    """Stands for bubblewrap that ends at once, and with it the pipe to it."""

    name = "brief"
    level = IsolationLevel.BUBBLEWRAP
    end_signal = signal.SIGKILL
    mark = "teamsbot-test-of-a-brief-start"

    def system_call_filter(self) -> bytes:
        return b""

    def usage(self, runner_pid: int, info: dict[str, Any]) -> SessionUsage:
        raise NotImplementedError

    def command(self, limits: Limits, ends: GuestDescriptors, mark: str) -> list[str]:
        return ["/bin/true", mark]


async def test_a_start_that_is_cancelled_when_its_process_has_ended_already_is_no_fault() -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    for rounds in range(12):
        starting = asyncio.create_task(GuestProcess.start(_Brief(), Limits(), lambda: None))
        for _ in range(rounds):
            await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251 - the process has ended, the loop knows it only in part
        starting.cancel()
        await asyncio.wait({starting}, timeout=10)
        await asyncio.sleep(0.02)
    assert faults == []


async def test_above_the_limit_the_session_idle_for_longest_is_ended(sandbox: Sandbox) -> None:
    for name in ("one", "two", "three", "one", "four"):
        await sandbox.run(name, "1")
    assert [sandbox.alive(name) for name in ("one", "two", "three", "four")] == [True, False, True, True]


async def test_a_session_that_nobody_uses_is_ended() -> None:
    sandbox = await Sandbox.open(replace(SETTINGS, idle_s=0.3))
    try:
        await sandbox.run("one", "1")
        assert sandbox.alive("one")
        await until(lambda: not sandbox.alive("one"))
    finally:
        await sandbox.close()


async def test_closing_ends_runs_and_refuses_new_ones(sandbox: Sandbox) -> None:
    running = asyncio.create_task(sandbox.run("one", "while True: pass"))
    await until(lambda: sandbox.alive("one"))
    await sandbox.close()
    assert (await running).status is CodeStatus.KILLED
    result = await sandbox.run("one", "1")
    assert (result.status, result.reason) == (CodeStatus.UNAVAILABLE, "The service is stopping.")
    with pytest.raises(SandboxError, match="stopping"):
        await sandbox.put("one", "name", b"")


async def test_code_that_is_too_long_is_not_run(sandbox: Sandbox) -> None:
    result = await sandbox.run("one", "x" * 1_048_577)
    assert (result.status, result.reason) == (CodeStatus.RAISED, "The code is longer than 1 MB.")


async def test_a_kill_is_reported_soon(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_process, "END_DEADLINE_S", 60.0)
    await sandbox.run("one", "import signal")
    began_s = time.monotonic()
    result = await sandbox.run("one", "signal.signal(2, signal.SIG_IGN)\nwhile True: pass", deadline_s=0.2)
    assert result.status is CodeStatus.KILLED
    assert time.monotonic() - began_s < 30  # and not END_DEADLINE_S later


async def test_memory_is_looked_at_before_a_result_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:  # S2
    monkeypatch.setattr(session_watch, "WATCH_PERIOD_S", 60.0)  # so that the watch comes too late
    small = Limits(memory_bytes=300 * MB)
    sandbox = await Sandbox.open(replace(SETTINGS, limits=small))
    code = """
import os, time
reading, writing = os.pipe()
for _ in range(2):
    if os.fork() == 0:
        hoard = b"x" * (200 << 20)
        os.write(writing, b"x")
        time.sleep(60)
        os._exit(0)
os.read(reading, 1), os.read(reading, 1)
"""
    try:
        result = await sandbox.run("one", code)
    finally:
        await sandbox.close()
    assert (result.status, result.session_lost) == (CodeStatus.KILLED, True)
    assert result.reason == "The code used more than 300 MB of memory and was stopped."


HOLD = "hoard = bytearray(800 << 20)\nimport time; time.sleep(3)"  # more than neighbours give back meanwhile


async def test_code_is_ended_when_the_machine_runs_short_of_memory_by_it() -> None:
    short = Limits(reserve_bytes=1 << 60)  # on any machine
    sandbox = await Sandbox.open(replace(SETTINGS, limits=short))
    try:
        small, large = await sandbox.run("one", "1 + 1"), await sandbox.run("two", HOLD)
    finally:
        await sandbox.close()
    assert (small.status, small.logs) == (CodeStatus.OK, "2\n")
    assert (large.status, large.session_lost) == (CodeStatus.KILLED, True)
    assert large.reason == "The machine ran short of memory while the code ran, so it was stopped."


async def test_one_who_runs_much_code_does_not_keep_others_waiting() -> None:  # S10
    sandbox = await Sandbox.open(replace(SETTINGS, max_running=2))
    order: list[str] = []

    async def run(user: str, session: str) -> None:
        await sandbox.run(session, "import time; time.sleep(0.3)", user=user)
        order.append(session)

    try:
        names = [*(f"greedy-{number}" for number in range(6)), "modest"]
        await asyncio.gather(*(sandbox.run(name, "1", user=name.partition("-")[0]) for name in names))
        await asyncio.gather(*(run(name.partition("-")[0], name) for name in names))
        assert order.index("modest") <= 3  # after those that ran, and at most one slot of each
    finally:
        await sandbox.close()


async def test_one_who_has_many_sessions_pushes_out_their_own() -> None:  # S10
    sandbox = await Sandbox.open(replace(SETTINGS, max_sessions=3))
    try:
        await sandbox.run("modest", "kept = 17", user="modest")  # idle for longest
        for number in range(4):
            await sandbox.run(f"greedy-{number}", "1", user="greedy")
        assert [sandbox.alive(f"greedy-{number}") for number in range(4)] == [False, False, True, True]
        assert (await sandbox.run("modest", "kept", user="modest")).logs == "17\n"
    finally:
        await sandbox.close()


async def test_nothing_is_left_open(sandbox: Sandbox) -> None:
    await sandbox.run("warm", "1")
    await asyncio.wait(sandbox._tasks[1:])
    before = _open_descriptors()
    for number in range(5):
        await sandbox.run(f"session {number}", "import os; os._exit(1)")
        await sandbox.put(f"session {number}", "file", b"x")
        await sandbox.forget(f"session {number}")
    await until(lambda: _open_descriptors() == before)


def _marked(mark: str) -> list[str]:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return [str(line) for line in lines if mark.encode() in line]


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": Path("/nowhere/python")}, "/nowhere/python cannot be started: No such file or directory"),
        ({"python": Path("/bin/true")}, "/bin/true does not answer"),
        ({"bwrap": Path("/nowhere/bwrap")}, "No such file or directory"),
        ({"bwrap": Path("/bin/false")}, "Code cannot be run safely on this machine"),
    ],
)
async def test_without_walls_it_refuses_and_says_why_and_how_to_help(changes: dict[str, Path], said: str) -> None:
    sandbox = await Sandbox.open(replace(SETTINGS, **changes))  # type: ignore[arg-type]
    result = await sandbox.run("one", "1 + 1")
    await sandbox.close()
    assert sandbox.isolation is None
    assert result.status is CodeStatus.UNAVAILABLE
    assert said in result.reason
    assert "make run" in result.reason
    assert result.reason.endswith(".")


async def test_what_a_real_refusal_of_namespaces_needs_is_named(tmp_path: Path) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    sandbox = await Sandbox.open(replace(SETTINGS, bwrap=bwrap))
    await sandbox.close()
    assert "AppArmor" in sandbox.reason or sandbox.reason == "The service is stopping."


async def test_an_end_that_is_cancelled_leaves_neither_process_nor_pipe(sandbox: Sandbox) -> None:
    await sandbox.run("one", "x = 1")
    session = sandbox._slots_by_name["one"].session
    assert session is not None
    guest = session._guest
    assert guest is not None
    ending = asyncio.create_task(session.end())
    await asyncio.sleep(0)  # it waits for the watch between two commands
    ending.cancel()
    await asyncio.wait({ending})
    assert guest.killed
    assert guest.event_transport.is_closing()
    assert guest.process.returncode is not None
