"""Questions about a file as a whole: its rows, its columns, what is missing, which group leads."""

from __future__ import annotations

from typing import Final

from tutor.data.question import DataQuestion
from tutor.data.requests import (
    ColumnKind,
    CountMissing,
    CountRows,
    DataTask,
    FindGroup,
    ListColumns,
    ShowRows,
    Statistic,
)
from tutor.language.cues import CHART_CUES, Cue
from tutor.planning.refusal import Reason, Refusal

_ROWS_SHOWN: Final = 5
_MAX_ROWS_SHOWN: Final = 30


def of_whole_file(question: DataQuestion, statistics: tuple[Statistic, ...]) -> DataTask | None:
    """The task, where the question is one of these."""
    cues = question.cues
    if cues & CHART_CUES or Cue.PLOT in cues:
        return None
    if Cue.MISSING in cues:
        return CountMissing(columns=tuple(question.named))
    if Cue.HIGHEST in cues or Cue.LOWEST in cues:
        return _leader(question, statistics)
    return None if question.named or question.groups else _rows_or_columns(question, statistics)


def _rows_or_columns(question: DataQuestion, statistics: tuple[Statistic, ...]) -> DataTask | None:
    """Where no column is named."""
    cues, is_last = question.cues, question.says("last", "letzte", "letzten")
    if Cue.ROWS in cues and (Cue.FIRST in cues or is_last):
        otherwise = 1 if question.says("row", "zeile") else _ROWS_SHOWN
        return ShowRows(count=min(question.take_amount() or otherwise, _MAX_ROWS_SHOWN), is_last=is_last)
    if Cue.COLUMN in cues and not set(statistics) - {Statistic.COUNT}:
        return ListColumns(columns=tuple(question.columns))
    return CountRows() if Cue.COUNT in cues else None


def _leader(question: DataQuestion, statistics: tuple[Statistic, ...]) -> FindGroup:
    columns = [*question.groups, *question.named]
    numbers = [column for column in columns if column.kind is ColumnKind.NUMBER]
    others = [column for column in columns if column.kind is not ColumnKind.NUMBER]
    if len(numbers) != 1 or len(others) != 1 or len(statistics) > 1:
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
    is_lowest = Cue.LOWEST in question.cues
    by_default = Statistic.TOTAL if question.says("most", "fewest", "meisten", "wenigsten") else None
    statistic = next(iter(statistics), by_default) or (Statistic.MINIMUM if is_lowest else Statistic.MAXIMUM)
    return FindGroup(
        by=others[0],
        column=numbers[0],
        statistic=statistic,
        is_lowest=is_lowest,
        with_totals=not statistics and by_default is None,
    )
