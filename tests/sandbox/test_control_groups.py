"""Control groups: where they may be made, against a tree of folders; and what they do, where the kernel lets root."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.sandbox import session_watch
from adapters.sandbox.code_result import CodeStatus
from adapters.sandbox.control_groups import OWN_LEAF, ControlGroups
from adapters.sandbox.sandbox import Sandbox
from adapters.sandbox.session_limits import MB, Limits
from tests.sandbox.test_sandbox import SETTINGS
from tests.support.waiting import until

# ---- where: plain files in the place of the kernel's ----


def proc(folder: Path, *lines: str) -> Path:
    file = folder / "cgroup"
    file.write_text("\n".join(lines) + "\n")
    return file


def version_2(folder: Path, *, enabled: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("cpu memory pids\n")
    (folder / "cgroup.subtree_control").write_text(f"{enabled}\n")
    return folder


def test_a_container_that_may_write_its_own_tree_gets_groups(tmp_path: Path) -> None:
    mount = version_2(tmp_path / "mount", enabled="memory pids")
    found = ControlGroups.of_this_process(proc(tmp_path, "0::/"), mount)
    assert found is not None
    assert (found.name, found.parents) == ("cgroup version 2", (mount,))
    assert not (mount / OWN_LEAF).exists()


def test_where_controllers_are_not_passed_down_yet_the_service_moves_into_a_group_of_its_own(tmp_path: Path) -> None:
    mount = version_2(tmp_path / "mount", enabled="")
    (mount / OWN_LEAF).mkdir()
    assert ControlGroups.of_this_process(proc(tmp_path, "0::/"), mount) is not None
    assert (mount / OWN_LEAF / "cgroup.procs").read_text() == str(os.getpid())
    assert (mount / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_after_executing_itself_anew_it_finds_the_same_place(tmp_path: Path) -> None:
    mount = version_2(tmp_path / "mount", enabled="memory pids")
    own = version_2(mount / "own", enabled="memory pids")
    (own / OWN_LEAF).mkdir()
    os.setxattr(own, "user.delegate", b"1")
    found = ControlGroups.of_this_process(proc(tmp_path, f"0::/own/{OWN_LEAF}"), mount)
    assert found is not None
    assert found.parents == (own,)


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user owns the folder, and may use it; runs as root in CI")
def test_a_group_that_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mount = version_2(tmp_path / "mount", enabled="memory pids")
    version_2(mount / "system.slice", enabled="memory pids")
    assert ControlGroups.of_this_process(proc(tmp_path, "0::/system.slice"), mount) is None


def test_in_version_1_both_controllers_must_be_this_services_to_use(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "pids").mkdir()
    found = ControlGroups.of_this_process(proc(tmp_path, "4:memory:/", "8:pids:/", "0::/"), tmp_path)
    assert found is not None
    assert [parent.name for parent in found.parents] == ["memory", "pids"]
    somebodys = proc(tmp_path, "4:memory:/another", "8:pids:/", "0::/")
    assert ControlGroups.of_this_process(somebodys, tmp_path) is None


@pytest.mark.parametrize("lines", [("0::/",), ("4:memory:/", "8:pids:/"), ("garbage",), ()])
def test_where_nothing_can_be_made_nothing_changes(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert ControlGroups.of_this_process(proc(tmp_path, *lines), tmp_path / "no mount") is None
    assert ControlGroups.of_this_process(tmp_path / "no such file", tmp_path) is None


def test_groups_of_services_that_were_killed_are_removed(tmp_path: Path) -> None:
    mount = version_2(tmp_path / "mount", enabled="memory pids")
    (mount / "teamsbot-4194305-0a0b0c0d").mkdir()  # above the highest process id there can be
    (mount / f"teamsbot-{os.getpid()}-0a0b0c0d").mkdir()
    ControlGroups.of_this_process(proc(tmp_path, "0::/"), mount)
    assert [folder.name for folder in mount.glob("teamsbot-*")] == [f"teamsbot-{os.getpid()}-0a0b0c0d"]


# ---- what: the kernel's own, of version 1, below a group that the test makes and removes ----

LIMITS = Limits(memory_bytes=300 * MB, data_bytes=32 * MB, scratch_bytes=16 * MB)
HOARD = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        hoard = b"x" * (200 << 20)
        time.sleep(60)
        os._exit(0)
time.sleep(20)
"""


@pytest.fixture
def groups() -> Iterator[ControlGroups]:
    made = []
    try:
        for controller in ("memory", "pids"):
            folder = Path("/sys/fs/cgroup") / controller / f"test-of-teamsbot-{os.getpid()}"
            folder.mkdir()
            made.append(folder)
    except OSError as error:
        for folder in made:
            folder.rmdir()
        pytest.skip(f"no control groups of version 1 can be made here ({error.strerror}); runs as root where there are")
    yield ControlGroups(name="cgroup version 1", parents=tuple(made))
    for folder in made:
        folder.rmdir()


async def test_the_kernel_ends_code_above_the_limit_even_if_nobody_watches(
    groups: ControlGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_watch, "WATCH_PERIOD_S", 60.0)
    monkeypatch.setattr(ControlGroups, "of_this_process", lambda: groups)
    sandbox = await Sandbox.open(replace(SETTINGS, limits=LIMITS))
    try:
        assert (await sandbox.run("one", "1 + 1")).logs == "2\n"
        [group] = groups.parents[0].glob("teamsbot-*")
        assert int((group / "memory.limit_in_bytes").read_text()) == (300 + 32 + 2 * 16 + 64) * MB
        assert len((group / "cgroup.procs").read_text().split()) >= 2  # bubblewrap's first process, and the runner
        assert "limited by cgroup version 1" in sandbox.counted_by
        running = asyncio.create_task(sandbox.run("one", HOARD))
        await until(lambda: int((group / "memory.failcnt").read_text()) > 0)
        assert int((group / "memory.max_usage_in_bytes").read_text()) <= (300 + 32 + 2 * 16 + 64) * MB
        await sandbox.forget("one")
        assert (await running).status is CodeStatus.KILLED
    finally:
        await sandbox.close()
    assert [list(parent.glob("teamsbot-*")) for parent in groups.parents] == [[], []]
