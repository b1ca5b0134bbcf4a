"""What every store of conversations must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.conversation import ConversationKey, ThreadId
from bot.ports import Conversations
from storage.conversations_postgres import PostgresConversations
from storage.conversations_sqlite import SqliteConversations
from storage.ledger_postgres import PostgresLedger
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile
from tests.support.fakes import MemoryConversations
from tests.support.ledger_fixtures import started
from tests.support.postgres_server import PostgresServer

KEY = ConversationKey(channel="msteams", tenant="t", conversation="19:x@thread.tacv2;messageid=1")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def conversations(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Conversations]:
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


async def test_a_thread_is_remembered_replaced_and_forgotten(conversations: Conversations) -> None:
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
    conversations: Conversations, other: ConversationKey
) -> None:
    await conversations.remember(KEY, ThreadId("thread_1"))
    assert await conversations.thread_of(other) is None


async def test_a_thread_of_one_backend_is_unknown_to_another(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "c.sqlite")
    await file.open()
    await SqliteConversations(file, backend="embedded").remember(KEY, ThreadId("thread_1"))
    assert await SqliteConversations(file, backend="assistants").thread_of(KEY) is None
    await file.close()
