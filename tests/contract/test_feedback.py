"""What people think of answers: kept by both databases, read by `teamsbot feedback export`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.conversation import ActivityId, Party
from bot.feedback import Feedback, FeedbackRecord, Reaction, csv_heading, csv_lines
from bot.ports import FeedbackStore, Ledger
from bot.turn_record import code_of
from service.settings import Settings
from service.turn_lookup import read_feedback, serve_timelines
from storage.feedback_postgres import PostgresFeedback
from storage.feedback_sqlite import SqliteFeedback
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile
from storage.timelines_sqlite import SqliteTimelines
from tests.support.fakes import message
from tests.support.ledger_fixtures import accepted, started
from tests.support.postgres_server import PostgresServer


@dataclass
class Book:
    ledger: Ledger
    feedback: FeedbackStore


@pytest.fixture(params=["sqlite", "postgres"])
async def book(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Book]:
    async with AsyncExitStack() as stack:
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            session = PostgresSession(server.url(server.new_database()))
            made = Book(PostgresLedger(session), PostgresFeedback(session))
        else:
            file = SqliteFile(tmp_path / "teamsbot.sqlite")
            made = Book(SqliteLedger(file), SqliteFeedback(file))
        await started(made.ledger)
        stack.push_async_callback(made.ledger.stop)
        yield made


def opinion(rated: str = "a1", reaction: Reaction = Reaction.LIKE, comment: str = "", person: str = "ada") -> Feedback:
    reference = replace(message().reference, user=Party(id=person))
    return Feedback(reference=reference, rated=ActivityId(rated), reaction=reaction, comment=comment)


CONVERSATION = str(message().key)


async def answered(book: Book, *sent: str, ended: bool = True, message_id: str = "m") -> int:
    number = await accepted(book.ledger, CONVERSATION, message_id)
    await book.ledger.begin(number)
    for place, part in enumerate(sent):
        await book.ledger.save(number, f"part/{place}", json.dumps(part))
    if ended:
        await book.ledger.end(number)
    return number


@pytest.mark.parametrize("ended", [True, False])
async def test_feedback_names_the_turn_of_the_message_that_was_rated(book: Book, *, ended: bool) -> None:
    first = await answered(book, "a1", "a2", ended=ended)
    second = await answered(book, "b1", message_id="m2")
    assert await book.feedback.keep(opinion("a2", Reaction.DISLIKE, "no axis labels"))
    assert await book.feedback.keep(opinion("b1"))
    records = await book.feedback.page(0, 10)
    assert [(record.turn, record.reaction, record.comment) for record in records] == [
        (first, "dislike", "no axis labels"),
        (second, "like", ""),
    ]
    assert await book.feedback.page(records[0].number, 10) == records[1:]
    assert await book.feedback.page(0, 1) == records[:1]


async def test_a_later_opinion_takes_the_place_of_the_same_person_s_earlier_one(book: Book) -> None:
    await answered(book, "a1")
    for given in (opinion(), opinion(reaction=Reaction.DISLIKE, comment="on second thoughts"), opinion(person="bob")):
        assert await book.feedback.keep(given)
    records = await book.feedback.page(0, 10)
    assert [(record.reaction, record.comment) for record in records] == [
        ("dislike", "on second thoughts"),
        ("like", ""),
    ]
    assert len({record.person for record in records}) == 2


async def test_feedback_for_a_message_that_was_never_sent_there_is_not_kept(book: Book) -> None:
    await answered(book, "a1")
    elsewhere = replace(opinion(), reference=message(conversation="another").reference)
    for given in (opinion("unknown"), opinion(""), opinion("m"), opinion('"'), elsewhere):
        assert not await book.feedback.keep(given)
    assert await book.feedback.page(0, 10) == []


async def test_what_a_conversation_gave_can_be_forgotten(book: Book) -> None:
    await answered(book, "a1")
    await book.feedback.keep(opinion())
    assert await book.feedback.forget(message(conversation="another").key) == 0
    assert await book.feedback.forget(message().key) == 1
    assert await book.feedback.page(0, 10) == []


@pytest.mark.parametrize("running", [True, False])
async def test_an_export_reads_all_of_it_page_by_page_also_while_the_service_runs(
    tmp_path: Path, *, running: bool
) -> None:
    file = SqliteFile(tmp_path / "teamsbot.sqlite")
    book = Book(SqliteLedger(file), SqliteFeedback(file))
    await started(book.ledger)
    await answered(book, *(f"a{n}" for n in range(1_100)))
    for n in range(1_100):
        await book.feedback.keep(opinion(f"a{n}", comment=str(n)))
    async with AsyncExitStack() as stack:
        if running:
            await stack.enter_async_context(serve_timelines(SqliteTimelines(file), tmp_path, book.feedback))
        else:
            await book.ledger.stop()
        settings = Settings.read({"DATA_DIR": str(tmp_path)}, Path("no .env file"))
        pages = [records async for records in read_feedback(settings)]
    await book.ledger.stop()
    assert len(pages) > 1
    assert [record.comment for records in pages for record in records] == [str(n) for n in range(1_100)]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "|", "%", "  =", "＝", "－"])
def test_a_comment_that_a_spreadsheet_would_compute_is_text(begins: str) -> None:
    comment = f"{begins}cmd|' /C calc'!A0"
    record = FeedbackRecord(
        number=1, turn=7, conversation_hash="c", person="p", reaction="like", comment=comment, given_at_s=0.0
    )
    heading, row = csv.reader(io.StringIO(csv_heading() + csv_lines([record]), newline=""))
    assert dict(zip(heading, row, strict=True)) == {
        "given_at": "1970-01-01T00:00:00+00:00",
        "turn": code_of(7),
        "conversation": "c",
        "person": "p",
        "reaction": "like",
        "comment": f"'{comment}",
    }


def test_other_comments_stay_as_they_are_quotes_commas_and_lines_included() -> None:
    comment = 'He said "no", twice\nand left 5 - 3 = 2'
    record = FeedbackRecord(
        number=1, turn=7, conversation_hash="c", person="p", reaction="like", comment=comment, given_at_s=0.0
    )
    [row] = csv.reader(io.StringIO(csv_lines([record]), newline=""))
    assert row[-1] == comment
