"""Where model-written Python runs: sessions behind a wall that was tried before it is relied upon."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.sandbox.errors import SandboxError
from adapters.sandbox.fonts import collect_fonts
from adapters.sandbox.guard import Guard
from adapters.sandbox.ladder import Footing, find_wall
from adapters.sandbox.limits import Limits, in_words
from adapters.sandbox.names import is_safe_name
from adapters.sandbox.process import Wall
from adapters.sandbox.results import CodeResult, CodeStatus
from adapters.sandbox.session import Session

log = logging.getLogger(__name__)

REAPER_PERIOD_S = 60.0
FORGOTTEN = "The session was ended."
NOT_STARTED = "Code cannot be run now: its process did not start."
CLOSED = "The service is stopping."


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How this machine's sandbox is set up."""

    python: Path  # the interpreter of the sandbox's own environment
    limits: Limits = field(default_factory=Limits)
    bwrap: Path | None = None  # a bubblewrap to use instead of the system's or the packaged one
    max_sessions: int = 20  # above it, the session idle for longest is ended
    max_running: int = field(default_factory=lambda: os.cpu_count() or 1)
    idle_s: float = 25 * 60.0  # a session that nobody used for so long is ended


class Sandbox:
    """All sessions of this service.

    `reason` is empty where code can be run; else it says why not and what would help, in words for a person.
    """

    def __init__(self, settings: SandboxSettings, footing: Footing, guard: Guard | None) -> None:
        """For `open` only."""
        self._guard = guard
        self.reason = footing.reason
        self._wall = footing.wall
        self._settings = settings
        self._fonts: dict[str, bytes] = {}
        self._places: dict[str, _Place] = {}
        self._slots = asyncio.Semaphore(settings.max_running)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, settings: SandboxSettings) -> Sandbox:
        """Find a wall that holds. Never raises for a missing one: code is then answered as UNAVAILABLE."""
        footing, guard = await _find_footing(settings)
        wall = footing.wall.name if footing.wall else None
        log.info("sandbox opened", extra={"wall": wall, "why": footing.reason})
        sandbox = cls(settings, footing, guard)
        if footing.wall:
            sandbox._tasks = [
                asyncio.create_task(sandbox._reap(), name="sandbox reaper"),
                asyncio.create_task(sandbox._prepare_fonts(footing.wall), name="sandbox fonts"),
            ]
        return sandbox

    @property
    def wall(self) -> str | None:
        """What confines the code, in words; None where nothing does."""
        return self._wall.name if self._wall else None

    def alive(self, session: str) -> bool:
        """Whether the session's variables and files are there; if not, the next run starts with none."""
        place = self._places.get(session)
        return place is not None and place.session is not None and place.session.alive

    async def run(self, session: str, code: str, *, deadline_s: float | None = None) -> CodeResult:
        """Run code in a session, which is started on first use; runs of one session follow one another."""
        if self._wall is None:
            return CodeResult(status=CodeStatus.UNAVAILABLE, reason=self.reason)
        limits = self._settings.limits
        if len(code) > limits.code_bytes:
            too_long = f"The code is longer than {in_words(limits.code_bytes)}."
            return CodeResult(status=CodeStatus.RAISED, reason=too_long)
        try:
            async with self._entered(session, self._wall) as entered, self._slots:
                result = await entered.run(code, limits.run_s if deadline_s is None else deadline_s)
        except SandboxError as error:
            log.warning("sandbox session not started", extra={"session": session, "why": str(error)})
            return CodeResult(status=CodeStatus.UNAVAILABLE, reason=NOT_STARTED)
        ended = {"session": session, "status": result.status, "lost": result.session_lost, "why": result.reason}
        log.info("code ran", extra=ended)
        return result

    async def put(self, session: str, name: str, data: bytes) -> None:
        """Write a file into the session's /mnt/data, over one of that name. Raises SandboxError, saying why not."""
        if self._wall is None:
            raise SandboxError(self.reason)
        if not is_safe_name(name):
            raise SandboxError("The file's name is empty, too long, begins with a dot or holds signs that it must not.")
        if len(data) > self._settings.limits.put_bytes:
            raise SandboxError(f"The file {name} is bigger than {in_words(self._settings.limits.put_bytes)}.")
        async with self._entered(session, self._wall) as entered:
            await entered.put(name, data)

    async def forget(self, session: str) -> None:
        """End a session, also in the middle of a run; its variables and files are gone."""
        await self._end(session, FORGOTTEN)

    async def close(self) -> None:
        """End every session and wait for that. Whoever asks afterwards is told that the service is stopping."""
        self._wall, self.reason = None, CLOSED
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(name, CLOSED) for name in list(self._places)))
        if self._guard is not None:
            await self._guard.close()
            self._guard = None

    @asynccontextmanager
    async def _entered(self, name: str, wall: Wall) -> AsyncIterator[Session]:
        """Hold a session for one command: start it when there is none, clear away what is left of a dead one."""
        async with self._locked(name) as place:
            if place.session is not None and not place.session.alive:  # it died between two commands
                await place.session.end()
                place.session = None
            if place.session is None:
                await self._make_room()
                place.session = await Session.start(wall, self._settings.limits, self._fonts)
            if place.ending:  # it came while the session was being started
                place.session.kill(place.ending)
            try:
                yield place.session
            finally:
                if not place.session.alive:
                    ended, place.session = place.session, None
                    await ended.end()

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[_Place]:
        place = self._places.setdefault(name, _Place())
        place.claims += 1
        try:
            async with place.lock:
                yield place
        finally:
            place.claims -= 1
            if not place.claims and place.session is None:
                self._places.pop(name, None)

    async def _end(self, name: str, reason: str) -> None:
        place = self._places.get(name)
        if place is None:
            return
        place.ending = reason
        if place.session is not None:
            place.session.kill(reason)
        async with self._locked(name):
            ended, place.session, place.ending = place.session, None, ""
            if ended is not None:
                await ended.end()

    async def _make_room(self) -> None:
        """End the sessions idle for longest until there is room for one more."""
        too_many = 1 + sum(place.session is not None for place in self._places.values()) - self._settings.max_sessions
        for name in self._idle_longest_first()[: max(0, too_many)]:
            await self._end(name, FORGOTTEN)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(min(REAPER_PERIOD_S, self._settings.idle_s / 4))
            for name in self._idle_longest_first():
                session = self._places[name].session if name in self._places else None
                if session and time.monotonic() - session.used_at_s > self._settings.idle_s:
                    await self._end(name, FORGOTTEN)

    def _idle_longest_first(self) -> list[str]:
        idle = [
            (place.session.used_at_s, name)
            for name, place in self._places.items()
            if place.session is not None and not place.claims
        ]
        return [name for _, name in sorted(idle)]

    async def _prepare_fonts(self, wall: Wall) -> None:
        try:
            self._fonts = await collect_fonts(wall, self._settings.limits)
        except SandboxError as error:
            log.warning("sandbox fonts not prepared", extra={"why": str(error)})


async def _find_footing(settings: SandboxSettings) -> tuple[Footing, Guard | None]:
    try:
        guard = await Guard.open()
    except SandboxError as error:
        return Footing(reason=str(error)), None
    return await find_wall(settings.python, settings.limits, settings.bwrap, guard.mark), guard


@dataclass(slots=True)
class _Place:
    """Where a session is or will be."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # orders its commands
    claims: int = 0  # how many hold or await the lock
    session: Session | None = None
    ending: str = ""  # why it is to be ended, until it is
