"""What every ledger can tell of a turn afterwards, and what it must not."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.ports import Ledger, Timelines
from bot.timeline import STOPPED
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.migrations import scripts
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection
from storage.sqlite import SqliteFile
from storage.sqlite_migrations import migrate
from storage.timelines_postgres import PostgresTimelines
from storage.timelines_sqlite import SqliteTimelines
from tests.ledgers import accepted, started
from tests.postgres_server import PostgresServer


@dataclass
class Book:
    ledger: Ledger
    timelines: Timelines


@pytest.fixture(params=["sqlite"])
async def book(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Book]:
    async with AsyncExitStack() as stack:
        ledger: Ledger
        if request.param == "sqlite":
            file = SqliteFile(tmp_path / "l.sqlite")
            ledger = SqliteLedger(file)
            await started(ledger)
            stack.push_async_callback(ledger.stop)
            yield Book(ledger, SqliteTimelines(file))
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.url(server.new_database())
            ledger = PostgresLedger(PostgresSession(url))
            await started(ledger)
            stack.push_async_callback(ledger.stop)
            connection = await Connection.open(url)
            stack.push_async_callback(connection.close)
            yield Book(ledger, PostgresTimelines(connection))


async def test_a_turn_that_is_done_keeps_when_each_step_was_done_and_how_it_ended(book: Book) -> None:
    number = await accepted(book.ledger)
    await book.ledger.begin(number)
    await book.ledger.begin(number)
    await book.ledger.save(number, "run in thread_1", '"run_1"')
    await book.ledger.save(number, "reply", '["what was said"]')
    await book.ledger.save(number, "part 0", '"a1"')
    await book.ledger.end(number, STOPPED)
    line = await book.timelines.timeline(number)
    assert line is not None
    assert [step.name for step in line.steps] == ["run in thread_1", "reply", "part 0"]
    times = [line.accepted_at_s, line.begun_at_s, *(step.done_at_s for step in line.steps), line.ended_at_s]
    known = [time for time in times if time is not None]
    assert known == sorted(known)
    assert len(known) == 6
    assert (line.message_id, line.tries, line.outcome) == ("m", 2, "stopped")


async def test_a_time_line_holds_nothing_of_what_was_said_or_where(book: Book) -> None:
    number = await accepted(book.ledger, "19:the conversation", "m", "the question")
    await book.ledger.save(number, "reply", '"the answer"')
    await book.ledger.end(number)
    line = str(await book.timelines.timeline(number))
    assert "reply" in line
    assert not [word for word in ("question", "answer'", "conversation'", "19:") if word in line]


async def test_a_turn_that_waits_or_runs_has_its_time_line_too(book: Book) -> None:
    one, two = await accepted(book.ledger, message_id="m1"), await accepted(book.ledger, message_id="m2")
    await book.ledger.begin(one)
    running, waiting = await book.timelines.latest(2)
    assert (running.number, running.tries, running.ended_at_s) == (one, 1, None)
    assert (waiting.number, waiting.begun_at_s, waiting.outcome) == (two, None, None)


async def test_the_latest_turns_come_oldest_first(book: Book) -> None:
    numbers = [await accepted(book.ledger, message_id=f"m{n}") for n in range(5)]
    assert [line.number for line in await book.timelines.latest(3)] == numbers[2:]


async def test_a_number_that_no_turn_has_has_no_time_line(book: Book) -> None:
    assert await book.timelines.timeline(2**62) is None


async def test_a_turn_of_the_first_version_of_the_tables_has_a_time_line(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with sqlite3.connect(path) as db:
        migrate(db, path, scripts("sqlite")[:1])
        db.execute("INSERT INTO turns VALUES (7, 'c', 'm', 'asked of the old version', 1, 5, NULL)")
        db.execute("INSERT INTO steps VALUES (7, 'run', '\"run_1\"')")
    db.close()
    file = SqliteFile(path)
    await file.open()
    [line] = await SqliteTimelines(file).latest(1)
    await file.close()
    assert [(step.name, step.done_at_s) for step in line.steps] == [("run", 5.0)]
