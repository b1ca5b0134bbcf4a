"""What every store of conversations must do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from bot.conversation import ConversationKey, ThreadId
from bot.errors import StorageError
from bot.history import MAX_PAST_TURNS, PastTurn
from bot.ports import Conversations, PastTurns, ThreadStates
from storage.conversations_postgres import PostgresConversations
from storage.conversations_sqlite import SqliteConversations
from storage.ledger_postgres import PostgresLedger
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection
from storage.sqlite import SqliteFile
from tests.support.fakes import MemoryConversations
from tests.support.ledger_fixtures import started
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until


class Everything(Conversations, ThreadStates, PastTurns, Protocol):
    """All that is kept of a conversation."""


KEY = ConversationKey(channel="msteams", tenant="t", conversation="19:x@thread.tacv2;messageid=1")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def conversations(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Everything]:
    if request.param == "memory":
        yield MemoryConversations()
        return
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        session = PostgresSession(server.url(server.new_database()))
        ledger = PostgresLedger(session)  # it opens the session that both use
        await started(ledger)
        yield PostgresConversations(session, backend="embedded")
        await ledger.stop()
        return
    file = SqliteFile(tmp_path / "c.sqlite")
    await file.open()
    yield SqliteConversations(file, backend="embedded")
    await file.close()


async def test_a_thread_is_remembered_replaced_and_forgotten(conversations: Everything) -> None:
    assert await conversations.thread_of(KEY) is None
    await conversations.remember(KEY, ThreadId("thread_1"))
    await conversations.remember(KEY, ThreadId("thread_2"))
    assert await conversations.thread_of(KEY) == "thread_2"
    await conversations.forget(KEY)
    await conversations.forget(KEY)
    assert await conversations.thread_of(KEY) is None


@pytest.mark.parametrize(
    "other",
    [
        ConversationKey(channel="emulator", tenant="t", conversation=KEY.conversation),
        ConversationKey(channel="msteams", tenant="u", conversation=KEY.conversation),
        ConversationKey(channel="msteams", tenant="t", conversation="19:x@thread.tacv2;messageid=2"),
        ConversationKey(channel="msteams", tenant='t","19:x', conversation="thread.tacv2;messageid=1"),
    ],
)
async def test_another_channel_tenant_or_reply_chain_is_another_conversation(
    conversations: Everything, other: ConversationKey
) -> None:
    await conversations.remember(KEY, ThreadId("thread_1"))
    assert await conversations.thread_of(other) is None


async def test_a_thread_of_one_backend_is_unknown_to_another(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "c.sqlite")
    await file.open()
    embedded, hosted = (SqliteConversations(file, backend=name) for name in ("embedded", "responses"))
    await embedded.remember(KEY, ThreadId("thread_1"))
    assert await hosted.thread_of(KEY) is None
    await hosted.remember(KEY, ThreadId("conv_1"))
    assert await embedded.thread_of(KEY) is None, "it misses what is said from now on"
    await file.close()


async def test_what_a_backend_keeps_of_a_thread_goes_with_the_thread(conversations: Everything) -> None:
    await conversations.keep_state(ThreadId("thread_0"), "of no conversation")
    await conversations.remember(KEY, ThreadId("thread_1"))
    assert await conversations.state_of(ThreadId("thread_1")) == ""
    await conversations.keep_state(ThreadId("thread_1"), "{}")
    await conversations.keep_state(ThreadId("thread_1"), '{"x": "ü"}')
    assert await conversations.state_of(ThreadId("thread_1")) == '{"x": "ü"}'
    await conversations.remember(KEY, ThreadId("thread_2"))
    assert await conversations.state_of(ThreadId("thread_1")) == ""
    assert await conversations.state_of(ThreadId("thread_2")) == ""


async def test_what_was_said_is_kept_once_in_order_bounded_and_until_it_is_forgotten(conversations: Everything) -> None:
    said = [PastTurn(question=f"q{n}", answer=f"a{n}", given=("in.csv",), made=("out.csv",)) for n in range(12)]
    for number in (3, 1, 2):
        await conversations.add_past(KEY, number, said[number])
    await conversations.add_past(KEY, 2, said[2])
    assert await conversations.past(KEY) == tuple(said[1:4])
    assert await conversations.past(replace(KEY, tenant="u")) == ()
    for number in range(4, 12):
        await conversations.add_past(KEY, number, said[number])
    assert await conversations.past(KEY) == tuple(said[12 - MAX_PAST_TURNS :])
    await conversations.forget(KEY)
    assert await conversations.past(KEY) == ()


async def test_a_choice_outlives_a_new_beginning_and_takes_the_thread_but_not_what_was_said(
    conversations: Everything,
) -> None:
    other = replace(KEY, tenant="u")
    assert await conversations.chosen_assistant(KEY) is None
    await conversations.remember(KEY, ThreadId("thread_1"))
    await conversations.remember(other, ThreadId("thread_2"))
    await conversations.add_past(KEY, 1, PastTurn(question="q", answer="a", assistant="Statistics"))
    await conversations.choose_assistant(KEY, "Statistics")
    await conversations.choose_assistant(KEY, "Ünï 'quoted'")
    assert await conversations.chosen_assistant(KEY) == "Ünï 'quoted'"
    assert await conversations.chosen_assistant(other) is None
    assert await conversations.thread_of(KEY) is None
    assert await conversations.thread_of(other) == "thread_2"
    assert [turn.assistant for turn in await conversations.past(KEY)] == ["Statistics"]
    await conversations.forget(KEY)
    assert await conversations.chosen_assistant(KEY) == "Ünï 'quoted'"
    await conversations.choose_assistant(KEY, None)
    await conversations.choose_assistant(KEY, None)
    assert await conversations.chosen_assistant(KEY) is None


async def test_what_a_newer_version_kept_of_a_turn_is_passed_over_and_harms_nobody(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    file = SqliteFile(tmp_path / "c.sqlite")
    await file.open()
    database = postgres.new_database()
    session = PostgresSession(postgres.url(database))
    ledger = PostgresLedger(session)
    await started(ledger)
    both: list[Everything] = [
        SqliteConversations(file, backend="embedded"),
        PostgresConversations(session, backend="embedded"),
    ]
    known = PastTurn(question="q", answer="a")
    for conversations in both:
        for number in (1, 2):
            await conversations.add_past(KEY, number, known)
    unknown = """UPDATE {} SET said = '{{"version": 9, "words": []}}' WHERE number = 1"""
    await file.run(lambda db: db.execute(unknown.format("past_turns")).rowcount)
    postgres.sql(database, unknown.format("teamsbot.past_turns"))
    for conversations in both:
        assert await conversations.past(KEY) == (known,)
    await ledger.stop()
    await file.close()


async def test_a_mistake_in_one_call_costs_no_other_its_answer(tmp_path: Path, postgres: PostgresServer) -> None:
    file = SqliteFile(tmp_path / "c.sqlite")
    await file.open()
    session = PostgresSession(postgres.url(postgres.new_database()))
    ledger = PostgresLedger(session)
    await started(ledger)

    async def lookup(_: Connection, names: Sequence[str]) -> list[int]:
        return [{"known": 1}[name] for name in names]

    asked = [session.send(lookup, name) for name in ("known", "unknown", "known")]
    assert [str(each) for each in await asyncio.gather(*asked, return_exceptions=True)] == ["1", "'unknown'", "1"]
    with pytest.raises(KeyError):
        await file.run(lambda _: {"known": 1}["unknown"])
    for store in (SqliteConversations(file, backend="embedded"), PostgresConversations(session, backend="embedded")):
        await store.remember(KEY, ThreadId("thread_1"))
        assert await store.thread_of(KEY) == "thread_1"
    await ledger.stop()
    await file.close()


async def test_what_a_statement_wrote_is_not_written_again_where_its_rows_cannot_be_read(
    postgres: PostgresServer,
) -> None:
    database = postgres.new_database()
    postgres.sql(database, "CREATE TABLE public.written (number int)")
    session = PostgresSession(postgres.url(database))
    ledger = PostgresLedger(session)
    await started(ledger)

    async def write(connection: Connection, numbers: Sequence[int]) -> list[str]:
        statement = "INSERT INTO public.written SELECT unnest($1::int[]) RETURNING number"
        return [{1: "one"}[row["number"]] for row in await connection.fetch(statement, list(numbers))]

    async def look(connection: Connection, numbers: Sequence[int]) -> list[str]:
        statement = "SELECT number FROM public.written WHERE number = ANY ($1::int[]) ORDER BY number"
        return [{1: "one"}[row["number"]] for row in await connection.fetch(statement, list(numbers))]

    told = await asyncio.gather(*(session.send(write, number) for number in (1, 2)), return_exceptions=True)
    assert [type(each) for each in told] == [StorageError, StorageError]
    assert postgres.sql(database, "SELECT number FROM public.written ORDER BY number") == [["1"], ["2"]]
    seen = await asyncio.gather(*(session.read(look, number) for number in (1, 2)), return_exceptions=True)
    assert [str(each) for each in seen] == ["one", "2"]
    await ledger.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_nobody_waits_for_a_database_whose_thread_has_ended(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "c.sqlite")
    await file.open()
    async with asyncio.timeout(30):
        asked = [file.run(lambda _: 1 / 0), file.run(lambda _: 1.0)]
        told = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(StorageError, match="not open"):
            await file.run(lambda _: None)
        await file.close()
    assert isinstance(told[0], StorageError)
    # Its exception is seen by pytest in here, and not in the test that follows.
    await until(lambda: all(thread.name != "sqlite c.sqlite" for thread in threading.enumerate()))
