"""One question about a file with its columns by role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tutor.data.requests import Cell, Column, ColumnKind
from tutor.data.words import Amount, Named, Part
from tutor.language.cues import Cue, Word

_HORIZONTAL: Final = frozenset({Cue.AGAINST, Cue.OVER, Cue.APPROACHES})  # German "gegen" is the last one
_GROUPING: Final = frozenset({Cue.BY, Cue.RESPECT})  # German "nach" is the latter
_ENDS_ROLE: Final = frozenset({Cue.AND, Cue.OF, Cue.FOR, Cue.BETWEEN, Cue.FROM})
_PERIODS: Final = {
    "month": "M",
    "annual": "Y",
    "year": "Y",
    "quarter": "Q",
    "week": "W",
    "day": "D",
    "daily": "D",
    "monat": "M",
    "jahr": "Y",
    "jähr": "Y",
    "quartal": "Q",
    "woche": "W",
    "wöch": "W",
    "tag": "D",
    "tägl": "D",
    "maand": "M",
    "jaar": "Y",
    "kwartaal": "Q",
    "wekelijks": "W",
    "dag": "D",
}
"""What the words of a period hold, and pandas' letter for it."""


_PERIOD_NAMES: Final = {
    "monthly": "month",
    "months": "month",
    "yearly": "year",
    "years": "year",
    "annual": "year",
    "annually": "year",
    "quarterly": "quarter",
    "weekly": "week",
    "daily": "day",
    "monat": "Monat",
    "monate": "Monat",
    "monaten": "Monat",
    "monatlich": "Monat",
    "jahr": "Jahr",
    "jahren": "Jahr",
    "jährlich": "Jahr",
    "quartal": "Quartal",
    "woche": "Woche",
    "wöchentlich": "Woche",
    "tag": "Tag",
    "täglich": "Tag",
    "maanden": "maand",
    "maandelijks": "maand",
    "jaarlijks": "jaar",
    "wekelijks": "week",
    "dagelijks": "dag",
}
"""What a period is called on an axis."""


class DataQuestion:
    """The words, and the columns: named, across (`against`, `over`), and for groups (`by`, `per month`)."""

    def __init__(self, parts: Sequence[Part], columns: Sequence[Column]) -> None:
        self.columns = columns
        self.words = [part for part in parts if isinstance(part, Word)]
        self.cues = {word.cue for word in self.words if word.cue is not None}
        self.amounts = [part.count for part in parts if isinstance(part, Amount)]
        self.cells = [part for part in parts if isinstance(part, Cell)]
        self.named: list[Column] = []
        self.xs: list[Column] = []
        self.groups: list[Column] = []
        self._sort(parts)

    def _sort(self, parts: Sequence[Part]) -> None:
        role = self.named
        for part in parts:
            if isinstance(part, Named):
                if part.column not in role:
                    role.append(part.column)
            elif isinstance(part, Word) and part.cue is Cue.PERIOD:
                self.groups += self._period(part.text)
            elif isinstance(part, Word) and part.cue in _HORIZONTAL:
                role = self.xs
            elif isinstance(part, Word) and part.cue in _GROUPING:
                role = self.groups
            elif isinstance(part, Word) and part.cue in _ENDS_ROLE and part.cue is not Cue.AND:
                role = self.named

    def _period(self, text: str) -> list[Column]:
        """The month, or the like, of the file's only column of dates; without one the word names no column."""
        dates = [column for column in self.columns if column.kind is ColumnKind.DATE]
        period = next(letter for word, letter in _PERIODS.items() if word in text)
        if len(dates) != 1:
            self.words.append(Word(text=text, cue=None))
            return []
        name = text.rpartition(" ")[2]
        return [Column(name=_PERIOD_NAMES.get(name, name), kind=ColumnKind.TEXT, dates=dates[0].name, period=period)]

    def take_amount(self) -> int | None:
        """The one whole number in the question; each must be taken for something."""
        return self.amounts.pop() if self.amounts else None

    def says(self, *words: str) -> bool:
        """Whether one of these words was said."""
        return any(word.text.lower() in words for word in self.words)
