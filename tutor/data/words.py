"""A question about a file as a row of words, columns and conditions; the columns' names are found first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tutor.data.column_arithmetic import MARK, mark, with_formulas
from tutor.data.requests import Cell, Column
from tutor.data.row_conditions import Compared, Dated, Restriction, restrictions_in
from tutor.formulas.formula_tokens import TokenKind, tokens
from tutor.language.cues import CHART_CUES, STATISTICS_CUES, TRAIT_CUES, Cue, Word
from tutor.language.tagging import tagged
from tutor.language.vocabulary import Language, is_phrase, is_word, vocabulary
from tutor.reading.question_reader import MAX_CHARACTERS

_MIN_WORD_CHARS: Final = 3
_OF_MATHEMATICS: Final = TRAIT_CUES | frozenset(
    {Cue.INTERVAL, Cue.UNABLE, Cue.FUNCTION, Cue.EQUATION, Cue.SYSTEM, Cue.ROOTS, Cue.LIMIT, Cue.INTEGRAL, Cue.SOLVE}
)
_IGNORED: Final = frozenset({TokenKind.SEMICOLON, TokenKind.STOP, TokenKind.PRIME})


@dataclass(frozen=True, slots=True)
class Named:
    """A column where its name stands in the question."""

    column: Column
    is_condition: bool = False  # it stands only in a condition: `where price < 5`


@dataclass(frozen=True, slots=True)
class Amount:
    """A whole number: of rows to show, of bins."""

    count: int


Part = Word | Named | Amount | Cell | Compared | Dated


def parts_of(text: str, columns: Sequence[Column], language: Language) -> list[Part]:
    """Words and columns in order; what is neither becomes a word without a meaning."""
    marked, named, cells = _marked(text, columns, language)
    found: list[Part] = []
    for at, piece in enumerate(MARK.split(marked)):
        if at % 2:
            found.append(Named(named[int(piece[1:])]) if piece[0] == "c" else cells[int(piece[1:])])
        else:
            last = found[-1] if found else None
            before = last.column if isinstance(last, Named) else None
            for each in restrictions_in(piece, columns, language, before=before):
                found += [each] if isinstance(each, Restriction) else _words(each, language)
    return _without_articles(found)


def with_definitions(texts: Sequence[str], columns: Sequence[Column], language: Language) -> Sequence[Column]:
    """The columns, and those that the messages define: `profit = revenue - cost`."""
    known = list(columns)
    for text in (each for each in texts if len(each) <= MAX_CHARACTERS):
        made = [column for column in _marked(text, known, language)[1] if column.formula and column.name.isidentifier()]
        known += [column for column in dict.fromkeys(made) if column not in known]
    return known


def _marked(text: str, columns: Sequence[Column], language: Language) -> tuple[str, list[Column], list[Cell]]:
    """The text with a mark for each column, made ones too, and for each value."""
    named: list[Column] = []
    cells: list[Cell] = []
    marked = ""
    for piece in _split(text.replace("\ue000", "").replace("\ue001", ""), columns):
        match piece:
            case Named(column):
                named.append(column)
                marked += mark(f"c{len(named) - 1}")
            case Cell():
                cells.append(piece)
                marked += mark(f"v{len(cells) - 1}")
            case _:
                marked += piece
    return with_formulas(marked, named, language), named, cells


def names_of(columns: Sequence[Column]) -> frozenset[str]:
    """The words of the columns' names, as they may be spelled."""
    return frozenset(word for name in _spellings(columns) for word in name.split())


def column_named(word: str, columns: Sequence[Column]) -> str:
    """The name of the column that the word stands for; the word itself where it stands for none."""
    column = _spellings(columns).get(word)
    return column.name if column is not None else word


def _split(text: str, columns: Sequence[Column]) -> list[str | Named | Cell]:
    """The text cut at column names and at values, the longest first; case and underscores do not matter."""
    named = _spellings(columns)
    if not named:
        return [text]
    cells: dict[str, Cell | None] = {}
    for column in columns:
        for value in (*column.values, *column.mentioned):
            spelling = _spelling(value)
            if spelling not in named and (not is_word(spelling) or _is_name(value)):
                cells[spelling] = None if spelling in cells else Cell(column=column, value=value)
    known: dict[str, Named | Cell] = {name: Named(column) for name, column in named.items()}
    known |= {value: cell for value, cell in cells.items() if cell is not None}
    names = sorted(known, key=len, reverse=True)
    pattern = re.compile(r"(?<!\w)(" + "|".join(map(_flexible, names)) + r")(?!\w)", re.IGNORECASE)
    found: list[str | Named | Cell] = []
    pieces = pattern.split(text)
    for at, piece in enumerate(pieces):
        meant = known.get(_spelling(piece)) if at % 2 else None
        if isinstance(meant, Named) and _is_figure_of_next(pieces, at, known):
            meant = None  # "total units" asks for a sum, even where a column is called Total
        if isinstance(meant, Cell) and is_word(_spelling(piece)) and piece != meant.value:
            meant = None  # "it" is not the department IT
        found.append(piece if meant is None else meant)
    return found


def _is_figure_of_next(pieces: Sequence[str], at: int, known: Mapping[str, Named | Cell]) -> bool:
    """Whether the word there is a figure, such as total or mean, and a column follows that it may be of."""
    cues = {vocabulary(language).cues.get(_spelling(pieces[at])) for language in Language}
    between = pieces[at + 1].strip().lower() if at + 2 < len(pieces) else "?"
    follows = between in {"", "of", "of the", "von", "der", "van", "van de"}
    return bool(cues & STATISTICS_CUES) and follows and isinstance(known.get(_spelling(pieces[at + 2])), Named)


def _is_name(value: str) -> bool:
    """`IT`, `May`: a value that is a word too, and is told from it by its capitals."""
    return len(value) > 1 and value != value.lower()


def _spellings(columns: Sequence[Column]) -> dict[str, Column]:
    """How the columns may be named: in full, in the other number, by a word that only one of them has."""
    exact = {_spelling(column.name): column for column in columns if column.name.strip()}
    plain = {spelling: _UNIT.sub(" ", spelling).strip() for spelling in exact}  # "Total ($)" is called total
    exact |= {
        name: exact[spelling]
        for spelling, name in plain.items()
        if name and name not in exact and list(plain.values()).count(name) == 1
    }
    loose: dict[str, set[str]] = {}
    for spelling in exact:
        words = [word for word in re.split(r"[\s-]+", spelling) if len(word) >= _MIN_WORD_CHARS and not is_word(word)]
        others = [spelling, *words]
        for other in {form for name in others for form in _numbers_of(name)}:
            loose.setdefault(other, set()).add(spelling)
    unique = {
        other: exact[next(iter(names))]
        for other, names in loose.items()
        if len(names) == 1 and (not is_phrase(other) or _is_mathematics(other))
    }
    return {**unique, **exact}


_UNIT: Final = re.compile(r"\s*+(?:\([^()]{0,20}\)|\[[^\[\]]{0,20}\]|(?:\bin )?[€$£¥%?#:]+)\s*+")
"""What a column's name says of its unit, which nobody repeats in a question."""


def _is_mathematics(word: str) -> bool:
    """`regions`, `roots`: words that mean nothing in a question about a table, unless a column is called so."""
    cues = {vocabulary(language).cues.get(word) for language in Language} - {None}
    return bool(cues) and cues <= _OF_MATHEMATICS


def _numbers_of(name: str) -> tuple[str, ...]:
    """Singular and plural, as English makes them; the plural as German and Dutch do."""
    if len(name) < _MIN_WORD_CHARS:
        return (name,)
    foreign = (f"{name}n",) if name.endswith("e") else (f"{name}en", f"{name}e", f"{name}er")
    singular = [f"{name[:-3]}y"] if name.endswith("ies") else [name[:-1]] if name.endswith("s") else []
    plural = [] if name.endswith("s") else [f"{name[:-1]}ies"] if name.endswith("y") else [f"{name}s"]
    return (name, *singular, *plural, *foreign)


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
        elif piece.text == "%":
            found.append(Word(text="%", cue=Cue.SHARE))
        elif piece.kind is TokenKind.COMMA:
            found.append(Word(text=",", cue=Cue.AND))
        elif piece.kind not in _IGNORED:
            found.append(Word(text=piece.text, cue=None))
    return found


def _without_articles(parts: list[Part]) -> list[Part]:
    """`a histogram of b` has no column a, even where the file has one."""
    return [Word(text="a", cue=Cue.FILLER) if _is_article(parts, at) else part for at, part in enumerate(parts)]


def _stands_before_column(part: Part, following: Part | None) -> bool:
    """`have a price of 4`."""
    return isinstance(part, Word) and part.cue is None and part.text.lower() == "a" and isinstance(following, Named)


def _is_article(parts: Sequence[Part], at: int) -> bool:
    part, following = parts[at], parts[at + 1] if at + 1 < len(parts) else None
    if _stands_before_column(part, following):
        return True
    if not (isinstance(part, Named) and part.column.name.lower() in {"a", "i"}) or not isinstance(following, Word):
        return False
    return following.cue in CHART_CUES | STATISTICS_CUES | {Cue.PLOT, Cue.TABLE, Cue.GRAPH, Cue.FUNCTION, Cue.LOCAL}
