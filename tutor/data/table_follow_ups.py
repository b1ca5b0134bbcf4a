"""Questions about a table that go on with the one before: `and by region?`, `only the top 3`, `as a bar chart`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tutor.data.data_reader import CHARTS, STATISTICS, data_tasks
from tutor.data.question import DataQuestion
from tutor.data.requests import (
    Cell,
    Chart,
    Column,
    ColumnKind,
    Condition,
    DataTask,
    FindGroup,
    FindTop,
    ListColumns,
    Overview,
    ShowChart,
    Statistic,
    TellCorrelation,
    TellShare,
    TellStatistics,
)
from tutor.data.words import parts_of, with_definitions
from tutor.language.cues import CHART_CUES, Cue
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Reason, Refusal
from tutor.reading.plot_wording import Colour, Grid, Keep, Legend, PlotChange, Remove, Size, Title, plot_wording
from tutor.reading.question_reader import MAX_CHARACTERS

_MAX_COUNT: Final = 30
_GOES_ON: Final = re.compile(r"\A\s*+(?:and|what about|how about|und|was ist mit|en|hoe zit)\b", re.IGNORECASE)
_BY_WORDS: Final = {Language.ENGLISH: "by", Language.GERMAN: "nach", Language.DUTCH: "per"}
_BY: Final = re.compile(
    r"\A\s*+(?:and|now|also|but|then|what about|how about|und|jetzt|nun|en|nu|maar)?,?\s*+"
    r"(?:(?:split|broken down|grouped|the same|do that|do it|show (?:it|that|this)|aufgeteilt|dasselbe|hetzelfde) )?"
    r"(?:by|per|for each|nach|je|pro|naar|voor elke?)\s+(?P<column>[^?!.]{1,60}?)"
    r"(?: please| too| instead| bitte| alsjeblieft| graag| ook)?[\s?!.]*\Z",
    re.IGNORECASE,
)
_TOP: Final = re.compile(
    r"\A\s*+(?:and|now|but|show|give me|und|jetzt|zeig|en|nu|geef|toon)?,?\s*+(?:only|just|nur|alleen)?\s*+(?:the|die"
    r"|de)?\s*+"
    r"(?P<end>top|first|best|highest|bottom|worst|lowest|besten|höchsten|schlechtesten|niedrigsten|beste|hoogste|slechtste"
    r"|laagste)\s+(?P<count>\d{1,3})(?: of (?:them|these|those)| please| bitte| graag)?[\s?!.]*\Z",
    re.IGNORECASE,
)
_FOR: Final = re.compile(
    r"\A\s*+(?:and|now|but|what about|how about|und|was ist mit|jetzt|en|nu|hoe zit het met)?,?\s*+"
    r"(?:only |just |nur |alleen )?(?:for |in |für |voor |of |von |van )?(?:the )?(?P<what>[^?!.]{1,60}?)"
    r"(?: only| please| too| bitte| graag| ook| auch)?[\s?!.]*\Z",
    re.IGNORECASE,
)
_LOWEST: Final = frozenset({"bottom", "worst", "lowest", "schlechtesten", "niedrigsten", "slechtste", "laagste"})
_BESIDE_MATTER: Final = frozenset(
    {Cue.AND, Cue.AGAIN, Cue.FOR, Cue.FILLER, Cue.ON, Cue.OF, Cue.FROM, Cue.ALSO, Cue.PRONOUN, Cue.BY, Cue.RESPECT}
)
_SAYS_CHART: Final = CHART_CUES | {Cue.PLOT, Cue.GRAPH}
_BESIDE_CHART: Final = _SAYS_CHART | frozenset(
    {Cue.IT, Cue.PRONOUN, Cue.FILLER, Cue.FIND, Cue.AND, Cue.ALSO, Cue.AGAIN, Cue.FOR, Cue.OF, Cue.FROM, Cue.ON, Cue.TO,
     Cue.THEN, Cue.BE, Cue.FILE, Cue.TABLE, Cue.THANKS, Cue.BOTH, Cue.WITHOUT, Cue.HELLO, Cue.AT, Cue.RESPECT,
     Cue.DESCRIBE}
)  # fmt: skip


def is_table_follow_up(text: str) -> bool:
    """Whether a message says nothing but how the answer before is to be split, or how much of it is wanted."""
    return _BY.match(text) is not None or _TOP.match(text) is not None


def data_tasks_in_thread(texts: Sequence[str], columns: Sequence[Column], language: Language) -> tuple[DataTask, ...]:
    """The tasks of the last of these messages, which may go on with the one before. Raises Refusal."""
    *before, last = texts
    if len(last) > MAX_CHARACTERS:
        raise Refusal(Reason.TOO_LONG)
    columns = with_definitions(texts, columns, language)
    changes = plot_wording(last)
    looks = [each for each in changes.changes if not changes.rest and not isinstance(each, Keep | Remove)]
    question = DataQuestion(parts_of(last, columns, language), columns)
    goes_on = is_table_follow_up(last) or looks or _is_about_chart(question) or _is_short(last, question)
    goes_on = goes_on or _is_statistic(question)
    if (
        before
        and question.named
        and _is_short(last, question)
        and (completed := _completed(before[-1], question.named[0], columns, language))
    ):
        return completed
    for end in range(len(before), 0, -1) if goes_on else ():
        try:
            earlier = data_tasks_in_thread(before[:end], columns, language)[-1]
        except Refusal:
            continue  # it was not answered, so nobody goes on with it
        placed = _restyled(earlier, looks) if looks else _placed(last, question, earlier, columns, language)
        if placed is not None:
            return (placed,)
        break
    if looks:
        raise Refusal(Reason.NO_PLOT)
    return data_tasks(last, columns, language)


def _completed(
    asked: str, column: Column, columns: Sequence[Column], language: Language
) -> tuple[DataTask, ...] | None:
    """The question before, where it lacked no more than the column that is named now."""
    try:
        data_tasks(asked, columns, language)
    except Refusal as refusal:
        if refusal.reason is not Reason.WHICH_NUMBERS:
            return None
        with suppress(Refusal):
            return data_tasks(f"{asked.rstrip('?.! ')} {column.name}", columns, language)
    return None


def _is_about_chart(question: DataQuestion) -> bool:
    """`make it a bar chart`: a chart is named, and no column."""
    names_matter = question.named or question.groups or question.xs or question.only or question.amounts
    known = all(word.cue in _BESIDE_CHART for word in question.words)
    return bool(question.cues & _SAYS_CHART) and known and not names_matter


def _is_short(text: str, question: DataQuestion) -> bool:
    """`and costs?`, `only for Tea`: a column or a value, and no demand."""
    matter = len(question.named) + len(question.cells) + len(question.groups) + bool(question.conditions)
    if any(column.formula for column in question.named) and not _GOES_ON.match(text):
        return False  # a calculation is a question of its own
    known = all(word.cue in _BESIDE_MATTER for word in question.words)
    return matter == 1 and known and not question.amounts and _FOR.match(text) is not None


def _is_statistic(question: DataQuestion) -> bool:
    """`and the average?`: a figure, and no column."""
    named = question.named or question.groups or question.xs or question.only or question.amounts
    known = all(word.cue in _BESIDE_MATTER | set(STATISTICS) | {Cue.BE, Cue.FIND, Cue.IT} for word in question.words)
    return bool(question.cues & set(STATISTICS)) and Cue.COUNT not in question.cues and known and not named


def _placed(  # noqa: C901, PLR0911 - one case a kind of follow-up
    text: str, question: DataQuestion, task: DataTask, columns: Sequence[Column], language: Language
) -> DataTask | None:
    """The earlier task changed in this way; None where the two do not fit each other. Raises Refusal."""
    if found := _BY.match(text):
        groups = DataQuestion(parts_of(f"{_BY_WORDS[language]} {found['column']}", columns, language), columns)
        if len(groups.groups) != 1 or groups.named or groups.amounts or any(word.cue is None for word in groups.words):
            return None
        return _by_group(task, groups.groups[0])
    if found := _TOP.match(text):
        return _top(task, int(found["count"]), is_lowest=found["end"].lower() in _LOWEST)
    if _is_about_chart(question):
        if question.cues & CHART_CUES == {Cue.TREND} and isinstance(task, ShowChart):
            return _with_trend(task)
        named = next((CHARTS[cue] for cue in CHARTS if cue in question.cues), None)
        return charted(task, named)
    if question.only and not question.named:
        return _only(task, question.only)
    if question.groups:
        return _by_group(task, question.groups[0])
    if not question.named:
        return _of_statistics(task, tuple(STATISTICS[cue] for cue in STATISTICS if cue in question.cues))
    return _of_column(task, question.named[0])


def _by_group(task: DataTask, by: Column) -> DataTask | None:  # noqa: PLR0911 - one case a kind of task
    match task:
        case TellStatistics() if by not in task.columns:
            return replace(task, by=by)
        case FindTop() | FindGroup():
            return replace(task, by=by)
        case TellShare(group="") if by.kind is not ColumnKind.NUMBER:
            return replace(task, by=by)
        case ShowChart(chart=Chart.BARS | Chart.PIE | Chart.BOXES | Chart.HISTOGRAM) if by not in task.ys:
            return replace(task, by=by)
        case ShowChart(chart=Chart.LINES, trend=False) if by.kind is ColumnKind.TEXT and by not in task.ys:
            if by.period:
                return replace(task, x=by)
            if task.x is not None and task.x.kind is not ColumnKind.TEXT and len(task.ys) == 1:
                return replace(task, by=by)
            return ShowChart(chart=Chart.BARS, ys=task.ys, by=by, statistic=Statistic.TOTAL)
        case _:
            return None


def _top(task: DataTask, count: int, *, is_lowest: bool) -> DataTask | None:
    shown = max(1, min(count, _MAX_COUNT))
    match task:
        case FindTop():
            return replace(task, count=shown, is_lowest=is_lowest)
        case TellStatistics(statistics=(statistic,), columns=(column,), by=Column() as by, only=only):
            return FindTop(column=column, count=shown, is_lowest=is_lowest, by=by, statistic=statistic, only=only)
        case ShowChart(chart=Chart.BARS | Chart.PIE, ys=(_,), by=Column()):
            return replace(task, top=shown, is_lowest=is_lowest)
        case _:
            return None


def _only(task: DataTask, conditions: Sequence[Condition]) -> DataTask | None:
    """The same of these rows: `and for Tea?`, `and in April?`. A condition replaces those on its column."""
    columns = {each.column for each in conditions}
    if isinstance(task, Overview | ListColumns):
        return None
    only = (*(each for each in task.only if each.column not in columns), *conditions)
    match task, conditions:
        case TellShare(), (Cell() as cell,) if cell.column == task.by and not cell.is_excluded:
            return replace(task, group=cell.value)
        case TellStatistics(by=by), _:
            return replace(task, only=only, by=None if by in columns else by)
        case ((FindTop(by=by) | FindGroup(by=by) | ShowChart(by=by) | TellShare(by=by)), _) if by in columns:
            return None
        case _:
            return replace(task, only=only)


def _of_statistics(task: DataTask, statistics: tuple[Statistic, ...]) -> DataTask | None:
    """Another figure of the same column."""
    match task:
        case TellStatistics():
            return replace(task, statistics=statistics)
        case (
            FindTop(column=column, only=only) | FindGroup(column=column, only=only) | ShowChart(ys=(column,), only=only)
        ):
            return TellStatistics(statistics=statistics, columns=(column,), only=only)
        case _:
            return None


def _of_column(task: DataTask, column: Column) -> DataTask | None:
    """The same of another column: `and costs?`."""
    is_number = column.kind is ColumnKind.NUMBER
    match task:
        case TellStatistics(columns=(_,)) if is_number and column != task.by:
            return replace(task, columns=(column,))
        case FindTop() | FindGroup() if is_number:
            return replace(task, column=column)
        case ShowChart(ys=(_,)) if is_number and column not in {task.x, task.by}:
            return replace(task, ys=(column,))
        case TellStatistics(by=Column()) | FindGroup() | FindTop(by=Column()) | TellShare(group="") if not is_number:
            return _by_group(task, column)
        case _:
            return None


def charted(task: DataTask, chart: Chart | None) -> DataTask | None:  # noqa: C901, PLR0911 - one case a kind of task
    """What was told as a chart; None where nothing of it can be drawn. Raises Refusal where the chart would mislead."""
    match task:
        case TellStatistics(statistics=(statistic,), columns=columns, by=Column() as by, only=only):
            return replace(_of_groups(chart, columns, by, statistic), only=only)
        case TellStatistics(statistics=(statistic,), columns=columns, by=None, only=only) if len(columns) > 1:
            return ShowChart(chart=Chart.BARS, ys=columns, statistic=statistic, only=only)
        case TellStatistics(columns=(column,), by=None, only=only) if chart in {Chart.HISTOGRAM, Chart.BOXES}:
            return ShowChart(chart=chart or Chart.HISTOGRAM, ys=(column,), only=only)
        case FindTop(by=Column() as by):
            drawn = _of_groups(chart, (task.column,), by, task.statistic)
            return replace(drawn, top=task.count, is_lowest=task.is_lowest, only=task.only)
        case FindGroup(by=by) if by.kind is not ColumnKind.DATE:
            return replace(_of_groups(chart, (task.column,), by, task.statistic), only=task.only)
        case TellShare():
            columns = () if task.column is None else (task.column,)
            statistic = Statistic.COUNT if task.column is None else Statistic.TOTAL
            return replace(_of_groups(chart, columns, task.by, statistic), only=task.only)
        case TellCorrelation():
            return ShowChart(chart=Chart.SCATTER, ys=(task.second,), x=task.first, trend=True, only=task.only)
        case ShowChart() if chart is not None:
            redrawn = _redrawn(task, chart)
            return replace(redrawn, only=task.only) if redrawn is not None else None
        case _:
            return None


def _with_trend(task: ShowChart) -> ShowChart:
    """The straight line that fits best, too. Raises Refusal where the axis has no numbers."""
    has_numbers = task.x is not None and task.x.kind is not ColumnKind.TEXT and task.by is None
    if task.chart not in {Chart.LINES, Chart.SCATTER} or not has_numbers:
        raise Refusal(Reason.CHART_CHANGE)
    return replace(task, trend=True)


def _of_groups(chart: Chart | None, ys: tuple[Column, ...], by: Column, statistic: Statistic) -> ShowChart:
    if chart in {Chart.HISTOGRAM, Chart.BOXES}:
        return ShowChart(chart=chart, ys=ys, by=by)
    if chart is Chart.LINES and ys:
        return ShowChart(chart=Chart.LINES, ys=ys, x=by, statistic=statistic)
    if chart is Chart.PIE and statistic not in {Statistic.TOTAL, Statistic.COUNT}:
        raise Refusal(Reason.NO_PIE)
    return ShowChart(chart=Chart.PIE if chart is Chart.PIE else Chart.BARS, ys=ys, by=by, statistic=statistic)


def _redrawn(task: ShowChart, chart: Chart) -> ShowChart | None:
    """The same columns in another kind of chart."""
    by = task.by or task.x
    if chart is task.chart:
        return task
    if chart in {Chart.HISTOGRAM, Chart.BOXES}:
        return ShowChart(chart=chart, ys=task.ys, by=task.by)
    if chart is Chart.SCATTER and task.x is not None and task.x.kind is ColumnKind.NUMBER:
        return ShowChart(chart=chart, ys=task.ys, x=task.x)
    if chart in {Chart.BARS, Chart.PIE, Chart.LINES} and by is not None and task.chart is not Chart.SCATTER:
        if by.kind is ColumnKind.DATE:
            by = by if chart is Chart.LINES else Column(name="month", kind=ColumnKind.TEXT, dates=by.name, period="M")
        drawn = _of_groups(chart, task.ys, by, task.statistic or Statistic.TOTAL)
        return replace(
            drawn, top=task.top, is_lowest=task.is_lowest, only=task.only, looks=replace(task.looks, colour="")
        )
    return None


def _restyled(task: DataTask, changes: Sequence[PlotChange]) -> ShowChart | None:
    """The chart with another colour, title or grid; None where there is no chart. Raises Refusal."""
    if not isinstance(task, ShowChart):
        return None
    looks = task.looks
    for change in changes:
        match change:
            case Title(text):
                looks = replace(looks, title=text)
            case Grid(shown):
                looks = replace(looks, grid=shown)
            case Legend(shown):
                looks = replace(looks, legend=shown)
            case Size(factor):
                looks = replace(looks, scale=looks.scale * factor)
            case Colour(name) if len(task.ys) < 2 and task.chart is not Chart.PIE:
                looks = replace(looks, colour=name)
            case _:
                raise Refusal(Reason.CHART_CHANGE)
    return replace(task, looks=looks)
