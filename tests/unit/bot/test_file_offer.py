"""A file of an answer is offered to one person, and saved once, for that person, from that chat."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from bot.conversation import ActivityId, ConversationKey, ConversationReference, FileConsent
from bot.errors import DeliveryError, UploadError
from bot.file_offer import FileOffers
from bot.parts import FilesPart, Part, Reply, SavedFilePart, ServedFile, StoredFile, TextPart
from bot.timeline import StepDone, Timeline
from bot.turn_record import ANSWERED
from tests.support.fakes import FakeChannel, message
from tests.support.turn_fixtures import World

TOKEN = "t" * 32
CSV = ServedFile(name="sales.csv", data=b"a,b\n1,2\n", picture_type=None)


@dataclass
class Drive:
    """A person's own files, the bot's store, and the ledger."""

    files: dict[str, ServedFile] = field(default_factory=lambda: {TOKEN: CSV})
    ours: bool = True
    is_down: bool = False
    uploaded: list[tuple[str, bytes]] = field(default_factory=list)
    lines: list[Timeline] = field(default_factory=list)

    async def read(self, token: str) -> ServedFile | None:
        return self.files.get(token)

    async def is_of(self, key: ConversationKey, token: str, file: ServedFile) -> bool:
        return self.ours

    async def upload(self, url: str, data: bytes) -> None:
        if self.is_down:
            raise UploadError("the drive answered 503")
        self.uploaded.append((url, data))

    async def of(self, key: ConversationKey, limit: int) -> list[Timeline]:
        return self.lines

    def offers(self, *, offered: bool = True) -> FileOffers:
        return FileOffers(offered_in=lambda place: offered, stored=self, uploads=self, turns=self)


def consent(*, accepted: bool = True, token: str = TOKEN) -> FileConsent:
    return FileConsent(
        id=ActivityId("invoke:card1:press2"),
        reference=message().reference,
        text="",
        accepted=accepted,
        token=token,
        name="sales.csv",
        upload_url="https://drive/put",
        saved_url="https://drive/sales.csv",
    )


class DeafChannel(FakeChannel):
    """Deletes nothing."""

    async def delete(self, to: ConversationReference, sent: ActivityId) -> None:
        raise DeliveryError("404", retryable=False)


async def answered(drive: Drive, pressed: FileConsent, channel: FakeChannel | None = None) -> Reply:
    world = World(number=7)
    return await drive.offers().answer(world.turn(), pressed, channel or FakeChannel())


def said(reply: Reply) -> str:
    [part] = [part for part in reply.parts if isinstance(part, TextPart)]
    return part.text


async def test_a_file_that_is_wanted_is_saved_and_its_card_is_taken_back() -> None:
    drive, channel = Drive(), FakeChannel()
    reply = await answered(drive, consent(), channel)
    assert drive.uploaded == [("https://drive/put", CSV.data)]
    assert reply.parts == (SavedFilePart(name="sales.csv", url="https://drive/sales.csv", unique_id="", file_type=""),)
    assert channel.heard == ["deleted"]


async def test_a_card_that_cannot_be_taken_back_costs_no_file() -> None:
    reply = await answered(Drive(), consent(), DeafChannel())
    assert isinstance(reply.parts[0], SavedFilePart)


async def test_a_file_that_is_not_wanted_is_not_saved_and_its_card_is_taken_back() -> None:
    drive, channel = Drive(), FakeChannel()
    assert said(await answered(drive, consent(accepted=False), channel)) == "All right, I did not save sales.csv."
    assert (drive.uploaded, channel.heard) == ([], ["deleted"])


@pytest.mark.parametrize(
    ("drive", "token", "sentence"),
    [
        (Drive(ours=False), TOKEN, "I did not offer this file in this chat, so I leave it alone."),
        (Drive(), "", "I did not offer this file in this chat, so I leave it alone."),
        (Drive(files={}), TOKEN, "sales.csv is no longer there. Please ask me for it again."),
    ],
    ids=["of another chat", "of nobody", "forgotten"],
)
async def test_a_file_that_this_chat_was_not_offered_is_left_alone(drive: Drive, token: str, sentence: str) -> None:
    assert said(await answered(drive, consent(token=token))) == sentence
    assert drive.uploaded == []


async def test_a_drive_that_refuses_costs_the_person_no_file_since_a_link_comes_instead() -> None:
    reply = await answered(Drive(is_down=True), consent())
    assert said(reply) == "I could not save sales.csv to your files. Here is a link to it instead."
    assert reply.parts[1] == FilesPart(
        files=(StoredFile(token=TOKEN, name="sales.csv", size_bytes=len(CSV.data)),), as_links=True
    )


def earlier_press(**changes: object) -> Timeline:
    line = Timeline(
        number=6,
        message_id="invoke:card1:press1",
        conversation_hash="h",
        accepted_at_s=0,
        outcome=ANSWERED,
        steps=(StepDone(name="upload/0", done_at_s=1),),
    )
    return replace(line, **changes)  # type: ignore[arg-type]


async def test_a_second_press_on_the_same_card_saves_nothing_twice() -> None:
    drive = Drive(lines=[earlier_press()])
    assert said(await answered(drive, consent())) == "sales.csv is in your files already."
    assert drive.uploaded == []


@pytest.mark.parametrize(
    "other",
    [
        earlier_press(number=8),
        earlier_press(outcome=None),
        earlier_press(message_id="invoke:card2:press1"),
        earlier_press(steps=()),
    ],
    ids=["later", "unfinished", "of another card", "without an upload"],
)
async def test_no_other_turn_is_taken_for_an_earlier_press_that_saved_the_file(other: Timeline) -> None:
    drive = Drive(lines=[other])
    await answered(drive, consent())
    assert len(drive.uploaded) == 1


def test_files_are_offered_one_a_card_only_where_they_are_offered_at_all() -> None:
    one, two = (StoredFile(token=TOKEN, name=name, size_bytes=1) for name in ("a.csv", "b.csv"))
    links = FilesPart(files=(one, two), as_links=True)
    parts: tuple[Part, ...] = (TextPart(text="Here."), FilesPart(files=(one, two)), links)
    place = message().reference
    apart = (parts[0], FilesPart(files=(one,)), FilesPart(files=(two,)), links)
    assert Drive().offers().one_by_one(parts, place) == apart
    assert Drive().offers(offered=False).one_by_one(parts, place) == parts
