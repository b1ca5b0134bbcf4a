"""Whatever bytes the guest writes, what is read of them is bounded, and ends in a result or in one of two errors."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.code_result import GuestEndedError, ProtocolViolationError
from adapters.sandbox.guest_output import LINE_BYTES, CommandResult, EventReader, KeptText, OutputPipe
from adapters.sandbox.session_limits import Limits, in_words
from tests.support.waiting import settled

LIMITS = Limits(
    image_count=2,
    image_total_bytes=50,
    result_file_count=2,
    result_file_total_bytes=50,
    log_bytes=100,
    output_bytes=1000,
)
DONE: dict[str, Any] = {"event": "done", "number": 7, "ending": "ok"}

PNG_START = b"\x89PNG\r\n\x1a\n"


async def _read(raw: bytes) -> CommandResult:
    stream = asyncio.StreamReader(limit=LINE_BYTES)
    stream.feed_data(raw)
    stream.feed_eof()
    return await EventReader(stream, LIMITS).read_command(7, frozenset({"ok", "raised"}))


def _event(body: bytes = b"", **fields: object) -> bytes:
    return orjson.dumps({"size_bytes": len(body), **fields}) + b"\n" + body


async def test_images_and_files_are_gathered_up_to_the_end() -> None:
    png = PNG_START + b"rest"
    harvest = await _read(
        _event(png, event="image", alt_text=" A\nplot ")
        + _event(b"1", event="file", name="a/x.txt")
        + _event(b"2", event="file", name="b/x.txt")
        + _event(**DONE)
    )
    assert [(image.data, image.alt_text) for image in harvest.images] == [(png, "A plot")]
    assert [(file.name, file.data) for file in harvest.files] == [("x.txt", b"1"), ("x (2).txt", b"2")]
    assert harvest.ending == "ok"


async def test_points_belong_to_the_picture_before_them() -> None:
    harvest = await _read(
        _event(PNG_START, event="image")
        + _event(b"x,y", event="points")
        + _event(b"1", event="file", name="a.png")
        + _event(b"2", event="file", name="b.png")
        + _event(b"u,v", event="points")
        + _event(**DONE)
    )
    assert [image.points for image in harvest.images] == [b"x,y"]
    assert [file.points for file in harvest.files] == [b"", b"u,v"]


@pytest.mark.parametrize("before", [b"", _event(PNG_START, event="image") + _event(b"x,y", event="points")])
async def test_points_of_nothing_or_twice_of_one_picture_are_forged(before: bytes) -> None:
    with pytest.raises(ProtocolViolationError):
        await _read(before + _event(b"x,y", event="points") + _event(**DONE))


async def test_an_image_without_words_gets_some() -> None:
    harvest = await _read(_event(PNG_START, event="image") + _event(**DONE))
    assert harvest.images[0].alt_text == "A plot."


@pytest.mark.parametrize("end", range(0, 60, 7))
async def test_a_stream_that_ends_early_is_an_ended_guest(end: int) -> None:
    whole = _event(PNG_START, event="image", alt_text="x" * 30) + _event(**DONE)
    with pytest.raises(GuestEndedError):
        await _read(whole[:end])


@given(st.binary(max_size=300))
def test_garbage_is_never_anything_else_than_a_violation_or_an_end(raw: bytes) -> None:
    with pytest.raises((GuestEndedError, ProtocolViolationError)):
        asyncio.run(_read(raw))


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 60) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
)


@given(st.dictionaries(st.sampled_from(["event", "number", "ending", "name", "alt_text", "size_bytes"]), _json))
def test_events_of_any_shape_end_the_same_way(fields: dict[str, object]) -> None:
    fields |= {"event": fields.get("event") or "image"}
    with pytest.raises((GuestEndedError, ProtocolViolationError)):
        asyncio.run(_read(orjson.dumps(fields) + b"\n"))


def test_what_fits_is_kept_whole() -> None:
    kept = KeptText(100)
    for _ in range(10):
        kept.add(b"123456789\n")
    assert kept.text() == "123456789\n" * 10


def test_of_what_does_not_fit_the_beginning_and_the_end_are_kept() -> None:
    kept = KeptText(20)
    kept.add(b"beginning-" + b"x" * 1000)
    kept.add(b"x" * 1000 + b"-the end!!")
    assert kept.text() == "beginning-\n[... 2000 bytes left out ...]\n-the end!!"


@given(st.lists(st.binary(max_size=50)), st.integers(min_value=2, max_value=60))
def test_never_more_than_asked_for_is_kept_and_nothing_is_lost_below_it(pieces: list[bytes], max_bytes: int) -> None:
    kept = KeptText(max_bytes)
    for piece in pieces:
        kept.add(piece)
    whole = b"".join(pieces)
    assert kept.total_bytes == len(whole)
    if len(whole) <= max_bytes // 2 * 2:
        assert "left out" not in kept.text()
    assert len(kept._head) + len(kept._tail) <= 2 * max_bytes + 50


def test_signs_that_would_act_on_a_screen_are_replaced() -> None:
    kept = KeptText(100)
    kept.add(b"a\x1b]0;title\x07\x00b\r\nc\nd\t\xff" + "é".encode())
    assert kept.text() == "a�]0;title��b\nc\nd\t�é"


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("\x1b[1;31mred\x1b[0m \x1b[2K\x1b[38;2;1;2;3mx", "red x"),
        ("0/3\r1/3\r2/3\r3/3\ndone\n", "3/3\ndone\n"),
        ("loading\r\ndone\r\n", "loading\ndone\n"),
        ("100 %\r     \rnext", "next"),
        ("100 %\r     \r", "100 %"),
        ("\r\r\n\r", "\n"),
        ("a\x1b[" + "0" * 30, "a�[" + "0" * 30),
    ],
)
def test_text_is_what_a_terminal_shows_in_the_end(printed: str, seen: str) -> None:
    kept = KeptText(100)
    kept.add(printed.encode())
    assert kept.text() == seen


async def test_reading_never_waits_and_each_take_starts_afresh() -> None:
    reading, writing = os.pipe()
    pipe = OutputPipe(reading, limits=LIMITS, on_flood=lambda: None)
    assert pipe.take() == ""
    os.write(writing, b"one")
    assert pipe.take() == "one"
    os.write(writing, b"two")
    await settled()
    os.close(writing)
    assert pipe.take() == "two"
    pipe.close()
    pipe.close()


async def test_a_flood_is_told_once_and_read_no_further() -> None:
    reading, writing = os.pipe()
    floods: list[None] = []
    pipe = OutputPipe(reading, limits=LIMITS, on_flood=lambda: floods.append(None))
    os.write(writing, b"x" * 1001)
    await settled()
    os.write(writing, b"more")
    await settled()
    assert len(floods) == 1
    assert "more" not in pipe.take()
    os.close(writing)
    pipe.close()


def test_sizes_are_said_in_words() -> None:
    assert [in_words(size) for size in (64 << 20, 1 << 30, 3 << 29)] == ["64 MB", "1 GB", "1.5 GB"]
