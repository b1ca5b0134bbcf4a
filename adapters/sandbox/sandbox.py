"""Where model-written Python runs: sessions behind a wall that was tried before it is relied upon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from adapters.sandbox.errors import GuestLost, SandboxError
from adapters.sandbox.ladder import Footing, find_wall
from adapters.sandbox.limits import Limits
from adapters.sandbox.names import is_safe_name
from adapters.sandbox.process import Wall
from adapters.sandbox.results import CodeResult, CodeStatus
from adapters.sandbox.session import Session

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How this machine's sandbox is set up."""

    python: Path                            # the interpreter of the sandbox's own environment
    limits: Limits = field(default_factory=Limits)
    bwrap: Path | None = None               # a bubblewrap to use instead of the system's or the packaged one
    max_sessions: int = 20                  # above it the session idle for longest is ended
    max_running: int = field(default_factory=lambda: os.cpu_count() or 1)
    idle_s: float = 25 * 60.0               # a session that nobody used for so long is ended


class Sandbox:
    """All sessions of this service. `wall` is None where this machine offers no way to confine code; `reason` says why."""

    def __init__(self, settings: SandboxSettings, footing: Footing) -> None:
        """For `open` only."""
        self.reason = footing.reason
        self._wall = footing.wall
        self._fonts: Mapping[str, bytes] = footing.fonts
        self._settings = settings
        self._places: dict[str, _Place] = {}
        self._slots = asyncio.Semaphore(settings.max_running)
        self._reaper: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, settings: SandboxSettings) -> Sandbox:
        """Find a wall that holds. Never raises for a missing one: code is then answered as UNAVAILABLE."""
        footing = await find_wall(settings.python, settings.limits, settings.bwrap)
        log.info("sandbox_opened", wall=footing.wall.name if footing.wall else None, reason=footing.reason)
        sandbox = cls(settings, footing)
        sandbox._reaper = asyncio.create_task(sandbox._reap(), name="sandbox reaper")
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
        if len(code.encode("utf-8", "replace")) > self._settings.limits.code_bytes:
            return CodeResult(status=CodeStatus.RAISED, reason="The code is too long to be run.")
        try:
            async with self._entered(session, self._wall) as entered, self._slots:
                return await entered.run(code, deadline_s or self._settings.limits.run_s)
        except SandboxError as error:
            return CodeResult(status=CodeStatus.UNAVAILABLE, reason=f"Code cannot be run now: {error}")

    async def put(self, session: str, name: str, data: bytes) -> None:
        """Put a file into the session's /mnt/data. Raises SandboxError for a bad name, a full disk or a missing wall."""
        if self._wall is None:
            raise SandboxError(self.reason)
        if not is_safe_name(name):
            raise SandboxError("This is no name for a file: it is empty, too long, begins with a dot or holds odd signs.")
        if len(data) > self._settings.limits.put_bytes:
            raise SandboxError(f"The file {name} is too big for the sandbox.")
        async with self._entered(session, self._wall) as entered:
            await entered.put(name, data)

    async def forget(self, session: str) -> None:
        """End a session; its variables and files are gone."""
        place = self._places.pop(session, None)
        if place is not None and place.session is not None:
            await place.session.end()

    async def close(self) -> None:
        """End every session and wait for that."""
        if self._reaper is not None:
            self._reaper.cancel()
        for session in list(self._places):
            await self.forget(session)

    @asynccontextmanager
    async def _entered(self, name: str, wall: Wall) -> AsyncIterator[Session]:
        """Hold a session for one command, starting it when there is none."""
        place = self._places.setdefault(name, _Place())
        async with place.lock:
            if place.session is None or not place.session.alive:
                await self._make_room()
                place.session = await Session.start(wall, self._settings.limits, self._fonts)
            yield place.session
            if not place.session.alive:
                place.session = None

    async def _make_room(self) -> None:
        """End the sessions that are idle for longest until there is room for one more."""
        living = [name for name, place in self._places.items() if place.session is not None]
        idle = sorted((name for name in living if not self._places[name].lock.locked()), key=self._used_at_s)
        for name in idle[: max(0, len(living) + 1 - self._settings.max_sessions)]:
            await self.forget(name)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(min(60.0, self._settings.idle_s / 4))
            now_s = asyncio.get_running_loop().time()
            for name, place in list(self._places.items()):
                if not place.lock.locked() and now_s - self._used_at_s(name) > self._settings.idle_s:
                    await self.forget(name)

    def _used_at_s(self, name: str) -> float:
        session = self._places[name].session
        return session.used_at_s if session else 0.0


@dataclass(slots=True)
class _Place:
    """Where a session is or will be, and the lock that orders its commands."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: Session | None = None
