"""The Python for a file: first a look at its columns, then the figures and diagrams asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from tutor.answers.say import Say
from tutor.data import charts, figures
from tutor.data.file_mentions import READABLE_IN_ZIP, Table
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
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd


def load(name, data):
    """Read a csv, Excel, OpenDocument or JSON file, whatever its encoding and separator."""
    kind = Path(name).suffix.lower()
    if kind in {".xlsx", ".xlsm", ".xls"}:
        top = pd.read_excel(io.BytesIO(data), header=None, nrows=30)
        return with_dates(pd.read_excel(io.BytesIO(data), skiprows=heading(top.notna().sum(axis=1))), day_first=False)
    if kind in {".json", ".jsonl", ".ndjson"}:
        return with_dates(read_json(data.decode("utf-8-sig")), day_first=False)
    for encoding in ["utf-16"] if data[:2] in (b"\\xff\\xfe", b"\\xfe\\xff") else ["utf-8-sig", "cp1252", "latin-1"]:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text[:4].lower() == "sep=":  # the first line of Excel's own csv files
        return read(text.partition("\\n")[2], text[4])
    lines = [line for line in text[:100_000].splitlines() if line.strip()][:30]
    separator = separator_of(lines)
    skipped = heading([sum(map(bool, map(str.strip, line.split(separator)))) for line in lines])
    for line in lines[:skipped]:
        text = text[text.index(line) + len(line):]
    if separator == " ":
        return read(re.sub(r"[^\\S\\n]{2,}" if "  " in lines[skipped] else r"[^\\S\\n]+", "\\t", text), "\\t")
    return read(text.lstrip("\\r\\n"), separator)


def heading(filled):
    """How many lines of a title stand above the table: they have one cell where others have several."""
    several = [at for at, count in enumerate(filled) if count > 1]
    return several[0] if several else 0


def separator_of(lines):
    """The sign that stands equally often in most lines; a blank where columns are set apart by blanks."""
    def fitting(sign):
        counts = [len(line.split()) - 1 if sign == " " else line.count(sign) for line in lines]
        usual = max(set(counts) - {0}, key=counts.count, default=0)
        return (counts.count(usual), usual) if usual else (0, 0)

    best = max(";\\t|,", key=fitting)
    if best == "," and all(re.fullmatch(r"[-+]?\\d+,\\d+", line.strip()) for line in lines[1:]) and "," not in lines[0]:
        return "\\t"  # decimals below a name
    if fitting(best)[0] > 1 and any(best in line for line in lines[:3]):
        return best
    return " " if fitting(" ")[0] == len(lines) > 2 else ";" if len(lines) == 1 and ";" in lines[0] else (
        "," if len(lines) == 1 and "," in lines[0] else "\\t")


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


def names_columns(first, text):
    """Whether a line of numbers is a heading: years, or counted from 0 or 1 where the next line does not count on."""
    if all(re.fullmatch(r"(19|20)\\d\\d", cell) for cell in first):
        return True
    counted = len(first) > 1 and first == [str(at) for at in range(len(first))]
    counted |= len(first) > 2 and first == [str(at + 1) for at in range(len(first))]
    following = re.match(r"\\s*(\\d+)\\b", text.partition("\\n")[2])
    return counted and following is not None and int(following[1]) not in {int(first[0]) + 1, int(first[-1]) + 1}


def read(text, separator):
    """A table in its country's notation: a semicolon goes with decimal commas and the day before the month."""
    comma = separator == ";"
    first = [cell.strip() for cell in text.partition("\\n")[0].split(separator)]
    is_data = all(re.fullmatch(r"[-+]?\\d[\\d.,]*", cell) for cell in first) and not names_columns(first, text)
    names = [f"column {at + 1}" for at in range(len(first))] if is_data else None
    how = {"sep": separator, "decimal": "," if comma else ".", "skipinitialspace": True, "names": names}
    table = pd.read_csv(io.StringIO(text), **how)
    ends_empty = len(table) > 0 and table.iloc[:, -1].isna().all()
    longer = not table.index.equals(pd.RangeIndex(len(table)))  # the lines have one cell more than the first
    if longer or (ends_empty and text.count(f"{separator}\\n") >= len(table)):
        table = pd.read_csv(io.StringIO(text), index_col=False, **how) if ends_empty else table.reset_index()
    empty = [name for name in table.columns if str(name).startswith("Unnamed: ") and table[name].isna().all()]
    return with_dates(with_numbers(table.drop(columns=empty), decimal_comma=comma), day_first=comma)


def with_numbers(table, decimal_comma):
    """Columns of text that are numbers such as 1.234,5 or $1,200 or 15 % made so."""
    for name in table.columns:
        if table[name].dtype.kind not in "biufM":
            texts = table[name].dropna().astype(str).str.strip()
            # (150) and 150- are how accountants write -150.
            texts = texts.str.replace(r"^\\((.+)\\)$|^([^-]*\\d)-$", r"-\\1\\2", regex=True)
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


def without_totals(table):
    """The table without a last row that adds up the others, and what that row is called."""
    texts = [str(cell).strip() for cell in table.iloc[-1] if isinstance(cell, str)] if len(table) > 1 else []
    total = r"(?:grand )?totals?|sums?|summe|gesamt(?:summe)?|insgesamt|totaal|som|eindtotaal"
    found = next((text for text in texts if re.fullmatch(total, text.rstrip(": "), re.IGNORECASE)), "")
    numbers = table.select_dtypes("number")
    adds_up = False
    for name in numbers.columns if found else ():
        above, last = numbers[name].iloc[:-1], numbers[name].iloc[-1]
        gap, size = abs(above.sum() - last), above.abs().sum()
        if size == 0 or pd.isna(last):
            continue  # zeros add up in every row
        if gap <= 1e-6 * size + min(0.006, 0.01 * size):
            adds_up = True
        elif gap > 0.01 * size and not above.min() <= last <= above.max():
            return table, ""  # neither a sum, perhaps of rounded figures, nor a mean or a share
    return (table.iloc[:-1], found) if adds_up else (table, "")


table = {table}
table.columns = [str(name).strip() for name in table.columns]
table, left_out = without_totals(table)
'''
_UNZIP: Final = '''
import zipfile


def unzipped(path):
    """The name and the content of the one table in a zip file."""
    with zipfile.ZipFile(path) as archive:
        names = [each for each in archive.namelist() if each.lower().endswith({kinds})]
        names = [each for each in names if not each.startswith("__MACOSX")]
        if len(names) != 1:
            raise ValueError(f"{{len(names)}} tables in the zip file")
        with archive.open(names[0]) as inner:
            data = inner.read({most} + 1)
        if len(data) > {most}:
            raise ValueError("the table in the zip file is larger than {most:,} bytes")
        return names[0], data


'''
_ODS: Final = '''
import zipfile
from xml.etree import ElementTree


def read_ods(path):
    """The first sheet of an OpenDocument file."""
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as content:
        sheet = next(element for _, element in ElementTree.iterparse(content) if element.tag.endswith("}}table"))
    rows = []
    for row in sheet.iter():
        if not row.tag.endswith("}}table-row"):
            continue
        cells = []
        for cell in row:
            read = {{key.rpartition("}}")[2]: value for key, value in cell.attrib.items()}}
            words = " ".join("".join(part.itertext()) for part in cell)
            value = read.get("date-value") or words or None
            if "value" in read:
                value = float(read["value"])
            cells += [value] * min(int(read.get("number-columns-repeated", 1)), 200 if value is not None else 20)
        while cells and cells[-1] is None:
            cells.pop()
        rows += [cells] if cells else []
    width = max(map(len, rows), default=0)
    rows = [row + [None] * (width - len(row)) for row in rows]
    rows = rows[heading([len(row) - row.count(None) for row in rows]):]
    table = pd.DataFrame(rows[1:], columns=[str(name) for name in rows[0]])
    return with_dates(table.infer_objects(), day_first=False)


'''
_MAX_UNZIPPED_BYTES: Final = 100_000_000
_MAX_LOOK_CHARS: Final = 15_000  # an output of more than 20 000 is cut before it comes back
_MAX_ASKED_CHARS: Final = 6_000
_LOOK: Final = f"""
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
        + result(
            {Key.COLUMNS: "columns", Key.ROWS: "len(table)", Key.WIDTH: "table.shape[1]", Key.LEFT_OUT: "left_out"}
        )
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
    path, kind = f"Path({quoted(table.file_name)})", table.file_name.lower().rpartition(".")[2]
    before = ""
    if table.pasted:
        loaded = f'read({quoted(table.pasted)}, "\\t")'
    elif kind == "zip":
        before = _UNZIP.format(kinds=READABLE_IN_ZIP, most=_MAX_UNZIPPED_BYTES)
        loaded = f"load(*unzipped({path}))"
    elif kind == "ods":
        before, loaded = _ODS.format(), f"read_ods({path})"
    else:
        loaded = f"load({quoted(table.file_name)}, {path}.read_bytes())"
    return before.lstrip() + _LOAD.lstrip().replace("{table}", loaded)
