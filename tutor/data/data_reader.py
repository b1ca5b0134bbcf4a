"""From a question about a file, its columns known, to data tasks. Whatever is not understood is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tutor.data.question import DataQuestion
from tutor.data.requests import (
    Chart,
    Column,
    ColumnKind,
    DataTask,
    Describe,
    FindGroup,
    Overview,
    ShowChart,
    ShowRows,
    Statistic,
    TellCorrelation,
    TellStatistics,
)
from tutor.data.whole_file import given_columns, of_whole_file
from tutor.data.words import parts_of, with_definitions
from tutor.language.cues import CHART_CUES, TRAIT_CUES, Cue
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Reason, Refusal
from tutor.reading.question_reader import MAX_CHARACTERS, sentences_of

STATISTICS: Final = {
    Cue.MEAN: Statistic.MEAN,
    Cue.MEDIAN: Statistic.MEDIAN,
    Cue.DEVIATION: Statistic.DEVIATION,
    Cue.VARIANCE: Statistic.VARIANCE,
    Cue.TOTAL: Statistic.TOTAL,
    Cue.MINIMUM: Statistic.MINIMUM,
    Cue.MAXIMUM: Statistic.MAXIMUM,
    Cue.COUNT: Statistic.COUNT,
}
CHARTS: Final = {
    Cue.HISTOGRAM: Chart.HISTOGRAM,
    Cue.SCATTER: Chart.SCATTER,
    Cue.BARS: Chart.BARS,
    Cue.LINES: Chart.LINES,
    Cue.BOXES: Chart.BOXES,
    Cue.PIE: Chart.PIE,
    Cue.TREND: Chart.SCATTER,
}
_HOW_MANY: Final = ("how many", "number of", "wie viele", "wieviele", "hoeveel")
_ORDINALS: Final = frozenset({Cue.FIRST, Cue.SECOND, Cue.THIRD, Cue.FOURTH})
_GIVES_AWAY: Final = (
    "export",
    "download",
    "save",
    "speichere",
    "speichern",
    "exportiere",
    "exporteer",
    "opslaan",
    "exportieren",
    "herunterladen",
)
_MAX_USUAL_CURVES: Final = 4
ROWS_SHOWN_OF_CHOSEN: Final = 20
"""Of the rows that fulfil a condition, where no figure is asked for."""

_OF_ANY_FILE: Final = frozenset(
    {Cue.FILE, Cue.PRONOUN, Cue.IT, Cue.HELLO, Cue.FIND, Cue.BE, Cue.ON, Cue.OF, Cue.FILLER, Cue.TABLE, Cue.ANALYSIS,
     Cue.EXPLAIN, Cue.DESCRIBE, Cue.AGAIN, Cue.THANKS, Cue.FOR, Cue.AND, Cue.FROM, Cue.HELP}
)  # fmt: skip
_CALENDAR: Final = re.compile(
    r"\b(?:month|year|quarter|week|day|date|time|monat|jahr|quartal|woche|tag|datum|zeit|maand|jaar|kwartaal|dag"
    r"|tijd)",
    re.IGNORECASE,
)
_OF_FORMULAS: Final = TRAIT_CUES | frozenset(
    {
        Cue.DERIVATIVE,
        Cue.INTEGRAL,
        Cue.AREA,
        Cue.CONCAVE,
        Cue.CONVEX,
        Cue.CURVATURE,
        Cue.INFLECTION,
        Cue.SOLVE,
        Cue.ROOTS,
        Cue.LIMIT,
        Cue.SIMPLIFY,
        Cue.EXPAND,
        Cue.FACTOR,
        Cue.INTERSECTION,
        Cue.TANGENT,
        Cue.NORMAL,
        Cue.INCREASING,
        Cue.DECREASING,
        Cue.UNABLE,
        Cue.WITHOUT,
        Cue.NOT,
        Cue.POSITIVE,
        Cue.NEGATIVE,
        Cue.STEP,
        Cue.LEFT,
        Cue.RIGHT,
        Cue.COMPLEX,
        Cue.DIFFERENTIAL,
        Cue.SYSTEM,
    }
)


def data_tasks(text: str, columns: Sequence[Column], language: Language) -> tuple[DataTask, ...]:
    """The tasks of one message, as a whole or sentence by sentence. Raises Refusal."""
    if len(text) > MAX_CHARACTERS:
        raise Refusal(Reason.TOO_LONG)
    columns = with_definitions([text], columns, language)
    if sentences := sentences_of(text):
        with suppress(Refusal):  # two questions get two answers; but a sentence can also go on with the one before
            found: list[DataTask] = []
            named: Sequence[Column] = ()
            for each in sentences:
                tasks, named = _of_sentence(each, columns, language, named)
                found += tasks
            asked = [task for task in found if not isinstance(task, Overview)]
            return tuple(dict.fromkeys(asked or found))
    return _of_sentence(text, columns, language, ())[0]


def _of_sentence(
    text: str, columns: Sequence[Column], language: Language, before: Sequence[Column]
) -> tuple[tuple[DataTask, ...], Sequence[Column]]:
    """The tasks, and the columns named; `before` are those of the sentence before, for `and plot them by month`."""
    question = DataQuestion(parts_of(text, columns, language), columns)
    if Cue.IT in question.cues and not question.named:
        question.named += before
    strange = [word.text for word in question.words if word.cue is None]
    names = tuple(column.name for column in columns)
    if strange:
        raise Refusal(Reason.STRANGE_IN_TABLE, tuple(dict.fromkeys(strange))[:5], names)
    is_part_of_period = question.cues & _ORDINALS or question.says(
        "last", "letzte", "letzten", "next", "vorige", "this"
    )
    if Cue.PERIOD in question.cues and is_part_of_period and Cue.ROWS not in question.cues:
        raise Refusal(Reason.LEFT_OVER)  # "first quarter": a part of the rows, by date
    if question.says(*_GIVES_AWAY):
        raise Refusal(Reason.LEFT_OVER)
    if question.cues & _OF_FORMULAS:
        raise Refusal(Reason.NO_COLUMN, names)
    tasks = tuple(_tasks(question))
    if not tasks or question.amounts:
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in columns))
    return tasks, question.named


def _tasks(  # noqa: C901, PLR0911 - one case a kind of question
    question: DataQuestion,
) -> list[DataTask]:
    cues = question.cues
    statistics = tuple(statistic for cue, statistic in STATISTICS.items() if cue in cues)
    if Cue.EXTREMA in cues:
        statistics = (*statistics, Statistic.MINIMUM, Statistic.MAXIMUM)
    whole = (
        _date_of(question, statistics)
        if question.says("when", "wann", "wanneer")
        else of_whole_file(question, statistics)
    )
    if whole is not None:
        return [whole]
    if Cue.CORRELATION in cues:
        return [_correlation(question)]
    if (
        cues & CHART_CUES
        or Cue.PLOT in cues
        or Cue.GRAPH in cues
        or question.xs
        or (question.named and _time(question))
    ):
        return [_drawn_together(replace(_chart(question, statistics), only=question.only))]
    if not statistics and not question.groups and _asks_for_rows(question):
        return [ShowRows(count=ROWS_SHOWN_OF_CHOSEN, only=question.only)]
    made = any(column.formula for column in question.named)
    if statistics or (question.named and (question.groups or question.only or made)):
        return [_statistics(question, statistics or (Statistic.TOTAL,))]
    if question.cells and not question.named:
        raise Refusal(Reason.WHICH_NUMBERS, _numbers_in(question))
    if Cue.DESCRIBE in cues and not question.says("overview", "überblick", "overzicht"):
        return [Describe(columns=tuple(question.named), only=question.only)]
    asks_nothing = not (question.named or question.amounts or question.groups or question.only or cues - _OF_ANY_FILE)
    return [Overview(columns=given_columns(question))] if asks_nothing else []


def _asks_for_rows(question: DataQuestion) -> bool:
    """`sales above 100 in March`, `rows where price < 5`: rows, and no figure of them."""
    texts = [column for column in question.named if column.kind is not ColumnKind.NUMBER]
    if question.compares:
        return True
    return bool(question.conditions) and (bool(texts) or not question.named or Cue.ROWS in question.cues)


def _drawn_together(chart: ShowChart) -> ShowChart:
    """A ratio by groups is that of their sums: adding up the rows' ratios would mean nothing."""
    if not any(column.is_ratio for column in chart.ys) or chart.statistic not in {None, Statistic.TOTAL}:
        return chart
    if chart.chart is Chart.PIE:
        raise Refusal(Reason.NO_PIE)
    if chart.chart is Chart.LINES and chart.x is None and chart.by is None:
        return chart  # row by row
    if chart.chart not in {Chart.BARS, Chart.LINES}:
        return chart
    if len(chart.ys) > 1 or (chart.chart is Chart.LINES and (chart.by is not None or chart.trend)):
        raise Refusal(Reason.LEFT_OVER)
    return replace(chart, statistic=Statistic.TOGETHER)


def _date_of(question: DataQuestion, statistics: tuple[Statistic, ...]) -> FindGroup:
    """`The highest revenue, and when`: the date of the row."""
    dates = [column for column in question.columns if column.kind is ColumnKind.DATE]
    extremes = {Statistic.MINIMUM, Statistic.MAXIMUM}
    lowest = {Cue.LOWEST, Cue.MINIMUM} & question.cues
    highest = {Cue.HIGHEST, Cue.MAXIMUM} & question.cues
    if len(dates) != 1 or len(question.named) != 1 or set(statistics) - extremes or bool(lowest) == bool(highest):
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
    statistic = Statistic.MINIMUM if lowest else Statistic.MAXIMUM
    [column] = map(_numeric, question.named)
    return FindGroup(by=dates[0], column=column, statistic=statistic, is_lowest=bool(lowest), only=question.only)


def _correlation(question: DataQuestion) -> TellCorrelation:
    both = [*question.named, *question.xs]
    numbers = [column for column in question.columns if column.kind is ColumnKind.NUMBER]
    both = numbers if not both and len(numbers) == 2 else both
    if len(both) != 2:
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
    return TellCorrelation(first=_numeric(both[0]), second=_numeric(both[1]), only=question.only)


def _numbers_in(question: DataQuestion) -> tuple[str, ...]:
    return tuple(column.name for column in question.columns if column.kind is ColumnKind.NUMBER)


def _statistics(question: DataQuestion, statistics: tuple[Statistic, ...]) -> TellStatistics:
    numbers = [column for column in question.columns if column.kind is ColumnKind.NUMBER]
    if not question.named and statistics != (Statistic.COUNT,) and len(numbers) == 1:
        question.named += numbers
    if not question.named and statistics != (Statistic.COUNT,):
        raise Refusal(Reason.WHICH_NUMBERS, _numbers_in(question))
    chosen = [cell.column for cell in question.cells if not cell.is_excluded]
    named = [column for column in question.named if column not in [cell.column for cell in question.cells]]
    if statistics == (Statistic.COUNT,) and named and question.says(*_HOW_MANY):
        statistics = (Statistic.TOTAL,)  # "how many units were sold?"
    columns = tuple(named if statistics == (Statistic.COUNT,) else map(_numeric, named))
    by = _group(question)
    if by is None and len(chosen) > len(set(chosen)):  # "North and South": one beside the other
        by = next(column for column in chosen if chosen.count(column) > 1)
    if any(column.is_ratio for column in columns):
        together = (Statistic.TOGETHER,) if set(statistics) & {Statistic.TOTAL, Statistic.MEAN} else ()
        statistics = (*(each for each in statistics if each is not Statistic.TOTAL), *together)
    return TellStatistics(statistics=statistics, columns=columns, by=by, only=question.only)


def _group(question: DataQuestion) -> Column | None:
    if len(question.groups) > 1:
        raise Refusal(Reason.LEFT_OVER, tuple(column.name for column in question.groups))
    return question.groups[0] if question.groups else None


def _numeric(column: Column) -> Column:
    if column.kind is not ColumnKind.NUMBER:
        raise Refusal(Reason.NOT_NUMERIC, (column.name,))
    return column


def _chart(  # noqa: C901 - one case a kind of chart
    question: DataQuestion, statistics: tuple[Statistic, ...]
) -> ShowChart:
    asked = [CHARTS[cue] for cue in CHARTS if cue in question.cues]
    trend = Cue.TREND in question.cues
    x = question.xs[0] if question.xs else _time(question)
    ys, group = list(question.named), _group(question)
    named = ys or group or question.xs or question.cells or statistics or question.amounts
    if not named and asked != [Chart.SCATTER] and not trend:
        return _usual_chart(question, asked[0] if asked else None)
    chart = asked[0] if asked else _fitting(ys, x, group)
    if trend and Cue.SCATTER not in question.cues and x is not None and x.kind is ColumnKind.DATE:
        chart = Chart.LINES
    ys = [column for column in ys if column not in [cell.column for cell in question.cells]]
    if len(question.xs) > 1 or len(statistics) > 1 or (not ys and group is None):
        raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))
    match chart:
        case Chart.SCATTER:
            return _scatter(ys, x, trend=trend)
        case Chart.LINES:
            return _lines(question, ys, x, group, trend=trend, statistic=next(iter(statistics), None))
        case Chart.BARS | Chart.PIE if x is not None and group is not None:
            raise Refusal(Reason.LEFT_OVER, (x.name, group.name))
        case Chart.BARS:
            return _bars(ys, x or group, statistics)
        case Chart.PIE:
            return _pie(ys, x or group, statistics)
        case Chart.HISTOGRAM | Chart.BOXES:
            if x is not None:
                raise Refusal(Reason.LEFT_OVER, (x.name,))
            bins = question.take_amount() if Cue.BINS in question.cues else None
            return ShowChart(chart=chart, ys=tuple(map(_numeric, ys)), by=group, bins=bins)


def _usual_chart(question: DataQuestion, chart: Chart | None) -> ShowChart:
    """`plot the data`, where no column is named: its numbers over dates, by names, or against each other."""
    numbers = [column for column in question.columns if column.kind is ColumnKind.NUMBER]
    groups = [column for column in question.columns if column.kind is ColumnKind.TEXT and len(column.values) > 1]
    times = [column for column in question.columns if column.kind is ColumnKind.DATE]
    times += [column for column in numbers if _CALENDAR.search(column.name)]
    if chart is None:
        chart = Chart.LINES if times else Chart.BARS if groups else Chart.SCATTER if len(numbers) > 1 else Chart.LINES
    across = times[0] if times else numbers[0] if len(numbers) > 1 and not groups else None
    ys = tuple(column for column in numbers if column != across)[: 1 if chart is Chart.PIE else _MAX_USUAL_CURVES]
    match chart:
        case Chart.BARS | Chart.PIE if groups or across:
            statistic = Statistic.TOTAL if ys else Statistic.COUNT
            return ShowChart(chart=chart, ys=ys, by=groups[0] if groups else across, statistic=statistic)
        case Chart.SCATTER if len(numbers) > 1:
            return ShowChart(chart=chart, ys=tuple(numbers[1 : 1 + _MAX_USUAL_CURVES]), x=numbers[0])
        case Chart.LINES if ys:
            return ShowChart(chart=chart, ys=ys, x=across or next(iter(groups), None))
        case Chart.HISTOGRAM | Chart.BOXES if ys:
            return ShowChart(chart=chart, ys=ys)
        case _:
            raise Refusal(Reason.NO_COLUMN, tuple(column.name for column in question.columns))


def _pie(ys: Sequence[Column], group: Column | None, statistics: tuple[Statistic, ...]) -> ShowChart:
    """The parts of one column's sum, or of the rows."""
    if set(statistics) - {Statistic.TOTAL, Statistic.COUNT}:
        raise Refusal(Reason.NO_PIE)
    drawn = _bars(ys, group, statistics)
    if drawn.by is None or len(drawn.ys) > 1:
        raise Refusal(Reason.LEFT_OVER, tuple(column.name for column in ys))
    return ShowChart(chart=Chart.PIE, ys=drawn.ys, by=drawn.by, statistic=drawn.statistic)


def _time(question: DataQuestion) -> Column | None:
    """`over time`, and a trend of a single column, mean the column of dates without its name."""
    spoken = any(
        word.text
        in {"over time", "über die zeit", "time series", "zeitreihe", "over de tijd", "door de tijd", "tijdreeks"}
        for word in question.words
    )
    trend_of_one = Cue.TREND in question.cues and Cue.SCATTER not in question.cues and len(question.named) == 1
    dates = [column for column in question.columns if column.kind is ColumnKind.DATE]
    return dates[0] if (spoken or trend_of_one) and dates else None


def _fitting(ys: Sequence[Column], x: Column | None, group: Column | None) -> Chart:
    """The chart for a plain `plot`: lines over dates, dots for two numbers, bars for groups."""
    if x is not None and x.kind is ColumnKind.DATE:
        return Chart.LINES
    if group is not None or (x is not None and x.kind is ColumnKind.TEXT) or any(y.kind is ColumnKind.TEXT for y in ys):
        return Chart.BARS
    if x is not None and x.kind is ColumnKind.NUMBER:
        return Chart.SCATTER
    return Chart.LINES


def _scatter(ys: Sequence[Column], x: Column | None, *, trend: bool) -> ShowChart:
    """`b against a`: b up, a across. `scatter plot of a and b`: a across, b up."""
    if x is None and len(ys) == 2:
        x, ys = ys[0], ys[1:]
    if x is None or not ys:
        raise Refusal(Reason.LEFT_OVER)
    return ShowChart(chart=Chart.SCATTER, ys=tuple(map(_numeric, ys)), x=_numeric(x), trend=trend)


def _lines(
    question: DataQuestion,
    ys: Sequence[Column],
    x: Column | None,
    group: Column | None,
    *,
    trend: bool,
    statistic: Statistic | None,
) -> ShowChart:
    others = [column for column in question.columns if column not in (*ys, group)]
    dates = [column for column in others if column.kind is ColumnKind.DATE]
    if group is not None and (group.kind is not ColumnKind.TEXT or group.period or not (x or dates)):
        if x is not None:
            raise Refusal(Reason.LEFT_OVER, (group.name,))
        x, group = group, None
    if group is not None and len(ys) != 1:
        raise Refusal(Reason.LEFT_OVER, (group.name,))
    x = x or next(iter([*dates, *(column for column in others if _CALENDAR.search(column.name))]), None)
    drawn = tuple(_numeric(y) for y in ys if y != x)
    return ShowChart(chart=Chart.LINES, ys=drawn, x=x, by=group, trend=trend and group is None, statistic=statistic)


def _bars(ys: Sequence[Column], group: Column | None, statistics: tuple[Statistic, ...]) -> ShowChart:
    """Numbers by group, added up unless another figure is asked for; a lone category is counted."""
    texts = [column for column in ys if column.kind is not ColumnKind.NUMBER]
    if group is None and texts:
        group, ys = texts[0], [column for column in ys if column is not texts[0]]
    statistic = statistics[0] if statistics else Statistic.TOTAL if ys else Statistic.COUNT
    if statistic is Statistic.COUNT:
        ys = [column for column in ys if column.kind is ColumnKind.NUMBER]
        if group is None:
            raise Refusal(Reason.LEFT_OVER, tuple(column.name for column in ys))
    return ShowChart(chart=Chart.BARS, ys=tuple(map(_numeric, ys)), by=group, statistic=statistic)
