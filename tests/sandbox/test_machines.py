"""Machines and accounts that differ from the usual: the sandbox works there, or says in words why it does not."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.sandbox.code_result import CodeStatus
from adapters.sandbox.isolation import DEFAULT_HINT, hint_for
from tests.sandbox.service import SANDBOX_PYTHON, Host

pytestmark = pytest.mark.skipif(
    not SANDBOX_PYTHON.exists(), reason="the sandbox's own environment is not here; `make test` builds it"
)
as_root_only = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root has rights to lose; runs as root, as in CI"
)


def _started(through: Sequence[str]) -> tuple[str, CodeStatus]:
    host = Host.start(as_root=True, through=through)
    result = host.run("one", "1 + 1")
    host.stop()
    return host.reason, result.status


@pytest.mark.parametrize("habit", ["umask 077", "ulimit -n 200", "ulimit -u 500", "ulimit -c unlimited", "cd /tmp"])
def test_it_works_under_other_habits(habit: str) -> None:
    reason, status = _started(["sh", "-c", f'{habit}; exec "$@"', "sh"])
    assert (reason, status) == ("", CodeStatus.OK)


@as_root_only
def test_root_that_may_not_mount_works_or_is_told_to_run_it_as_an_ordinary_user() -> None:
    reason, status = _started(["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"])
    if status is CodeStatus.UNAVAILABLE:  # Python lies where only root may pass, as under /root
        assert "CAP_SYS_ADMIN" in reason
    else:
        assert status is CodeStatus.OK


@as_root_only
def test_root_that_may_not_become_another_user_is_told_so_and_no_code_is_run_as_root() -> None:
    reason, status = _started(["setpriv", "--bounding-set", "-setuid,-setgid", "--inh-caps", "-setuid,-setgid"])
    assert status is CodeStatus.UNAVAILABLE
    assert reason.startswith("Code cannot be run safely on this machine: as root: become uid")
    assert reason.endswith("Root may not become another user here: run the service as an ordinary user.")


@as_root_only
def test_below_the_least_isolation_that_is_demanded_no_code_is_run() -> None:
    host = Host.start(as_root=False, in_container=True, at_least="bubblewrap")
    result = host.run("one", "1 + 1")
    host.stop()
    assert (host.isolation, result.status) == (None, CodeStatus.UNAVAILABLE)
    assert "SANDBOX_AT_LEAST permits nothing weaker than bubblewrap" in result.reason


@as_root_only
def test_the_end_of_the_service_ends_a_session_without_namespaces_and_removes_its_folder() -> None:  # trap 18
    host = Host.start(as_root=False, in_container=True)
    orphan = """
import os, subprocess, sys
if os.fork() == 0:
    os.setsid()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "orphan-of-trap-18"])
    os._exit(0)
os.wait()
print(os.getcwd())
"""
    folder = Path(host.run("one", orphan).logs.strip())
    assert folder.is_dir()
    with host.process as process:  # which closes its pipes too
        process.kill()
    deadline_s = time.monotonic() + 30
    while folder.parent.exists() or _running("orphan-of-trap-18"):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def _running(token: str) -> bool:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return any(token.encode() in line for line in lines)


def test_the_isolation_in_use_is_named_with_its_version() -> None:  # S22
    host = Host.start(as_root=False)
    host.stop()
    assert host.isolation is not None
    assert re.match(r"bubblewrap \d+\.\d+", host.isolation)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("bubblewrap is not installed", "apt-get install bubblewrap"),
        ("bwrap: setting up uid map: Permission denied", "AppArmor"),
        ("bwrap: No permissions to create new namespace, likely because ...", "user namespaces"),
        ("bwrap: Creating new namespace failed: Operation not permitted", "user namespaces"),
        ("bwrap: Failed to mount tmpfs: Operation not permitted", "seccomp profile"),
        ("bwrap: Can't find source path /root/x: Permission denied", "readable by other users"),
        ("something new", DEFAULT_HINT),
    ],
)
def test_each_refusal_that_is_known_has_its_remedy(said: str, remedy: str) -> None:
    assert remedy in hint_for(said)
