"""Turns as another process sees them: in PostgreSQL, through the running service, or in the file of a stopped one."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from adapters.timelines_http import MAX_FEEDBACK, MAX_LISTED, HttpTimelines, NobodyThereError, timelines_app
from bot.errors import StorageError, StorageInUseError
from bot.feedback import FeedbackRecord
from bot.ports import FeedbackStore, Timelines
from bot.timeline import Timeline
from httpkit.atomic_write import write_atomically
from httpkit.http_server import ACCEPT_BATCH, HttpRunner
from service.listen_socket import LOOPBACK
from service.settings import Settings
from service.settings.secret import Secret
from storage.feedback_sqlite import SqliteFeedback
from storage.sqlite import SqliteFile
from storage.timelines_sqlite import SqliteTimelines

if TYPE_CHECKING:
    from storage.postgres import PostgresSession

_WHERE = "turns.json"
_POLL_S = 1.0
_DATABASE_S = 5.0


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


@asynccontextmanager
async def _of_postgres(url: Secret) -> AsyncIterator[Timelines]:
    from storage.timelines_postgres import PostgresTimelines

    async with _postgres_session(url) as session:
        yield PostgresTimelines(session)


@asynccontextmanager
async def _postgres_session(url: Secret) -> AsyncIterator[PostgresSession]:
    from storage.postgres import Bystander, PostgresSession

    session = PostgresSession(url.reveal())
    await session.open(Bystander(), deadline_s=_DATABASE_S)
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
