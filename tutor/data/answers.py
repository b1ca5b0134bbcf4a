"""What a file's figures and diagrams show, in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tutor.answers.results import Result, named_in, named_of, parts_of, text_of, texts_of
from tutor.answers.say import Explanation, Say, Told
from tutor.answers.sentence_catalogue import Sentence
from tutor.answers.whole_answer import corrected_words
from tutor.data.requests import (
    Chart,
    Column,
    ColumnKind,
    CountMissing,
    CountRows,
    CountValues,
    DataTask,
    Describe,
    FindGroup,
    FindTop,
    ListColumns,
    Overview,
    ShowChart,
    ShowRows,
    Statistic,
    TellCorrelation,
    TellShare,
    TellStatistics,
)
from tutor.data.row_sentences import plain, tell_count, tell_rows
from tutor.programs.result_keys import Key

_ID: Final = re.compile(r"(?:\b|_)(?:id|nr|no|number|nummer|code|zip|plz|year|jahr|jaar)\b", re.IGNORECASE)


def data_refusal(say: Say, words: str, columns: Sequence[Column]) -> str:
    """The refusal, and questions that these columns have an answer to."""
    questions = _questions(say, columns)
    return "\n\n".join([words, "\n".join([say(Sentence.CAN_ASK), *(f"- {each}" for each in questions)])])


def columns_in(result: Result) -> tuple[Column, ...]:
    """What the first look found."""
    kinds = {str(kind): kind for kind in ColumnKind}
    return tuple(
        Column(
            name=name,
            kind=kinds.get(str(part.get(Key.KIND)), ColumnKind.TEXT),
            values=tuple(texts_of(part, Key.VALUES)),
            mentioned=tuple(texts_of(part, Key.MENTIONED)),
            is_grouping=part.get(Key.GROUPING) is True,
            low=text_of(part, Key.LOW),
            high=text_of(part, Key.HIGH),
            missing=_whole(part, Key.MISSING),
        )
        for part in parts_of(result, Key.COLUMNS)
        if isinstance(name := part.get(Key.NAME), str)
    )


def data_answer(
    say: Say,
    tasks: Sequence[DataTask],
    results: Sequence[Result],
    *,
    explanation: Explanation,
    corrections: Sequence[tuple[str, str]] = (),
) -> str:
    """Results first, then how and why there was code."""
    told = Told(say=say)
    for task, result in zip(tasks, results, strict=False):
        told.reason(Sentence.WHY_DATA)
        _TELLERS[type(task)](told, task, result)
    paragraphs = list(told.lines)
    if corrections:
        paragraphs.append(corrected_words(say, corrections))
    paragraphs += told.explained(explanation, how=Sentence.HOW_DATA, short=Sentence.IN_SHORT_OF_DATA)
    return "\n\n".join(paragraphs)


def _chart(told: Told, task: ShowChart, result: Result) -> None:
    say = told.say
    tell_rows(told, task.only)
    ys = say.listed([plain(column.name) for column in task.ys]) or say(Sentence.COUNT)
    said = {
        "ys": ys,
        "x": plain(task.x.name) if task.x else say(Sentence.ROW),
        "by": plain(task.by.name) if task.by else "",
    }
    if task.only and not _whole(result, Key.COUNT):
        told.line(Sentence.NO_ROW_CHOSEN)
        return
    if result.get(Key.EMPTY) is True:
        told.line(Sentence.NO_PIE_OF_NEGATIVES, **said)
        return
    key = f"{task.chart} by" if task.by else str(task.chart)
    key = key if task.ys else "counts"
    if task.chart is Chart.LINES and not task.by and task.statistic not in {None, Statistic.TOTAL}:
        key = "lines of figure"
    if task.chart is Chart.PIE:
        key = "pie" if task.ys else "pie counts"
    statistic = say(Sentence(task.statistic)) if task.statistic else ""
    told.line(Sentence(f"chart {key}"), count=_whole(result, Key.COUNT), statistic=statistic, **said)
    if (count := _whole(result, Key.WIDTH)) > _whole(result, Key.COUNT):
        told.line(Sentence.ONLY_SOME_SHOWN, shown=_whole(result, Key.COUNT), count=count)
    if result.get(Key.ADDED_UP) is True and task.x is not None and task.statistic in {None, Statistic.TOTAL}:
        told.line(Sentence.ADDED_UP, x=said["x"])
    for fit in parts_of(result, Key.FITS):
        x = say(Sentence.DAYS) if task.x is not None and task.x.kind is ColumnKind.DATE else said["x"]
        told.line(
            Sentence.FIT,
            name=plain(str(fit.get(Key.NAME))),
            slope=_decimal(say, fit, Key.SLOPE),
            x=x,
            intercept=_decimal(say, fit, Key.INTERCEPT),
            r=_decimal(say, fit, Key.R),
        )
    _tell_ratios(told, task.ys, task.statistic)
    told.step(Sentence.HOW_CHART)


def _statistics(told: Told, task: TellStatistics, result: Result) -> None:
    say = told.say
    tell_rows(told, task.only)
    if task.by is None:
        figures = named_of(result, Key.FIGURES)
        if task.only and not _whole(result, Key.ROWS):
            told.line(Sentence.NO_ROW_CHOSEN)
            figures = {}
        for column in figures:
            for name, value in named_in(figures, column).items():
                told.line(Sentence.FIGURE, figure=say(_FIGURES[name]), column=plain(column), value=_number(say, value))
    else:
        groups = named_of(result, Key.GROUPS)
        told.line(Sentence.BY_GROUP, by=plain(task.by.name))
        told.lines.append(
            "\n".join(
                f"- {plain(group)}: "
                + ", ".join(
                    f"{_heading(say, name)} **{_number(say, value)}**"
                    for name, value in named_in(groups, group).items()
                )
                for group in groups
            )
        )
        if (count := _whole(result, Key.COUNT)) > len(groups):
            told.line(Sentence.ONLY_SOME_SHOWN, shown=len(groups), count=count)
    for statistic in task.statistics:
        _tell_ratios(told, task.columns, statistic)
    told.step(Sentence.HOW_FIGURES)


def _tell_ratios(told: Told, columns: Sequence[Column], statistic: Statistic | None) -> None:
    """How a ratio over several rows is meant: not as the mean of the rows' ratios."""
    for column in columns if statistic is Statistic.TOGETHER else ():
        if column.is_ratio:
            told.line(Sentence.RATIO_OF_SUMS, column=plain(column.name))


_FIGURES = {
    "mean": Sentence.MEAN,
    "median": Sentence.MEDIAN,
    "std": Sentence.DEVIATION,
    "var": Sentence.VARIANCE,
    "sum": Sentence.TOTAL,
    "min": Sentence.MINIMUM,
    "max": Sentence.MAXIMUM,
    "count": Sentence.COUNT,
    "together": Sentence.TOGETHER,
}


def _heading(say: Say, name: str) -> str:
    column, _, figure = name.rpartition(" ")
    words = say(_FIGURES[figure]) if figure in _FIGURES else figure
    return f"{words} {plain(column)}" if column else words


def _correlation(told: Told, task: TellCorrelation, result: Result) -> None:
    say = told.say
    tell_rows(told, task.only)
    names = {"first": plain(task.first.name), "second": plain(task.second.name)}
    told.line(Sentence.CORRELATION, r=_decimal(say, result, Key.R), **names)
    told.line(
        Sentence.FIT,
        name=names["second"],
        x=names["first"],
        slope=_decimal(say, result, Key.SLOPE),
        intercept=_decimal(say, result, Key.INTERCEPT),
        r=_decimal(say, result, Key.R),
    )
    told.step(Sentence.HOW_CORRELATION)


def _describe(told: Told, task: Describe, result: Result) -> None:
    say = told.say
    tell_rows(told, task.only)
    told.line(Sentence.DESCRIBED, rows=_whole(result, Key.ROWS), columns=_names(say, result))
    figures = named_of(result, Key.FIGURES)
    if figures:
        lines = (f"- **{plain(name)}**: {_figures(say, named_in(figures, name))}" for name in figures)
        told.lines.append("\n".join(lines))
    told.step(Sentence.HOW_FIGURES)


def _figures(say: Say, figures: Mapping[str, object]) -> str:
    return ", ".join(f"{say(_FIGURES[name])} {_number(say, figures[name])}" for name in _FIGURES if name in figures)


def _whole(result: Result, key: Key) -> int:
    value = result.get(key)
    return value if isinstance(value, int) else 0


def _decimal(say: Say, result: Result, key: Key) -> str:
    return _number(say, result.get(key))


def _number(say: Say, value: object) -> str:
    if not isinstance(value, int | float) or math.isnan(value) or math.isinf(value):
        return "-"
    return say.decimal(float(value))


def _missing(told: Told, task: CountMissing, result: Result) -> None:
    say, missing = told.say, named_of(result, Key.MISSING)
    tell_rows(told, task.only)
    told.line(Sentence.MISSING if missing else Sentence.NONE_MISSING, count=_whole(result, Key.COUNT))
    if missing:
        told.lines.append("\n".join(f"- {plain(name)}: **{_number(say, missing[name])}**" for name in missing))
    told.step(Sentence.HOW_LOOK)


def _rows(told: Told, task: ShowRows, result: Result) -> None:
    """Which rows they are, and a table in Markdown."""
    tell_rows(told, task.only)
    if task.only and not task.is_last:
        count = tell_count(told, result)
        if not count:
            told.step(Sentence.HOW_LOOK)
            return
        if count > task.count:
            told.line(Sentence.FIRST_OF_CHOSEN, shown=task.count, count=count)
    _table(told, result)
    told.step(Sentence.HOW_LOOK)


def _cell(say: Say, value: object) -> str:
    return _number(say, value) if isinstance(value, float) else plain(str(value)) if value else ""


def _table(told: Told, result: Result) -> None:
    header = [plain(name) for name in texts_of(result, Key.HEADER)]
    cells = result.get(Key.ROWS)
    rows = [[_cell(told.say, value) for value in row] for row in cells] if isinstance(cells, list) else []
    lines = [header, ["---"] * len(header), *rows]
    told.lines.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if (width := _whole(result, Key.WIDTH)) > len(header):
        last = plain(text_of(result, Key.NAME))
        told.line(Sentence.COLUMNS_SHOWN, shown=len(header), count=width, name=last)


def _top(told: Told, task: FindTop, result: Result) -> None:
    say = told.say
    tell_rows(told, task.only)
    order = say(Sentence.LOWEST_FIRST if task.is_lowest else Sentence.HIGHEST_FIRST)
    if task.by is None:
        told.line(Sentence.TOP_ROWS, column=plain(task.column.name), order=order)
        _table(told, result)
        told.step(Sentence.HOW_LOOK)
        return
    told.line(
        Sentence.TOP_GROUPS,
        by=plain(task.by.name),
        figure=say(Sentence(task.statistic)),
        column=plain(task.column.name),
        order=order,
    )
    groups = named_of(result, Key.GROUPS)
    told.lines.append("\n".join(f"- **{plain(name)}**: {_number(say, value)}" for name, value in groups.items()))
    _tell_ratios(told, (task.column,), task.statistic)
    told.step(Sentence.HOW_FIGURES)


def _share(told: Told, task: TellShare, result: Result) -> None:
    say, shares = told.say, named_of(result, Key.SHARES)
    tell_rows(told, task.only)
    what = say(Sentence.OF_COLUMN, column=plain(task.column.name)) if task.column else say(Sentence.OF_ROWS)
    if not shares:
        told.line(Sentence.NO_SHARES, what=what)
    elif task.group and task.group in shares:
        told.line(Sentence.ONE_SHARE, name=plain(task.group), value=_number(say, shares[task.group]), what=what)
    elif task.group:
        told.line(Sentence.NO_SHARES, what=what)
    else:
        told.line(Sentence.SHARES, by=plain(task.by.name), what=what)
        lines = (f"- {plain(name)}: **{_number(say, value)} %**" for name, value in shares.items())
        told.lines.append("\n".join(lines))
        if task.top:
            together = sum(value for value in shares.values() if isinstance(value, int | float))
            told.line(Sentence.SHARES_TOGETHER, value=_number(say, together))
    told.step(Sentence.HOW_FIGURES)


def _overview(told: Told, task: Overview, result: Result) -> None:
    """Rows, columns and what they hold, the first rows, and three questions that work for these columns."""
    say = told.say
    told.line(Sentence.OVERVIEW, rows=_whole(result, Key.COUNT), count=_whole(result, Key.WIDTH))
    told.lines.append("\n".join(f"- **{plain(column.name)}**: {_held(say, column)}" for column in task.columns[:12]))
    told.line(Sentence.FIRST_ROWS)
    _table(told, result)
    told.step(Sentence.HOW_LOOK)
    questions = _questions(say, task.columns)
    if questions:
        told.lines.append("\n".join([say(Sentence.CAN_ASK), *(f"- {question}" for question in questions)]))


def _held(say: Say, column: Column) -> str:
    missing = say(Sentence.AND_MISSING, count=column.missing) if column.missing else ""
    if column.kind is ColumnKind.TEXT:
        shown = [plain(value) for value in column.values[:3]]
        words = say(
            Sentence.TEXT_VALUES, values=", ".join(shown) + (", ..." if len(column.values) > len(shown) else "")
        )
        return (words if shown else say(Sentence.TEXT)) + missing
    low, high = (_end(say, end, is_number=column.kind is ColumnKind.NUMBER) for end in (column.low, column.high))
    return (
        say(
            Sentence.NUMBERS_BETWEEN if column.kind is ColumnKind.NUMBER else Sentence.DATES_BETWEEN, low=low, high=high
        )
        + missing
    )


def _end(say: Say, text: str, *, is_number: bool) -> str:
    if not is_number:
        return text.removesuffix(" 00:00:00") or "-"
    try:
        return say.decimal(float(text))
    except ValueError:
        return "-"


def _questions(say: Say, columns: Sequence[Column]) -> list[str]:
    """Such as these columns have an answer to."""
    numbers = [column.name for column in columns if column.kind is ColumnKind.NUMBER and not _ID.search(column.name)]
    texts = [column for column in columns if column.kind is ColumnKind.TEXT and len(column.values) > 1]
    groups = [column.name for column in sorted(texts, key=lambda column: len(column.values))]
    dates = [column.name for column in columns if column.kind is ColumnKind.DATE]
    if not numbers:
        return [say(Sentence.ASK_ROWS)]
    found = [say(Sentence.ASK_BY, y=plain(numbers[-1]), x=plain(groups[0]))] if groups else []
    found += [say(Sentence.ASK_MONTH, y=plain(numbers[-1]))] if len(dates) == 1 else []
    found += [say(Sentence.ASK_AGAINST, y=plain(numbers[1]), x=plain(numbers[0]))] if len(numbers) > 1 else []
    return [*found, say(Sentence.ASK_TOP, y=plain(numbers[-1])), say(Sentence.ASK_HISTOGRAM, y=plain(numbers[0]))][:3]


def _leader(told: Told, task: FindGroup, result: Result) -> None:
    say = told.say
    tell_rows(told, task.only)
    if not texts_of(result, Key.LEADERS):
        told.line(Sentence.NO_ROW_CHOSEN)
        told.step(Sentence.HOW_FIGURES)
        return
    if task.by.kind is ColumnKind.DATE:
        told.line(
            Sentence.LOWEST_DATE if task.is_lowest else Sentence.HIGHEST_DATE,
            column=plain(task.column.name),
            value=_number(say, result.get(Key.VALUE)),
            dates=say.listed([plain(name) for name in texts_of(result, Key.LEADERS)]),
        )
        told.step(Sentence.HOW_FIGURES)
        return
    told.line(
        Sentence.LOWEST_GROUP if task.is_lowest else Sentence.HIGHEST_GROUP,
        figure=say(Sentence(task.statistic)),
        column=plain(task.column.name),
        groups=say.listed([plain(name) for name in texts_of(result, Key.LEADERS)]),
        value=_number(say, result.get(Key.VALUE)),
    )
    if texts_of(result, Key.OF_SUMS):
        told.line(
            Sentence.LOWEST_GROUP if task.is_lowest else Sentence.HIGHEST_GROUP,
            figure=say(Sentence.TOTAL),
            column=plain(task.column.name),
            groups=say.listed([plain(name) for name in texts_of(result, Key.OF_SUMS)]),
            value=_number(say, result.get(Key.SUM)),
        )
    _tell_ratios(told, (task.column,), task.statistic)
    told.step(Sentence.HOW_FIGURES)


def _row_count(told: Told, task: CountRows, result: Result) -> None:
    tell_rows(told, task.only)
    if task.only:
        tell_count(told, result)
    else:
        told.line(Sentence.ROWS, count=_whole(result, Key.COUNT))
    told.step(Sentence.HOW_COUNT)


def _value_count(told: Told, task: CountValues, result: Result) -> None:
    tell_rows(told, task.only)
    values, count = named_of(result, Key.VALUES), _whole(result, Key.COUNT)
    told.line(Sentence.DIFFERENT_VALUES, column=plain(task.column.name), count=count)
    told.lines.append(
        "\n".join(
            f"- {plain(name)}: {told.say(Sentence.ROW_COUNT, count=_number(told.say, each))}"
            for name, each in values.items()
        )
    )
    if count > len(values):
        told.line(Sentence.ONLY_SOME_SHOWN, shown=len(values), count=count)
    told.step(Sentence.HOW_COUNT)


def _columns(told: Told, _: ListColumns, result: Result) -> None:
    told.line(Sentence.COLUMNS, columns=_names(told.say, result), count=_whole(result, Key.COUNT))
    told.step(Sentence.HOW_LOOK)


def _names(say: Say, result: Result) -> str:
    """Of the columns, and how many more there are."""
    names = [plain(name) for name in texts_of(result, Key.COLUMNS)]
    more = _whole(result, Key.COUNT) - len(names)
    return say.listed([*names, say(Sentence.MORE_COLUMNS, count=more)] if more > 0 else names)


_TELLERS: Final[Mapping[type, Callable[[Told, Any, Result], None]]] = {
    ShowChart: _chart,
    TellStatistics: _statistics,
    TellCorrelation: _correlation,
    Describe: _describe,
    CountRows: _row_count,
    CountValues: _value_count,
    CountMissing: _missing,
    ShowRows: _rows,
    ListColumns: _columns,
    FindGroup: _leader,
    FindTop: _top,
    TellShare: _share,
    Overview: _overview,
}
