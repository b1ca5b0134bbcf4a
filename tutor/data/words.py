"""A question about a file as a row of words and columns: the columns' names are found before anything else is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tutor.data.requests import Column
from tutor.formulas.tokens import TokenKind, tokens
from tutor.language.cues import CHART_CUES, STATISTICS_CUES, Cue, Word
from tutor.language.tagging import tagged
from tutor.language.vocabulary import Language, is_word, vocabulary

_IGNORED: Final = frozenset({TokenKind.SEMICOLON, TokenKind.STOP, TokenKind.PRIME})


@dataclass(frozen=True, slots=True)
class Named:
    """A column where its name stands in the question."""

    column: Column


@dataclass(frozen=True, slots=True)
class Amount:
    """A whole number: of rows to show, of bins."""

    count: int


Part = Word | Named | Amount


def parts_of(text: str, columns: Sequence[Column], language: Language) -> list[Part]:
    """Words and columns in order; what is neither becomes a word without a meaning."""
    found: list[Part] = []
    for piece in _split(text, columns):
        if isinstance(piece, Named):
            found.append(piece)
        else:
            found += _words(piece, language)
    return _without_articles(found)


def _split(text: str, columns: Sequence[Column]) -> list[str | Named]:
    """The text cut at column names, the longest first; case and underscores do not matter."""
    named = {_spelling(column.name): column for column in columns if column.name.strip()}
    if not named:
        return [text]
    names = sorted(named, key=len, reverse=True)
    pattern = re.compile(r"(?<!\w)(" + "|".join(map(_flexible, names)) + r")(?!\w)", re.IGNORECASE)
    pieces: list[str | Named] = []
    for at, piece in enumerate(pattern.split(text)):
        column = named.get(_spelling(piece)) if at % 2 else None
        pieces.append(piece if column is None else Named(column))
    return pieces


def _spelling(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name).strip().lower()


def _flexible(spelling: str) -> str:
    return re.escape(spelling).replace(r"\ ", r"[\s_]+")


def _words(text: str, language: Language) -> list[Part]:
    found: list[Part] = []
    for piece in tagged(tokens(text, is_word=is_word), vocabulary(language)):
        if isinstance(piece, Word):
            found.append(piece)
        elif piece.kind is TokenKind.NUMBER and piece.text.isdigit():
            found.append(Amount(int(piece.text)))
        elif piece.kind is TokenKind.COMMA:
            found.append(Word(text=",", cue=Cue.AND))
        elif piece.kind not in _IGNORED:
            found.append(Word(text=piece.text, cue=None))
    return found


def _without_articles(parts: list[Part]) -> list[Part]:
    """`a histogram of b` has no column a, even where the file has one."""
    return [Word(text="a", cue=Cue.FILLER) if _is_article(parts, at) else part for at, part in enumerate(parts)]


def _is_article(parts: Sequence[Part], at: int) -> bool:
    part, following = parts[at], parts[at + 1] if at + 1 < len(parts) else None
    if not (isinstance(part, Named) and part.column.name.lower() in {"a", "i"}) or not isinstance(following, Word):
        return False
    return following.cue in CHART_CUES | STATISTICS_CUES | {Cue.PLOT, Cue.TABLE, Cue.GRAPH, Cue.FUNCTION, Cue.LOCAL}
