"""What `teamsbot doctor` has to know of the running service: its own answer, and two files of DATA_DIR.

`service.json` says where it listens. `last-request.json` says what became of the last request that claimed to come
from Teams; it stays after a stop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import aiohttp

from adapters.teams.authentication import Verdict
from bot.diagnosis import Finding
from service.listen_socket import LOOPBACK

log = logging.getLogger(__name__)

_ADDRESS: Final = "service.json"
_REQUEST: Final = "last-request.json"
_WRITE_INTERVAL_S: Final = 1.0

# Anybody who finds the address sends these, so they say nothing about Teams.
_STRANGERS: Final = frozenset({"MissingToken", "MalformedToken", "WrongSignature", "WrongAlgorithm", "UnknownKey"})
_NOT_SERVED: Final = frozenset({"TenantNotAllowed", "UserNotAllowed", "GuestNotAllowed"})
_FIXES: Final = {
    "WrongAudience": "Set MicrosoftAppId to the id of the app that the bot is registered with in Teams.",
    "WrongIssuer": "Set CLOUD to the cloud of the tenant.",
    "EntraToken": "Only Teams may call /api/messages. Local tools need a bot without MicrosoftAppId.",
    "EmulatorToken": "Only Teams may call /api/messages. Local tools need a bot without MicrosoftAppId.",
    "PlaygroundToken": "Only Teams may call /api/messages. Local tools need a bot without MicrosoftAppId.",
    "AgenticUserToken": "Agentic users (Agent 365) are not supported: use the bot's ordinary app.",
    "ExpiredToken": "Set the clock of this machine by NTP.",
    "TokenNotYetValid": "Set the clock of this machine by NTP.",
    "ForeignServiceUrl": "Check that the host is Microsoft's, then name its origin in TRUSTED_SERVICE_URLS.",
    "NotEndorsed": "Check CLOUD: the signing keys are those of another service.",
    "KeysUnavailable": "Let this machine reach the issuer's keys; see the check `keys`.",
}
_ANY_FIX: Final = "docs/teams.md, under `request refused`, explains the reason."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """Times are unix seconds; `accepted_at_s` is 0 before the first accepted request."""

    at_s: float
    accepted_at_s: float
    verdict: Verdict


class LastRequest:
    """Writes down the last verdict, at most once a second however many requests come."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = folder / _REQUEST
        self._clock = clock
        self._accepted_at_s = 0.0
        if (known := _read(self._path)) is not None:
            self._accepted_at_s = known.accepted_at_s
        self._unwritten: _Record | None = None
        self._timer: asyncio.TimerHandle | None = None

    def note(self, verdict: Verdict) -> None:
        """Remember what became of a request."""
        if verdict.reason in _STRANGERS:
            return
        now_s = self._clock()
        if verdict.status < 300:
            self._accepted_at_s = now_s
        self._unwritten = _Record(at_s=now_s, accepted_at_s=self._accepted_at_s, verdict=verdict)
        if self._timer is None:
            self._write()
            self._timer = asyncio.get_running_loop().call_later(_WRITE_INTERVAL_S, self._write_again)

    def close(self) -> None:
        """Write what is not written yet."""
        if self._timer is not None:
            self._timer.cancel()
        self._write()

    def _write_again(self) -> None:
        self._timer = None
        self._write()

    def _write(self) -> None:
        record, self._unwritten = self._unwritten, None
        if record is None:
            return
        # Not forced to disk: of a machine that crashed, the last request may be forgotten.
        partial = self._path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(asdict(record)), "utf-8")
            partial.replace(self._path)
        except OSError as error:
            log.warning("last request not noted", extra={"why": error.strerror})


@contextmanager
def address_noted(folder: Path, address: str) -> Iterator[None]:
    """While in here other processes find the address of this service in its folder."""
    path = folder / _ADDRESS
    try:
        path.write_text(json.dumps({"address": address, "pid": os.getpid()}), "utf-8")
    except OSError as error:
        log.warning("address not noted", extra={"why": error.strerror})
    try:
        yield
    finally:
        with suppress(OSError):  # a disk that has become read-only does not keep the program from ending
            path.unlink(missing_ok=True)


def noted_address(folder: Path) -> str | None:
    """Where the service of this folder listens, or did before it was killed. A wildcard is replaced by loopback."""
    try:
        address = json.loads((folder / _ADDRESS).read_text("utf-8"))["address"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return reachable(address) if isinstance(address, str) else None


def reachable(address: str) -> str:
    """An address of a listener as this machine reaches it."""
    return address.replace("//0.0.0.0:", f"//{LOOPBACK}:").replace("//[::]:", "//[::1]:")


async def check_service(address: str) -> Finding:
    """Whether teamsbot runs at this address and can store messages."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=4)) as session,
            session.get(f"{address}/readyz") as response,
        ):
            answer = await response.json(content_type=None)
    except aiohttp.ClientConnectorError:
        where = "" if address.endswith(":0") else f" at {address}"  # PORT=0 names no port before a start
        return Finding.warned(f"teamsbot is not running{where}.", "Start it: teamsbot serve")
    except TimeoutError:
        return Finding.warned(
            f"A program takes connections at {address}, and does not answer.",
            "If it is teamsbot, look at its log and start it again; if not, set PORT to a free port.",
        )
    except (aiohttp.ClientError, OSError, ValueError):
        answer = None
    match answer:
        case {"status": "ready"}:
            return Finding.passed(f"teamsbot runs at {address}")
        case {"status": "unavailable"}:
            return Finding.failed(
                f"teamsbot runs at {address}, and cannot store messages.", "See the check `store`, and its log."
            )
        case _:
            return Finding.warned(
                f"Another program than teamsbot answers at {address}.",
                "End that program, or set PORT to a free port; then start teamsbot serve.",
            )


def check_last_request(folder: Path, *, endpoint: str, clock: Callable[[], float] = time.time) -> Finding:
    """What became of the last request from Teams. `endpoint` is where Teams is to send them."""
    record = _read(folder / _REQUEST)
    if record is None:
        return Finding.warned(
            "Nothing has come from Teams yet.",
            f"Set the bot's messaging endpoint to {endpoint}, install the app in Teams and write to it.",
        )
    verdict, ago = record.verdict, _ago(clock() - record.at_s)
    if verdict.status < 300:
        return Finding.passed(f"accepted, {ago}")
    if verdict.reason in _NOT_SERVED:
        cause = f"Teams reaches the bot; the last sender, {ago}, is not on its lists ({verdict.reason})"
        if record.accepted_at_s:
            return Finding.passed(cause)
        return Finding.warned(
            f"{cause}, and nobody was accepted before.", "Compare ALLOWED_TENANTS, ALLOWED_USERS and ALLOW_GUESTS."
        )
    because = f"{verdict.reason}: {verdict.detail}" if verdict.detail else verdict.reason
    return Finding.failed(
        f"The last request from Teams, {ago}, was answered {verdict.status} because of {because}.",
        _FIXES.get(verdict.reason, _ANY_FIX),
    )


def _read(path: Path) -> _Record | None:
    try:
        row = json.loads(path.read_text("utf-8"))
        verdict = Verdict(**row.pop("verdict"))
        record = _Record(**row, verdict=verdict)
        return replace(record, at_s=float(record.at_s), accepted_at_s=float(record.accepted_at_s))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, or not ours
        return None


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, round(seconds))} s ago"
    if seconds < 7200:
        return f"{round(seconds / 60)} min ago"
    return f"{round(seconds / 3600)} h ago" if seconds < 172_800 else f"{round(seconds / 86_400)} days ago"
