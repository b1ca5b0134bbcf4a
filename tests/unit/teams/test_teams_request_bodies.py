"""The bytes of a request: whatever comes, the answer is a JSON refusal that names the fault, and never a 500."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from httpkit import json_body
from tests.support.teams_client import Door, open_door, recorded


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as door:
        yield door


def message(**changes: object) -> bytes:
    return json.dumps(recorded("personal", **changes)).encode()


def message_with(field: str, value: bytes) -> bytes:
    """A good message whose field holds bytes that json.dumps would not write."""
    return message(**{field: "PLACE"}).replace(b'"PLACE"', value)


GOOD = message()
DEEP = b"[" * 500 + b"]" * 500

HOSTILE: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "MalformedJson"),
    "a space": (b" ", 400, "MalformedJson"),
    "words": (b"hello", 400, "MalformedJson"),
    "half a message": (GOOD[: len(GOOD) // 2], 400, "MalformedJson"),
    "two messages": (GOOD + GOOD, 400, "MalformedJson"),
    "a trailing comma": (b'{"type":"message",}', 400, "MalformedJson"),
    "single quotes": (b"{'type':'message'}", 400, "MalformedJson"),
    "a comment": (b'{"type":"message"/* */}', 400, "MalformedJson"),
    "NaN": (b'{"type":"message","value":NaN}', 400, "MalformedJson"),
    "Infinity": (b'{"type":"message","value":-Infinity}', 400, "MalformedJson"),
    "a leading zero": (b'{"type":"message","value":01}', 400, "MalformedJson"),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + GOOD, 400, "MalformedJson"),
    "UTF-16": (GOOD.decode().encode("utf-16"), 400, "MalformedJson"),
    "Latin-1": (message_with("text", '"é"'.encode("latin-1")), 400, "MalformedJson"),
    "a byte that is no UTF-8": (message_with("text", b'"\xff"'), 400, "MalformedJson"),
    "an overlong slash": (message_with("text", b'"\xc0\xaf"'), 400, "MalformedJson"),
    "a surrogate as bytes": (message_with("text", b'"\xed\xa0\x80"'), 400, "MalformedJson"),
    "a lone surrogate": (message_with("text", rb'"\ud800"'), 400, "MalformedJson"),
    "a surrogate the wrong way round": (message_with("text", rb'"\udc00\ud800"'), 400, "MalformedJson"),
    "a lone surrogate as a name": (rb'{"type":"message","\ud800":1}', 400, "MalformedJson"),
    "a raw NUL": (message_with("text", b'"a\x00b"'), 400, "MalformedJson"),
    "a raw line end": (message_with("text", b'"a\nb"'), 400, "MalformedJson"),
    "100,000 brackets": (b"[" * 100_000, 400, "MalformedJson"),
    "2,000 nested arrays": (b"[" * 2000 + b"]" * 2000, 400, "MalformedJson"),
    "gzip": (gzip.compress(GOOD), 400, "MalformedJson"),
    "an array": (b"[]", 400, "NotAnObject"),
    "null": (b"null", 400, "NotAnObject"),
    "a string": (b'"message"', 400, "NotAnObject"),
    "a number": (b"12", 400, "NotAnObject"),
    "a number of 5,000 digits": (b"1" * 5000, 400, "MalformedJson"),
    "an array of messages": (b"[" + GOOD + b"]", 400, "NotAnObject"),
    "an empty object": (b"{}", 400, "MissingType"),
    "no type": (message(type=None), 400, "MissingType"),
    "an empty type": (message(type=""), 400, "MissingType"),
    "a type of NUL alone": (message_with("type", rb'"\u0000"'), 400, "MissingType"),
    "a type that is a number": (message(type=5), 400, "WrongShape"),
    "a type that is an object": (message(type={"a": 1}), 400, "WrongShape"),
    "a text that is an object": (message(text={"a": 1}), 400, "WrongShape"),
    "a text that is an array": (message(text=["a"]), 400, "WrongShape"),
    "an id that is a number": (message(id=5), 400, "WrongShape"),
    "an id that is false": (message(id=False), 400, "WrongShape"),
    "a sender that is a string": (message(**{"from": "Ada"}), 400, "WrongShape"),
    "a sender whose id is an object": (message(**{"from": {"id": {}}}), 400, "WrongShape"),
    "a conversation that is an array": (message(conversation=[]), 400, "WrongShape"),
    "a conversation whose id is a number": (message(conversation={"id": 5}), 400, "WrongShape"),
    "a conversation of a numbered kind": (message(conversation={"id": "c", "conversationType": 1}), 400, "WrongShape"),
    "a recipient that is a number": (message(recipient=5), 400, "WrongShape"),
    "channel data that is a string": (message(channelData="x"), 400, "WrongShape"),
    "entities that are an object": (message(entities={}), 400, "WrongShape"),
    "a service address that is a number": (message(serviceUrl=5), 400, "WrongShape"),
    "entities that are strings": (message(entities=["x"]), 400, "NotAnActivity"),
    "an attachment that is a number": (message(attachments=[5]), 400, "NotAnActivity"),
    "members that are numbers": (message(membersAdded=[5]), 400, "NotAnActivity"),
    "500 levels": (message_with("value", DEEP), 400, "TooDeep"),
    "300,000 empty entities": (message_with("entities", b"[" + b"{}," * 300_000 + b"{}]"), 413, "TooManyValues"),
    "a megabyte and more": (message(text="x" * 1_000_000), 413, "BodyTooLarge"),
    "no id": (message(id=None), 400, "UnreadableMessage"),
    "no sender": (message(**{"from": None}), 400, "UnreadableMessage"),
    "no conversation": (message(conversation=None), 400, "UnreadableMessage"),
    "no service address": (message(serviceUrl=None), 403, "ForeignServiceUrl"),
    "a foreign service address": (
        message(serviceUrl="https://smba.trafficmanager.net/teams/"),
        403,
        "ForeignServiceUrl",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_bytes_are_refused_in_json_that_names_the_fault(
    door: Door,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body, status, code = HOSTILE[name]
    caplog.set_level(logging.INFO)

    answered, answer = await door.send(body)

    assert (answered, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]
    assert door.accepted.messages == []
    assert "hello" not in caplog.text


def test_the_table_is_no_short_one() -> None:
    assert len(HOSTILE) >= 60


async def test_after_all_of_it_the_door_still_takes_a_good_message(door: Door) -> None:
    for body, _, _ in HOSTILE.values():
        await door.send(body)

    assert (await door.send(GOOD))[0] == 202
    assert [accepted.text for accepted in door.accepted.messages] == ["hello"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"]
)
async def test_a_body_that_does_not_say_json_is_refused(door: Door, content_type: str) -> None:
    status, answer = await door.send(GOOD, Content_Type=content_type)

    assert (status, answer["error"]["code"]) == (415, "UnsupportedMediaType")


async def test_a_byte_order_mark_before_a_message_is_passed_over(door: Door) -> None:
    assert (await door.send(b"\xef\xbb\xbf" + GOOD))[0] == 202
    assert [accepted.text for accepted in door.accepted.messages] == ["hello"]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
async def test_every_way_of_saying_json_is_understood(door: Door, content_type: str) -> None:
    assert (await door.send(GOOD, Content_Type=content_type))[0] == 202


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(GOOD)),
        ("gzip", b"junk"),
        ("gzip", gzip.compress(b"0" * 50_000_000)),
        ("deflate", zlib.compress(GOOD)),
        ("br", b"junk"),
        ("invented", GOOD),
        ("identity, gzip", GOOD),
    ],
)
async def test_a_compressed_body_is_refused_unopened(door: Door, encoding: str, body: bytes) -> None:
    status, answer = await door.send(body, Content_Encoding=encoding)

    assert (status, answer["error"]["code"]) == (415, "UnsupportedEncoding")


@pytest.mark.parametrize("value", ["yesterday", {}, 5, "", "9999-12-31T23:59:59.9999999Z", [[]]])
async def test_no_words_are_refused_for_the_form_of_a_field_that_is_not_read(door: Door, value: object) -> None:
    unread = ("timestamp", "localTimestamp", "expiration", "reactionsAdded", "suggestedActions", "relatesTo")
    for number, name in enumerate(unread):
        assert (await door.post(recorded("personal", id=f"m{number}", **{name: value})))[0] == 202, name
    assert len(door.accepted.messages) == len(unread)


async def test_nul_is_stripped_wherever_it_hides(door: Door) -> None:
    activity = recorded(
        "personal", text="a\0b", id="i\0d", channelData={"tenant": {"id": "t\0"}}, conversation={"id": "c"}
    )

    assert (await door.post(activity))[0] == 202
    accepted = door.accepted.messages[0]
    assert (accepted.text, accepted.id, accepted.key.tenant) == ("ab", "id", "t")


async def test_the_words_backslash_u0000_are_not_a_nul(door: Door) -> None:
    await door.post(recorded("personal", text=r"what is \u0000"))

    assert door.accepted.messages[0].text == r"what is \u0000"


async def test_emoji_and_astral_letters_come_through(door: Door) -> None:
    await door.post(recorded("personal", text="plot 📈 for 𝑥²"))

    assert door.accepted.messages[0].text == "plot 📈 for 𝑥²"


HEAD = b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def test_a_chunked_body_over_the_limit_is_refused_too(door: Door) -> None:
    chunk = b"%x\r\n" % 65_536 + b"0" * 65_536 + b"\r\n"

    answer = await door.raw(CHUNKED, *[chunk] * 16, b"0\r\n\r\n", pause_s=0)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"BodyTooLarge" in answer


async def test_a_body_whose_end_never_comes_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "MAX_BODY_WAIT_S", 0.2)

    answer = await door.raw(CHUNKED, b"1\r\n{\r\n")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"BodyTooSlow" in answer


@pytest.mark.parametrize("rest", [b"zz\r\nno length\r\n", b"5\r\ntoo long for five\r\n", b"-1\r\n\r\n"])
async def test_a_body_that_is_wrongly_framed_is_refused_at_once(door: Door, rest: bytes) -> None:
    async with asyncio.timeout(json_body.MAX_BODY_WAIT_S / 2):
        answer = await door.raw(CHUNKED, rest)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"BrokenBody" in answer
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_client_that_hangs_up_within_the_body_does_no_harm(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(HEAD + b"Content-Length: 99\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert (await door.send(GOOD))[0] == 202
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
