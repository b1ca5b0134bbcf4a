"""The Python for a file: first a look at its columns, then the figures and diagrams asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from tutor.answers.say import Say
from tutor.data import charts, figures
from tutor.data.file_mentions import Table
from tutor.data.python_text import made_of, quoted, result
from tutor.data.requests import (
    Bound,
    Cell,
    Chart,
    Column,
    Condition,
    CountMissing,
    CountRows,
    CountValues,
    DataTask,
    Days,
    Describe,
    FindGroup,
    FindTop,
    ListColumns,
    Months,
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
    """Read a csv, Excel, OpenDocument or JSON file, whatever its encoding and separator."""
    if path.suffix.lower() in {".xlsx", ".xls", ".ods"}:
        return with_dates(pd.read_excel(path), day_first=False)
    if path.suffix.lower() in {".json", ".jsonl", ".ndjson"}:
        return with_dates(read_json(path.read_text("utf-8-sig")), day_first=False)
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\\xff\\xfe", b"\\xfe\\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    separator = max(",;\\t|", key=text.split("\\n", 1)[0].count)
    return read(text, separator)


def read_json(text):
    """A list of records, one record a line, or an object that holds one such list or columns of values."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        data = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list)]
        of_records = [value for value in lists if value and isinstance(value[0], dict)]
        data = of_records[0] if of_records else data if lists or not data else [data]
    table = pd.json_normalize(data) if isinstance(data, list) else pd.DataFrame(data)
    lists = [name for name in table.columns if table[name].map(lambda cell: isinstance(cell, list | dict)).any()]
    return table.astype({name: str for name in lists})


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
_MAX_LOOK_CHARS: Final = 15_000  # an output of more than 20 000 is cut before it comes back
_MAX_ASKED_CHARS: Final = 6_000
_LOOK: Final = f"""
import re

# A first look: which columns there are, and what they hold. Of a wide table, those that the questions name come first.
asked = {{asked}}


def is_asked(text):
    words = " ".join(re.findall(r"[^\\W_]+", text.lower()))
    return bool(words) and f" {{{{words}}}} " in asked


def about(name):
    values, kind = table[name].dropna(), kinds.get(table[name].dtype.kind, "text")
    found, missing = {{{{"{Key.NAME}": name, "{Key.KIND}": kind}}}}, int(table[name].isna().sum())
    if missing:
        found["{Key.MISSING}"] = missing
    if kind == "text":
        texts = values.astype(str).value_counts().index
        if len(texts) <= 30:
            found["{Key.VALUES}"] = [value[:40] for value in texts]
        else:  # too many to list, but those in the question
            found["{Key.MENTIONED}"] = [value for value in texts[:100_000] if len(value) <= 60 and is_asked(value)][:20]
    elif len(values):
        found |= {{{{"{Key.LOW}": str(values.min()), "{Key.HIGH}": str(values.max())}}}}
        if kind == "number" and values.nunique() <= min(12, len(values) / 2):
            found["{Key.GROUPING}"] = True
    return found


kinds = {{{{"i": "number", "u": "number", "f": "number", "M": "date"}}}}
def rank(name):
    words = [word for word in re.findall(r"[^\\W_]{{{{3,}}}}", name) if is_asked(word)]
    return (not is_asked(name), not words)


in_order = sorted(range(table.shape[1]), key=lambda at: rank(table.columns[at]))
looked, left = {{{{}}}}, {_MAX_LOOK_CHARS}
for at in in_order:
    found = about(table.columns[at])
    left -= len(json.dumps(found)) + 2
    if left < 0 and looked:
        break
    looked[at] = found
columns = [looked[at] for at in sorted(looked)]
print(table.iloc[:5, :40].to_string()[:1500])
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


def look(table: Table, texts: Sequence[str]) -> str:
    """Columns and their kinds, before anything else; the questions' words stand in it as quoted text."""
    words = " ".join(re.findall(r"[^\W_]+", " ".join(reversed(texts)).lower()))
    return (
        _loaded(table)
        + _LOOK.format(asked=quoted(f" {words[:_MAX_ASKED_CHARS]} "))
        + result({Key.COLUMNS: "columns", Key.ROWS: "len(table)", Key.WIDTH: "table.shape[1]"})
    )


def data_program(table: Table, tasks: Sequence[DataTask], say: Say) -> str:
    """The figures and diagrams, one result line for each task; titles in the language of the question."""
    return (
        _loaded(table)
        + _made_columns(tasks)
        + "".join(
            _among(task, _CHARTS[task.chart](task, say) if isinstance(task, ShowChart) else _FIGURES[type(task)](task))
            for task in tasks
        )
    )


def _among(task: DataTask, code: str) -> str:
    """The code run on the rows that the question is about."""
    if isinstance(task, ListColumns | Overview) or not task.only:
        return code
    return f"""
# Only the rows that were asked about.
everything = table
table = everything[
    {_mask(task.only)}
].copy()
{code}table = everything
"""


def _mask(only: Sequence[Condition]) -> str:
    """All conditions hold; of a column's values, one does."""
    values: dict[tuple[str, bool], list[str]] = {}
    masks: list[str] = []
    for each in only:
        rows = f"everything[{quoted(each.column.name)}]"
        match each:
            case Cell():
                values.setdefault((rows, each.is_excluded), []).append(each.value)
            case Bound():
                masks.append(f"({rows} {each.comparison} {each.value})")
            case Days(start=start, end=end):
                masks += [f"({rows} >= {quoted(start)})"] if start else []
                masks += [f"({rows} < {quoted(end)})"] if end else []
            case Months():
                masks.append(f"{rows}.dt.month.isin({list(each.months)})")
    for (rows, is_excluded), texts in values.items():
        found = f"{rows}.astype(str).str.strip().isin({json.dumps(texts, ensure_ascii=False)})"
        masks.append(f"~{found}" if is_excluded else found)
    return "\n    & ".join(masks)


def _made_columns(tasks: Sequence[DataTask]) -> str:
    """Columns that the file does not have: the month of a date, the difference of two columns."""
    columns: dict[Column, None] = {}
    for task in tasks:
        for field in fields(task):
            value = getattr(task, field.name)
            for each in value if isinstance(value, tuple) else (value,):
                column = each.column if isinstance(each, Cell | Bound | Days | Months) else each
                if isinstance(column, Column):
                    _add_with_inputs(columns, column)
    return "".join(_made(column) for column in columns if column.period or column.formula)


def _add_with_inputs(columns: dict[Column, None], column: Column) -> None:
    for each in column.formula:
        if isinstance(each, Column):
            _add_with_inputs(columns, each)
    columns[column] = None


def _made(column: Column) -> str:
    if column.formula:
        made = f"({made_of(column, 'table')}).replace([np.inf, -np.inf], np.nan)"
        return f"\n# A column made of others; dividing by zero gives no value.\ntable[{quoted(column.name)}] = {made}\n"
    dates = f"table[{quoted(column.dates)}]"
    made = f'{dates}.dt.to_period("{column.period}").astype(str).where({dates}.notna())'
    return f"\n# The period that each date falls into.\ntable[{quoted(column.name)}] = {made}\n"


def _loaded(table: Table) -> str:
    """The table's reading; a pasted one stands in the program as quoted text."""
    loaded = f"load(Path({quoted(table.file_name)}))" if table.file_name else f'read({quoted(table.pasted)}, "\\t")'
    return _LOAD.lstrip().replace("{table}", loaded)
