"""Which files are taken, and how they reach the assistant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.answer import FileId, GivenFile
from bot.attachments import LARGEST_FILE_BYTES, Attachment, objection_to
from bot.conversation import IncomingMessage
from bot.errors import AttachmentError, StorageError
from bot.file_names import plain_name
from bot.parts import ApologyPart, Part, TextPart
from bot.ports import LedgerEntry
from bot.received_file import receive
from bot.reply import ReplyWriter
from bot.run_turn import Outside, run_turn
from bot.turn import Turn
from tests.fakes import (
    PNG,
    FakeAssistant,
    FakeChannel,
    FakeIncoming,
    FakePictures,
    MemoryConversations,
    MemoryFiles,
    message,
)

CSV = Attachment(name="a.csv", url="at/a.csv", content_type="text/csv", size_bytes=8)
PICTURE = Attachment(name="b.png", url="at/b.png")


@dataclass
class World:
    assistant: FakeAssistant = field(default_factory=FakeAssistant)
    channel: FakeChannel = field(default_factory=FakeChannel)
    conversations: MemoryConversations = field(default_factory=MemoryConversations)
    incoming: FakeIncoming = field(default_factory=FakeIncoming)
    steps: dict[str, str] = field(default_factory=dict)  # what a disk would hold of the turn
    die_at: str = ""  # the step whose result never reaches the disk

    def __post_init__(self) -> None:
        self.incoming.kept = {"at/a.csv": b"a,b\n1,2\n", "at/b.png": PNG}

    @property
    def outside(self) -> Outside:
        writer = ReplyWriter(assistant=self.assistant, files=MemoryFiles(), pictures=FakePictures())
        return Outside(
            assistant=self.assistant,
            channel=self.channel,
            conversations=self.conversations,
            files=self.incoming,
            writer=writer,
        )

    def turn_of(self, text: str, *attachments: Attachment, tries: int = 0) -> Turn:
        payload = replace(message(text), attachments=attachments).to_json()
        entry = LedgerEntry(number=1, conversation="c", id="m1", payload=payload, steps=dict(self.steps), tries=tries)
        return Turn(entry, save=self._save, may_go_on=lambda: asyncio.sleep(0))

    async def said_to(self, text: str, *attachments: Attachment, tries: int = 0) -> list[Part]:
        self.channel.heard.clear()
        await run_turn(self.turn_of(text, *attachments, tries=tries), self.outside)
        return self.channel.said

    async def _save(self, number: int, step: str, result: str) -> None:
        if step == self.die_at:
            raise SystemError("the process dies here")
        self.steps[step] = result


async def test_files_are_brought_to_the_assistant_and_given_with_the_question() -> None:
    world = World()
    assert await world.said_to("Plot it", CSV, PICTURE) == [TextPart(text="You said: Plot it")]
    assert list(world.assistant.uploaded.values()) == [("a.csv", b"a,b\n1,2\n"), ("b.png", PNG)]
    [(_, _, given)] = world.assistant.given
    assert [file.is_picture for file in given] == [False, True]


async def test_two_files_of_one_name_stay_two() -> None:
    world = World()
    await world.said_to("Compare them", CSV, CSV)
    assert [name for name, _ in world.assistant.uploaded.values()] == ["a.csv", "a (2).csv"]


async def test_what_is_no_picture_is_not_shown_as_one_whatever_its_name() -> None:
    world = World()
    world.incoming.kept["at/b.png"] = b"<svg/>"
    await world.said_to("What is this?", PICTURE)
    assert world.assistant.given[0][2] == (GivenFile(id=FileId("file_1"), is_picture=False),)


async def test_a_file_that_arrived_before_a_crash_is_not_brought_again() -> None:
    world = World(die_at="file 1")
    with pytest.raises(SystemError):
        await world.said_to("Plot it", CSV, PICTURE)
    world.die_at = ""
    assert await world.said_to("Plot it", CSV, PICTURE, tries=1) == [TextPart(text="You said: Plot it")]
    assert world.incoming.opened_urls == ["at/a.csv", "at/b.png", "at/b.png"]
    assert [file.id for file in world.assistant.given[0][2]] == ["file_1", "file_3"]


async def test_a_stop_does_not_wait_for_a_large_file() -> None:
    world = World()

    async def endless(name: str, content: Path) -> FileId:
        turn.stop()
        await asyncio.Event().wait()
        raise AssertionError

    world.assistant.upload = endless  # type: ignore[method-assign]
    turn = world.turn_of("Plot it", CSV)
    async with asyncio.timeout(5):
        await run_turn(turn, world.outside)
    assert world.channel.said == [TextPart(text="Stopped. Your question was not answered.")]
    assert world.assistant.given == []


async def test_files_without_a_word_are_kept_in_the_thread_and_asked_about() -> None:
    world = World()
    [said] = await world.said_to("  ", CSV, PICTURE)
    assert isinstance(said, TextPart)
    assert said.text.startswith("I have a.csv and b.png. What shall I do with them?")
    assert [(thread, len(given)) for thread, _, given in world.assistant.given] == [("thread_1", 2)]
    assert world.assistant.runs == {}
    world.steps.clear()
    await world.said_to("Plot it")
    assert world.assistant.given[-1][0] == "thread_1"


@pytest.mark.parametrize("text", ["", "Plot it"])
async def test_a_thread_that_is_gone_is_replaced_and_gets_the_files_that_are_there_already(text: str) -> None:
    world = World()
    world.assistant.gone.add(await world.assistant.create_thread(message().key))
    await world.conversations.remember(message().key, world.assistant.threads[0])
    await world.said_to(text, CSV)
    assert [thread for thread, _, _ in world.assistant.given] == ["thread_2"]
    assert len(world.assistant.uploaded) == 1


async def test_files_that_are_not_taken_are_not_even_fetched() -> None:
    world = World()
    [said] = await world.said_to("Run it", replace(CSV, name="a.exe"))
    assert isinstance(said, TextPart)
    assert said.text.startswith("I cannot read a.exe. I take tables (csv, tsv, xlsx)")
    assert world.incoming.opened_urls == []


async def test_a_file_that_cannot_be_fetched_is_an_apology_without_a_button_that_would_lose_it() -> None:
    world = World()
    [said] = await world.said_to("Plot it", replace(CSV, url="gone"))
    assert isinstance(said, ApologyPart)
    assert (said.text, said.question) == ("I could not fetch a.csv.", "")


async def test_a_command_is_a_command_whatever_comes_with_it() -> None:
    world = World()
    await world.said_to("/new", CSV)
    assert world.assistant.uploaded == {}


@pytest.mark.parametrize(
    ("attachment", "sentence"),
    [
        (replace(CSV, name="a"), "I cannot read a. I take"),
        (replace(CSV, name="a.csv.svg"), "I cannot read a.csv.svg."),
        (replace(CSV, size_bytes=0), "a.csv is empty."),
        (replace(CSV, size_bytes=LARGEST_FILE_BYTES + 1), "a.csv is larger than 50 MB"),
    ],
)
def test_each_objection_has_its_sentence(attachment: Attachment, sentence: str) -> None:
    assert (objection_to([attachment]) or "").startswith(sentence)


@pytest.mark.parametrize("name", ["A.CSV", "b.Tsv", "c.xlsx", "d.json", "e.txt", "f.md", "g.pdf", "h.jpeg", "i.webp"])
def test_the_kinds_are_known_in_any_case(name: str) -> None:
    assert objection_to([replace(CSV, name=name)]) is None
    assert objection_to([replace(CSV, size_bytes=LARGEST_FILE_BYTES)] * 10) is None
    assert objection_to([CSV] * 11) == "I can take at most 10 files with one message."


def test_a_message_is_read_back_with_its_files_and_one_of_before_there_were_any_too() -> None:
    said = replace(message(), attachments=(CSV, PICTURE))
    assert IncomingMessage.from_json(said.to_json()) == said
    row = json.loads(message().to_json())
    del row["attachments"]
    assert IncomingMessage.from_json(json.dumps(row)) == message()


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
