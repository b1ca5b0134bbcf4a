from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSCloseCode

from adapters.webchat.transcripts import ConversationId, Transcripts
from bot.errors import StorageError
from tests.support.web_chat_client import running_site

HERE, THERE = ConversationId("here"), ConversationId("there")


@pytest_asyncio.fixture
async def transcripts(tmp_path: Path) -> AsyncIterator[Transcripts]:
    transcripts = await Transcripts.open(tmp_path / "webchat.sqlite")
    yield transcripts
    await transcripts.close()


async def test_a_revision_is_never_used_twice_even_after_a_message_was_dropped(transcripts: Transcripts) -> None:
    await transcripts.put(HERE, {"id": "1"}, by_person=True)
    _, revision = await transcripts.after(HERE, 0)
    await transcripts.drop(HERE, "1")
    await transcripts.put(HERE, {"id": "2"}, by_person=True)

    assert (await transcripts.after(HERE, revision))[0] == [{"id": "2"}]


async def test_a_replaced_activity_is_news_and_stands_there_once(transcripts: Transcripts) -> None:
    await transcripts.put(HERE, {"id": "1", "text": "old"}, by_person=False)
    await transcripts.put(HERE, {"id": "2"}, by_person=False)
    _, revision = await transcripts.after(HERE, 0)
    await transcripts.put(HERE, {"id": "1", "text": "new"}, by_person=False)

    assert (await transcripts.after(HERE, revision))[0] == [{"id": "1", "text": "new"}]
    assert len((await transcripts.after(HERE, 0))[0]) == 2


async def test_conversations_share_no_activity_though_ids_are_the_same(transcripts: Transcripts) -> None:
    await transcripts.put(HERE, {"id": "1", "text": "here"}, by_person=True)
    await transcripts.put(THERE, {"id": "1", "text": "there"}, by_person=True)

    assert await transcripts.find(HERE, "1") == {"id": "1", "text": "here"}
    assert (await transcripts.after(THERE, 0))[0] == [{"id": "1", "text": "there"}]


async def test_each_word_is_searched_in_titles_and_messages_whatever_its_case_or_accents(
    transcripts: Transcripts,
) -> None:
    said = "The derivative of x^2 is 2x, and " + "so on " * 40 + "for the GRÖSSE of 100%"
    await transcripts.put(HERE, {"id": "1", "text": "derivative", "timestamp": "2026-11-28T09:00:00Z"}, by_person=True)
    await transcripts.put(HERE, {"id": "2", "text": said, "timestamp": "2026-11-28T09:00:05Z"}, by_person=False)
    await transcripts.put(THERE, {"id": "1", "text": "Plot sin(x)"}, by_person=True)
    await transcripts.rename(THERE, "Waves")

    async def found(text: str) -> list[tuple[ConversationId, str]]:
        return [(one.id, one.excerpt) for one in await transcripts.search(text, 9)]

    assert await found("wave") == [(THERE, "")]
    assert await found("waves PLOT") == [(THERE, "Plot sin(x)")]
    [(chat, excerpt)] = await found("größe derivative")
    assert chat == HERE
    assert excerpt.startswith("…the GRÖSSE")  # what was sought is near the left: the list shows little of a line
    assert excerpt.endswith("GRÖSSE of 100%")
    assert [chat for chat, _ in await found("grosse")] == [HERE]
    assert [one.last_at for one in await transcripts.search("derivative", 9)] == ["2026-11-28T09:00:05Z"]
    assert await found("waves derivative") == []
    assert [chat for chat, _ in await found("%")] == [HERE]
    assert await found("_") == []


async def test_where_only_the_bot_spoke_nothing_is_listed(transcripts: Transcripts) -> None:
    await transcripts.put(HERE, {"id": "1", "text": "welcome"}, by_person=False)
    assert await transcripts.conversations(9) == []

    await transcripts.put(HERE, {"id": "2", "text": "hello"}, by_person=True)
    assert [one.title for one in await transcripts.conversations(9)] == ["hello"]


async def test_a_file_that_is_no_database_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "webchat.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"webchat\.sqlite cannot be opened"):
        await Transcripts.open(tmp_path / "webchat.sqlite")


async def test_a_file_of_other_tables_stops_the_start_and_leaves_nothing_open(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "webchat.sqlite")) as db:
        db.execute("CREATE TABLE chats (conversation TEXT PRIMARY KEY)")
    with pytest.raises(StorageError):
        await Transcripts.open(tmp_path / "webchat.sqlite")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("webchat")]


async def test_a_message_that_cannot_be_kept_is_refused_before_the_bot_hears_it(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
        with closing(sqlite3.connect(tmp_path / "webchat.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            status, answer = await chat.say("hello")
            other.rollback()

        assert (status, answer["error"]["code"]) == (503, "StorageDown")
        assert site.bot.heard == []
        assert (await chat.say("hello"))[0] == 200


async def test_a_page_whose_conversation_cannot_be_read_is_let_go_to_come_back(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        chat = await site.open()
        with closing(sqlite3.connect(tmp_path / "webchat.sqlite")) as other:
            other.execute("DROP TABLE activities")
        async with site.client.ws_connect(f"{chat.url}/stream?t={chat.token}") as stream:
            assert (await stream.receive()).data == WSCloseCode.TRY_AGAIN_LATER
