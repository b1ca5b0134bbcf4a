"""What every store of belongings must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest

from bot.belongings import Belonging, BelongingKind
from bot.conversation import ActivityId, ConversationKey
from bot.feedback import Feedback, Reaction
from bot.ports import Belongings, FeedbackStore, Ledger
from storage.belongings_postgres import _FORGET_TURNS, PostgresBelongings
from storage.belongings_sqlite import SqliteBelongings
from storage.feedback_postgres import PostgresFeedback
from storage.feedback_sqlite import SqliteFeedback
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile
from tests.support.fakes import message
from tests.support.ledger_fixtures import accepted, started, unfinished
from tests.support.postgres_server import PostgresServer

KEY = ConversationKey(channel="msteams", tenant="t", conversation="c")
OTHER = ConversationKey(channel="msteams", tenant="t", conversation="d")
THREAD = Belonging(kind=BelongingKind.THREAD, ref="thread_1")
PLOT = Belonging(kind=BelongingKind.PICTURE, ref="token", name="Übersicht.png", size_bytes=3_000_000_000)

GIVEN = Belonging(kind=BelongingKind.UPLOAD, ref="file_1", name="a.csv", link="https://a.sharepoint.com/a.csv")


@dataclass
class Store:
    belongings: Belongings
    ledger: Ledger
    feedback: FeedbackStore


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        session = PostgresSession(server.url(server.new_database()))
        made = Store(PostgresBelongings(session), PostgresLedger(session), PostgresFeedback(session))
    else:
        file = SqliteFile(tmp_path / "b.sqlite")
        made = Store(SqliteBelongings(file), SqliteLedger(file), SqliteFeedback(file))
    await started(made.ledger)
    yield made
    await made.ledger.stop()


async def test_belongings_are_kept_once_in_their_order_and_removed(store: Store) -> None:
    for each in (THREAD, PLOT, GIVEN, THREAD):
        await store.belongings.add(KEY, each)
    await store.belongings.add(OTHER, THREAD)
    assert await store.belongings.of(KEY) == [THREAD, PLOT, GIVEN]
    await store.belongings.remove(KEY, GIVEN)
    for _ in range(2):
        await store.belongings.remove(KEY, THREAD)
    assert await store.belongings.of(KEY) == [PLOT]
    assert await store.belongings.of(OTHER) == [THREAD]


async def test_the_records_of_ended_turns_are_forgotten_and_no_others(store: Store) -> None:
    ended, running = await accepted(store.ledger, str(KEY), "m1"), await accepted(store.ledger, str(KEY), "m2")
    elsewhere = await accepted(store.ledger, str(OTHER), "m1")
    await store.ledger.save(ended, "reply/0", '"words"')
    await store.ledger.end(ended)
    await store.ledger.end(elsewhere)
    assert await store.belongings.forget_turns(KEY) == 1
    assert await store.belongings.forget_turns(KEY) == 0
    assert [entry.number for entry in await unfinished(store.ledger)] == [running]
    assert await store.belongings.forget_turns(OTHER) == 1


async def test_a_message_that_was_forgotten_is_known_when_it_is_delivered_once_more(store: Store) -> None:
    await store.ledger.end(await accepted(store.ledger, str(KEY), "m1"))
    assert await store.belongings.forget_turns(KEY) == 1
    assert await store.ledger.add(str(KEY), "m1", "x") is None
    assert await store.ledger.add(str(OTHER), "m1", "x") is not None
    assert await store.ledger.add(str(KEY), "m2", "x") is not None
    assert [entry.id for entry in await unfinished(store.ledger)] == ["m1", "m2"]
    assert await store.ledger.add(str(KEY), "m1", "x") is None


async def test_a_forgotten_message_is_known_for_a_week_and_its_digest_goes_when_other_turns_end(tmp_path: Path) -> None:
    now_s = [1_000_000.0]
    file = SqliteFile(tmp_path / "b.sqlite")
    ledger, belongings = SqliteLedger(file, clock=lambda: now_s[0]), SqliteBelongings(file, clock=lambda: now_s[0])
    await started(ledger)
    await ledger.end(await accepted(ledger, str(KEY), "m1"))
    await belongings.forget_turns(KEY)
    now_s[0] += 7 * 86_400 - 1
    assert await ledger.add(str(KEY), "m1", "x") is None
    now_s[0] += 2
    await ledger.end(await accepted(ledger, str(OTHER), "m2"))
    assert await file.run(lambda db: db.execute("SELECT count(*) FROM forgotten_messages").fetchone()) == (0,)
    assert await ledger.add(str(KEY), "m1", "x") is not None
    await ledger.stop()


async def test_digests_of_a_week_ago_go_when_turns_end_in_postgresql_too(postgres: PostgresServer) -> None:
    database = postgres.new_database()
    session = PostgresSession(postgres.url(database))
    ledger, belongings = PostgresLedger(session), PostgresBelongings(session)
    await started(ledger)
    for message_id in ("m1", "m2"):
        await ledger.end(await accepted(ledger, str(KEY), message_id))
    await belongings.forget_turns(KEY)
    age = "UPDATE teamsbot.forgotten_messages SET forgotten_at = now() - interval '8 days'"
    postgres.sql(database, age)
    assert await ledger.add(str(KEY), "m1", "x") is not None  # it is not known any more, also before it is cleaned up
    await ledger.end(await accepted(ledger, str(OTHER), "m3"))
    assert postgres.sql(database, "SELECT count(*) FROM teamsbot.forgotten_messages") == [["0"]]
    await ledger.stop()


async def test_a_message_that_is_forgotten_at_this_very_moment_is_not_answered_again(postgres: PostgresServer) -> None:
    url = postgres.url(postgres.new_database())
    session = PostgresSession(url)
    ledger = PostgresLedger(session)
    await started(ledger)
    await ledger.end(await accepted(ledger, str(KEY), "m1"))
    elsewhere = await asyncpg.connect(url, server_settings={"search_path": "teamsbot"})
    try:
        async with elsewhere.transaction():
            await elsewhere.execute(_FORGET_TURNS.replace("$1", f"ARRAY['{KEY}']"))
            # This statement sees no digest yet, and the row of the message only until the transaction ends.
            adding = [asyncio.create_task(ledger.add(str(KEY), f"m{n}", "x")) for n in (1, 2)]
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%numbered%'"
            async with asyncio.timeout(30):
                while await elsewhere.fetchval(waits) == 0:
                    await asyncio.sleep(0.02)
        assert [number is None for number in await asyncio.gather(*adding)] == [True, False]
        assert [entry.id for entry in await unfinished(ledger)] == ["m2"]
    finally:
        await elsewhere.close()
        await ledger.stop()


async def test_feedback_of_a_conversation_is_forgotten(store: Store) -> None:
    liked = message(conversation="c").reference
    for reference in (liked, replace(liked, key=OTHER)):
        number = await accepted(store.ledger, str(reference.key))
        await store.ledger.save(number, "part/0", '"a1"')
        await store.feedback.keep(Feedback(reference=reference, rated=ActivityId("a1"), reaction=Reaction.LIKE))
    assert await store.belongings.forget_feedback(liked.key) == 1
    assert await store.belongings.forget_feedback(liked.key) == 0
    assert len(await store.feedback.page(0, 10)) == 1
