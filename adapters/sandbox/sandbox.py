"""Where model-written Python runs: sessions in an isolation that was probed before it is used."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from adapters.sandbox.code_result import (
    UNKNOWN_OUTCOME,
    CodeResult,
    CodeSandbox,
    CodeStatus,
    IsolationLevel,
    NoteExecution,
    OnStart,
    SandboxError,
)
from adapters.sandbox.control_groups import ControlGroups
from adapters.sandbox.fair_slots import FairSlots
from adapters.sandbox.guest_process import Isolation, OrphanGuard
from adapters.sandbox.isolation import IsolationResult, select_isolation
from adapters.sandbox.session import Session
from adapters.sandbox.session_limits import Limits, in_words

log = logging.getLogger(__name__)

REAPER_PERIOD_S = 60.0
FORGOTTEN = "The session was ended."
NOT_STARTED = "Code cannot be run now: its process did not start."
CLOSED = "The service is stopping."

FONTS_DEADLINE_S = 60.0
MAKE_FONT_LIST = """
import pathlib
import shutil
import matplotlib
import matplotlib.font_manager
for path in pathlib.Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
    shutil.copy(path, "/mnt/data")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How this machine's sandbox is set up."""

    python: Path  # the interpreter of the sandbox's own environment
    limits: Limits = field(default_factory=Limits)
    bwrap: Path | None = None  # a bubblewrap to use instead of the system's or the packaged one
    at_least: IsolationLevel = IsolationLevel.LANDLOCK  # nothing weaker is used
    max_sessions: int = 20  # above it, an idle one is ended, of the user who has most
    max_running: int = field(default_factory=lambda: os.cpu_count() or 1)
    idle_s: float = 25 * 60.0  # a session that nobody used for so long is ended


class Sandbox(CodeSandbox):
    """All sessions of this service.

    `reason` is empty where code can be run; else it says why not and what would help, in words for a person.
    """

    def __init__(
        self, settings: SandboxSettings, found: IsolationResult, guard: OrphanGuard | None, groups: ControlGroups | None
    ) -> None:
        """For `open` only."""
        self._guard = guard
        self._groups = groups
        self.reason = found.reason
        self._isolation = found.isolation
        self._settings = settings
        self._fonts: dict[str, bytes] = {}
        self._slots_by_name: dict[str, _SessionSlot] = {}
        self._slots = FairSlots(settings.max_running)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, settings: SandboxSettings) -> Sandbox:
        """Select an isolation. Never raises: where none holds, code is answered as UNAVAILABLE."""
        groups = ControlGroups.of_this_process()  # before there are children
        found, guard = await _open_isolation(settings)
        isolation = found.isolation.name if found.isolation else None
        cgroup = groups.name if groups else None
        log.info("sandbox opened", extra={"isolation": isolation, "why": found.reason, "cgroup": cgroup})
        sandbox = cls(settings, found, guard, groups)
        if found.isolation:
            sandbox._tasks = [
                asyncio.create_task(sandbox._reap(), name="sandbox reaper"),
                asyncio.create_task(sandbox._prepare_fonts(found.isolation), name="sandbox fonts"),
            ]
        return sandbox

    @property
    @override
    def isolation(self) -> str | None:
        """What confines the code, in words; None where nothing does."""
        return self._isolation.name if self._isolation else None

    @property
    @override
    def level(self) -> IsolationLevel | None:
        """Which kind of isolation that is."""
        return self._isolation.level if self._isolation else None

    @property
    @override
    def counted_by(self) -> str:
        if self._groups is None:
            return "memory is counted ten times a second, for no cgroup can be written"
        return f"memory and processes are limited by {self._groups.name}"

    @override
    def alive(self, session: str) -> bool:
        """Whether the session's variables and files are there; if not, the next run starts with none."""
        slot = self._slots_by_name.get(session)
        return slot is not None and slot.session is not None and slot.session.alive

    @override
    async def recall(self, session: str, number: int, *, age_s: float, note: NoteExecution | None = None) -> CodeResult:
        """It ran elsewhere: code on this machine ends with its service, and is never noted."""
        return CodeResult(status=CodeStatus.KILLED, reason=UNKNOWN_OUTCOME, session_lost=True)

    @override
    async def run(
        self,
        session: str,
        code: str,
        *,
        deadline_s: float | None = None,
        user: str = "",
        note: NoteExecution | None = None,
        on_start: OnStart | None = None,
    ) -> CodeResult:
        """Run code in a session, which is started on first use; runs of one session follow one another.

        Where more code waits than may run at once, users take turns, and so do the sessions of each. `user` is any
        text that stays the same for a person; without one the session counts as a user of its own.
        """
        if self._isolation is None:
            return CodeResult(status=CodeStatus.UNAVAILABLE, reason=self.reason)
        limits = self._settings.limits
        if len(code) > limits.code_bytes:
            too_long = f"The code is longer than {in_words(limits.code_bytes)}."
            return CodeResult(status=CodeStatus.RAISED, reason=too_long)
        try:
            async with (
                self._entered(session, self._isolation, user or session) as entered,
                self._slots.slot(user or session, session),
            ):
                if on_start is not None:
                    on_start()
                result = await entered.run(code, limits.run_s if deadline_s is None else deadline_s)
        except SandboxError as error:
            log.warning("sandbox session not started", extra={"session": session, "why": str(error)})
            return CodeResult(status=CodeStatus.UNAVAILABLE, reason=NOT_STARTED)
        ended = {"session": session, "status": result.status, "lost": result.session_lost, "why": result.reason}
        log.info("code ran", extra=ended)
        return result

    @override
    async def put(self, session: str, name: str, data: bytes) -> None:
        """Write a file into the session's /mnt/data, over one of that name. Raises SandboxError, saying why not."""
        if self._isolation is None:
            raise SandboxError(self.reason)
        if not is_safe_name(name):
            raise SandboxError("The file's name is empty, too long, begins with a dot or holds signs that it must not.")
        if len(data) > self._settings.limits.put_bytes:
            raise SandboxError(f"The file {name} is bigger than {in_words(self._settings.limits.put_bytes)}.")
        async with self._entered(session, self._isolation) as entered:
            await entered.put(name, data)

    @override
    async def forget(self, session: str) -> None:
        """End a session, also in the middle of a run; its variables and files are gone."""
        await self._end(session, FORGOTTEN)

    @override
    async def close(self) -> None:
        """End every session and wait for that. Later calls are answered that the service is stopping."""
        self._isolation, self.reason = None, CLOSED
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(name, CLOSED) for name in list(self._slots_by_name)))
        if self._guard is not None:
            await self._guard.close()
            self._guard = None

    @asynccontextmanager
    async def _entered(self, name: str, isolation: Isolation, user: str = "") -> AsyncIterator[Session]:
        """Hold a session for one command: start it when there is none, clean up after a dead one."""
        async with self._locked(name) as slot:
            slot.user = user or slot.user or name
            if slot.session is not None and not slot.session.alive:  # it died between two commands
                await slot.session.end()
                slot.session = None
            if slot.session is None:
                await self._make_room()
                slot.session = await Session.start(isolation, self._settings.limits, self._fonts, self._groups)
            if slot.ending:  # it came while the session was being started
                slot.session.kill(slot.ending)
            try:
                yield slot.session
            finally:
                if not slot.session.alive:
                    ended, slot.session = slot.session, None
                    await ended.end()

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[_SessionSlot]:
        slot = self._slots_by_name.setdefault(name, _SessionSlot())
        slot.claims += 1
        try:
            async with slot.lock:
                yield slot
        finally:
            slot.claims -= 1
            if not slot.claims and slot.session is None:
                self._slots_by_name.pop(name, None)

    async def _end(self, name: str, reason: str) -> None:
        slot = self._slots_by_name.get(name)
        if slot is None:
            return
        slot.ending = reason
        if slot.session is not None:
            slot.session.kill(reason)
        async with self._locked(name):
            ended, slot.session, slot.ending = slot.session, None, ""
            if ended is not None:
                await ended.end()

    async def _make_room(self) -> None:
        """End idle sessions until there is room for one more: of the user who has most, the one idle for longest."""
        too_many = (
            1 + sum(slot.session is not None for slot in self._slots_by_name.values()) - self._settings.max_sessions
        )
        for _ in range(too_many):
            idle = self._idle_longest_first()
            if not idle:
                return
            held = Counter(slot.user for slot in self._slots_by_name.values() if slot.session is not None)
            await self._end(max(idle, key=lambda name: held[self._slots_by_name[name].user]), FORGOTTEN)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(min(REAPER_PERIOD_S, self._settings.idle_s / 4))
            for name in self._idle_longest_first():
                session = self._slots_by_name[name].session if name in self._slots_by_name else None
                if session and time.monotonic() - session.used_at_s > self._settings.idle_s:
                    await self._end(name, FORGOTTEN)

    def _idle_longest_first(self) -> list[str]:
        idle = [
            (slot.session.used_at_s, name)
            for name, slot in self._slots_by_name.items()
            if slot.session is not None and not slot.claims
        ]
        return [name for _, name in sorted(idle)]

    async def _prepare_fonts(self, isolation: Isolation) -> None:
        # Making matplotlib's list of fonts takes longer than drawing a figure: it is made once and copied to sessions.
        try:
            session = await Session.start(isolation, self._settings.limits, {})
            try:
                result = await session.run(MAKE_FONT_LIST, FONTS_DEADLINE_S)
            finally:
                await session.end()
            self._fonts = {file.name: file.data for file in result.files}
        except SandboxError as error:
            log.warning("sandbox fonts not prepared", extra={"why": str(error)})


async def _open_isolation(settings: SandboxSettings) -> tuple[IsolationResult, OrphanGuard | None]:
    try:
        guard = await OrphanGuard.open()
    except SandboxError as error:
        return IsolationResult(reason=str(error)), None
    found = await select_isolation(
        settings.python, settings.limits, settings.bwrap, guard.mark, at_least=settings.at_least
    )
    return found, guard


@dataclass(slots=True)
class _SessionSlot:
    """The session of one name, running, starting or ending."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # orders its commands
    claims: int = 0  # how many hold or await the lock
    session: Session | None = None
    ending: str = ""  # why it is to be ended, until it is
    user: str = ""  # who ran code in it last


def is_safe_name(name: str) -> bool:
    """Tell whether a file may be put into /mnt/data under this very name."""
    shape = 0 < len(name.encode("utf-8", "surrogatepass")) <= 255 and not name.startswith(".") and "/" not in name
    return shape and name.isprintable()
