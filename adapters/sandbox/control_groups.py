"""Control groups of the kernel, where this service may make some: a session's memory and processes in one account.

They are a second fence behind the watch, which knows what a person can be told. They are made only below a group that
was given to this service: the root of its own view of the tree, as in a container that may write it, or one that
systemd delegated (`Delegate=yes`). Other groups have an owner, who would not expect ours in them.

https://www.kernel.org/doc/html/latest/admin-guide/cgroup-v2.html, https://systemd.io/CGROUP_DELEGATION
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.sandbox.session_limits import MB, Limits

log = logging.getLogger(__name__)

PROC = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
PREFIX = "teamsbot"
OWN_LEAF = "teamsbot-service"
CONTROLLERS = frozenset(("memory", "pids"))
DELEGATED = ("user.delegate", "trusted.delegate")  # how systemd marks a group that it gave away
KERNEL_BYTES = 64 * MB  # for page tables, sockets and the like, which count here
REMOVE_ATTEMPTS, REMOVE_PERIOD_S = 100, 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """The group of one session: a folder, or in version 1 one for each controller."""

    folders: tuple[Path, ...]

    async def remove(self) -> None:
        """Remove it once its processes have ended."""
        for folder in self.folders:
            for _ in range(REMOVE_ATTEMPTS):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:  # a process that was killed is not gone yet
                    await asyncio.sleep(REMOVE_PERIOD_S)
                else:
                    break


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroups:
    """Makes groups for sessions below `parents`; each takes the files of `limits` with what `Limits` says."""

    name: str
    parents: tuple[Path, ...]

    @classmethod
    def of_this_process(cls, proc: Path = PROC, mount: Path = MOUNT) -> ControlGroups | None:
        """Look where this process may make groups; None where it may not, and then nothing changes.

        Called before there are child processes: in version 2 this process may have to move into a group of its own.
        """
        try:
            lines = proc.read_text("ascii").splitlines()
            paths = {
                controller: path
                for _, controllers, path in (line.split(":", 2) for line in lines)
                for controller in controllers.split(",")
            }
            found = _version_2(paths, mount) or _version_1(paths, mount)
        except (OSError, ValueError) as error:
            log.debug("no control groups", extra={"why": str(error)})
            return None
        if found is not None:
            found.remove_stale()
        return found

    def add(self, pids: Sequence[int], limits: Limits) -> ControlGroup | None:
        """Put processes, and all that they will start, into a group of their own; None if that fails."""
        most_bytes = limits.memory_bytes + limits.data_bytes + 2 * limits.scratch_bytes + KERNEL_BYTES
        values = {
            "memory.max": most_bytes,
            "memory.swap.max": 0,
            "memory.oom.group": 1,
            "memory.limit_in_bytes": most_bytes,
            "pids.max": limits.processes + len(pids),
        }
        name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(4)}"
        made: list[Path] = []
        try:
            for parent in self.parents:
                folder = parent / name
                folder.mkdir()
                made.append(folder)
                for file, value in values.items():
                    if (folder / file).exists():
                        (folder / file).write_text(str(value), "ascii")
                for pid in pids:
                    (folder / "cgroup.procs").write_text(str(pid), "ascii")
        except OSError as error:
            log.warning("session without a control group", extra={"why": error.strerror})
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()
            return None
        return ControlGroup(folders=tuple(made))

    def remove_stale(self) -> None:
        """Remove groups of services that were killed. One that has processes stays."""
        for parent in self.parents:
            for folder in parent.glob(f"{PREFIX}-*-*"):
                owner = folder.name.split("-")[1]
                if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                    with suppress(OSError):
                        folder.rmdir()


def _version_2(paths: dict[str, str], mount: Path) -> ControlGroups | None:
    path = paths.get("")
    if path is None or not (mount / "cgroup.controllers").exists():
        return None
    own = mount / path.lstrip("/")
    if own.name == OWN_LEAF:  # this process moved there before it executed itself anew
        own = own.parent
    if not (path == "/" or _is_delegated(own)) or not _words(own / "cgroup.controllers") >= CONTROLLERS:
        return None
    if not _words(own / "cgroup.subtree_control") >= CONTROLLERS:
        # The kernel gives no controllers to the children of a group that has processes itself.
        leaf = own / OWN_LEAF
        leaf.mkdir(exist_ok=True)
        try:
            (leaf / "cgroup.procs").write_text(str(os.getpid()), "ascii")
            (own / "cgroup.subtree_control").write_text("+memory +pids", "ascii")
        except OSError:
            with suppress(OSError):
                (own / "cgroup.procs").write_text(str(os.getpid()), "ascii")
                leaf.rmdir()
            raise
    return ControlGroups(name="cgroup version 2", parents=(own,))


def _version_1(paths: dict[str, str], mount: Path) -> ControlGroups | None:
    if any(paths.get(controller) != "/" for controller in CONTROLLERS):
        return None
    parents = tuple(mount / controller for controller in sorted(CONTROLLERS))
    for parent in parents:
        probe = parent / f"{PREFIX}-{os.getpid()}-probe"
        probe.mkdir()
        probe.rmdir()
    return ControlGroups(name="cgroup version 1", parents=parents)


def _is_delegated(group: Path) -> bool:
    for mark in DELEGATED:
        with suppress(OSError):
            if os.getxattr(group, mark) == b"1":
                return True
    return os.geteuid() != 0 and group.stat().st_uid == os.geteuid()


def _words(file: Path) -> set[str]:
    return set(file.read_text("ascii").split())
