"""Whatever bytes the guest writes, the reader ends in a harvest or in one of two errors, within bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.code_result import GuestEndedError, ProtocolViolationError
from adapters.sandbox.guest_events import LINE_BYTES, CommandResult, EventReader
from adapters.sandbox.session_limits import Limits

LIMITS = Limits(image_count=2, image_total_bytes=50, result_file_count=2, result_file_total_bytes=50)
DONE: dict[str, Any] = {"event": "done", "number": 7, "ending": "ok"}

PNG_START = b"\x89PNG\r\n\x1a\n"


async def _harvest(raw: bytes) -> CommandResult:
    stream = asyncio.StreamReader(limit=LINE_BYTES)
    stream.feed_data(raw)
    stream.feed_eof()
    return await EventReader(stream, LIMITS).read_command(7, frozenset({"ok", "raised"}))


def _event(body: bytes = b"", **fields: object) -> bytes:
    return orjson.dumps({"size_bytes": len(body), **fields}) + b"\n" + body


async def test_images_and_files_are_gathered_up_to_the_end() -> None:
    png = PNG_START + b"rest"
    harvest = await _harvest(
        _event(png, event="image", alt_text=" A\nplot ")
        + _event(b"1", event="file", name="a/x.txt")
        + _event(b"2", event="file", name="b/x.txt")
        + _event(**DONE)
    )
    assert [(image.data, image.alt_text) for image in harvest.images] == [(png, "A plot")]
    assert [(file.name, file.data) for file in harvest.files] == [("x.txt", b"1"), ("x (2).txt", b"2")]
    assert harvest.ending == "ok"


async def test_points_belong_to_the_picture_before_them() -> None:
    harvest = await _harvest(
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
        await _harvest(before + _event(b"x,y", event="points") + _event(**DONE))


async def test_an_image_without_words_gets_some() -> None:
    harvest = await _harvest(_event(PNG_START, event="image") + _event(**DONE))
    assert harvest.images[0].alt_text == "A plot."


@pytest.mark.parametrize("end", range(0, 60, 7))
async def test_a_stream_that_ends_early_is_an_ended_guest(end: int) -> None:
    whole = _event(PNG_START, event="image", alt_text="x" * 30) + _event(**DONE)
    with pytest.raises(GuestEndedError):
        await _harvest(whole[:end])


@given(st.binary(max_size=300))
def test_garbage_is_never_anything_else_than_a_violation_or_an_end(raw: bytes) -> None:
    with pytest.raises((GuestEndedError, ProtocolViolationError)):
        asyncio.run(_harvest(raw))


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 60) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
)


@given(st.dictionaries(st.sampled_from(["event", "number", "ending", "name", "alt_text", "size_bytes"]), _json))
def test_events_of_any_shape_end_the_same_way(fields: dict[str, object]) -> None:
    fields |= {"event": fields.get("event") or "image"}
    with pytest.raises((GuestEndedError, ProtocolViolationError)):
        asyncio.run(_harvest(orjson.dumps(fields) + b"\n"))
