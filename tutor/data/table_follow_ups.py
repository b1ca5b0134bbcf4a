"""Questions about a table that go on with the one before: `and by region?`, `only the top 3`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tutor.data.data_reader import data_tasks
from tutor.data.question import DataQuestion
from tutor.data.requests import Chart, Column, ColumnKind, DataTask, FindTop, ShowChart, Statistic, TellStatistics
from tutor.data.words import parts_of
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Refusal

_MAX_COUNT: Final = 30
_BY: Final = re.compile(
    r"\A\s*(?:and|now|also|but|then|what about|how about|und|jetzt|nun)?,?\s*"
    r"(?:split |broken down |grouped |the same )?"
    r"(?:by|per|for each|nach|je|pro)\s+(?P<column>[^?!.]{1,60}?)(?: please| too| bitte)?[\s?!.]*\Z",
    re.IGNORECASE,
)
_TOP: Final = re.compile(
    r"\A\s*(?:and|now|but|show|give me|und|jetzt|zeig)?,?\s*(?:only|just|nur)?\s*(?:the|die)?\s*"
    r"(?P<end>top|first|best|highest|bottom|worst|lowest|besten|höchsten|schlechtesten|niedrigsten)\s+(?P<count>\d{1,3})"
    r"(?: of (?:them|these|those)| please| bitte)?[\s?!.]*\Z",
    re.IGNORECASE,
)
_LOWEST: Final = frozenset({"bottom", "worst", "lowest", "schlechtesten", "niedrigsten"})


def is_table_follow_up(text: str) -> bool:
    """Whether a message says nothing but how the answer before is to be split, or how much of it is wanted."""
    return _BY.match(text) is not None or _TOP.match(text) is not None


def data_tasks_in_thread(texts: Sequence[str], columns: Sequence[Column], language: Language) -> tuple[DataTask, ...]:
    """The tasks of the last of these messages, which may go on with the one before. Raises Refusal."""
    *before, last = texts
    if not is_table_follow_up(last):
        return data_tasks(last, columns, language)
    for end in range(len(before), 0, -1):
        try:
            earlier = data_tasks_in_thread(before[:end], columns, language)
        except Refusal:
            continue  # it was not answered, so nobody goes on with it
        placed = _placed(last, earlier[-1], columns, language)
        return (placed,) if placed is not None else data_tasks(last, columns, language)
    return data_tasks(last, columns, language)


def _placed(text: str, task: DataTask, columns: Sequence[Column], language: Language) -> DataTask | None:
    """The earlier task changed in this way; None where the two do not fit each other."""
    found = _BY.match(text)
    if found is not None:
        by = "nach" if language is Language.GERMAN else "by"
        groups = DataQuestion(parts_of(f"{by} {found['column']}", columns, language), columns)
        if len(groups.groups) != 1 or groups.named or groups.amounts or any(word.cue is None for word in groups.words):
            return None
        return _by_group(task, groups.groups[0])
    found = _TOP.match(text)
    return _top(task, int(found["count"]), is_lowest=found["end"].lower() in _LOWEST) if found is not None else None


def _by_group(task: DataTask, by: Column) -> DataTask | None:
    match task:
        case TellStatistics(only=None) if by not in task.columns:
            return replace(task, by=by)
        case FindTop():
            return replace(task, by=by)
        case ShowChart(chart=Chart.BARS | Chart.BOXES | Chart.HISTOGRAM) if by not in task.ys:
            return replace(task, by=by)
        case ShowChart(chart=Chart.LINES, trend=False) if by.kind is ColumnKind.TEXT and by not in task.ys:
            return ShowChart(chart=Chart.BARS, ys=task.ys, by=by, statistic=Statistic.TOTAL)
        case _:
            return None


def _top(task: DataTask, count: int, *, is_lowest: bool) -> FindTop | None:
    shown = max(1, min(count, _MAX_COUNT))
    match task:
        case FindTop():
            return replace(task, count=shown, is_lowest=is_lowest)
        case TellStatistics(statistics=(statistic,), columns=(column,), by=Column() as by, only=None):
            return FindTop(column=column, count=shown, is_lowest=is_lowest, by=by, statistic=statistic)
        case ShowChart(chart=Chart.BARS, ys=(column,), by=Column() as by):
            statistic = task.statistic or Statistic.TOTAL
            return FindTop(column=column, count=shown, is_lowest=is_lowest, by=by, statistic=statistic)
        case _:
            return None
