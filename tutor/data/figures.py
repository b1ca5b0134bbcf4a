"""Figures of columns."""

from __future__ import annotations

import json
from typing import Final

from tutor.data.python_text import FIGURES, in_calendar_order, names, quoted, result, together
from tutor.data.requests import (
    Column,
    CountMissing,
    CountRows,
    CountValues,
    Describe,
    FindGroup,
    FindTop,
    ListColumns,
    Overview,
    ShowRows,
    Statistic,
    TellCorrelation,
    TellShare,
    TellStatistics,
)
from tutor.programs.result_keys import Key

_NAMES_SHOWN: Final = 60
_CELLS_ACROSS: Final = 12
_NAMES: Final = {Key.COLUMNS: f"list(table.columns[:{_NAMES_SHOWN}])", Key.COUNT: "len(table.columns)"}


def statistics(task: TellStatistics) -> str:
    """Of whole columns, or of each group."""
    if Statistic.TOGETHER in task.statistics:
        return _with_ratios(task)
    figures = json.dumps([FIGURES[statistic] for statistic in task.statistics])
    if task.by is None:
        columns = names(task.columns) if task.columns else "list(table.columns)"
        return f"""
# The figures of each column; missing values are left out.
figures = table[{columns}].agg({figures})
print(figures.to_string())
told = {{name: {{figure: float(figures[name][figure]) for figure in {figures}}} for name in figures.columns}}
{result({Key.FIGURES: "told", Key.ROWS: "len(table)"})}"""
    by = quoted(task.by.name)
    worked = (
        f"table.groupby({by})[{names(task.columns)}].agg({figures}){in_calendar_order(task.by)}"
        if task.columns
        else f'table.groupby({by}).size().to_frame("count")'
    )
    return f"""
# The figures of each group; missing values are left out.
figures = {worked}
figures.columns = [" ".join(name) if isinstance(name, tuple) else str(name) for name in figures.columns]
print(figures.to_string())
groups = {{group_name(group): {{name: float(row[name]) for name in figures.columns}}
          for group, row in figures.head(30).iterrows()}}
{result({Key.GROUPS: "groups", Key.COUNT: "len(figures)"})}"""


def _with_ratios(task: TellStatistics) -> str:
    """Figures of which some are ratios of sums."""
    others = [FIGURES[each] for each in task.statistics if each is not Statistic.TOGETHER]
    by = quoted(task.by.name) if task.by else ""
    code = "\n# The figures of each column; a ratio is that of the sums.\n"
    if task.by is None:
        code += "told = {}\n"
        for column in task.columns:
            name = quoted(column.name)
            told = ", ".join(f'"{each}": float(table[{name}].{each}())' for each in others)
            code += f"told[{name}] = {{{told}}}\n"
            if column.is_ratio:
                sums, ratio = together(column)
                code += f'sums = {sums}\ntold[{name}]["{Statistic.TOGETHER}"] = float({ratio})\n'
            else:
                code += f'told[{name}]["sum"] = float(table[{name}].sum())\n'
        return code + "print(told)\n" + result({Key.FIGURES: "told", Key.ROWS: "len(table)"})
    code += "figures = pd.DataFrame()\n"
    for column in task.columns:
        name = quoted(column.name)
        for each in [*others, *([] if column.is_ratio else ["sum"])]:
            code += f"figures[{quoted(f'{column.name} {each}')}] = table.groupby({by})[{name}].{each}()\n"
        if column.is_ratio:
            sums, ratio = together(column, by)
            code += f"sums = {sums}\nfigures[{quoted(f'{column.name} {Statistic.TOGETHER}')}] = {ratio}\n"
    return f"""{code}figures = figures{in_calendar_order(task.by)}
print(figures.to_string())
groups = {{group_name(group): {{name: float(row[name]) for name in figures.columns}}
          for group, row in figures.head(30).iterrows()}}
{result({Key.GROUPS: "groups", Key.COUNT: "len(figures)"})}"""


def figures_of(column: Column, by: str, statistic: Statistic) -> str:
    """Code that makes `figures`, one for each group."""
    if statistic is Statistic.TOGETHER:
        sums, ratio = together(column, by)
        return f"sums = {sums}\nfigures = ({ratio}).replace([np.inf, -np.inf], np.nan).dropna()"
    return f'figures = table.groupby({by})[{quoted(column.name)}].agg("{FIGURES[statistic]}").dropna()'


def correlation(task: TellCorrelation) -> str:
    """Pearson's r, and the line of least squares."""
    first, second = quoted(task.first.name), quoted(task.second.name)
    fields = {
        Key.R: "float(r)",
        Key.SLOPE: "round(slope, 10)",
        Key.INTERCEPT: "round(intercept, 10)",
        Key.COUNT: "len(rows)",
    }
    return f"""
# Pearson's correlation, and the straight line that fits best.
rows = table[[{first}, {second}]].dropna()
r = rows[{first}].corr(rows[{second}])
slope, intercept = np.polyfit(rows[{first}], rows[{second}], 1)
print("r =", r, "line:", slope, "* x +", intercept)
{result(fields)}"""


def describe(task: Describe) -> str:
    """The usual figures of every column of numbers."""
    columns = f"[{names(task.columns)}]" if task.columns else ""
    return f"""
# The key figures of each column of numbers.
numbers = table{columns}.select_dtypes("number")
told = {{}}
if len(numbers.columns):
    figures = numbers.agg(["count", "mean", "std", "min", "median", "max"])
    print(figures.to_string())
    told = {{name: {{key: float(figures[name][key]) for key in figures.index}} for name in figures.columns[:12]}}
{result({Key.ROWS: "len(table)", **_NAMES, Key.FIGURES: "told"})}"""


def count_rows(task: CountRows) -> str:
    """How many there are, and of how many."""
    everything = "everything" if task.only else "table"
    return f"""
print("Rows:", len(table))
{result({Key.COUNT: "len(table)", Key.ALL: f"len({everything})"})}"""


def count_values(task: CountValues) -> str:
    """Each different value with its number of rows, the most frequent first."""
    return f"""
# How often each value occurs.
counts = table[{quoted(task.column.name)}].value_counts()
print(counts.to_string())
values = {{group_name(value): int(count) for value, count in counts.head(30).items()}}
{result({Key.VALUES: "values", Key.COUNT: "len(counts)"})}"""


def missing(task: CountMissing) -> str:
    """In each column."""
    columns = f"[{names(task.columns)}]" if task.columns else ""
    return f"""
# Cells without a value, column by column.
missing = table{columns}.isna().sum()
print(missing.to_string())
told = {{str(name): int(count) for name, count in missing.items() if count}}
{result({Key.MISSING: "told", Key.COUNT: "int(missing.sum())"})}"""


_CELLS = """
def cell(value):
    if pd.isna(value):
        return ""
    return float(value) if isinstance(value, float) else str(value)[:40].removesuffix(" 00:00:00")


cells = [[cell(value) for value in row] for row in shown.astype(object).values]
"""


def _shown(task: ShowRows | None = None) -> str:
    """The cells of the rows that are shown, how many rows there are, and of how many."""
    return result(
        {
            Key.HEADER: "list(shown.columns)",
            Key.ROWS: "cells",
            Key.WIDTH: "len(table.columns)",
            Key.NAME: "table.columns[-1]",
            Key.COUNT: "len(table)",
            Key.ALL: "len(everything)" if task is not None and task.only else "len(table)",
        }
    )


def rows(task: ShowRows) -> str:
    """As they stand in the file."""
    return f"""
# The {"last" if task.is_last else "first"} rows.
shown = table.{"tail" if task.is_last else "head"}({task.count}).iloc[:, :{_CELLS_ACROSS}]
print(shown.to_string())
{_CELLS}{_shown(task)}"""


def overview(_: Overview) -> str:
    """The first rows."""
    return f"""
# The first rows.
shown = table.head(3).iloc[:, :{_CELLS_ACROSS}]
print(shown.to_string())
{_CELLS}{_shown()}"""


def top(task: FindTop) -> str:
    """The rows, or the groups, with the highest or lowest values."""
    pick, column = "nsmallest" if task.is_lowest else "nlargest", quoted(task.column.name)
    if task.by is None:
        return f"""
# The rows with the {"lowest" if task.is_lowest else "highest"} values.
shown = table.{pick}({task.count}, {column}).iloc[:, :{_CELLS_ACROSS}]
print(shown.to_string())
{_CELLS}{_shown()}"""
    return f"""
# The figure of each group, and the first of them.
{figures_of(task.column, quoted(task.by.name), task.statistic)}
first = figures.{pick}({task.count})
print(first.to_string())
groups = {{group_name(group): float(value) for group, value in first.items()}}
{result({Key.GROUPS: "groups", Key.COUNT: "len(figures)"})}"""


def share(task: TellShare) -> str:
    """Of the sum, or of the rows."""
    by = quoted(task.by.name)
    grouped = f"table.groupby({by})"
    figures = f"{grouped}[{quoted(task.column.name)}].sum()" if task.column else f"{grouped}.size()"
    return f"""
# What part of the whole each group has.
figures = {figures}
whole = float(figures.sum())
shares = (100 * figures / whole).sort_values(ascending=False) if whole and (figures >= 0).all() else figures.iloc[:0]
print(shares.to_string())
shown = {{group_name(group): float(value) for group, value in shares.head({task.top or 30}).items()}}
{result({Key.SHARES: "shown", Key.COUNT: "len(figures)"})}"""


def columns(_: ListColumns) -> str:
    """Their names."""
    return f"""
print("Columns:", list(table.columns))
{result(_NAMES)}"""


def leader(task: FindGroup) -> str:
    """The group with the highest or lowest figure; several where they share it."""
    best = "min" if task.is_lowest else "max"
    grouped = f"table.groupby({quoted(task.by.name)})[{quoted(task.column.name)}]"
    fields = {Key.LEADERS: "leaders", Key.VALUE: f"float(figures.{best}()) if len(figures) else None"}
    totals = ""
    if task.with_totals:
        totals = f"""# The same of each group's sum.
sums = {grouped}.sum()
first = [group_name(group) for group in sums[sums == sums.{best}()].index[:10]] if sums.size < len(table) else []
"""
        fields |= {Key.OF_SUMS: "first", Key.SUM: f"float(sums.{best}()) if len(sums) else None"}
    return f"""
# The figure of each group, and which group is first.
{figures_of(task.column, quoted(task.by.name), task.statistic)}
print(figures.to_string())
leaders = [group_name(group) for group in figures[figures == figures.{best}()].index[:10]]
{totals}{result(fields)}"""
