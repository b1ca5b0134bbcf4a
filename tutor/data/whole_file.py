"""Questions about a file as a whole: its rows, its columns, what is missing, which group leads."""

from __future__ import annotations

import re
from typing import Final

from tutor.data.question import DataQuestion
from tutor.data.requests import (
    Column,
    ColumnKind,
    CountMissing,
    CountRows,
    CountValues,
    DataTask,
    FindGroup,
    FindTop,
    ListColumns,
    Overview,
    ShowRows,
    Statistic,
    TellShare,
)
from tutor.language.cues import CHART_CUES, Cue
from tutor.planning.refusal import Reason, Refusal

_ROWS_SHOWN: Final = 5
_RANKING: Final = (
    *("most", "fewest", "best", "worst", "top", "bottom", "leading"),
    *("meisten", "wenigsten", "beste", "besten", "schlechteste", "schlechtesten"),
    *(
        "meeste",
        "minste",
        "beste",
        "slechtste",
        "het meest",
        "meest",
        "het minst",
        "minst",
        "het best",
        "het beste",
        "am meisten",
        "am besten",
        "am wenigsten",
    ),
)
"""Words that rank groups by their sums."""

_OF_PRICES: Final = (
    *("most expensive", "priciest", "least expensive", "cheapest"),
    *("teuerste", "teuersten", "teuerstes", "teuerster", "günstigste", "günstigsten", "günstigstes"),
    *("billigste", "billigsten", "billigstes", "duurste", "duurst", "goedkoopste", "goedkoopst"),
)
_OF_DATES: Final = (
    *("latest", "newest", "most recent", "earliest", "oldest"),
    *("neueste", "neuesten", "neuester", "neuestes", "späteste", "älteste", "ältesten", "früheste", "frühesten"),
    *("nieuwste", "meest recente", "oudste", "vroegste"),
)
_PRICE: Final = re.compile(r"price|preis|prijs", re.IGNORECASE)

_LISTING: Final = frozenset(
    {Cue.FIND, Cue.DISTINCT, Cue.BE, Cue.PRONOUN, Cue.FILLER, Cue.COUNT, Cue.FILE, Cue.ON, Cue.OF, Cue.EVALUATE,
     Cue.FROM,
     Cue.IT, Cue.FOR}
)  # fmt: skip
_PLACES: Final = (Cue.SECOND, Cue.THIRD, Cue.FOURTH)
_SUMS: Final = frozenset({Statistic.TOTAL})
_MAX_ROWS_SHOWN: Final = 30


def of_whole_file(question: DataQuestion, statistics: tuple[Statistic, ...]) -> DataTask | None:
    """The task, where the question is one of these."""
    cues = question.cues
    if cues & CHART_CUES or Cue.PLOT in cues:
        return None
    if Cue.MISSING in cues:
        return CountMissing(columns=tuple(question.named), only=question.only)
    if Cue.SHARE in cues:
        return _share(question, statistics)
    if Cue.HIGHEST in cues or Cue.LOWEST in cues:
        return _leader(question, statistics)
    if (counted := _counted(question, statistics)) is not None:
        return counted
    return None if question.named or question.groups else _rows_or_columns(question, statistics)


def given_columns(question: DataQuestion) -> tuple[Column, ...]:
    """The columns of the file, without those that the conversation made of them."""
    return tuple(column for column in question.columns if not column.formula)


def _rows_or_columns(question: DataQuestion, statistics: tuple[Statistic, ...]) -> DataTask | None:
    """Where no column is named."""
    cues, is_last = question.cues, question.says("last", "letzte", "letzten", "laatste")
    if Cue.ROWS in cues and (Cue.FIRST in cues or is_last):
        otherwise = 1 if question.says("row", "zeile", "rij") else _ROWS_SHOWN
        shown = min(question.take_amount() or otherwise, _MAX_ROWS_SHOWN)
        return ShowRows(count=shown, is_last=is_last, only=question.only)
    if Cue.COLUMN in cues and Cue.ROWS in cues:
        return Overview(columns=given_columns(question))  # both are asked for
    if Cue.COLUMN in cues and not set(statistics) - {Statistic.COUNT}:
        return ListColumns(columns=given_columns(question))
    return CountRows(only=question.only) if Cue.COUNT in cues else None


def _counted(question: DataQuestion, statistics: tuple[Statistic, ...]) -> CountRows | CountValues | None:
    """`how many rows are from North`, `how many products are there`, `which products are there`."""
    cues, cells = question.cues, question.cells
    counts = statistics == (Statistic.COUNT,)
    others = [column for column in question.named if column not in [cell.column for cell in cells]]
    if counts and question.only and not others and not question.groups:
        return CountRows(only=question.only)
    asked = counts or (not statistics and (Cue.DISTINCT in cues or cues & {Cue.FIND}) and cues <= _LISTING)
    if (
        not asked
        or cells
        or question.compares > counts
        or question.groups
        or question.amounts
        or len(others) != 1
        or Cue.ROWS in cues
    ):
        return None
    [column] = others
    chosen = question.only
    return CountValues(column=column, only=chosen) if column.kind is ColumnKind.TEXT or Cue.DISTINCT in cues else None


def _share(question: DataQuestion, statistics: tuple[Statistic, ...]) -> TellShare | CountRows:
    """`what percent of revenue comes from Tea`, `share of each region in revenue`."""
    if question.compares and not question.named and not question.groups:
        return CountRows(only=question.only)  # "what percent of the rows have a price below 5": it says both
    columns = [*question.groups, *question.named, *(cell.column for cell in question.cells)]
    numbers = [column for column in dict.fromkeys(columns) if column.kind is ColumnKind.NUMBER]
    others = [column for column in dict.fromkeys(columns) if column.kind is not ColumnKind.NUMBER]
    top = question.take_amount() if Cue.HIGHEST in question.cues else None
    if len(numbers) > 1 or len(others) != 1 or len(question.cells) > 1 or set(statistics) - _SUMS:
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
    group = question.cells[0].value if question.cells else ""
    column = numbers[0] if numbers else None
    return TellShare(by=others[0], column=column, group=group, top=top, only=tuple(question.conditions))


def _leader(  # noqa: C901 - one case a kind of superlative
    question: DataQuestion, statistics: tuple[Statistic, ...]
) -> FindGroup | FindTop:
    columns = list(dict.fromkeys([*question.groups, *question.named]))
    numbers = [column for column in columns if column.kind is ColumnKind.NUMBER]
    others = [column for column in columns if column.kind is not ColumnKind.NUMBER]
    is_lowest = Cue.LOWEST in question.cues
    ranked = question.says(*_RANKING)
    if not numbers and not statistics and ranked:
        numbers = [column for column in question.columns if column.kind is ColumnKind.NUMBER]
        if len(numbers) > 1:
            raise Refusal(Reason.WHICH_NUMBERS, tuple(column.name for column in numbers))
    if not numbers and question.says(*_OF_PRICES):
        numbers = [
            column for column in question.columns if column.kind is ColumnKind.NUMBER and _PRICE.search(column.name)
        ]
    if question.says(*_OF_DATES):
        dates = [column for column in question.columns if column.kind is ColumnKind.DATE]
        if len(dates) != 1 or numbers or statistics or set(others) - set(dates):
            raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
        shown = max(1, min(question.take_amount() or 1, _MAX_ROWS_SHOWN))
        return FindTop(column=dates[0], count=shown, is_lowest=is_lowest, only=question.only)
    chosen = [cell.column for cell in question.cells]
    others = [column for column in others if column not in chosen]
    all_numbers = [column for column in question.columns if column.kind is ColumnKind.NUMBER]
    if not numbers and len(all_numbers) == 1:
        numbers = all_numbers
    if not numbers and others and not statistics:
        raise Refusal(Reason.WHICH_NUMBERS, tuple(c.name for c in question.columns if c.kind is ColumnKind.NUMBER))
    if len(numbers) != 1 or len(others) > 1 or len(statistics) > 1:
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
    count = question.take_amount()
    if (
        count is None
        and others
        and (place := next((n for n, cue in enumerate(_PLACES, start=2) if cue in question.cues), 0))
    ):
        count = place  # "the second highest": the first two say it, and what it is second to
        question.cues -= set(_PLACES)
    if count is not None or not others or Cue.ROWS in question.cues:
        statistic = next(iter(statistics), Statistic.TOGETHER if numbers[0].is_ratio else Statistic.TOTAL)
        is_of_rows = not others or Cue.ROWS in question.cues
        if is_of_rows and statistics:
            raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
        shown = max(1, min(count or (1 if Cue.ROWS in question.cues else _ROWS_SHOWN), _MAX_ROWS_SHOWN))
        by = None if is_of_rows else others[0]
        return FindTop(
            column=numbers[0],
            count=shown,
            is_lowest=is_lowest,
            by=by,
            statistic=statistic,
            only=question.only,
        )
    if question.cues & set(_PLACES):
        raise Refusal(Reason.LEFT_OVER)  # "the second highest" of rows, say
    by_default = Statistic.TOGETHER if numbers[0].is_ratio else Statistic.TOTAL if ranked else None
    statistic = next(iter(statistics), by_default) or (Statistic.MINIMUM if is_lowest else Statistic.MAXIMUM)
    return FindGroup(
        by=others[0],
        column=numbers[0],
        statistic=statistic,
        is_lowest=is_lowest,
        only=question.only,
        with_totals=not statistics and by_default is None and not question.says(*_OF_PRICES),
    )
