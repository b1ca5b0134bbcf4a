from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.output import KeptText, OutputPipe
from adapters.sandbox.session_limits import Limits, in_words
from tests.support.waiting import settled

LIMITS = Limits(log_bytes=100, output_bytes=1000)


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
