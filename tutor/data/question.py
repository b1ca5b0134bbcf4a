"""One question about a file with its columns by role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tutor.data.requests import Bound, Cell, Column, ColumnKind, Condition
from tutor.data.row_conditions import Compared, Dated, condition_of, either
from tutor.data.words import Amount, Named, Part
from tutor.language.cues import Cue, Word
from tutor.planning.refusal import Reason, Refusal

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


_LINKS: Final = frozenset({Cue.BE, Cue.FILLER, Cue.PRONOUN, Cue.OF, Cue.EVALUATE})
"""Stand between a column and what it is compared with: `the price is at most 5`."""

_OPENERS: Final = frozenset(
    {
        "where",
        "whose",
        "with",
        "having",
        "have",
        "has",
        "had",
        "that have",
        "when",
        "if",
        "which",
        "that",
        "mit",
        "deren",
    }
    | {"dessen", "denen", "wo", "wenn", "hat", "haben", "met", "waar", "waarvan", "waarbij", "waarin", "als", "heeft"}
)
"""After these, a column with a comparison only says which rows: `the mean cost where price < 5`."""

_OF_CONDITIONS: Final = frozenset(
    {
        "whose",
        "deren",
        "dessen",
        "denen",
        "waarvan",
        "waarbij",
        "waarin",
        "liegt",
        "liegen",
        "lag",
        "ligt",
        "liggen",
        "lies",
    }
)
_EXCLUDING: Final = frozenset(
    {"without", "except", "excluding", "except for", "not", "ohne", "außer", "nicht", "zonder", "behalve", "niet", "no"}
)


class DataQuestion:
    """The words, the columns and the conditions of a question.

    Columns are named, across (`against`, `over`), or for groups (`by`, `per month`). Raises Refusal for a condition on
    an unknown column.
    """

    def __init__(self, parts: Sequence[Part], columns: Sequence[Column]) -> None:
        self.columns = columns
        self.conditions: list[Condition] = []
        self._dates: tuple[Dated | None, tuple[Condition, ...]] = None, ()  # the last days, and what they became
        _refuse_alternatives(parts)
        _refuse_two_lists(parts)
        parts = self._without_conditions(parts)
        self.words = [part for part in parts if isinstance(part, Word)]
        self.cues = {word.cue for word in self.words if word.cue is not None}
        self.amounts = [part.count for part in parts if isinstance(part, Amount)]
        self.cells = [part for part in parts if isinstance(part, Cell)]
        self.named: list[Column] = []
        self.xs: list[Column] = []
        self.groups: list[Column] = []
        self._sort(parts)

    @property
    def only(self) -> tuple[Condition, ...]:
        """Which rows the question is about; empty for all."""
        return (*self.cells, *self.conditions)

    @property
    def compares(self) -> bool:
        """Whether a number is compared: `sales above 100`."""
        return any(isinstance(each, Bound) for each in self.conditions)

    def _without_conditions(self, parts: Sequence[Part]) -> list[Part]:  # noqa: C901, PLR0912 - one case a part
        """The parts without comparisons and dates, which become conditions on the columns beside them."""
        rest: list[Part] = []
        waiting: list[Compared] = []  # for the column after them: "more than 5 units"
        last: Column | None = None  # compared just now: "price > 3 and < 8"
        for part in parts:
            at = len(rest) - 1
            while at >= 0 and _is_link(rest[at], has_last=last is not None):
                at -= 1
            before = rest[at] if at >= 0 else None
            match part:
                case Compared():
                    if isinstance(before, Named) and before.column.kind is ColumnKind.NUMBER:
                        last = before.column
                        rest[at] = replace(before, is_condition=before.is_condition or _is_opened(rest, at))
                        self.conditions.append(_bound(last, part))
                    else:
                        waiting.append(part)
                case Dated():
                    named = (
                        before.column if isinstance(before, Named) and before.column.kind is ColumnKind.DATE else None
                    )
                    is_known = self._add_dates(part, named)
                    if named is not None and is_known:
                        del rest[at]
                    rest += [] if is_known else [Word(text=part.text, cue=None)]
                case Named() if waiting and part.column.kind is ColumnKind.NUMBER and len(rest) - 1 - at <= 1:
                    self.conditions += [_bound(part.column, each) for each in waiting]
                    waiting = []
                case Cell() if (excluded := _excluded(rest)) is not None:
                    del rest[excluded]
                    rest.append(replace(part, is_excluded=True))
                case Cell() if _goes_on_excluding(rest):
                    rest.append(replace(part, is_excluded=True))
                case _:
                    rest.append(part)
        if waiting:
            self.conditions += [_bound(self._compared(rest), each) for each in waiting]
        if self.conditions:
            rest = [part for part in rest if not (isinstance(part, Word) and part.text.lower() in _OF_CONDITIONS)]
        return rest

    def _of_dates(self, dated: Dated, named: Column | None) -> tuple[Condition, ...]:
        dates = [column.name for column in self.columns if column.kind is ColumnKind.DATE]
        if named is None and len(dates) > 1:
            raise Refusal(Reason.WHICH_DATES, tuple(dates))
        return condition_of(dated, self.columns, named)

    def _add_dates(self, dated: Dated, named: Column | None) -> bool:
        """Add the condition of these days; False where no column can have it.

        Raises Refusal where they and the days before them are no one span.
        """
        found = self._of_dates(dated, named)
        if not found:
            return False
        before, conditions = self._dates
        if before is not None and {each.column for each in conditions} & {each.column for each in found}:
            joined = either(before, dated)
            if joined is not None:
                self.conditions = [each for each in self.conditions if each not in conditions]
                dated, found = joined, self._of_dates(joined, named)
                if not found:
                    raise Refusal(Reason.LEFT_OVER)  # months apart, of a table with a column of months
        self._dates = dated, found
        self.conditions += found
        return True

    def _compared(self, rest: Sequence[Part]) -> Column:
        """The column of a comparison that stands beside none: the one named, or the only one of numbers."""
        named = dict.fromkeys(part.column for part in rest if isinstance(part, Named))
        numbers = [column for column in self.columns if column.kind is ColumnKind.NUMBER]
        fitting = [column for column in named if column.kind is ColumnKind.NUMBER] or numbers
        if len(fitting) != 1:
            raise Refusal(Reason.WHICH_NUMBERS, tuple(column.name for column in numbers))
        return fitting[0]

    def _sort(self, parts: Sequence[Part]) -> None:  # noqa: C901 - one case a part
        role = self.named
        compared = {each.column for each in self.conditions if isinstance(each, Bound)}
        only_compared: list[Column] = []
        for at, part in enumerate(parts):
            if isinstance(part, Named):
                if role is self.named and part.is_condition:
                    continue
                if role is self.named and part.column in compared:
                    before, joint = parts[max(at - 2, 0) : at][-2:] if at > 1 else (None, None)
                    is_joined = isinstance(joint, Word) and joint.cue is Cue.AND
                    if is_joined and isinstance(before, Named) and before.column not in compared:
                        raise Refusal(Reason.LEFT_OVER)  # "sales and cost above 100": which of them?
                    only_compared.append(part.column)
                elif part.column not in role:
                    role.append(part.column)
            elif isinstance(part, Word) and part.cue is Cue.PERIOD:
                self.groups += self._period(part.text)
            elif isinstance(part, Word) and part.cue in _HORIZONTAL:
                role = self.xs
            elif isinstance(part, Word) and part.cue in _GROUPING:
                role = self.groups
            elif isinstance(part, Word) and part.cue in _ENDS_ROLE and part.cue is not Cue.AND:
                role = self.named
        if not self.named and not self.cues & {Cue.ROWS, Cue.COUNT}:
            self.named += dict.fromkeys(only_compared)  # "total sales above 100": said once, meant twice

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


def _refuse_alternatives(parts: Sequence[Part]) -> None:
    """Raise Refusal for alternatives on several columns: `sales > 5 or cost > 3`, `in Oslo or in March`."""
    for at, part in enumerate(parts):
        if not (isinstance(part, Word) and part.cue is Cue.OR):
            continue
        before = next((each for each in reversed(parts[:at]) if not isinstance(each, Word)), None)
        after = next((each for each in parts[at + 1 :] if not isinstance(each, Word)), None)
        match before, after:
            case (None, _) | (_, None) | (Dated(), Dated()):
                is_clear = True
            case Cell(column=one), Cell(column=other):
                is_clear = one == other
            case Named(), Named():
                is_clear = not _is_compared(parts[at + 1 :])  # "sales or cost above 3"
            case _:
                is_clear = not isinstance(before, Cell | Dated | Compared) and not isinstance(
                    after, Cell | Dated | Compared
                )
        if not is_clear:
            raise Refusal(Reason.LEFT_OVER)


def _refuse_two_lists(parts: Sequence[Part]) -> None:
    """Raise Refusal where each value has rows of its own: `above 5 in Oslo and below 3 in Rome`."""
    conditions = [part for part in parts if isinstance(part, Cell | Dated | Compared)]
    for four in zip(conditions, conditions[1:], conditions[2:], conditions[3:], strict=False):
        match four:
            case Compared(), Dated(), Compared(), Dated():
                raise Refusal(Reason.LEFT_OVER)
            case (Compared(), Cell(column=one), Compared(), Cell(column=other)) if one == other:
                raise Refusal(Reason.LEFT_OVER)
            case (Dated(), Cell(column=one), Dated(), Cell(column=other)) if one == other:
                raise Refusal(Reason.LEFT_OVER)
            case (Cell(column=one), Dated(), Cell(column=other), Dated()) if one == other:
                raise Refusal(Reason.LEFT_OVER)


def _is_compared(parts: Sequence[Part]) -> bool:
    """Whether the first column among the parts stands before a comparison."""
    return any(isinstance(part, Compared) for part in [each for each in parts if not isinstance(each, Word)][1:2])


def _is_link(part: Part, *, has_last: bool) -> bool:
    return isinstance(part, Word) and (part.cue in _LINKS or (has_last and part.cue is Cue.AND))


def _is_opened(parts: Sequence[Part], at: int) -> bool:
    """Whether the column there stands in a condition only, by the word before it."""
    before = [part for part in parts[:at] if not (isinstance(part, Word) and part.cue is Cue.FILLER)][-2:]
    words = [part.text.lower() if isinstance(part, Word) else "" for part in before]
    after_condition = len(before) == 2 and isinstance(before[0], Named) and before[0].is_condition
    return bool(words) and (words[-1] in _OPENERS or (after_condition and words[-1] in {"and", "und", "en", ","}))


def _excluded(parts: Sequence[Part]) -> int | None:
    """Where the word is that excludes the value after these parts: `without`, perhaps before another value."""
    for at in range(len(parts) - 1, -1, -1):
        part = parts[at]
        if isinstance(part, Word) and part.text.lower() in _EXCLUDING:
            return at
        if not (isinstance(part, Word) and part.cue in {Cue.FILLER, Cue.FOR}):
            return None
    return None


def _bound(column: Column, compared: Compared) -> Bound:
    return Bound(column=column, comparison=compared.comparison, value=compared.value)


def _goes_on_excluding(parts: Sequence[Part]) -> bool:
    """`without Tea and Cake`."""
    last, joint = parts[-2:-1], parts[-1:]
    is_joint = any(isinstance(part, Word) and part.cue in {Cue.AND, Cue.OR} for part in joint)
    return is_joint and any(isinstance(part, Cell) and part.is_excluded for part in last)
