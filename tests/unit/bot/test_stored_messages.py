"""What a ledger holds of a message, as written by this version and by the first one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.codec import message_from_json, message_to_json, reply_from_json, reply_to_json
from bot.conversation import (
    ActivityId,
    CardPressed,
    Command,
    CommandName,
    Incoming,
    Installed,
    Party,
    Question,
    TurnState,
    pressed,
)
from bot.errors import UnreadableMessageError
from bot.parts import FilesPart, PicturePart, Reply, StoredFile
from tests.support.fakes import message

TO = replace(message().reference, user=Party(id="29:ada", name="Ada", directory_id="0a1b"))
ID = ActivityId("m1")


def first_version(text: str, standing: str | None) -> str:
    row = json.loads(message_to_json(message(text)))
    row = {**row, "text": row.pop("content"), "bot": row["bot"][:2], "user": row["user"][:2]}
    row = {name: value for name, value in row.items() if name not in ("kind", "state")}
    return json.dumps(row if standing is None else {**row, "standing": standing})


@pytest.mark.parametrize(
    "said",
    [
        Question(id=ID, reference=TO, text="hello"),
        Command(id=ID, reference=TO, text=" /New", name=CommandName.NEW),
        CardPressed(id=ID, reference=TO, text="plot x"),
        Installed(id=ID, reference=replace(TO, reply_to=None)),
    ],
)
@pytest.mark.parametrize("state", TurnState)
def test_each_kind_of_message_is_read_back_with_its_state(said: Incoming, state: TurnState) -> None:
    assert message_from_json(message_to_json(said, state)) == (said, state)


@pytest.mark.parametrize(
    ("text", "standing", "kind", "state"),
    [
        ("hello", None, Question, TurnState.WAITING),
        ("hello", "asked", Question, TurnState.WAITING),
        ("/stop", "asked", Command, TurnState.WAITING),
        ("", "declined", Question, TurnState.REJECTED),
        ("", "withdrawn", Question, TurnState.DELETED),
        ("", "installed", Installed, TurnState.WAITING),
    ],
)
def test_what_the_first_version_stored_is_still_read(
    text: str, standing: str | None, kind: type[Incoming], state: TurnState
) -> None:
    read, read_state = message_from_json(first_version(text, standing))
    assert (type(read), read.text, read_state) == (kind, text, state)
    assert read.reference.user == Party(id="ada", name="Ada")
    assert read.reference.reply_to == (None if kind is Installed else "m1")


@pytest.mark.parametrize("change", [{"kind": "poll"}, {"state": "asleep"}])
def test_a_kind_or_state_of_a_later_version_is_not_guessed(change: dict[str, str]) -> None:
    row = {**json.loads(message_to_json(message())), **change}
    with pytest.raises(UnreadableMessageError):
        message_from_json(json.dumps(row))


def test_a_card_that_carries_a_command_gives_the_command() -> None:
    assert pressed("/new", id=ID, reference=TO) == Command(id=ID, reference=TO, text="/new", name=CommandName.NEW)


TOKEN = "abcdefghijklmnopqrstuvwxyz-_0123"


@pytest.mark.parametrize("kinds", [("PicturePart", "FilesPart"), ("picture", "files")])
def test_a_reply_that_was_stored_with_addresses_is_read_as_files_with_tokens(kinds: tuple[str, str]) -> None:
    picture, files = kinds
    record = {
        "outcome": "answered",
        "parts": [
            {"kind": picture, "url": f"http://127.0.0.1:3978/files/{TOKEN}/plot-1.png", "alt_text": "Line plot"},
            {
                "kind": files,
                "links": [
                    {"name": "größe.csv", "url": f"https://b.example/x/files/{TOKEN}/gr%C3%B6.csv", "size_bytes": 5}
                ],
            },
            {"kind": picture, "url": "/data/terminal/files/1-plot.png", "alt_text": "In a terminal"},
        ],
    }
    plot, table, path = reply_from_json(record).parts
    assert plot == PicturePart(file=StoredFile(token=TOKEN, name="plot-1.png", size_bytes=0), alt_text="Line plot")
    assert table == FilesPart(files=(StoredFile(token=TOKEN, name="größe.csv", size_bytes=5),))
    assert isinstance(path, PicturePart)
    assert path.file.token == "/data/terminal/files/1-plot.png"


def test_a_reply_with_files_is_read_as_it_was_written() -> None:
    plot = StoredFile(token=TOKEN, name="plot-1.png", size_bytes=7)
    reply = Reply(parts=(PicturePart(file=plot, alt_text="Line plot"), FilesPart(files=(plot,))))
    assert reply_from_json(json.loads(json.dumps(reply_to_json(reply)))) == reply
    assert "url" not in json.dumps(reply_to_json(reply))
