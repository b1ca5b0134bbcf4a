"""Names and texts from outside as Python literals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from tutor.data.requests import Column, Statistic
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK

FIGURES: Final = {
    Statistic.MEAN: "mean",
    Statistic.MEDIAN: "median",
    Statistic.DEVIATION: "std",
    Statistic.VARIANCE: "var",
    Statistic.TOTAL: "sum",
    Statistic.MINIMUM: "min",
    Statistic.MAXIMUM: "max",
    Statistic.COUNT: "count",
}
"""What pandas calls each figure."""


def quoted(text: str) -> str:
    """Text as a literal."""
    return json.dumps(text, ensure_ascii=False)


def shown(text: str) -> str:
    """Text for a diagram as a literal; a dollar sign would begin a formula in matplotlib."""
    return quoted(text.replace("$", r"\$"))


_CALENDAR: Final = (
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jan feb mär apr mai jun jul aug sep okt nov dez",
    "jan feb maa apr mei jun jul aug sep okt nov dec",
    "mon tue wed thu fri sat sun",
    "mo di mi do fr sa so",
    "ma di wo do vr za zo",
)


def in_calendar_order(by: Column) -> str:
    """Groups that are months or weekdays, brought into their order; empty where they are none."""
    values = [value.strip().lower() for value in by.values]
    for line in _CALENDAR:
        order = line.split()
        places = [next((at for at, start in enumerate(order) if value.startswith(start)), None) for value in values]
        if values and None not in places and len(set(places)) == len(places):
            in_order = sorted(by.values, key=lambda value: places[by.values.index(value)] or 0)
            return f'.reindex({json.dumps(in_order, ensure_ascii=False)}).dropna(how="all")'
    return ""


def names(columns: Sequence[Column]) -> str:
    """A list of columns' names."""
    return "[" + ", ".join(quoted(column.name) for column in columns) + "]"


def made_of(column: Column, rows: str) -> str:
    """A made column's formula on these rows, or on their sums."""
    written = (f"{rows}[{quoted(each.name)}]" if isinstance(each, Column) else each for each in column.formula)
    return " ".join(written)


def together(column: Column, by: str = "") -> tuple[str, str]:
    """The sums that a ratio is made of, of all rows or of each group, and the ratio of these `sums`.

    A row that lacks one of the numbers does not count.
    """
    inputs = (
        "[" + ", ".join(dict.fromkeys(quoted(each.name) for each in column.formula if isinstance(each, Column))) + "]"
    )
    grouped = f".groupby({by})" if by else ""
    return f"table.dropna(subset={inputs}){grouped}[{inputs}].sum()", made_of(column, "sums")


def result(fields: Mapping[Key, str]) -> str:
    """The line that the tutor reads back; `fields` are Python expressions."""
    written = ", ".join(f'"{key}": {value}' for key, value in fields.items())
    return f'print("{MARK}", json.dumps({{{written}}}))\n'
