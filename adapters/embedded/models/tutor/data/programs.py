"""The Python for a file: first a look at its columns, then the figures and diagrams asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from adapters.embedded.models.tutor.data.requests import (
    Chart,
    Column,
    ColumnKind,
    CountRows,
    DataTask,
    Describe,
    ShowChart,
    Statistic,
    TellCorrelation,
    TellStatistics,
)
from adapters.embedded.models.tutor.programs.script import MARK

_LOAD: Final = '''
import io
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd


def load(path):
    """Read a csv or Excel file, whatever its encoding and separator."""
    if path.suffix.lower() in {".xlsx", ".xls"}:
        return pd.read_excel(path)
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\\xff\\xfe", b"\\xfe\\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    first = text.split("\\n", 1)[0]
    separator = max(",;\\t|", key=first.count)
    return pd.read_csv(io.StringIO(text), sep=separator, decimal="," if separator == ";" else ".", skipinitialspace=True)


def with_dates(table):
    """Columns of text that are dates made so."""
    for name in table.columns:
        if table[name].dtype.kind not in "biufM":
            dates = pd.to_datetime(table[name].head(1000), errors="coerce", format="mixed")
            if dates.notna().mean() > 0.9:
                table[name] = pd.to_datetime(table[name], errors="coerce", format="mixed")
    return table


table = with_dates(load(Path({path})))
table.columns = [str(name).strip() for name in table.columns]
'''
_LOOK: Final = '''
# A first look: which columns there are, and what they hold.
kinds = {"i": "number", "u": "number", "f": "number", "M": "date"}
columns = [{"name": name, "kind": kinds.get(table[name].dtype.kind, "text")} for name in table.columns[:60]]
print(table.head().to_string())
print("MARK", json.dumps({"columns": columns, "rows": len(table)}))
'''
_FIGURES: Final = {
    Statistic.MEAN: "mean", Statistic.MEDIAN: "median", Statistic.DEVIATION: "std", Statistic.VARIANCE: "var",
    Statistic.TOTAL: "sum", Statistic.MINIMUM: "min", Statistic.MAXIMUM: "max", Statistic.COUNT: "count",
}


def look(file_name: str) -> str:
    """Columns and their kinds, before anything else."""
    return _loaded(file_name) + _LOOK.replace("MARK", MARK)


def data_program(file_name: str, tasks: Sequence[DataTask]) -> str:
    """The figures and diagrams, one result line for each task."""
    return _loaded(file_name) + "".join(_section(task) for task in tasks)


def _loaded(file_name: str) -> str:
    return _LOAD.lstrip().replace("{path}", json.dumps(file_name, ensure_ascii=False))


def _section(task: DataTask) -> str:
    match task:
        case ShowChart(chart=Chart.HISTOGRAM | Chart.BOXES):
            return _distribution(task)
        case ShowChart(chart=Chart.SCATTER):
            return _scatter(task)
        case ShowChart(chart=Chart.LINES):
            return _lines(task)
        case ShowChart():
            return _bars(task)
        case TellStatistics():
            return _statistics(task)
        case TellCorrelation():
            return _correlation(task)
        case Describe():
            return _describe(task)
        case CountRows():
            return f'\nprint("Rows:", len(table))\nprint("{MARK}", json.dumps({{"rows": len(table)}}))\n'


def _name(column: Column) -> str:
    return json.dumps(column.name, ensure_ascii=False)


def _names(columns: Sequence[Column]) -> str:
    return "[" + ", ".join(map(_name, columns)) + "]"


def _text(value: str) -> str:
    """Text for a title; a dollar sign would begin a formula in matplotlib."""
    return json.dumps(value.replace("$", r"\$"), ensure_ascii=False)


def _shown(title: str, x: str, y: str, count: str) -> str:
    return f"""
plt.title({_text(title)})
plt.xlabel({_text(x)})
plt.ylabel({_text(y)})
plt.grid(True)
plt.tight_layout()
plt.show()
print("{MARK}", json.dumps({{"count": int({count})}}))
"""


def _distribution(task: ShowChart) -> str:
    names = ", ".join(column.name for column in task.ys)
    by = f" by {task.by.name}" if task.by else ""
    groups = (
        f"groups = {{str(group): rows[{_name(task.ys[0])}].dropna() for group, rows in table.groupby({_name(task.by)})}}"
        if task.by else f"groups = {{name: table[name].dropna() for name in {_names(task.ys)}}}"
    )
    if task.chart is Chart.HISTOGRAM:
        drawing = """for name, values in groups.items():
    plt.hist(values, bins="auto" if len(values) < 100_000 else 60, alpha=0.7, label=name)
plt.legend()"""
        axes = (names, "count")
    else:
        drawing = """plt.boxplot(list(groups.values()), labels=list(groups))"""
        drawing = "plt.boxplot(list(groups.values()), tick_labels=list(groups))"
        axes = (task.by.name if task.by else "", names)
    return f"""
# How the values are spread.
{groups}
plt.figure(figsize=(8, 5))
{drawing}
""" + _shown(f"{'Histogram' if task.chart is Chart.HISTOGRAM else 'Box plot'} of {names}{by}", *axes,
             "sum(len(values) for values in groups.values())")


def _scatter(task: ShowChart) -> str:
    x = task.x or task.ys[0]
    names = ", ".join(column.name for column in task.ys)
    trend = """
    slope, intercept = np.polyfit(rows[across], rows[name], 1)
    ends = np.array([rows[across].min(), rows[across].max()])
    plt.plot(ends, slope * ends + intercept, label=f"trend of {name}")
    fits.append({"name": name, "slope": round(slope, 10), "intercept": round(intercept, 10),
                 "r": float(np.corrcoef(rows[across], rows[name])[0, 1])})""" if task.trend else ""
    return f"""
# One dot for each row{', and the straight line that fits best' if task.trend else ''}.
across, fits = {_name(x)}, []
plt.figure(figsize=(8, 5))
for name in {_names(task.ys)}:
    rows = table[[across, name]].dropna() if name != across else table[[name]].dropna()
    plt.scatter(rows[across], rows[name], s=18, alpha=0.8, label=name){trend}
plt.legend()
print("Fits:", fits)
""" + _shown(f"{names} against {x.name}", x.name, names, "len(rows)").replace('{"count": int(len(rows))}',
                                                                                 '{"count": len(rows), "fits": fits}')


def _lines(task: ShowChart) -> str:
    names = ", ".join(column.name for column in task.ys)
    if task.x is None:
        rows, across, label = "table", "rows.index", "row"
    else:
        rows, across, label = f"table.sort_values({_name(task.x)})", f"rows[{_name(task.x)}]", task.x.name
    trend = f"""
    numbers = {_days(task.x) if task.x is not None and task.x.kind is ColumnKind.DATE else across + '.astype(float)'}
    known = rows[name].notna() & numbers.notna()
    slope, intercept = np.polyfit(numbers[known], rows[name][known], 1)
    plt.plot({across}, slope * numbers + intercept, label=f"trend of {{name}}")
    fits.append({{"name": name, "slope": round(slope, 10), "intercept": round(intercept, 10),
                 "r": float(np.corrcoef(numbers[known], rows[name][known])[0, 1])}})""" if task.trend else ""
    rotated = "\nplt.gcf().autofmt_xdate()" if task.x is not None and task.x.kind is ColumnKind.DATE else ""
    return f"""
# The values in order, joined to lines.
rows, fits = {rows}, []
plt.figure(figsize=(8, 5))
for name in {_names(task.ys)}:
    plt.plot({across}, rows[name], marker="." if len(rows) < 60 else None, label=name){trend}
plt.legend(){rotated}
""" + _shown(f"{names} over {label}", label, names, "len(rows)").replace('{"count": int(len(rows))}',
                                                                      '{"count": len(rows), "fits": fits}')


def _days(x: Column) -> str:
    return f"(rows[{_name(x)}] - rows[{_name(x)}].min()).dt.total_seconds() / 86400"


def _bars(task: ShowChart) -> str:
    figure = _FIGURES[task.statistic or Statistic.TOTAL]
    names = ", ".join(column.name for column in task.ys)
    if task.by is None:
        return f"""
# One bar for each column.
heights = table[{_names(task.ys)}].{figure}()
plt.figure(figsize=(8, 5))
plt.bar([str(name) for name in heights.index], heights.to_numpy(), label="{figure}")
plt.legend()
""" + _shown(f"{figure} of {names}", "", figure, "len(heights)")
    by = _name(task.by)
    heights = (f"table.groupby({by}, sort=True)[{_names(task.ys)}].{figure}()" if task.ys
               else f'table[{by}].value_counts().to_frame("count")')
    shown = f"{figure} of {names}" if task.ys else "count"
    return f"""
# One bar for each group, at most 40 of them.
heights = {heights}.head(40)
print(heights.to_string())
heights.plot.bar(figsize=(8, 5), rot=45 if len(heights) > 6 else 0)
plt.legend()
groups = [[str(group), *(float(value) for value in row)] for group, row in zip(heights.index, heights.to_numpy())]
""" + _shown(f"{shown} by {task.by.name}", task.by.name, shown, "len(heights)").replace(
        '{"count": int(len(heights))}', '{"count": len(heights), "groups": groups[:12]}')


def _statistics(task: TellStatistics) -> str:
    figures = [_FIGURES[statistic] for statistic in task.statistics]
    if task.by is None:
        columns = _names(task.columns) if task.columns else "list(table.columns)"
        return f"""
# The figures of each column; missing values are left out.
figures = table[{columns}].agg({json.dumps(figures)})
print(figures.to_string())
print("{MARK}", json.dumps({{"figures": {{name: {{figure: float(figures[name][figure]) for figure in {json.dumps(figures)}}}
                                        for name in figures.columns}}}}))
"""
    by = _name(task.by)
    grouped = f"table.groupby({by})[{_names(task.columns)}]" if task.columns else f"table.groupby({by})"
    worked = f"{grouped}.agg({json.dumps(figures)})" if task.columns else f'{grouped}.size().to_frame("count")'
    return f"""
# The figures of each group; missing values are left out.
figures = {worked}
figures.columns = [" ".join(name) if isinstance(name, tuple) else str(name) for name in figures.columns]
print(figures.to_string())
groups = {{str(group): {{name: float(row[name]) for name in figures.columns}} for group, row in figures.head(30).iterrows()}}
print("{MARK}", json.dumps({{"groups": groups, "count": len(figures)}}))
"""


def _correlation(task: TellCorrelation) -> str:
    first, second = _name(task.first), _name(task.second)
    return f"""
# Pearson's correlation, and the straight line that fits best.
rows = table[[{first}, {second}]].dropna()
r = rows[{first}].corr(rows[{second}])
slope, intercept = np.polyfit(rows[{first}], rows[{second}], 1)
print("r =", r, "line:", slope, "* x +", intercept)
print("{MARK}", json.dumps({{"r": float(r), "slope": round(slope, 10), "intercept": round(intercept, 10), "count": len(rows)}}))
"""


def _describe(task: Describe) -> str:
    columns = f"[{_names(task.columns)}]" if task.columns else ""
    return f"""
# The key figures of each column of numbers.
numbers = table{columns}.select_dtypes("number")
figures = numbers.agg(["count", "mean", "std", "min", "median", "max"])
print(figures.to_string())
print("{MARK}", json.dumps({{"rows": len(table), "columns": [str(name) for name in table.columns[:60]],
      "figures": {{name: {{key: float(figures[name][key]) for key in figures.index}} for name in figures.columns[:12]}}}}))
"""
