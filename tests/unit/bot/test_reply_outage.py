"""An answer waits for a file store that is down, and for no longer than it may."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.conversation import ConversationKey
from bot.errors import StorageDownError
from bot.parts import FilesPart, Part, PicturePart, StoredFile, TextPart
from bot.reply import ReplyWriter
from bot.run import Answer, AnswerFile, AnswerImage, FileRef
from tests.support.fakes import PNG, FakeAssistant, FakePictures, MemoryFiles, message
from tests.support.virtual_time import in_warped_time

ANSWER = Answer(
    text="Here",
    images=(AnswerImage(file=FileRef("f1")), AnswerImage(file=FileRef("f2"))),
    files=(AnswerFile(file=FileRef("f3"), name="a.csv"),),
)


class FilesThatComeBack(MemoryFiles):
    """A store that is down until a time of the event loop's clock."""

    def __init__(self, back_at_s: float, put_s: float = 0) -> None:
        super().__init__()
        self.back_at_s = back_at_s
        self.put_s = put_s

    async def put(self, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
        if asyncio.get_running_loop().time() < self.back_at_s:
            await asyncio.sleep(self.put_s)
            raise StorageDownError("no answer")
        return await super().put(key, name, content)


def written(files: MemoryFiles) -> tuple[tuple[Part, ...], float]:
    """The parts of the answer, and how long they took."""

    async def write() -> tuple[tuple[Part, ...], float]:
        assistant = FakeAssistant()
        assistant.files |= {FileRef("f1"): PNG, FileRef("f2"): PNG + b"2", FileRef("f3"): b"x,y\n1,2\n"}
        writer = ReplyWriter(assistant=assistant, files=files, pictures=FakePictures(), max_wait_s=60)
        parts = await writer.write(ANSWER, message().key)
        return parts, asyncio.get_running_loop().time()

    return in_warped_time(write())


def test_an_outage_that_passes_costs_no_plot() -> None:
    parts, _ = written(FilesThatComeBack(45.0))
    assert [type(part) for part in parts] == [TextPart, PicturePart, PicturePart, FilesPart]
    assert "could not be brought" not in str(parts)


def test_one_answer_waits_once_for_an_outage_that_lasts_whatever_number_of_files_it_has() -> None:
    [text], took_s = written(FilesThatComeBack(1e9))
    assert isinstance(text, TextPart)
    assert text.text.count("could not be brought to you") == 3
    assert took_s <= 61


def test_after_the_wait_a_store_that_takes_its_time_to_fail_is_not_asked_for_each_further_file() -> None:
    [text], took_s = written(FilesThatComeBack(1e9, put_s=8))
    assert isinstance(text, TextPart)
    assert text.text.count("could not be brought to you") == 3
    assert took_s <= 8 + 60 + 8  # until the outage is seen, the wait, and the attempt at its end


def test_a_store_that_is_full_is_not_waited_for() -> None:
    files = MemoryFiles()
    files.full = True
    [text], took_s = written(files)
    assert isinstance(text, TextPart)
    assert text.text.count("could not be brought to you") == 3
    assert took_s < 1
