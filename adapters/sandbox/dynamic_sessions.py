"""Runs code in dynamic sessions of Azure Container Apps: a virtual machine for each conversation.

The runner of `guest/` is sent into a session with its first code. So figures, files, descriptions and the habits of a
notebook are the same as on this machine, and what comes back is read with the same distrust.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hmac
import io
import logging
import re
import secrets
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from typing_extensions import override

from adapters.sandbox.bubblewrap import GUEST_FOLDER, GUEST_MODULE
from adapters.sandbox.code_result import (
    SESSION_ENDED,
    UNKNOWN_OUTCOME,
    CodeResult,
    CodeSandbox,
    CodeStatus,
    GuestLostError,
    IsolationLevel,
    NoteExecution,
    OnStart,
    SandboxError,
)
from adapters.sandbox.fair_slots import FairSlots
from adapters.sandbox.guest.remote import RESULT
from adapters.sandbox.guest_output import LINE_BYTES, CommandResult, EventReader, KeptText
from adapters.sandbox.sandbox import is_safe_name
from adapters.sandbox.session import FORGED, RUN_EXITS, USED_UP, result_of
from adapters.sandbox.session_limits import Limits, in_words
from adapters.sandbox.session_pool import MAX_RUN_S, SessionPool, UnknownOutcomeError

log = logging.getLogger(__name__)

MIN_KEY_BYTES: Final = 32
_KEY_PURPOSE: Final = b"teamsbot names of dynamic sessions"
_MAX_RUNNING: Final = 50  # pools have up to 600 sessions; more than these would fill this service's memory
_MAX_KNOWN: Final = 5_000
_MAX_NUMBER: Final = 2**48
_RECALL_PAUSE_S: Final = 1.0
_GRACE_S: Final = 15  # for the code that interrupts itself, and for handing over what it made
_OVERHEAD_BYTES: Final = 1024 * 1024  # of the lines around files and figures
_IS_NEW: Final = "teamsbot: this session has begun anew"
_MODULE: Final = f"{GUEST_MODULE.rpartition('.')[0]}.remote"
# What the service takes in the name of a file (sessions-code-interpreter.md, "Supported characters").
_UPLOADABLE: Final = re.compile(r"[\w\-_ .@$&=;,#%^()]{1,200}")

_CLOSED: Final = "The service is stopping."
_ENDED: Final = "The code ended its session, or was stopped because it did not end in time."
_NOTHING_CAME: Final = "The service that runs code did not say what became of it, so its session was ended."


class DynamicSessions(CodeSandbox):
    """The sessions of one pool that this service uses.

    Which session is whose is decided by a keyed hash of its name here: nobody can work out another's, and two bots
    with keys of their own can share a pool.
    """

    def __init__(self, *, pool: SessionPool, key: bytes, limits: Limits | None = None) -> None:
        """`key` has at least MIN_KEY_BYTES; another key is derived from it, so it may serve other purposes too."""
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the key of session names needs {MIN_KEY_BYTES} bytes")
        self.reason = ""
        self._pool = pool
        self._key = hmac.digest(key, _KEY_PURPOSE, "sha256")
        self._limits = limits or Limits()
        self._life = secrets.token_hex(8)
        self._known: dict[str, _RemoteSession] = {}
        self._slots = FairSlots(_MAX_RUNNING)

    @property
    @override
    def isolation(self) -> str | None:
        return "dynamic sessions of Azure Container Apps"

    @property
    @override
    def level(self) -> IsolationLevel | None:
        return IsolationLevel.DYNAMIC_SESSIONS

    @property
    @override
    def counted_by(self) -> str:
        return "memory and processes are limited by the pool"

    def identifier(self, session: str) -> str:
        """What the pool calls a session."""
        digest = hmac.digest(self._key, session.encode("utf-8", "surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @override
    def alive(self, session: str) -> bool:
        known = self._known.get(session)
        return known is not None and known.is_open

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
        """Run code in a session. EXPIRED if the pool has ended it meanwhile: then nothing was run."""
        if self.reason:
            return CodeResult(status=CodeStatus.UNAVAILABLE, reason=self.reason)
        if len(code) > self._limits.code_bytes:
            too_long = f"The code is longer than {in_words(self._limits.code_bytes)}."
            return CodeResult(status=CodeStatus.RAISED, reason=too_long)
        deadline_s = min(self._limits.run_s if deadline_s is None else deadline_s, MAX_RUN_S - _GRACE_S)
        async with self._entered(session) as known, self._slots.slot(user or session, session):
            number = 1 + secrets.randbelow(_MAX_NUMBER)  # of this execution and no other, in any life of the service
            if note is not None:
                await note(number)
            if on_start is not None:
                on_start()
            try:
                result = await self._run(session, known, code, deadline_s, number)
            except asyncio.CancelledError as error:
                await self._end_cancelled(session, known, note, error)
            except UnknownOutcomeError:
                await self._end(session, known)  # the code may be running still, and would change files under the next
                result = CodeResult(status=CodeStatus.KILLED, reason=_NOTHING_CAME, session_lost=True)
            except SandboxError as error:
                log.warning("code not run", extra={"session": session, "why": str(error)})
                return CodeResult(status=CodeStatus.UNAVAILABLE, reason=str(error))
        ended = {"session": session, "status": result.status, "lost": result.session_lost, "why": result.reason}
        log.info("code ran", extra=ended)
        return result

    @override
    async def recall(self, session: str, number: int, *, age_s: float, note: NoteExecution | None = None) -> CodeResult:
        """Its result lies in the session until the next code runs there: it is waited for as long as it may come.

        The API tells of an execution by an id that comes with its answer, so one without an answer cannot be asked for.
        """
        if self.reason:
            return CodeResult(status=CodeStatus.UNAVAILABLE, reason=self.reason)
        if number == SESSION_ENDED:
            return CodeResult(status=CodeStatus.KILLED, reason=UNKNOWN_OUTCOME, session_lost=True)
        name, limits = self.identifier(session), self._limits
        left_s = max(0.0, limits.run_s + _GRACE_S - age_s)
        async with self._entered(session) as known:
            try:
                for _ in range(1 + round(left_s / _RECALL_PAUSE_S)):
                    bundle = await self._pool.download(name, RESULT, max_bytes=_max_bundle_bytes(limits))
                    with suppress(GuestLostError):  # nothing yet, or what an earlier execution left
                        result = await _read(bundle or b"", number, limits)
                        log.info("code had run", extra={"session": session})
                        return await self._told(session, known, result, limits.run_s)
                    await self._pool.pause(_RECALL_PAUSE_S)
            except asyncio.CancelledError as error:
                await self._end_cancelled(session, known, note, error)
            except SandboxError as error:
                log.warning("code not recalled", extra={"session": session, "why": str(error)})
            log.warning("code of unknown outcome not run again", extra={"session": session})
            await self._end(session, known)
        return CodeResult(status=CodeStatus.KILLED, reason=UNKNOWN_OUTCOME, session_lost=True)

    @override
    async def put(self, session: str, name: str, data: bytes) -> None:
        if self.reason:
            raise SandboxError(self.reason)
        if not is_safe_name(name) or name == RESULT:
            raise SandboxError("The file's name is empty, too long, begins with a dot or holds signs that it must not.")
        if len(data) > self._limits.put_bytes:
            raise SandboxError(f"The file {name} is bigger than {in_words(self._limits.put_bytes)}.")
        async with self._entered(session) as known:
            uploaded = name if _UPLOADABLE.fullmatch(name) else f"teamsbot-upload-{len(known.placed)}"
            await self._pool.upload(self.identifier(session), uploaded, data)
            known.placed.append((uploaded, name))

    @override
    async def forget(self, session: str) -> None:
        async with self._entered(session) as known:
            await self._end(session, known)
        self._known.pop(session, None)

    @override
    async def close(self) -> None:
        # The sessions stay as they are: the next start goes on with them, or the pool ends them.
        self.reason = _CLOSED

    async def _run(self, session: str, known: _RemoteSession, code: str, deadline_s: float, number: int) -> CodeResult:
        name = self.identifier(session)
        check = _CHECK.format(module=_MODULE, life=self._life, is_new=_IS_NEW)
        source = check if known.is_open else self._opening()
        order = {"number": number, "deadline_s": deadline_s, "placed": known.placed}
        execution = await self._pool.execute(
            name, source + _RUN.format(code=code, order=order), timeout_s=int(deadline_s) + _GRACE_S
        )
        if known.is_open and execution.stdout.startswith(_IS_NEW):
            log.info("session had expired", extra={"session": session})
            known.is_open, known.placed = False, []
            return CodeResult(status=CodeStatus.EXPIRED, session_lost=True)
        known.placed = []
        if not execution.succeeded:
            log.warning("execution failed", extra={"session": session, "why": execution.error})
            await self._end(session, known)
            return CodeResult(status=CodeStatus.KILLED, reason=_ENDED, session_lost=True)
        limits = self._limits
        try:
            bundle = await self._pool.download(name, RESULT, max_bytes=_max_bundle_bytes(limits))
            result = await _read(bundle or b"", number, limits)
        except GuestLostError:
            await self._end(session, known)
            return CodeResult(status=CodeStatus.KILLED, reason=FORGED, session_lost=True)
        known.is_open = True
        return await self._told(session, known, result, deadline_s)

    async def _told(self, session: str, known: _RemoteSession, result: CommandResult, deadline_s: float) -> CodeResult:
        output = KeptText(self._limits.log_bytes + _OVERHEAD_BYTES)
        output.add(result.output)
        if why := USED_UP.get(result.ending):
            await self._end(session, known)
            return CodeResult(status=CodeStatus.KILLED, logs=output.text(), reason=why, session_lost=True)
        return result_of(result, output.text(), deadline_s)

    def _opening(self) -> str:
        limits = {name: getattr(self._limits, name) for name in _TOLD_LIMITS}
        return _OPEN.format(module=_MODULE, package=_package(), life=self._life, limits=limits)

    async def _end_cancelled(
        self, session: str, known: _RemoteSession, note: NoteExecution | None, cancelled: asyncio.CancelledError
    ) -> NoReturn:
        """End a session whose code nobody waits for any more, and note that the next start need not ask for it."""
        is_ended = await self._end(session, known)
        try:
            if is_ended and note is not None:
                await note(SESSION_ENDED)
        finally:
            raise cancelled

    async def _end(self, session: str, known: _RemoteSession) -> bool:
        """Whether the pool has ended it; it ends an idle session by itself."""
        known.is_open, known.placed = False, []
        try:
            await self._pool.end(self.identifier(session))
        except SandboxError:
            return False
        return True

    @asynccontextmanager
    async def _entered(self, session: str) -> AsyncIterator[_RemoteSession]:
        """Hold a session for one request after another."""
        known = self._known.pop(session, None) or _RemoteSession()
        self._known[session] = known  # the latest is the last
        for other in list(self._known)[: max(0, len(self._known) - _MAX_KNOWN)]:
            if not self._known[other].lock.locked():
                del self._known[other]
        async with known.lock:
            yield known


@dataclass(slots=True)
class _RemoteSession:
    """What is known here of a session of the pool."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False  # our runner was in it, with the variables of the last run
    placed: list[tuple[str, str]] = field(default_factory=list)  # files uploaded since: as what, and their names


def _max_bundle_bytes(limits: Limits) -> int:
    return limits.image_total_bytes + limits.result_file_total_bytes + limits.log_bytes + _OVERHEAD_BYTES


async def _read(bundle: bytes, number: int, limits: Limits) -> CommandResult:
    stream = asyncio.StreamReader(limit=LINE_BYTES)
    stream.feed_data(bundle)
    stream.feed_eof()
    return await EventReader(stream, limits).read_command(
        number, RUN_EXITS, max_output_bytes=limits.log_bytes + _OVERHEAD_BYTES
    )


_TOLD_LIMITS: Final = (
    "log_bytes",
    "file_count",
    "image_count",
    "image_total_bytes",
    "points_bytes",
    "result_file_count",
    "result_file_total_bytes",
)

_OPEN: Final = """\
import base64, importlib, io, sys, tempfile, zipfile
try:
    _teamsbot = importlib.import_module({module!r})
except ImportError:
    _folder = tempfile.mkdtemp(prefix="teamsbot-")
    zipfile.ZipFile(io.BytesIO(base64.b64decode({package!r}))).extractall(_folder)
    sys.path.insert(0, _folder)
    importlib.invalidate_caches()
    _teamsbot = importlib.import_module({module!r})
_teamsbot.open_session({life!r}, {limits!r})
"""
_CHECK: Final = """\
import sys
_teamsbot = sys.modules.get({module!r})
if _teamsbot is None or _teamsbot.session != {life!r}:
    print({is_new!r})
    _teamsbot = None
"""
_RUN: Final = """\
if _teamsbot is not None:
    _teamsbot.run({code!r}, **{order!r})
"""


@functools.cache
def _package() -> str:
    """The runner and what belongs to it, as a zip in base64."""
    buffer = io.BytesIO()
    inside = Path(*GUEST_MODULE.split(".")[:-1])
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in list(inside.parents)[:-1]:
            archive.writestr(f"{folder}/__init__.py", "")
        for path in sorted(path for path in GUEST_FOLDER.iterdir() if path.is_file()):
            archive.write(path, str(inside / path.name))
    return base64.b64encode(buffer.getvalue()).decode()
