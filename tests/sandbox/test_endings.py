"""Nothing outlives its session, nor its service, however either ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from adapters.sandbox.process_tree import descendants
from tests.sandbox.host import SECRET
from tests.sandbox.service import SANDBOX_PYTHON, Host

T = TypeVar("T")

ORPHAN = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in (1, 2):
                os.close(fd)
            time.sleep(600)
        os._exit(0)
"""


@pytest.fixture(params=["as root", "as a plain user"])
def own_host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A service that the test may kill."""
    if not SANDBOX_PYTHON.exists():
        pytest.skip("the sandbox's own environment is not here; `make test` builds it")
    as_root = request.param == "as root"
    if as_root and os.geteuid() != 0:
        pytest.skip("only root can start the service as root; runs where the tests are run by root, as in CI")
    host = Host.start(as_root=as_root)
    yield host
    host.process.kill()
    host.process.wait()
    for pipe in (host.process.stdin, host.process.stdout):
        assert pipe is not None
        pipe.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize("end", [_stop, subprocess.Popen.kill, subprocess.Popen.terminate])
def test_when_the_service_ends_no_process_is_left(
    own_host: Host, end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    own_host.run("one", ORPHAN)
    own_host.run("two", "x = 1")
    own_host.ask("run", session="three", code="while True: pass", deadline_s=60.0)
    assert _wait_for(lambda: len(descendants(own_host.process.pid)) > 12)
    inside = _processes(own_host)
    end(own_host.process)
    own_host.process.wait(timeout=30)
    assert _wait_for(lambda: not _alive(inside)), _alive(inside)


def test_a_forgotten_session_leaves_no_process(own_host: Host) -> None:
    own_host.run("one", ORPHAN)
    inside = _processes(own_host, but=b"kill_orphans.py")
    assert len(inside) >= 6
    own_host.forget("one")
    assert _wait_for(lambda: not _alive(inside)), _alive(inside)


def test_no_process_of_a_session_has_the_environment_of_the_service_or_is_root(own_host: Host) -> None:
    own_host.run("one", "x = 1")
    inner = _processes(own_host, but=b"kill_orphans.py")
    assert SECRET.encode() in Path(f"/proc/{own_host.process.pid}/environ").read_bytes()
    assert len(inner) >= 3
    for pid in inner:
        status = Path(f"/proc/{pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        assert "0" not in uids, status
        assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.parametrize("moment_ms", range(4, 60, 11))
def test_when_the_service_is_killed_while_sessions_start_no_process_is_left(own_host: Host, moment_ms: int) -> None:
    """bubblewrap alone leaves one for most of them: see kill_orphans.py."""
    mark = _mark(own_host)
    for number in range(4):
        own_host.ask("run", session=f"session {number}", code="1", deadline_s=5.0)
    time.sleep(moment_ms / 1000)
    own_host.process.kill()
    own_host.process.wait()
    assert _wait_for(lambda: not _marked(mark)), _marked(mark)


def test_a_service_that_stands_still_for_a_while_goes_on(own_host: Host) -> None:
    own_host.run("one", "x = 5")
    own_host.process.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    own_host.process.send_signal(signal.SIGCONT)
    assert own_host.run("one", "x").logs == "5\n"


def test_what_wakes_a_session_between_two_runs_costs_it_its_life(own_host: Host) -> None:  # S2
    code = "import subprocess, threading, time\nthreading.Thread(target=lambda: time.sleep(60)).start()"
    own_host.run("one", f"open('/mnt/data/mark', 'w').close()\n{code}")
    # By its file: a session for the fonts may be running beside it.
    runner = max(pid for pid in _processes(own_host) if Path(f"/proc/{pid}/root/mnt/data/mark").exists())
    os.kill(runner, signal.SIGCONT)
    assert _wait_for(lambda: not _alive([runner]))
    assert own_host.run("one", "'subprocess' in globals()").logs == "False\n"


def test_the_kernel_takes_code_before_the_service_when_memory_runs_out(own_host: Host) -> None:
    own_host.run("one", "import os, time\nif os.fork() == 0: time.sleep(60)")

    def scores() -> list[str]:
        runners = [pid for pid in _processes(own_host, but=b"--unshare-user") if b"guest.runner" in _command_line(pid)]
        return [Path(f"/proc/{pid}/oom_score_adj").read_text() for pid in runners]

    # The runner and its child at least; a session for the fonts may be starting beside them.
    assert _wait_for(lambda: len(scores()) >= 2 and set(scores()) == {"1000\n"}), scores()


def _processes(host: Host, *, but: bytes = b"nothing at all") -> list[int]:
    return [pid for pid in descendants(host.process.pid)[1:] if but not in _command_line(pid)]


def _mark(host: Host) -> bytes:
    (guard,) = (pid for pid in descendants(host.process.pid) if b"kill_orphans.py" in _command_line(pid))
    return _command_line(guard).split(b"\0")[-2]


def _marked(mark: bytes) -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and mark in _command_line(int(name))]  # noqa: PTH208


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _alive(pids: list[int]) -> list[int]:
    def is_alive(pid: int) -> bool:
        try:
            return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False

    return [pid for pid in pids if is_alive(pid)]


def _wait_for(look: Callable[[], T], deadline_s: float = 30) -> T:
    until_s = time.monotonic() + deadline_s
    while not (seen := look()) and time.monotonic() < until_s:
        time.sleep(0.02)
    return seen
