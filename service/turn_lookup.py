"""Turns as an operator sees them from another process, as lines to read and as JSON.

They are read from PostgreSQL, through the running service, or from the file of a stopped one.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from adapters.openai.service_errors import FIXES
from adapters.timelines_http import MAX_FEEDBACK, MAX_LISTED, HttpTimelines, NobodyThereError, timelines_app
from bot.diagnosis import Finding
from bot.errors import AssistantRefusedError, AssistantUnavailableError, Refusal, StorageError, StorageInUseError
from bot.feedback import FeedbackRecord
from bot.ports import FeedbackStore, Timelines
from bot.timeline import Timeline
from bot.turn_record import UNKNOWN, StepKind, Usage, code_of, failed
from httpkit.atomic_write import write_atomically
from httpkit.http_server import ACCEPT_BATCH, HttpRunner
from service.listen_socket import LOOPBACK
from service.settings import Settings
from service.settings.parsers import Secret
from storage.feedback_sqlite import SqliteFeedback
from storage.sqlite import SqliteFile, network_disk
from storage.timelines_sqlite import SqliteTimelines

if TYPE_CHECKING:
    from storage.postgres import PostgresSession

_WHERE = "turns.json"
_POLL_S = 1.0
_DATABASE_S = 5.0
_MIN_FREE_BYTES = 200_000_000


@asynccontextmanager
async def serve_timelines(
    timelines: Timelines, folder: Path, feedback: FeedbackStore | None = None
) -> AsyncIterator[None]:
    """Answer on a loopback port. Address and key are in a file that only the owner of the folder can read.

    Both are new at each start, so a file that a killed process left opens nothing. Raises StorageError.
    """
    key = secrets.token_urlsafe(32)
    runner = HttpRunner(timelines_app(timelines, feedback, key=key), shutdown_timeout_s=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0, backlog=ACCEPT_BATCH).start()
        _write(folder / _WHERE, address=f"http://{LOOPBACK}:{runner.addresses[0][1]}", key=key)
        yield
    finally:
        with suppress(OSError):  # a disk that has become read-only does not keep the program from ending
            (folder / _WHERE).unlink(missing_ok=True)
        await runner.cleanup()


def _write(path: Path, **where: str) -> None:
    try:
        write_atomically(path, json.dumps(where).encode())
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


async def follow_timelines(settings: Settings, limit: int) -> AsyncIterator[Timeline]:
    """The latest turns, and from then on each one again whenever its state changes, until cancelled."""
    seen: dict[int, tuple[int, float | None]] = {}
    async with _looking(settings) as look:
        while True:
            for line in await look(limit):
                state = (line.attempts, line.ended_at_s)
                if seen.get(line.number) != state:
                    seen[line.number] = state
                    yield line
            limit = MAX_LISTED  # from now on all that changed
            seen = dict(sorted(seen.items())[-2 * MAX_LISTED :])
            await asyncio.sleep(_POLL_S)


async def read_feedback(settings: Settings) -> AsyncIterator[list[FeedbackRecord]]:
    """All feedback, page by page, oldest first. Raises StorageError."""
    after = 0
    async with _feedback_pages(settings) as page:
        while records := await page(after):
            after = records[-1].number
            yield records


@asynccontextmanager
async def _feedback_pages(settings: Settings) -> AsyncIterator[Callable[[int], Awaitable[list[FeedbackRecord]]]]:
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            from storage.feedback_postgres import PostgresFeedback

            session = await stack.enter_async_context(_postgres_session(settings.database_url))
            yield partial(PostgresFeedback(session).page, limit=MAX_FEEDBACK)
            return
        client = await stack.enter_async_context(aiohttp.ClientSession())
        running = await _of_running(settings.data_dir, client)
        if running is not None:
            yield running.feedback_after
            return
        file = await stack.enter_async_context(_opened(settings.data_dir / "teamsbot.sqlite"))
        yield partial(SqliteFeedback(file).page, limit=MAX_FEEDBACK)


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncIterator[Callable[[int], Awaitable[list[Timeline]]]]:
    """A call that reads the latest turns. It opens a file each time, so that a bot can start and stop meanwhile."""
    if settings.database_url is None:
        yield partial(_latest_in, settings.data_dir)
    else:
        async with _of_postgres(settings.database_url) as timelines:
            yield timelines.latest


async def _latest_in(folder: Path, limit: int) -> list[Timeline]:
    try:
        async with _of_folder(folder) as timelines:
            return await timelines.latest(limit)
    except StorageInUseError:  # a teamsbot is starting or stopping at this moment
        return []


@asynccontextmanager
async def open_timelines(settings: Settings) -> AsyncIterator[Timelines]:
    """The turns of the bot with these settings. Raises StorageError."""
    url = settings.database_url
    async with _of_folder(settings.data_dir) if url is None else _of_postgres(url) as timelines:
        yield timelines


async def check_store(settings: Settings, folder: Path) -> Finding:
    """Whether turns can be read where they are kept, and for `folder` on a disk whether it suits them."""
    if settings.database_url is not None:
        async with open_timelines(settings) as timelines:
            await timelines.latest(1)
        return Finding.passed("turns are kept in PostgreSQL, which answers")
    if await asyncio.to_thread((folder / "teamsbot.sqlite").exists):
        async with open_timelines(settings) as timelines:
            await timelines.latest(1)
    disk = await asyncio.to_thread(network_disk, folder)
    if disk is not None:
        return Finding.warned(
            f"DATA_DIR {folder} lies on a network disk ({disk}), where a crash can lose or damage turns.",
            "Set DATA_DIR to a folder on a local disk, or DATABASE_URL to a PostgreSQL.",
        )
    usage = await asyncio.to_thread(shutil.disk_usage, folder)
    if usage.free < _MIN_FREE_BYTES:
        return Finding.warned(f"The disk of {folder} has {usage.free // 1_000_000} MB left.", "Make room.")
    return Finding.passed(f"turns are kept in {folder}")


@asynccontextmanager
async def _of_postgres(url: Secret) -> AsyncIterator[Timelines]:
    from storage.timelines_postgres import PostgresTimelines

    async with _postgres_session(url) as session:
        yield PostgresTimelines(session)


@asynccontextmanager
async def _postgres_session(url: Secret) -> AsyncIterator[PostgresSession]:
    from storage.postgres import NullListener, PostgresSession

    session = PostgresSession(url.reveal())
    await session.open(NullListener(), deadline_s=_DATABASE_S)
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def _of_folder(folder: Path) -> AsyncIterator[Timelines]:
    async with aiohttp.ClientSession() as session:
        running = await _of_running(folder, session)
        if running is not None:
            yield running
            return
    async with _opened(folder / "teamsbot.sqlite") as file:
        yield SqliteTimelines(file)


async def _of_running(folder: Path, session: aiohttp.ClientSession) -> HttpTimelines | None:
    try:
        where = json.loads((folder / _WHERE).read_text("utf-8"))
        timelines = HttpTimelines(session=session, address=where["address"], key=where["key"])
        await timelines.latest(1)
    except (FileNotFoundError, NobodyThereError):
        return None
    except OSError as error:
        raise StorageError(f"{folder / _WHERE} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{folder / _WHERE} is damaged; it is made anew when teamsbot starts") from error
    return timelines


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[SqliteFile]:
    if not await asyncio.to_thread(path.exists):
        raise StorageError(f"There are no turns yet: {path} does not exist.")
    file = SqliteFile(path)
    await file.open()
    try:
        yield file
    finally:
        await file.close()


Moment = tuple[float, str]
"""When (unix seconds), and what."""


_UNKNOWN = (
    "It is not known whether every message of the answer arrived: the channel was asked twice and did not say.\n"
    "Look into the chat. What is missing there is not sent again; the person can ask once more."
)

_DOCTOR = "The assistant's service {what}. `teamsbot doctor` finds out why and says what to do."
_REFUSALS = {
    Refusal.KEY: "refuses the key or the identity of this bot",
    Refusal.MODEL: "does not have the model, assistant or agent that this bot asks for",
    Refusal.QUOTA: "says that the quota is used up",
    Refusal.ADDRESS: "is not at the address that this bot asks",
}
_TROUBLE = {
    **{
        str(failed(AssistantRefusedError("", refusal=refusal))): (
            f"The assistant's service {what}. {FIXES[refusal]} `teamsbot doctor` tries it."
        )
        for refusal, what in _REFUSALS.items()
    },
    f"failed:{AssistantRefusedError.code}": _DOCTOR.format(what="refused what the bot asked"),
    f"failed:{AssistantUnavailableError.code}": _DOCTOR.format(what="could not be reached, or answered too late"),
}
"""What an operator can do about an outcome."""


def explained(line: Timeline) -> str:
    """Everything that is known of a turn, each moment with the time since the one before it."""
    moments = sorted(_moments(line), key=lambda moment: moment[0])
    width = max(len(what) for _, what in moments)
    before_s = [line.accepted_at_s, *(at_s for at_s, _ in moments)]
    rows = [
        f"  {_clock(at_s, 'milliseconds')}  {what:{width}}  +{at_s - earlier_s:.3f} s"
        for (at_s, what), earlier_s in zip(moments, before_s, strict=False)
    ]
    head = f"Turn {code_of(line.number)}: {_state(line)}"
    used = [f"Used: {_used(line.usage)}"] if line.usage else []
    in_log = f"In the log: turn={line.name} conversation={line.conversation_hash}"
    advice = [_UNKNOWN] if line.outcome == UNKNOWN else []
    advice += [_TROUBLE[line.outcome]] if line.outcome in _TROUBLE else []
    return "\n".join((head, *advice, in_log, *used, "", *rows))


def listed(line: Timeline) -> str:
    """A turn on one line."""
    end_s = "" if line.ended_at_s is None else f"{line.ended_at_s - line.accepted_at_s:.1f} s"
    attempts = f"{line.attempts} attempts" if line.attempts > 1 else ""
    columns = f"{_clock(line.accepted_at_s, 'seconds')}  {code_of(line.number)}  {line.conversation_hash}  {end_s:>8}"
    used = line.usage or Usage()  # the tutor, and some services, count no tokens
    tokens = f"{used.input_tokens:,}+{used.output_tokens:,} tokens" if used.input_tokens or used.output_tokens else ""
    return "  ".join(filter(None, (columns, _state(line), attempts, tokens)))


def _used(usage: Usage) -> str:
    """What a turn consumed, in words."""
    tokens_in = f"{usage.input_tokens:,} tokens in ({usage.cached_tokens:,} cached)"
    tokens_out = f"{usage.output_tokens:,} out ({usage.reasoning_tokens:,} for reasoning)"
    return f"{tokens_in}, {tokens_out}, code runs: {usage.code_runs:,}"


def as_json(line: Timeline) -> str:
    """A turn as one line of JSON."""
    return json.dumps({"code": code_of(line.number), "state": _state(line), **line.to_json()})


def _state(line: Timeline) -> str:
    if line.ended_at_s is not None:
        return line.outcome or "ended"
    return "running" if line.attempts else "waiting"


def _moments(line: Timeline) -> Iterator[Moment]:
    yield line.accepted_at_s, "accepted"
    if line.started_at_s is not None:
        yield line.started_at_s, "started" if line.attempts == 1 else f"started, attempt {line.attempts}"
    for step in line.steps:
        kind, _, request = step.name.partition("/0/")
        if kind == StepKind.REQUEST:
            yield step.done_at_s, f"failed at the service as {request}"
        else:
            yield step.done_at_s, f"done: {step.name}"
    if line.ended_at_s is not None:
        yield line.ended_at_s, f"ended: {_state(line)}"


def _clock(at_s: float, precision: str) -> str:
    moment = datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec=precision) + "Z"
