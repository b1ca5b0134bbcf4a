"""The Python for a file: first a look at its columns, then the figures and diagrams asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tutor.answers.say import Say
from tutor.data import charts, figures
from tutor.data.file_mentions import Table
from tutor.data.python_text import quoted, result
from tutor.data.requests import (
    Chart,
    Column,
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
    TellCorrelation,
    TellShare,
    TellStatistics,
)
from tutor.programs.result_keys import Key

_LOAD: Final = '''
import io
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd


def load(path):
    """Read a csv or Excel file, whatever its encoding and separator."""
    if path.suffix.lower() in {".xlsx", ".xls", ".ods"}:
        return with_dates(pd.read_excel(path), day_first=False)
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\\xff\\xfe", b"\\xfe\\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    separator = max(",;\\t|", key=text.split("\\n", 1)[0].count)
    return read(text, separator)


def read(text, separator):
    """A table in its country's notation: a semicolon goes with decimal commas and the day before the month."""
    comma = separator == ";"
    table = pd.read_csv(io.StringIO(text), sep=separator, decimal="," if comma else ".", skipinitialspace=True)
    return with_dates(with_numbers(table, decimal_comma=comma), day_first=comma)


def with_numbers(table, decimal_comma):
    """Columns of text that are numbers such as 1.234,5 or $1,200 or 15 % made so."""
    for name in table.columns:
        if table[name].dtype.kind not in "biufM":
            texts = table[name].dropna().astype(str).str.strip()
            plain = texts.str.replace(r"[€$£¥%\\s'’]|EUR|USD|GBP|CHF", "", regex=True)
            plain = plain[~plain.isin(["", "-", "–", "—"])]
            dots, commas = plain.str.contains(".", regex=False), plain.str.contains(",", regex=False)
            in_threes = plain.str.fullmatch(r"[+-]?\\d{1,3}([.,]\\d{3})+")
            both = plain[dots & commas]
            if len(both):
                comma = (both.str.rfind(",") > both.str.rfind(".")).all()
            elif commas.any():
                comma = decimal_comma or not in_threes[commas].all()
            elif decimal_comma and not in_threes[dots].all():
                continue  # 1.2 and 1.10 are versions there
            else:
                comma = decimal_comma
            point, thousands = (",", ".") if comma else (".", ",")
            plain = plain.str.replace(thousands, "", regex=False).str.replace(point, ".", regex=False)
            is_number = texts.str.fullmatch(
                r"[^\\w+-]*[+-]?[^\\w]*(\\d{1,3}([.,'’\\s]\\d{3})+|\\d+)([.,]\\d+)?\\s*([€$£¥%]|EUR|USD|GBP|CHF)?"
            ).loc[plain.index]
            if len(plain) and is_number.all():
                table[name] = pd.to_numeric(plain, errors="coerce").reindex(table.index)
    return table


def with_dates(table, day_first):
    """Columns of text that are dates made so."""
    for name in table.columns:
        if table[name].dtype.kind not in "biufM":
            texts = table[name].dropna().astype(str)
            ends = texts.str.extract(r"^\\s*(\\d{1,2})([./-])(\\d{1,2})[./-]\\d{2,4}\\b").dropna()
            first, second = ends[0].astype(int), ends[2].astype(int)
            days = (first > 12).any() or (not (second > 12).any() and (day_first or (ends[1] == ".").any()))
            with_year = texts.head(1000).str.contains(r"\\d{4}|\\d{1,2}[./-]\\d{1,2}[./-]\\d{2}")
            if not with_year.mean() > 0.9:  # "May" is no date
                continue
            dates = pd.to_datetime(texts.head(1000), errors="coerce", format="mixed", dayfirst=bool(days))
            if dates.notna().mean() > 0.9:
                table[name] = pd.to_datetime(table[name], errors="coerce", format="mixed", dayfirst=bool(days))
    return table


def group_name(group):
    """A group in words; a date without the midnight it begins with."""
    return str(group).removesuffix(" 00:00:00")


table = {table}
table.columns = [str(name).strip() for name in table.columns]
'''
MAX_COLUMNS: Final = 500
"""How many columns of a file are looked at. What others hold, nothing can be asked about."""

_LOOK: Final = f"""
# A first look: which columns there are, and what they hold.
kinds = {{"i": "number", "u": "number", "f": "number", "M": "date"}}
columns = []
for name in table.columns[:{MAX_COLUMNS}]:
    values, kind = table[name].dropna(), kinds.get(table[name].dtype.kind, "text")
    about = {{"{Key.NAME}": name, "{Key.KIND}": kind, "{Key.MISSING}": int(table[name].isna().sum())}}
    if kind == "text":
        few = values.astype(str).value_counts().index[:31]
        about["{Key.VALUES}"] = [value[:40] for value in few] if len(few) <= 30 and len(columns) < 60 else []
    elif len(values):
        about |= {{"{Key.LOW}": str(values.min()), "{Key.HIGH}": str(values.max())}}
    columns.append(about)
print(table.iloc[:5, :40].to_string())
"""
_CHARTS: Final[Mapping[Chart, Callable[[ShowChart, Say], str]]] = {
    Chart.HISTOGRAM: charts.histogram,
    Chart.BOXES: charts.boxes,
    Chart.SCATTER: charts.scatter,
    Chart.LINES: charts.lines,
    Chart.BARS: charts.bars,
    Chart.PIE: charts.pie,
}
_FIGURES: Final[Mapping[type, Callable[[Any], str]]] = {
    TellStatistics: figures.statistics,
    TellCorrelation: figures.correlation,
    Describe: figures.describe,
    CountRows: figures.count_rows,
    CountValues: figures.count_values,
    CountMissing: figures.missing,
    ShowRows: figures.rows,
    ListColumns: figures.columns,
    FindGroup: figures.leader,
    FindTop: figures.top,
    TellShare: figures.share,
    Overview: figures.overview,
}


def look(table: Table) -> str:
    """Columns and their kinds, before anything else."""
    return (
        _loaded(table) + _LOOK + result({Key.COLUMNS: "columns", Key.ROWS: "len(table)", Key.WIDTH: "table.shape[1]"})
    )


def data_program(table: Table, tasks: Sequence[DataTask], say: Say) -> str:
    """The figures and diagrams, one result line for each task; titles in the language of the question."""
    return (
        _loaded(table)
        + "".join(dict.fromkeys(map(_made_columns, tasks)))
        + "".join(
            _among(task, _CHARTS[task.chart](task, say) if isinstance(task, ShowChart) else _FIGURES[type(task)](task))
            for task in tasks
        )
    )


def _among(task: DataTask, code: str) -> str:
    """The code run on the rows that the question is about."""
    cells = task.only if isinstance(task, ShowChart | TellStatistics | FindGroup | FindTop | CountRows) else ()
    if not cells:
        return code
    values: dict[str, list[str]] = {}
    for cell in cells:
        values.setdefault(cell.column.name, []).append(cell.value)
    chosen = " & ".join(
        f"everything[{quoted(name)}].astype(str).str.strip().isin({json.dumps(each, ensure_ascii=False)})"
        for name, each in values.items()
    )
    return f"""
# Only the rows that were asked about.
everything = table
table = everything[{chosen}]
{code}table = everything
"""


def _made_columns(task: DataTask) -> str:
    """The month, year or the like of a column of dates, as a column of its own."""
    columns: list[Column | None] = []
    if isinstance(task, ShowChart | TellStatistics | FindGroup | FindTop | TellShare):
        columns.append(task.by)
    if isinstance(task, ShowChart):
        columns.append(task.x)
    return "".join(_made(column) for column in columns if column is not None and column.period)


def _made(column: Column) -> str:
    dates = f"table[{quoted(column.dates)}]"
    made = f'{dates}.dt.to_period("{column.period}").astype(str).where({dates}.notna())'
    return f"\n# The period that each date falls into.\ntable[{quoted(column.name)}] = {made}\n"


def _loaded(table: Table) -> str:
    """The table's reading; a pasted one stands in the program as quoted text."""
    loaded = f"load(Path({quoted(table.file_name)}))" if table.file_name else f'read({quoted(table.pasted)}, "\\t")'
    return _LOAD.lstrip().replace("{table}", loaded)
