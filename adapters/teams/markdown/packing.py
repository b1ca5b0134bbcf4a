"""Text in pieces no longer than a message, cut where a reader would pause."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

_JOINER: Final = "\u200d"
_MAX_CHARACTER: Final = 64  # code points; what people call one character rarely has ten


def units(text: str) -> int:
    """Length as Teams counts it: in UTF-16 units, of which an emoji takes two."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def packed(blocks: Iterable[str], max_units: int, between: str = "\n\n") -> Iterator[str]:
    """As many whole blocks in each piece as fit; each block must fit by itself."""
    piece: list[str] = []
    size = 0
    for block in blocks:
        more = len(between) + units(block)
        if piece and size + more > max_units:
            yield between.join(piece)
            piece, size = [], 0
        piece.append(block)
        size += more
    if piece:
        yield between.join(piece)


def cut(text: str, max_units: int) -> Iterator[str]:
    """Prose in parts, without the white space between them."""
    return filter(None, (part.strip() for part in _cut(text, max_units)))


def cut_lines(text: str, max_units: int) -> Iterator[str]:
    """Verbatim text in parts, whole lines where they fit."""
    lines = (part for line in text.split("\n") for part in _cut(line, max_units))
    return packed(lines, max_units, between="\n")


def _cut(text: str, max_units: int) -> Iterator[str]:
    """Parts that together are the text, at least one."""
    start = 0
    while (stop := _reach(text, start, max_units)) < len(text):
        end = _pause(text, start, stop)
        yield text[start:end]
        start = end
    yield text[start:]


def _reach(text: str, start: int, max_units: int) -> int:
    """How far the text fits."""
    stop = min(len(text), start + max_units)
    excess = units(text[start:stop]) - max_units
    while excess > 0:
        stop -= 1
        excess -= units(text[stop])
    return stop


def _pause(text: str, start: int, stop: int) -> int:
    """Where to cut: after a paragraph, a line, a word; failing that between two characters as people see them."""
    for pause in ("\n\n", "\n", " "):
        found = text.rfind(pause, (start + stop) // 2, stop)
        if found >= 0:
            return found + len(pause)
    nearest = range(stop, max(start, stop - _MAX_CHARACTER), -1)
    return next((end for end in nearest if not _one_character(text[end - 1], text[end])), stop)


def _one_character(left: str, right: str) -> bool:
    """Whether two code points belong together: accents, emoji with skin tones or joined, flags, syllables of Hangul."""
    return (
        unicodedata.category(right)[0] == "M"
        or _JOINER in (left, right)
        or "\U0001f3fb" <= right <= "\U0001f3ff"
        or ("\U0001f1e6" <= left <= "\U0001f1ff" and "\U0001f1e6" <= right <= "\U0001f1ff")
        or "\u1160" <= right <= "\u11ff"
    )
