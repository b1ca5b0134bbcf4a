"""A ledger of commit 66b5bee, with turns left half done in every way, is brought up to date and its turns finish."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from bot import sentences
from bot.conversation import ActivityId, ConversationReference, ThreadId
from bot.dependencies import Dependencies
from bot.engine import Engine
from bot.errors import TurnGivenUpError
from bot.parts import (
    ApologyPart,
    ChoicePart,
    FilesPart,
    Part,
    PicturePart,
    SavedFilePart,
    TablePart,
    TextPart,
    WelcomePart,
)
from bot.ports import Conversations, Ledger, Timelines
from bot.reply import ReplyWriter
from bot.run import FailureCode, FileRef, RunEnd, RunEvent, RunId, RunName, RunOutcome, Settled
from bot.timeline import Timeline
from bot.turn_story import give_up, run_turn
from storage.conversations_postgres import PostgresConversations
from storage.conversations_sqlite import SqliteConversations
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.partitions import PARTITIONS, partition_of
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile
from storage.timelines_postgres import PostgresTimelines
from storage.timelines_sqlite import SqliteTimelines
from tests.support.fakes import (
    FakeAssistant,
    FakeChannel,
    FakeIncoming,
    FakePictures,
    MemoryFiles,
)
from tests.support.ledger_fixtures import unfinished
from tests.support.memory_stores import MemoryBelongings, MemoryUsage
from tests.support.old_ledger import (
    DONE,
    DONE_STEPS,
    HALF_DONE,
    POSTGRES_TABLES,
    SQLITE_TABLES,
    SQLITE_VERSION,
    OldTurn,
)
from tests.support.postgres_server import PostgresServer

OF_MESSAGE = {
    "NOT READ": sentences.NOT_READ,
    "WELCOME": f"{sentences.WELCOME} {' '.join(sentences.STARTERS)}",
    "HELP": f"{sentences.HELP} {' '.join(sentences.COMMANDS_OFFERED)}",
    "GIVEN UP": TurnGivenUpError.apology,
}


def number_of(place: int, conversation: str) -> int:
    """As PostgreSQL numbers turns; SQLite takes any number."""
    return place * PARTITIONS + partition_of(conversation)


NUMBERS = {turn.name: number_of(place, turn.conversation) for place, turn in enumerate(HALF_DONE, start=1)}
DONE_NUMBERS = {outcome: number_of(place, outcome) for place, outcome in enumerate(DONE, start=100)}


@dataclass
class Store:
    ledger: Ledger
    timelines: Timelines
    conversations: Conversations


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """The old ledger, not opened yet."""
    if request.param == "sqlite":
        path = tmp_path / "l.sqlite"
        fill_sqlite(path)
        file = SqliteFile(path)
        yield Store(SqliteLedger(file), SqliteTimelines(file), SqliteConversations(file, backend="assistants"))
        await file.close()
        assert path.with_name(f"l.sqlite.v{SQLITE_VERSION}.backup").exists()
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.url(server.new_database())
        await fill_postgres(url)
        session = PostgresSession(url)
        conversations = PostgresConversations(session, backend="assistants")
        yield Store(PostgresLedger(session), PostgresTimelines(session), conversations)
        await session.close()


def fill_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(SQLITE_TABLES)
        columns = "number, conversation, message_id, payload, tries, accepted_at"
        turn = f"INSERT INTO turns ({columns}) VALUES (?, ?, ?, ?, ?, 1)"  # noqa: S608 - constants only
        step = "INSERT INTO steps (turn, name, result, done_at) VALUES (?, ?, ?, 2)"
        for old in HALF_DONE:
            number = NUMBERS[old.name]
            db.execute(turn, (number, old.conversation, old.name, old.payload, old.tries))
            db.executemany(step, [(number, *each) for each in old.steps.items()])
            db.execute("INSERT INTO threads VALUES (?, 'assistants', ?)", (old.conversation, f"thread_{old.name}"))
        for outcome, number in DONE_NUMBERS.items():
            db.execute(turn, (number, outcome, "done", "", 3))
            db.executemany(step, [(number, name, "") for name in DONE_STEPS])
        db.execute("UPDATE turns SET begun_at = 1.5 WHERE tries > 0")
        query = "UPDATE turns SET outcome = conversation, done_at = unixepoch() WHERE message_id = 'done'"
        db.execute(query)
    db.close()


async def fill_postgres(url: str) -> None:
    db = await asyncpg.connect(url)
    await db.execute(POSTGRES_TABLES)
    for old in HALF_DONE:
        number = NUMBERS[old.name]
        named = (number, old.conversation, old.name)
        await db.execute("INSERT INTO messages (number, conversation, message_id) VALUES ($1, $2, $3)", *named)
        query = "INSERT INTO turns (number, conversation, message_id, payload, tries) VALUES ($1, $2, $3, $4, $5)"
        await db.execute(query, *named, old.payload, old.tries)
        query = "INSERT INTO steps (turn, name, result) VALUES ($1, $2, $3)"
        await db.executemany(query, [(number, *each) for each in old.steps.items()])
        query = "INSERT INTO threads VALUES ($1, 'assistants', $2)"
        await db.execute(query, old.conversation, f"thread_{old.name}")
    await db.execute("UPDATE turns SET begun_at = now() WHERE tries > 0")
    steps = ", ".join(f'["{name}", {1_795_000_000 + at}]' for at, name in enumerate(DONE_STEPS))
    for outcome, number in DONE_NUMBERS.items():
        query = (
            "INSERT INTO messages (number, conversation, message_id, tries, begun_at, done_at, outcome, steps) "
            "VALUES ($1, $2, 'done', 3, now(), now(), $2, $3)"
        )
        await db.execute(query, number, outcome, f"[{steps}]")
    await db.close()


class Service(FakeAssistant):
    """The assistant's service, which has the runs that the old process started."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("run", "second run", "run in doubt", "stopped"):
            thread = ThreadId(f"thread_{name}")
            self.runs[RunId(f"run_of_{name}")] = (thread, RunName(f"{NUMBERS[name]}-{name}"), name)
        self.runs[RunId("run_failed")] = (ThreadId("thread_second run"), RunName(""), "")
        self.runs_before = len(self.runs)

    async def follow(self, thread: ThreadId, run: RunId) -> AsyncGenerator[RunEvent, None]:
        if run == "run_failed":
            yield Settled(outcome=RunOutcome(end=RunEnd.FAILED, failure=FailureCode.SERVER))
            return
        async for event in super().follow(thread, run):
            yield event


@dataclass
class People(FakeChannel):
    """What is said, by conversation."""

    said_in: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        super().__init__()

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        self.said_in[to.key.conversation].append(as_words(part))
        return await super().send(to, part)


def as_words(part: Part) -> str:  # noqa: C901, PLR0911 - one for each kind
    match part:
        case TextPart():
            return part.text
        case TablePart():
            return part.table.block
        case PicturePart():
            return f"{part.alt_text}: {part.file.token}"
        case FilesPart():
            return ", ".join(f"{file.name}: {file.token}, {file.size_bytes} bytes" for file in part.files)
        case SavedFilePart():
            return f"{part.name}: {part.url}"
        case ChoicePart():
            return part.words
        case WelcomePart():
            return f"{part.text} {' '.join(part.starters)}"
        case ApologyPart(text=TurnGivenUpError.apology):
            return part.text
        case ApologyPart():
            return f"{part.words} ({part.question})"


def expected(old: OldTurn) -> list[str]:
    return [f"You said: {old.name}"] if old.said is None else [OF_MESSAGE.get(words, words) for words in old.said]


async def test_every_turn_that_was_left_half_done_is_finished_and_nothing_done_is_done_again(store: Store) -> None:
    service, people, incoming = Service(), People(), FakeIncoming()
    deps = Dependencies(
        assistant=service,
        channel=people,
        conversations=store.conversations,
        belongings=MemoryBelongings(),
        usage=MemoryUsage(),
        files=incoming,
        writer=ReplyWriter(assistant=service, files=MemoryFiles(), pictures=FakePictures()),
        send_pauses_s=(),
    )
    run, hopeless = partial(run_turn, deps=deps), partial(give_up, deps=deps)
    engine = Engine(ledger=store.ledger, handler=run, give_up=hopeless)
    await engine.start()
    for old in HALF_DONE:
        assert await store.ledger.add(old.conversation, old.name, "again") is None
    async with asyncio.timeout(30):
        while (lines := await told(store)) and not all(line.outcome for line in lines.values()):
            await asyncio.sleep(0.02)
    await engine.stop()

    assert {old.name: people.said_in[old.name] for old in HALF_DONE} == {old.name: expected(old) for old in HALF_DONE}
    assert {name: line.outcome for name, line in lines.items()} == {old.name: old.outcome for old in HALF_DONE}
    started = {text for _, _, text in list(service.runs.values())[service.runs_before :]}
    afresh = {"waiting", "first version", "begun", "file", "let go of often", "unknown step"}
    assert started == afresh, "a run that was there is not started again, a step that is unknown harms nothing"
    assert incoming.opened_urls == [], "a file that was brought is not brought again"
    asked = [ask for _, ask in service.asked]
    assert [file.ref for ask in asked if ask.text == "file" for file in ask.files] == [FileRef("file_1")]
    assert "" not in {ask.text for ask in asked}, "files that were in the thread are not put there again"
    assert service.cancelled == [RunId("run_of_stopped")]
    assert [line.attempts for line in lines.values()] == [old.tries + 1 for old in HALF_DONE]
    assert await unfinished(store.ledger) == []


async def told(store: Store) -> dict[str, Timeline]:
    lines = [await store.timelines.timeline(NUMBERS[old.name]) for old in HALF_DONE]
    return {line.message_id: line for line in lines if line is not None}


async def test_attempts_that_did_not_count_are_told_from_those_that_did(store: Store) -> None:
    found = {entry.id: entry for entry in await unfinished(store.ledger)}
    counts = {name: (entry.attempts, entry.uncounted_attempts) for name, entry in found.items()}
    assert (counts["let go of often"], counts["let go of once"], counts["waiting"]) == ((7, 3), (7, 1), (0, 0))
    assert not [name for entry in found.values() for name in entry.steps if name == "let go of"]
    assert set(found) == {old.name for old in HALF_DONE}
    await store.ledger.stop()


@pytest.mark.parametrize("written", DONE)
async def test_a_turn_that_was_done_is_told_in_todays_words(store: Store, written: str) -> None:
    await unfinished(store.ledger)
    line = await store.timelines.timeline(DONE_NUMBERS[written])
    assert line is not None
    assert (line.outcome, line.attempts) == (DONE[written], 3)
    assert line.threads == {"thread_done"}
    names = sorted(step.name for step in line.steps)
    assert names == ["part/0", "reply/0", "run/0/thread_done", "run/1/thread_done"]
    assert line.started_at_s is not None
    assert await store.ledger.add(written, "done", "x") is None
    await store.ledger.stop()
