"""Messages from the wire as one answer."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.openai.protocol import answer_from
from adapters.openai.wire import Fields
from bot.errors import AssistantUnavailableError
from bot.run import Answer, AnswerFile, AnswerImage, Citation, FileRef
from tests.support.fake_assistants_state import citation, file_path, image, text

TABLE = "sandbox:/mnt/data/table.csv"


def said(*contents: Any, **metadata: str) -> Fields:
    return Fields({"id": "msg_1", "content": list(contents), "metadata": metadata}, "a message")


def answer(*messages: Fields) -> Answer:
    return answer_from(messages)


def test_parts_and_messages_follow_one_another_in_order() -> None:
    assert answer(said(text("one "), text("two")), said(text(" three\n"))).text == "one\n\ntwo\n\nthree"


def test_an_empty_text_leaves_no_gap() -> None:
    assert answer(said(text(""), text("one"), text("  ")), said()).text == "one"


def test_a_refusal_is_what_the_assistant_says() -> None:
    assert answer(said({"type": "refusal", "refusal": "I cannot help with that."})).text == "I cannot help with that."


def test_pictures_come_once_each_with_the_words_for_what_was_drawn_and_its_points() -> None:
    words = {"alt:file-1": "A parabola", "data:file-1": "file-3"}
    first = said(image("file-1"), image("file-2"), **words)
    assert answer(first, said(image("file-1"), **words)).images == (
        AnswerImage(file=FileRef("file-1"), alt_text="A parabola", data=FileRef("file-3")),
        AnswerImage(file=FileRef("file-2")),
    )


def test_a_written_file_keeps_the_words_that_stand_for_it() -> None:
    found = answer(said(text(f"See [the table]({TABLE}).", file_path(TABLE, "file-1"))))
    assert found.text == f"See [the table]({TABLE})."
    assert found.files == (AnswerFile(file=FileRef("file-1"), name="table.csv", placeholder=TABLE),)


@pytest.mark.parametrize(
    ("placeholder", "name"),
    [
        ("sandbox:/mnt/data/my%20table.csv", "my table.csv"),
        ("sandbox:/mnt/data/..%2f..%2fetc/passwd", "passwd"),
        ("/mnt/data/x.csv", "x.csv"),
        ("", "file-1"),
        ("sandbox:/", "file-1"),
    ],
)
def test_a_file_is_called_by_the_last_part_of_its_path(placeholder: str, name: str) -> None:
    assert [file.name for file in answer(said(text("x", file_path(placeholder, "file-1")))).files] == [name]


def test_a_file_written_twice_is_there_once_as_it_was_in_the_end() -> None:
    messages = [said(text(TABLE, file_path(TABLE, file))) for file in ("file-old", "file-new")]
    assert [file.file for file in answer(*messages).files] == ["file-new"]


def test_a_citation_holds_its_file() -> None:
    message = said(text("As said【4:0†source】.", citation("【4:0†source】", "file-1")))
    assert answer(message).citations == (Citation(placeholder="【4:0†source】", file=FileRef("file-1")),)


def test_what_is_not_known_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    message = said({"type": "hologram"}, text("one", {"type": "url_citation", "text": "x"}))
    assert answer(message) == Answer(text="one")
    assert len(caplog.records) == 2


def test_half_a_character_is_no_reason_to_lose_an_answer() -> None:
    answer(said(text("cut \ud83d"))).text.encode()


@pytest.mark.parametrize(
    "content",
    [
        7,
        {"type": "text"},
        {"type": "text", "text": "plain"},
        {"type": "text", "text": {"value": 7}},
    ],
)
def test_a_garbled_message_is_the_service_unwell(content: Any) -> None:
    with pytest.raises(AssistantUnavailableError):
        answer(said(content))


@pytest.mark.parametrize(
    "garbled",
    [
        {},
        {"type": "image_file", "image_file": {}},
        {"type": "image_file"},
        text("", {"type": "file_path", "text": "y"}),
        text("", {"type": "file_path", "file_path": {"file_id": None}}),
        text("", {"type": "file_citation", "text": "[1]", "file_citation": {"file_id": ""}}),
        text("", {}),
        {"type": "text", "text": {"value": "", "annotations": [None]}},
    ],
)
def test_a_garbled_part_costs_itself_and_not_the_answer(garbled: Any) -> None:
    assert answer(said(garbled, text("Twelve."))) == Answer(text="Twelve.")
