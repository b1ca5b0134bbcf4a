"""What every ledger can tell of a turn afterwards, and what it must not."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from adapters.timelines_http import HttpTimelines
from bot.conversation import ConversationKey
from bot.errors import StorageError
from bot.ports import Ledger, Timelines, TurnsOfConversation, UsageReader
from bot.turn_record import STOPPED, TurnUsage, Usage, UsageSum, key_of
from service.settings import Settings
from service.turn_lookup import open_timelines, serve_timelines
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.migrations import scripts
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile, migrate
from storage.timelines_postgres import PostgresTimelines
from storage.timelines_sqlite import SqliteTimelines
from tests.support.ledger_fixtures import accepted, started
from tests.support.postgres_server import PostgresServer


def of(folder: Path) -> Settings:
    return Settings.read({"DATA_DIR": str(folder)}, Path("no .env file"))


@dataclass
class Book:
    ledger: Ledger
    timelines: Timelines
    own: TurnsOfConversation  # those of one conversation, from the same ledger
    usage: UsageReader


@pytest.fixture(params=["sqlite", "http", "postgres"])
async def book(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Book]:
    async with AsyncExitStack() as stack:
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            session = PostgresSession(server.url(server.new_database()))
            shared = PostgresLedger(session)
            await started(shared)
            stack.push_async_callback(shared.stop)
            shared_lines = PostgresTimelines(session)
            yield Book(shared, shared_lines, shared_lines, shared_lines)
            return
        file = SqliteFile(tmp_path / "l.sqlite")
        ledger = SqliteLedger(file)
        await started(ledger)
        stack.push_async_callback(ledger.stop)
        own = SqliteTimelines(file)
        timelines: Timelines = own
        if request.param == "http":
            await stack.enter_async_context(serve_timelines(timelines, tmp_path))
            timelines = await stack.enter_async_context(open_timelines(of(tmp_path)))
            assert isinstance(timelines, HttpTimelines)
        yield Book(ledger, timelines, own, own)


async def test_a_turn_that_is_done_keeps_when_each_step_was_done_and_how_it_ended(book: Book) -> None:
    number = await accepted(book.ledger)
    await book.ledger.begin(number)
    await book.ledger.begin(number)
    await book.ledger.save(number, "run/0/thread_1", '"run_1"')
    await book.ledger.save(number, "reply/0", '["what was said"]')
    await book.ledger.save(number, "part/0", '"a1"')
    await book.ledger.end(number, STOPPED)
    line = await book.timelines.timeline(number)
    assert line is not None
    assert [step.name for step in line.steps] == ["run/0/thread_1", "reply/0", "part/0"]
    times = [line.accepted_at_s, line.started_at_s, *(step.done_at_s for step in line.steps), line.ended_at_s]
    known = [time for time in times if time is not None]
    assert known == sorted(known)
    assert len(known) == 6
    assert (line.message_id, line.attempts, line.outcome) == ("m", 2, "stopped")


async def test_a_time_line_holds_nothing_of_what_was_said_or_where(book: Book) -> None:
    number = await accepted(book.ledger, "19:the conversation", "m", "the question")
    await book.ledger.save(number, "reply/0", '"the answer"')
    await book.ledger.end(number)
    line = str(await book.timelines.timeline(number))
    assert "reply/0" in line
    assert not [word for word in ("question", "answer'", "conversation'", "19:") if word in line]


async def test_a_turn_that_waits_or_runs_has_its_time_line_too(book: Book) -> None:
    one, two = await accepted(book.ledger, message_id="m1"), await accepted(book.ledger, message_id="m2")
    await book.ledger.begin(one)
    running, waiting = await book.timelines.latest(2)
    assert (running.number, running.attempts, running.ended_at_s) == (one, 1, None)
    assert (waiting.number, waiting.started_at_s, waiting.outcome) == (two, None, None)


async def test_the_latest_turns_come_oldest_first(book: Book) -> None:
    numbers = [await accepted(book.ledger, message_id=f"m{n}") for n in range(5)]
    assert [line.number for line in await book.timelines.latest(3)] == numbers[2:]


async def test_the_turns_of_one_conversation_come_without_those_of_others(book: Book) -> None:
    key, other = (ConversationKey(channel="webchat", tenant="", conversation=name) for name in ("one", "other"))
    numbers = [await accepted(book.ledger, str(key), f"m{n}") for n in range(4)]
    await accepted(book.ledger, str(other), "m0")
    await book.ledger.save(numbers[3], "run/0/thread_1", '"run_1"')
    lines = await book.own.of(key, 3)
    assert [(line.number, line.message_id) for line in lines] == list(zip(numbers[1:], ("m1", "m2", "m3"), strict=True))
    assert [line.threads for line in lines] == [set(), set(), {"thread_1"}]
    assert await book.own.of(ConversationKey(channel="webchat", tenant="", conversation="none"), 3) == []


SPENT = Usage(input_tokens=100, cached_tokens=40, output_tokens=20, reasoning_tokens=5, code_runs=1, code_ms=1_250)


async def test_a_time_line_says_what_the_turn_consumed(book: Book) -> None:
    asked, command = await accepted(book.ledger, message_id="m1"), await accepted(book.ledger, message_id="m2")
    await book.ledger.begin(asked)
    await book.ledger.end(asked, used=TurnUsage(tenant="t", person="ada", usage=SPENT))
    await book.ledger.end(command)
    assert [line.usage for line in await book.timelines.latest(2)] == [SPENT, None]


async def test_what_turns_consumed_is_added_up_by_person_and_by_tenant(book: Book) -> None:
    for number, (tenant, person) in enumerate([("t", "ada"), ("t", "ada"), ("t", "bob"), ("u", "ada")]):
        turn = await accepted(book.ledger, f"c{number}")
        await book.ledger.end(turn, used=TurnUsage(tenant=tenant, person=person, usage=SPENT))
    assert await book.usage.used("t", 0, "ada") == UsageSum(turns=2, usage=SPENT + SPENT)
    assert await book.usage.used("t", 0) == UsageSum(turns=3, usage=SPENT + SPENT + SPENT)
    assert await book.usage.used("t", time.time() + 60, "ada") == UsageSum()
    assert await book.usage.used("v", 0) == UsageSum()


async def test_a_turn_whose_end_is_written_twice_counts_once(book: Book) -> None:
    turn = await accepted(book.ledger)
    for _ in range(2):
        await book.ledger.end(turn, used=TurnUsage(tenant="t", person="ada", usage=SPENT))
    assert (await book.usage.used("t", 0, "ada")).turns == 1


async def test_ids_that_a_database_does_not_take_are_counted_all_the_same(book: Book) -> None:
    person = "half \ud800 and \0"
    await book.ledger.end(await accepted(book.ledger), used=TurnUsage(tenant="t", person=key_of(person), usage=SPENT))
    assert (await book.usage.used("t", 0, person)).turns == 1


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


async def test_without_the_key_of_this_start_nothing_is_told(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "served.sqlite")
    await file.open()
    async with serve_timelines(SqliteTimelines(file), tmp_path), aiohttp.ClientSession() as session:
        where = json.loads((tmp_path / "turns.json").read_text())
        assert (tmp_path / "turns.json").stat().st_mode & 0o777 == 0o600
        assert where["address"].startswith("http://127.0.0.1:")
        for shown in ("", "Bearer ", "Bearer x", "Bearer \u00e4", where["key"]):
            for path in ("/turns?limit=5", "/turns/1", "/nothing"):
                async with session.get(where["address"] + path, headers={"Authorization": shown}) as answer:
                    assert answer.status == 401
        key = {"Authorization": f"Bearer {where['key']}"}
        for path, status in (("/turns", 400), ("/turns?limit=-1", 400), ("/turns/x", 404), ("/turns?limit=1", 200)):
            async with session.get(where["address"] + path, headers=key) as answer:
                assert answer.status == status
    assert not (tmp_path / "turns.json").exists()
    await file.close()


async def test_what_a_killed_service_left_does_not_hide_the_file(tmp_path: Path) -> None:
    ledger = SqliteLedger(SqliteFile(tmp_path / "teamsbot.sqlite"))
    await started(ledger)
    number = await accepted(ledger)
    await ledger.stop()
    (tmp_path / "turns.json").write_text('{"address": "http://127.0.0.1:9", "key": "old"}')
    async with open_timelines(of(tmp_path)) as timelines:
        assert [line.number for line in await timelines.latest(5)] == [number]


async def test_a_folder_without_turns_and_a_damaged_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no turns yet"):
        await first_of(tmp_path)
    (tmp_path / "turns.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        await first_of(tmp_path)


async def first_of(folder: Path) -> object:
    async with open_timelines(of(folder)) as timelines:
        return await timelines.latest(1)
