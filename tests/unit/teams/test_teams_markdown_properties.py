"""What holds for every text, from any model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.teams.live import settled
from adapters.teams.markdown.inline import escaped
from adapters.teams.markdown.packing import units
from adapters.teams.markdown.pieces import MAX_PIECE_UNITS
from adapters.teams.markdown.pieces import teams_markdown as written
from bot.links import LinkRules

READER = MarkdownIt("gfm-like", {"html": True, "linkify": False})
LIMIT = 120
LINKS = LinkRules(hosts=frozenset({"a.example", "evil.example"}))


def teams_markdown(text: str, limit: int = MAX_PIECE_UNITS) -> tuple[str, ...]:
    """As for a person who named the hosts of all links."""
    return written(text, limit, links=LINKS)


MARKUP = [
    *"*_`~[]()<>!#|\\&$-+=:.\"'\n ",
    "**",
    "\n\n",
    "```\n",
    "~~~",
    "](",
    "![",
    "[x](https://a.example/p)",
    "![x](https://evil.example/?q=1)",
    "[r]: https://evil.example/?q=1\n",
    "https://evil.example/?q=1",
    "www.evil.example/?q=1",
    "https://img/| ",
    "https:",
    "//",
    "<img src=x>",
    "<at>Ada</at>",
    "&lt;",
    "&#33;",
    "javascript:x",
    "data:x",
    "|a|b|\n|-|-|\n|c|d|\n",
    "\n- ",
    "\n1. ",
    "\n> ",
    "\n# ",
    "\n    ",
    "\t",
    "\\(",
    "\\)",
    "$$",
    "word",
    "snake_case",
    "é",
    "表",
    "👩\u200d👧",
    "\u200b",
]
texts = st.lists(st.sampled_from(MARKUP), max_size=60).map("".join) | st.text(max_size=400)


def tokens(piece: str) -> Iterator[Token]:
    for block in READER.parse(piece):
        yield block
        yield from block.children or ()


@settings(max_examples=600)
@given(texts)
def test_no_picture_no_html_and_no_link_with_data_ever_leaves(text: str) -> None:
    for token in (token for piece in teams_markdown(text, LIMIT) for token in tokens(piece)):
        assert token.type not in ("image", "html_inline", "html_block")
        if token.type == "link_open":
            assert re.fullmatch(r"https?://[^?#@\\\s]+", str(token.attrs["href"]))


@settings(max_examples=400)
@given(texts, st.integers(60, 300))
def test_every_piece_fits_and_holds_words(text: str, limit: int) -> None:
    pieces = teams_markdown(text, limit)

    assert all(units(piece) <= limit for piece in pieces)
    assert all(piece.strip() for piece in pieces)


@settings(max_examples=400)
@given(texts)
def test_no_piece_needs_its_neighbours_to_be_read(text: str) -> None:
    """A fence that is opened is closed in the same piece, or the next piece would be read as its code."""
    for piece in teams_markdown(text, LIMIT):
        followed = READER.parse(f"{piece}\n\nthe next")
        assert followed[-2].content == "the next"


plain_markup = st.sampled_from([*"*_~#-+=.|>&:\n ", "**", "\n\n", "\n- ", "\n1. ", "\n> ", "\n# ", " word ", " a_b "])


@settings(max_examples=400)
@given(st.lists(plain_markup | st.integers(0, 999).map(lambda number: f" w{number} "), max_size=80).map("".join))
def test_no_word_is_lost_and_none_changes_its_place(text: str) -> None:
    said = " ".join(teams_markdown(text, LIMIT))

    assert re.findall(r"w\d+", said) == re.findall(r"w\d+", text)


MARKUP_IN_WORDS = ["[a](b)", "![a](b)", "[a][b]", "[a]:", "<b>", "</b>", "&amp;", "**a**", "`a`", "~~a~~", *"\\![]ab"]
MARKUP_AT_LINE_STARTS = ["- a", "1. a", "# a", "> a", "|a|b|\n|-|-|", "===", "---", "```", "    a", "\n"]
words_like_markup = st.text("*_`~[]()<>!#|\\&;-+=.ab1 \n", max_size=60) | st.lists(
    st.sampled_from([*MARKUP_IN_WORDS, " ", *(f"\n{line}" for line in MARKUP_AT_LINE_STARTS)]), max_size=12
).map("".join)


@settings(max_examples=800)
@given(words_like_markup)
def test_escaped_words_are_read_as_the_very_same_words(text: str) -> None:
    tokens_read = READER.parse(escaped(text, LINKS))

    assert {token.type for token in tokens_read} <= {"paragraph_open", "inline", "paragraph_close"}
    seen = " ".join(
        "".join(child.content if child.type == "text" else "\n" for child in token.children or ())
        for token in tokens_read
        if token.type == "inline"
    )
    assert seen.split() == text.split()


@settings(max_examples=300)
@given(texts)
def test_writing_a_text_twice_brings_no_address_back(text: str) -> None:
    once = "\n\n".join(teams_markdown(text))
    twice = "\n\n".join(teams_markdown(once))

    assert "?q=1" not in outside_code(once)
    assert "?q=1" not in outside_code(twice)


def outside_code(markdown: str) -> str:
    return " ".join(token.content for token in tokens(markdown) if token.type == "text")


# What models write: blocks of lines, each with words that are numbered so that none can be lost or doubled unseen.
_FRAMES = st.sampled_from(
    [
        "{}",
        "# {}",
        "- {}",
        "  {}",
        "1. {}",
        "> {}",
        "[{}]: {}",
        '[{}]: {} "{}"',
        "[^{}]: {}",
        "{}<br>{}",
        "{}  ",
        "**{}** {}",
        "*{}* `{}`",
        "| {} | {} |",
        "|---|---|",
        "```",
        "```py",
        "[{}] {}",
        "[{}](https://a.example/p) {}",
        "{} = {}",
        "({}) {}!",
        "{}:",
        "---",
        "===",
        "",
    ]
)


@settings(max_examples=600)
@given(st.lists(_FRAMES, max_size=14))
def test_nothing_of_an_answer_vanishes_and_nothing_is_said_twice(frames: list[str]) -> None:
    """F3, F6."""
    counter = count()
    lines = [re.sub(r"\{\}", lambda _: f"w{next(counter)}x", frame) for frame in frames]
    text = "\n".join(lines)
    said = "\n\n".join(teams_markdown(text, LIMIT))

    repeated_heads = {word for line in lines if line.startswith("|") for word in re.findall(r"w\d+x", line)}
    found = re.findall(r"w\d+x", said)
    assert set(found) == set(re.findall(r"w\d+x", text))
    assert all(found.count(word) == 1 for word in set(found) - repeated_heads)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(["a", "- b", "> c", "1. d", "e<br>f", "g  ", "**h**", ""]), min_size=2, max_size=10))
def test_no_line_end_within_a_paragraph_is_bare(lines: list[str]) -> None:
    """F6: each one is a hard break, which a reader of Markdown sees as that."""
    for piece in teams_markdown("\n".join(lines)):
        for token in READER.parse(piece):
            assert "softbreak" not in {child.type for child in token.children or ()}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("We get **twel", "We get "),
        ("a | b\n--|--\n1 |", ""),
        ("Look:\n\n```python\nprint(", "Look:\n\n"),
        ("a `code` and `co", "a `code` and "),
        ("- one\n- tw", "- one\n- tw"),
        ("# Tit", ""),
        ("so $$x = ", "so "),
        ("Look!", "Look"),
        ("Look![a", "Look"),
        ("2 * 3 = 6\n", "2 * 3 = 6\n"),
    ],
)
def test_markup_that_may_not_be_complete_is_not_shown_yet(text: str, shown: str) -> None:
    assert settled(text) == shown
