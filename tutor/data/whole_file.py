"""Questions about a file as a whole: its rows, its columns, what is missing, which group leads."""

from __future__ import annotations

from typing import Final

from tutor.data.question import DataQuestion
from tutor.data.requests import (
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

_LISTING: Final = frozenset(
    {Cue.FIND, Cue.DISTINCT, Cue.BE, Cue.PRONOUN, Cue.FILLER, Cue.COUNT, Cue.FILE, Cue.ON, Cue.OF, Cue.EVALUATE,
     Cue.FROM,
     Cue.IT, Cue.FOR}
)  # fmt: skip
_SUMS: Final = frozenset({Statistic.TOTAL})
_MAX_ROWS_SHOWN: Final = 30


def of_whole_file(question: DataQuestion, statistics: tuple[Statistic, ...]) -> DataTask | None:
    """The task, where the question is one of these."""
    cues = question.cues
    if cues & CHART_CUES or Cue.PLOT in cues:
        return None
    if Cue.MISSING in cues:
        return CountMissing(columns=tuple(question.named))
    if Cue.SHARE in cues:
        return _share(question, statistics)
    if Cue.HIGHEST in cues or Cue.LOWEST in cues:
        return _leader(question, statistics)
    if (counted := _counted(question, statistics)) is not None:
        return counted
    return None if question.named or question.groups else _rows_or_columns(question, statistics)


def _rows_or_columns(question: DataQuestion, statistics: tuple[Statistic, ...]) -> DataTask | None:
    """Where no column is named."""
    cues, is_last = question.cues, question.says("last", "letzte", "letzten", "laatste")
    if Cue.ROWS in cues and (Cue.FIRST in cues or is_last):
        otherwise = 1 if question.says("row", "zeile", "rij") else _ROWS_SHOWN
        return ShowRows(count=min(question.take_amount() or otherwise, _MAX_ROWS_SHOWN), is_last=is_last)
    if Cue.COLUMN in cues and Cue.ROWS in cues:
        return Overview(columns=tuple(question.columns))  # both are asked for
    if Cue.COLUMN in cues and not set(statistics) - {Statistic.COUNT}:
        return ListColumns(columns=tuple(question.columns))
    return CountRows() if Cue.COUNT in cues else None


def _counted(question: DataQuestion, statistics: tuple[Statistic, ...]) -> CountRows | CountValues | None:
    """`how many rows are from North`, `how many products are there`, `which products are there`."""
    cues, cells = question.cues, question.cells
    counts = statistics == (Statistic.COUNT,)
    others = [column for column in question.named if column not in [cell.column for cell in cells]]
    if counts and cells and not others and not question.groups:
        return CountRows(only=tuple(cells))
    asked = counts or (not statistics and (Cue.DISTINCT in cues or cues & {Cue.FIND}) and cues <= _LISTING)
    if not asked or cells or question.groups or question.amounts or len(others) != 1 or Cue.ROWS in cues:
        return None
    [column] = others
    return CountValues(column=column) if column.kind is ColumnKind.TEXT or Cue.DISTINCT in cues else None


def _share(question: DataQuestion, statistics: tuple[Statistic, ...]) -> TellShare:
    """`what percent of revenue comes from Tea`, `share of each region in revenue`."""
    columns = [*question.groups, *question.named, *(cell.column for cell in question.cells)]
    numbers = [column for column in dict.fromkeys(columns) if column.kind is ColumnKind.NUMBER]
    others = [column for column in dict.fromkeys(columns) if column.kind is not ColumnKind.NUMBER]
    top = question.take_amount() if Cue.HIGHEST in question.cues else None
    if len(numbers) > 1 or len(others) != 1 or len(question.cells) > 1 or set(statistics) - _SUMS:
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
    only = question.cells[0].value if question.cells else ""
    return TellShare(by=others[0], column=numbers[0] if numbers else None, only=only, top=top)


def _leader(question: DataQuestion, statistics: tuple[Statistic, ...]) -> FindGroup | FindTop:
    columns = list(dict.fromkeys([*question.groups, *question.named]))
    numbers = [column for column in columns if column.kind is ColumnKind.NUMBER]
    others = [column for column in columns if column.kind is not ColumnKind.NUMBER]
    is_lowest = Cue.LOWEST in question.cues
    ranked = question.says(*_RANKING)
    if not numbers and not statistics and ranked:
        numbers = [column for column in question.columns if column.kind is ColumnKind.NUMBER]
        if len(numbers) > 1:
            raise Refusal(Reason.WHICH_NUMBERS, tuple(column.name for column in numbers))
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
    if count is not None or not others or Cue.ROWS in question.cues:
        statistic = next(iter(statistics), Statistic.TOTAL)
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
            only=tuple(question.cells),
        )
    by_default = Statistic.TOTAL if ranked else None
    statistic = next(iter(statistics), by_default) or (Statistic.MINIMUM if is_lowest else Statistic.MAXIMUM)
    return FindGroup(
        by=others[0],
        column=numbers[0],
        statistic=statistic,
        is_lowest=is_lowest,
        only=tuple(question.cells),
        with_totals=not statistics and by_default is None,
    )
