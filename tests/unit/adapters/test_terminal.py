"""What reaches a terminal is text to read, and nothing that a terminal obeys (S7)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from adapters.terminal import TerminalChannel, TerminalFiles, printable, said_in_terminal
from bot.parts import ApologyPart, FilesPart, Part, PicturePart, StoredFile, TextPart
from bot.turn_record import TurnCode
from service.terminal_session import CollectedReply
from service.terminal_view import TerminalView

HOSTILE = [
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJmIH4=\x1b\\\\",
    "\x1b[2J",
    "\x9b2J",
    "\x9d52;c;eA==\x9c",
    "\x1b]8;;https://evil.example/?q=1\x1b\\\\click\x1b]8;;\x1b\\\\",
    "a\u202eb\u2066c",
    "\x07\x08\x0b\x0c\r",
    "&#x1b;]0;x&#7;",
    "&#x202e;abc",
    "&#x9b;2J",
    "&rlm;x&lrm;",
    "\u2028\u2029",
    "[words](https://evil.example/path)",
]


def parts_of(text: str) -> list[Part]:
    return [
        TextPart(text=text),
        ApologyPart(text=text, code=TurnCode("T-0001"), question=""),
        PicturePart(file=StoredFile(token="/data/plot.png", name="plot.png", size_bytes=1), alt_text=text),
        FilesPart(files=(StoredFile(token="/data/a.csv", name=text, size_bytes=1),)),
    ]


async def shown(text: str) -> tuple[str, str, str]:
    """On a terminal, through a pipe, and as JSON."""
    channel = TerminalChannel()
    reference = said_in_terminal("", conversation="c", number=0).reference
    screen = io.StringIO()
    view = TerminalView(console=Console(file=screen, no_color=True, force_terminal=True, width=60), draws="none")
    reply = CollectedReply(question="q")
    for part in parts_of(text):
        await channel.send(reference, part)
        heard = channel.heard.get_nowait()
        assert not hasattr(heard, "message")
        view.show(heard)
        reply.add(heard)
    return screen.getvalue(), reply.as_text(), reply.as_json()


async def test_what_is_said_to_a_question_of_an_earlier_process_is_no_part_of_the_next_answer() -> None:
    channel = TerminalChannel()
    left, asked = (said_in_terminal("q", conversation="c", number=number) for number in (1, 2))
    channel.answered = asked.id
    await channel.send(left.reference, TextPart(text="late"))
    await channel.send(asked.reference, TextPart(text="right"))
    assert channel.heard.get_nowait() == TextPart(text="right")
    assert channel.heard.empty()


@pytest.mark.parametrize("text", HOSTILE)
async def test_nothing_of_a_models_text_drives_the_terminal(text: str) -> None:
    for out in await shown(text):
        plain = out
        for style in ("\x1b[1m", "\x1b[2m", "\x1b[3m", "\x1b[4m", "\x1b[0m", "\x1b[1;2m"):  # rich's own
            plain = plain.replace(style, "")
        assert all(letter.isprintable() or letter in "\n\t" for letter in plain), ascii(plain)


async def test_a_link_shows_its_whole_address() -> None:
    screen, _, _ = await shown("[bank](https://evil.example/path)")
    assert "https://evil.example/path" in screen
    assert "\x1b]8" not in screen


@given(st.text(max_size=200))
def test_printable_text_is_printable_and_stays_as_it_is(text: str) -> None:
    once = printable(text)
    assert all(letter.isprintable() or letter in "\n\t" for letter in once)


@pytest.mark.parametrize("text", ["y = 12\n\tx²", "表 é 👩", "AT&T &amp; R&D; 5 < 6"])
def test_words_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


async def test_a_file_is_kept_under_a_name_that_can_be_printed(tmp_path: Path) -> None:
    key = said_in_terminal("", conversation="c", number=0).key
    stored = await TerminalFiles(tmp_path).put(key, "a\u202e\x9b.csv", b"1")
    assert stored.token.isprintable()
