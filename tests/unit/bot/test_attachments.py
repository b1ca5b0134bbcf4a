"""Which files are taken, and how they reach the assistant."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.attachments import MAX_FILE_BYTES, POINTER, POSSIBLE_POINTER, Attachment, receive, rejection_reason
from bot.codec import message_from_json, message_to_json
from bot.conversation import TurnState
from bot.errors import AssistantUnavailableError, AttachmentError, StorageError
from bot.file_names import plain_name
from bot.media import ending_by_content
from bot.parts import ApologyPart, TextPart
from bot.run import FileRef, UploadedFile
from bot.turn_story import run_turn
from tests.support.fakes import (
    PNG,
    FakeIncoming,
    message,
)
from tests.support.turn_fixtures import World

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
CSV = Attachment(name="a.csv", url="at/a.csv", content_type="text/csv", size_bytes=8)
PICTURE = Attachment(name="b.png", url="at/b.png")


def zipped(*names: str, stored: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, stored)
    return file.getvalue()


def world_of_files(*, die_at: str = "") -> World:
    incoming = FakeIncoming()
    incoming.kept = {"at/a.csv": b"a,b\n1,2\n", "at/b.png": PNG}
    return World(incoming=incoming, die_at=die_at)


async def test_files_are_brought_to_the_assistant_and_given_with_the_question() -> None:
    world = world_of_files()
    assert await world.answer("Plot it", CSV, PICTURE) == [TextPart(text="You said: Plot it")]
    assert list(world.assistant.uploaded.values()) == [("a.csv", b"a,b\n1,2\n"), ("b.png", PNG)]
    [(_, asked)] = world.assistant.asked
    assert [file.is_picture for file in asked.files] == [False, True]


async def test_two_files_of_one_name_stay_two() -> None:
    world = world_of_files()
    await world.answer("Compare them", CSV, CSV)
    assert [name for name, _ in world.assistant.uploaded.values()] == ["a.csv", "a (2).csv"]


@pytest.mark.parametrize(
    ("name", "content_type", "data", "taken_as", "is_picture"),
    [
        ("image", "image/png", PNG, "image.png", True),
        ("image", "", b"\xff\xd8\xff\xe0 jpeg", "image.jpg", True),
        ("picture.png", "image/*", b"GIF89a gif", "picture.gif", True),
        ("photo.jpeg", "", b"\xff\xd8\xff\xe0 jpeg", "photo.jpeg", True),
        ("data.csv", "text/csv", PNG, "data.png", True),
        ("paper", "", b"%PDF-1.7 x", "paper.pdf", False),
        ("book.csv", "", b"PK\x03\x04....xl/workbook.xml", "book.xlsx", False),
        ("book.xlsm", "", b"PK\x03\x04....xl/workbook.xml", "book.xlsx", False),
        ("book.xlsx", "", OLE + bytes(70_000) + "Workbook".encode("utf-16-le"), "book.xls", False),
        # F15: a document that embeds a workbook is none.
        ("table.txt", "", OLE + bytes(65_520) + "Workbook".encode("utf-16-le"), "table.xls", False),
        ("letter", "", b"PK\x03\x04....word/document.xml", "letter.docx", False),
        ("talk.docx", "", b"PK\x03\x04....ppt/slides/", "talk.pptx", False),
        ("open", "", b"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK", "open.ods", False),
        ("a", "text/csv", b"a,b\n1,2\n", "a.csv", False),
        ("a", "", "Grüße".encode(), "a.txt", False),
        ("a.md", "", b"# Title", "a.md", False),
        ("a.csv", "", "a,b".encode("utf-16"), "a.csv", False),
    ],
)
async def test_a_file_is_known_by_its_bytes_where_its_name_says_nothing_or_something_else(
    name: str, content_type: str, data: bytes, taken_as: str, is_picture: bool
) -> None:
    """F8."""
    world = world_of_files()
    world.incoming.kept["at/x"] = data
    await world.answer("Look", Attachment(name=name, url="at/x", content_type=content_type))
    [file] = world.assistant.asked[0][1].files
    assert (file.name, file.is_picture) == (taken_as, is_picture)
    assert [uploaded for uploaded, _ in world.assistant.uploaded.values()] == [taken_as]


@pytest.mark.parametrize(
    ("name", "content_type", "data", "taken_as"),
    [
        # A document that holds a workbook is a document, and an archive that holds documents an archive.
        (
            "report",
            "",
            zipped("[Content_Types].xml", "word/embeddings/xl/workbook.xml", "word/document.xml"),
            "report.docx",
        ),
        ("report.docx", "", zipped("[Content_Types].xml", "xl/workbook.xml"), "report.xlsx"),
        ("reports", "", zipped("word/document.xml", "xl/workbook.xml"), "reports.zip"),
        ("reports", "", zipped("a.docx", stored=zipped("[Content_Types].xml", "word/document.xml")), "reports.zip"),
        ("slides.potx", "", zipped("[Content_Types].xml", "ppt/presentation.xml"), "slides.potx"),
        ("binary", "", zipped("[Content_Types].xml", "xl/workbook.bin"), "binary.xlsb"),
        ("a", "", b"PK\x03\x04 a zip that is cut off", "a.zip"),
        ("old", "", OLE + bytes(600) + "PowerPoint Document".encode("utf-16-le"), "old.ppt"),
        ("mail.txt", "", OLE + bytes(600) + "__properties_version1.0".encode("utf-16-le"), "mail.msg"),
        ("pay.csv", "", OLE + bytes(600) + "WordDocument".encode("utf-16-le"), "pay.doc"),
        ("part", "", b"PAR1 ...", "part.parquet"),
        ("log.tgz", "", b"\x1f\x8b\x08\x00", "log.tgz"),
        ("page", "text/html; charset=utf-8", b"<p>x</p>", "page.html"),
        ("tool.sh", "", b"#!/bin/sh", "tool.sh"),
        ("drawing.svg", "image/svg+xml", b"<svg/>", "drawing.svg"),
        ("pictures.zip", "", zipped("a.png"), "pictures.zip"),
        ("model.npz", "", zipped("w.npy"), "model.npz"),
        ("sound.wav", "", b"RIFF\x00\x00\x00\x00WAVE", "sound.wav"),
        ("old.mdb", "", b"\x00\x01\x00\x00Standard Jet DB", "old.mdb"),
    ],
)
async def test_where_code_opens_any_file_each_arrives_and_is_known_by_its_content(
    name: str, content_type: str, data: bytes, taken_as: str
) -> None:
    world = world_of_files()
    world.endings = None
    world.incoming.kept["at/x"] = data
    await world.answer("Look", Attachment(name=name, url="at/x", content_type=content_type))
    assert [(uploaded, kept) for uploaded, kept in world.assistant.uploaded.values()] == [(taken_as, data)]


async def test_where_code_opens_any_file_a_program_is_still_not_fetched() -> None:
    world = world_of_files()
    world.endings = None
    [said] = await world.answer("Run it", replace(CSV, name="a.EXE"))
    assert isinstance(said, TextPart)
    assert said.text.startswith("I cannot read a.EXE.")
    assert world.incoming.opened_urls == []


@pytest.mark.parametrize("data", [OLE + bytes(600) + "PowerPoint Document".encode("utf-16-le"), b"PAR1"])
async def test_what_is_not_taken_by_its_name_is_not_taken_under_another(data: bytes) -> None:
    world = world_of_files()
    world.incoming.kept["at/x"] = data
    [said] = await world.answer("Look", Attachment(name="a.csv", url="at/x"))
    assert isinstance(said, TextPart)
    assert said.text.startswith("I cannot read a.csv.")
    assert world.assistant.uploaded == {}


@pytest.mark.parametrize("length", [22, 60, 90])
def test_an_archive_that_is_cut_off_is_an_archive(tmp_path: Path, length: int) -> None:
    (tmp_path / "a").write_bytes(zipped("[Content_Types].xml", "xl/workbook.xml")[:length] + b"PK\x05\x06")
    assert ending_by_content(tmp_path / "a") in {".zip", ".xlsx"}


@pytest.mark.parametrize("data", [b"\x7fELF\x02", b"\x00\x01", b"\xff\xfe\x00"])
async def test_a_nameless_file_of_no_known_kind_is_left_out(data: bytes) -> None:
    world = world_of_files()
    world.incoming.kept["at/x"] = data
    [said] = await world.answer("Look", Attachment(name="a", url="at/x"))
    assert isinstance(said, TextPart)
    assert said.text.startswith("I cannot read a. I take tables")
    assert said.text.endswith("You said: Look")
    assert world.assistant.uploaded == {}


async def test_the_words_are_answered_though_files_are_left_out_and_each_of_those_is_told() -> None:
    """F8: one .docx beside a good .csv stopped the message."""
    world = world_of_files()
    bad, gone = replace(CSV, name="b.doc"), replace(CSV, name="c.csv", url="gone")
    [said] = await world.answer("Plot it", bad, CSV, gone)
    assert isinstance(said, TextPart)
    first, second, answer = said.text.split("\n\n")
    assert first.startswith("I cannot read b.doc. I take")
    assert second == "I could not fetch c.csv."
    assert answer == "You said: Plot it"
    assert [file.name for file in world.assistant.asked[0][1].files] == ["a.csv"]


async def test_of_files_without_words_the_good_ones_are_kept_and_the_others_told() -> None:
    world = world_of_files()
    [said] = await world.answer("", replace(CSV, name="b.doc"), CSV)
    assert isinstance(said, TextPart)
    assert said.text.startswith("I cannot read b.doc.")
    assert "I have a.csv. What shall I do with it?" in said.text
    world.steps.clear()
    [*_, said] = await world.answer("", replace(CSV, name="b.doc"))
    assert isinstance(said, TextPart)
    assert said.text.startswith("I cannot read b.doc.")
    assert "What shall I do" not in said.text


async def test_the_first_ten_of_more_files_are_taken() -> None:
    world = world_of_files()
    [said] = await world.answer("Plot it", *[CSV] * 12)
    assert isinstance(said, TextPart)
    assert said.text.startswith("I can take at most 10 files with one message.")
    assert len(world.assistant.uploaded) == 10


async def test_a_file_that_was_left_out_stays_so_after_a_crash() -> None:
    world = world_of_files(die_at="file/1")
    with pytest.raises(SystemError):
        await world.answer("Plot it", replace(CSV, url="gone"), PICTURE)
    world.die_at, world.incoming.kept["gone"] = "", b"back again"
    [said] = await world.answer("Plot it", replace(CSV, url="gone"), PICTURE, attempts=1)
    assert isinstance(said, TextPart)
    assert said.text.startswith("I could not fetch a.csv.")


async def test_a_file_that_an_earlier_version_brought_is_not_brought_again() -> None:
    world = world_of_files()
    world.steps["file/0"] = '["file_7", false]'
    await world.answer("Plot it", CSV, attempts=1)
    assert world.assistant.asked[0][1].files == (UploadedFile(ref=FileRef("file_7"), name="a.csv", is_picture=False),)
    assert world.assistant.uploaded == {}


async def test_a_very_long_message_goes_in_as_a_text_file() -> None:
    """F16."""
    world = world_of_files()
    text = "Sum this: " + "1 Größe " * 7_000
    await world.answer(text, CSV)
    [(_, asked)] = world.assistant.asked
    assert [file.name for file in asked.files] == ["a.csv", "message.txt"]
    assert [data for name, data in world.assistant.uploaded.values() if name == "message.txt"] == [text.encode()]
    assert asked.text.startswith("Sum this: 1")
    assert "message.txt" in asked.text
    assert len(asked.text) < 2_000
    world.steps.clear()
    await world.answer(text[:50_000])
    assert world.assistant.asked[-1][1].text == text[:50_000]


async def test_what_is_no_picture_is_not_shown_as_one_whatever_its_name() -> None:
    world = world_of_files()
    world.incoming.kept["at/b.png"] = b"<svg/>"
    await world.answer("What is this?", PICTURE)
    assert world.assistant.asked[0][1].files == (UploadedFile(ref=FileRef("file_1"), name="b.png", is_picture=False),)


async def test_a_file_that_arrived_before_a_crash_is_not_brought_again() -> None:
    world = world_of_files(die_at="file/1")
    with pytest.raises(SystemError):
        await world.answer("Plot it", CSV, PICTURE)
    world.die_at = ""
    assert await world.answer("Plot it", CSV, PICTURE, attempts=1) == [TextPart(text="You said: Plot it")]
    assert world.incoming.opened_urls == ["at/a.csv", "at/b.png", "at/b.png"]
    assert [file.ref for file in world.assistant.asked[0][1].files] == ["file_1", "file_3"]


async def test_a_stop_does_not_wait_for_a_large_file() -> None:
    world = world_of_files()

    async def endless(name: str, content: Path) -> FileRef:
        world.stop()
        await asyncio.Event().wait()
        raise AssertionError

    world.assistant.upload = endless  # type: ignore[method-assign]
    turn = world.turn("Plot it", CSV)
    async with asyncio.timeout(30):
        await run_turn(turn, world.deps)
    assert world.channel.said == [TextPart(text="Stopped. Your question was not answered.")]
    assert world.assistant.asked == []


async def test_files_without_a_word_are_kept_in_the_thread_and_asked_about() -> None:
    world = world_of_files()
    [said] = await world.answer("  ", CSV, PICTURE)
    assert isinstance(said, TextPart)
    assert said.text.startswith("I have a.csv and b.png. What shall I do with them?")
    assert [(thread, len(asked.files)) for thread, asked in world.assistant.asked] == [("thread_1", 2)]
    assert world.assistant.runs == {}
    world.steps.clear()
    await world.answer("Plot it")
    assert world.assistant.asked[-1][0] == "thread_1"


@pytest.mark.parametrize("text", ["", "Plot it"])
async def test_a_thread_that_is_gone_is_replaced_and_gets_the_files_that_are_there_already(text: str) -> None:
    world = world_of_files()
    world.assistant.gone.add(await world.assistant.open_thread(message().key))
    await world.conversations.remember(message().key, world.assistant.threads[0])
    await world.answer(text, CSV)
    assert [thread for thread, _ in world.assistant.asked] == ["thread_2"]
    assert len(world.assistant.uploaded) == 1


@pytest.mark.parametrize("name", ["pay.xlsx", "pay.docx", "pay"])
async def test_of_an_office_file_with_a_password_the_person_is_told_so(name: str) -> None:
    world = world_of_files()
    world.incoming.kept["at/x"] = OLE + bytes(70_000) + "EncryptedPackage".encode("utf-16-le")
    [said] = await world.answer("Sum it", Attachment(name=name, url="at/x"))
    sentence = f"{name} is protected with a password. Please save a copy without one and send that."
    assert said == TextPart(text=f"{sentence}\n\nYou said: Sum it")
    assert world.assistant.uploaded == {}


async def test_files_that_are_not_taken_are_not_even_fetched() -> None:
    world = world_of_files()
    [said] = await world.answer("Run it", replace(CSV, name="a.exe"))
    assert isinstance(said, TextPart)
    assert said.text.startswith("I cannot read a.exe. I take tables (csv, tsv, xlsx)")
    assert world.incoming.opened_urls == []


async def test_a_file_that_cannot_be_fetched_is_told_and_the_words_are_answered() -> None:
    """F8: words beside a GIF that may not be fetched were not answered."""
    world = world_of_files()
    [said] = await world.answer("Plot it", replace(CSV, url="gone"))
    assert said == TextPart(text="I could not fetch a.csv.\n\nYou said: Plot it")


async def test_a_message_with_files_that_fails_has_no_button_that_would_lose_them() -> None:
    world = world_of_files()
    world.assistant.ends = [AssistantUnavailableError("down")]
    [said] = await world.answer("Plot it", CSV)
    assert isinstance(said, ApologyPart)
    assert said.question == ""


async def test_a_command_is_a_command_whatever_comes_with_it() -> None:
    world = world_of_files()
    await world.answer("/new", CSV)
    assert world.assistant.uploaded == {}


@pytest.mark.parametrize(
    ("attachment", "sentence"),
    [
        (replace(CSV, name="a.doc"), "I cannot read a.doc. I take"),
        (replace(CSV, name="a.csv.svg"), "I cannot read a.csv.svg."),
        (replace(CSV, size_bytes=0), "a.csv is empty."),
        (replace(CSV, size_bytes=MAX_FILE_BYTES + 1), "a.csv is larger than 50 MB"),
    ],
)
def test_each_objection_has_its_sentence(attachment: Attachment, sentence: str) -> None:
    assert (rejection_reason([attachment]) or "").startswith(sentence)


@pytest.mark.parametrize(
    "name",
    [
        "A.CSV",
        "b.Tsv",
        "c.xlsx",
        "c.XLS",
        "c.ods",
        "c.xlsm",
        "c.docx",
        "c.pptx",
        "d.json",
        "e.txt",
        "f.md",
        "g.pdf",
        "h.jpeg",
        "i.webp",
    ],
)
def test_the_kinds_are_known_in_any_case(name: str) -> None:
    assert rejection_reason([replace(CSV, name=name)]) is None
    assert rejection_reason([replace(CSV, size_bytes=MAX_FILE_BYTES)] * 10) is None
    assert rejection_reason([CSV] * 11) == "I can take at most 10 files with one message."


def test_a_message_is_read_back_with_its_files_and_one_of_before_there_were_any_too() -> None:
    said = replace(message(), attachments=(CSV, PICTURE))
    assert message_from_json(message_to_json(said)) == (said, TurnState.WAITING)
    row = json.loads(message_to_json(message()))
    del row["attachments"]
    assert message_from_json(json.dumps(row)) == (message(), TurnState.WAITING)


@pytest.mark.parametrize("name", ["", "..", "/", "\0", "...\\", "\u202e", "a\nb.csv", "x" * 1000, "🙂.csv", "\ud800"])
def test_a_plain_name_is_never_empty_and_holds_no_sign_that_means_something(name: str) -> None:
    plain = plain_name(name)
    assert 0 < len(plain) <= 100
    assert not plain.startswith(".")
    assert all(sign.isalnum() or sign in " ._-()+,=@" for sign in plain)


async def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await receive(broken(), tmp_path / "f", name="a.csv")
    assert files_in(tmp_path) == []


async def test_a_stream_is_cut_at_the_limit_and_leaves_nothing(tmp_path: Path) -> None:
    asked: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            asked.append(10_000_000)
            yield b"x" * 10_000_000

    with pytest.raises(AttachmentError):
        await receive(endless(), tmp_path / "f", name="a.csv")
    assert sum(asked) == 60_000_000
    assert files_in(tmp_path) == []


async def test_a_disk_that_does_not_take_it_is_told_from_a_file_that_is_wrong(tmp_path: Path) -> None:
    async def one() -> AsyncIterator[bytes]:
        yield b"a"

    with pytest.raises(StorageError):
        await receive(one(), tmp_path / "no folder" / "f", name="a.csv")


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


POINTED = Attachment(name="file", url="", content_type=POINTER)
PERHAPS = Attachment(name="file", url="", content_type=POSSIBLE_POINTER)


async def test_files_that_the_channels_service_knows_of_are_brought_too_and_asked_for_once() -> None:
    world = world_of_files(die_at="file/1")
    world.incoming.listing = (CSV, PICTURE)
    with pytest.raises(SystemError):
        await world.answer("Plot it", POINTED)
    world.die_at, world.incoming.listing = "", ()
    assert await world.answer("Plot it", POINTED, attempts=1) == [TextPart(text="You said: Plot it")]
    assert world.incoming.listings == 1
    assert world.incoming.opened_urls == ["at/a.csv", "at/b.png", "at/b.png"]
    assert [file.name for file in world.assistant.asked[0][1].files] == ["a.csv", "b.png"]


async def test_a_pointer_that_leads_nowhere_is_told_and_the_words_are_answered() -> None:
    world = world_of_files()
    world.incoming.listing = "I may not look."
    assert await world.answer("Plot it", POINTED) == [TextPart(text="I may not look.\n\nYou said: Plot it")]


async def test_where_nobody_can_look_a_possible_pointer_is_nothing_and_one_without_words_is_greeted() -> None:
    world = world_of_files()
    [said] = await world.answer("", PERHAPS)
    assert isinstance(said, TextPart)
    assert said.text.startswith("Hello! Ask me something")
    world.incoming.looks_for_more = False
    world.steps.clear()
    await world.answer("Plot it", PERHAPS)
    assert world.incoming.listings == 1
    assert not [step for step in world.steps if step.startswith("listed")]
