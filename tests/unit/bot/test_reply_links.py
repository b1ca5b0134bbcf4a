"""Paths inside the sandbox, as models write them, and the files that they name (F7)."""

from __future__ import annotations

import time

import pytest

from bot.file_names import plain_name
from bot.reply import ReplyWriter
from bot.run import Answer, AnswerFile, FileRef
from tests.support.fakes import FakeAssistant, FakePictures, MemoryFiles, message
from tests.support.turn_fixtures import texts


async def said(text: str, *names: str) -> str:
    assistant = FakeAssistant()
    assistant.files = {FileRef(name): b"1" for name in names}
    writer = ReplyWriter(assistant=assistant, files=MemoryFiles(), pictures=FakePictures())
    files = tuple(AnswerFile(file=FileRef(name), name=plain_name(name)) for name in names)
    return texts(await writer.write(Answer(text=text, files=files), message().key))


@pytest.mark.parametrize(
    "name",
    [
        "Q1 & Q2.csv",
        "my file.csv",
        "a(1).csv",
        "plan (v2) final.csv",
        "[draft] plan.csv",
        "a–b.csv",
        "it's.csv",
        "a#1.csv",
        "100%.csv",
        "a:b;c.csv",
        "📈.csv",
        "été.csv",
        "t.csv",
    ],
)
async def test_a_file_that_lies_beside_the_answer_is_never_called_unavailable(name: str) -> None:
    assert await said(f"See [the file](sandbox:/mnt/data/{name}).", name) == "See the file."
    assert await said(f"See [{name}](sandbox:/mnt/data/{name}) (new)", name) == f"See {name} (new)"
    assert await said(f"See sandbox:/mnt/data/{name} now", name) == f"See {name} now"


async def test_two_files_on_one_line_are_two() -> None:
    text = "[a](sandbox:/mnt/data/a b.csv) and [b](sandbox:/mnt/data/b (1).csv) and [c](sandbox:/mnt/data/c.csv)"
    assert await said(text, "a b.csv", "b (1).csv") == "a and b and c (this file is not available)"


async def test_a_picture_of_the_text_leaves_nothing_and_a_title_is_no_name() -> None:
    assert await said("x ![p](sandbox:/mnt/data/p.png) y", "p.png") == "x  y"
    assert await said('[t](sandbox:/mnt/data/t.csv "the table")', "t.csv") == "t"


async def test_a_picture_of_the_text_that_nobody_drew_is_said_not_to_be_there() -> None:  # F3
    expected = "Here: Sales (this file is not available)."
    assert await said("Here: ![Sales](sandbox:/mnt/data/sales.png).") == expected
    assert await said("Here: ![](sandbox:/mnt/data/sales.png).") == expected.replace("Sales", "sales.png")


@pytest.mark.parametrize("hostile", ["\\[x ", "[", "[[](sandbox:", "sandbox:", "](sandbox:", "[a](sandbox:)", "!["])
async def test_hostile_text_costs_little(hostile: str) -> None:
    """S5."""
    before = time.process_time()
    await said(hostile * (60_000 // len(hostile)), "a.csv")
    assert time.process_time() - before < 0.25 * 4
