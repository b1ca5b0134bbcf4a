"""From the points of a plot to a chart that Teams draws itself, where the points are few enough to be told."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Final

from bot.parts import Chart, ChartKind, ChartSeries

MAX_SERIES: Final = 6
MAX_BARS: Final = 40  # of a series
MAX_POINTS_SHOWN: Final = 60  # of a line; a longer one is shown by as many of its points, evenly chosen
MAX_POINTS_READ: Final = 20_000
MAX_NAME: Final = 60  # characters

_KINDS: Final = {"line plot": ChartKind.LINE, "bar chart": ChartKind.BARS}
"""Other kinds of plots have no such chart: dots would be joined, shares be bars. The words are the sandbox's own."""


def chart_of(alt_text: str, points: bytes) -> Chart | None:
    """The chart of a plot with these points; None where there are gaps in them, or it is of another kind.

    `points` is csv with a line of headings: series side by side, or one below the other and named in the first column.
    """
    kind = next((kind for words, kind in _KINDS.items() if alt_text.lower().startswith(words)), None)
    rows = list(csv.reader(io.StringIO(points.decode("utf-8", "replace"))))
    if kind is None or not 2 <= len(rows) <= MAX_POINTS_READ:
        return None
    header, *body = rows
    if any(len(row) != len(header) for row in body) or len(header) < 2:
        return None
    columns: dict[str, list[tuple[str, str]]] = {}
    if header[0] == "series" and len(header) == 3:
        for name, across, up in body:
            columns.setdefault(name, []).append((across, up))
    else:
        for at, name in enumerate(header[1:], start=1):
            columns[f"{name}\0{at}"] = [(row[0], row[at]) for row in body]
    most = MAX_POINTS_SHOWN if kind is ChartKind.LINE else MAX_BARS
    series = [_series(name.partition("\0")[0], found, most) for name, found in columns.items()]
    if len(series) > MAX_SERIES or any(each is None for each in series):
        return None
    if kind is ChartKind.BARS and any(len(found) > MAX_BARS for found in columns.values()):
        return None
    across = header[1] if header[0] == "series" and len(header) == 3 else header[0]
    return Chart(kind=kind, across=across[:MAX_NAME], series=tuple(each for each in series if each is not None))


def _series(name: str, points: Sequence[tuple[str, str]], most: int) -> ChartSeries | None:
    step = max(1, math.ceil((len(points) - 1) / (most - 1)))
    chosen = [*points[:-1:step], points[-1]]
    heights = [_number(up) for _, up in chosen]
    numbers = [height for height in heights if height is not None]
    if len(numbers) < len(heights):
        return None
    places: list[float | str] = [place if (place := _number(across)) is not None else across for across, _ in chosen]
    if any(place == "" for place in places):
        return None
    return ChartSeries(name=name[:MAX_NAME], points=tuple(zip(places, numbers, strict=True)))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
