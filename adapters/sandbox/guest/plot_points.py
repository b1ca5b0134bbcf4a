"""The points of a figure as csv: what a person would need to draw it again, or to put it into a spreadsheet.

Taken from lines, dots, bars and pies. A figure that has none of them, or too many points, has no csv; none of this may
break a figure.
"""

from __future__ import annotations

import csv
import importlib
import io
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.sandbox.guest.alt_text import ODD_ARTIST, categories_of, data_lines, is_histogram, plain

MAX_POINTS = 20_000  # of a figure
MAX_SERIES = 100
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet would begin to calculate

Cell = str | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve, one set of dots or bars."""

    name: str
    across: str  # what the first column holds
    points: Sequence[tuple[Cell, Cell]]


def points_of(figure: Any) -> bytes:
    """UTF-8, with a line of headings; empty where there is nothing to tell.

    Series over the same places are columns side by side; others stand below one another, named in the first column.
    """
    try:
        plots = [axes for axes in figure.axes if axes.get_visible() and not hasattr(axes, "_colorbar")]
        found = [series for axes in plots for series in itertools.islice(_series(axes), MAX_SERIES)]
        if not found or sum(len(series.points) for series in found) > MAX_POINTS:
            return b""
        return _written(found)
    except ODD_ARTIST:
        return b""


def _written(found: Sequence[Series]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    first, *others = found
    places = [place for place, _ in first.points]
    if all([place for place, _ in series.points] == places for series in others):
        writer.writerow([_word(first.across), *(_word(series.name) for series in found)])
        for number, place in enumerate(places):
            writer.writerow([_cell(place), *(_cell(series.points[number][1]) for series in found)])
    else:
        writer.writerow(["series", _word(first.across), "y"])
        for series in found:
            writer.writerows([_word(series.name), _cell(across), _cell(up)] for across, up in series.points)
    return buffer.getvalue().encode("utf-8", "replace")


def _series(axes: Any) -> Iterator[Series]:
    if hasattr(axes, "get_zlim"):
        return
    across, up = (plain(axis.get_label_text()) for axis in (axes.xaxis, axes.yaxis))
    lines = data_lines(axes)
    curves = [line for line in lines if len(line.get_xdata()) > 1] or lines  # points that are marked lie on a curve
    for line in curves:
        periods = getattr(axes.xaxis.get_major_formatter(), "freq", None)  # pandas counts them
        xs, ys = ([*map(_value, line.get_data(orig=True)[at])] for at in (0, 1))
        xs = [_period(x, periods) for x in xs] if periods is not None else xs
        yield Series(name=_name(line, up), across=across or "x", points=list(zip(xs, ys, strict=True)))
    for dots in axes.collections:
        if type(dots).__name__ == "PathCollection":
            offsets = [(_place(axes.xaxis, x), _place(axes.yaxis, y)) for x, y in dots.get_offsets()[: MAX_POINTS + 1]]
            yield Series(name=_name(dots, up), across=across or "x", points=offsets)
    for bars in axes.containers:
        if type(bars).__name__ == "BarContainer":
            yield _bars(axes, bars, across, up)
    wedges = [patch for patch in axes.patches if type(patch).__name__ == "Wedge"]
    if wedges:
        shares = [(plain(wedge.get_label()), (wedge.theta2 - wedge.theta1) / 360) for wedge in wedges]
        yield Series(name="share", across="part", points=shares)


def _bars(axes: Any, bars: Any, across: str, up: str) -> Series:
    lying = getattr(bars, "orientation", "vertical") == "horizontal"
    if lying:
        across, up = up, across
    name = _name(bars, up)
    if is_histogram(bars) and not lying:
        return Series(
            name="count" if name == "y" else name,
            across=f"{across or 'value'} from",
            points=[(float(bar.get_x()), float(bar.get_height())) for bar in bars],
        )
    names = dict(zip(*_ticks(axes.yaxis if lying else axes.xaxis), strict=False))
    points: list[tuple[Cell, Cell]] = []
    for bar in bars:
        middle = bar.get_y() + bar.get_height() / 2 if lying else bar.get_x() + bar.get_width() / 2
        near = min(names, key=lambda tick: abs(tick - middle), default=None)
        label = names[near] if near is not None and abs(near - middle) < 0.5 else ""
        points.append(
            (
                label or _place(axes.yaxis if lying else axes.xaxis, middle),
                float(bar.get_width() if lying else bar.get_height()),
            )
        )
    return Series(name=name, across=across or "x", points=points)


def _ticks(axis: Any) -> tuple[list[float], list[str]]:
    """Where the names along an axis of names are."""
    if not categories_of(axis):
        return [], []
    return [float(place) for place in axis.get_ticklocs()], [plain(label.get_text()) for label in axis.get_ticklabels()]


def _name(artist: Any, up: str) -> str:
    label = str(artist.get_label())
    return plain(label) if label and not label.startswith("_") else up or "y"


def _place(axis: Any, value: float) -> Cell:
    """A coordinate; of an axis of dates, a date."""
    if type(axis.get_major_formatter()).__module__ == "matplotlib.dates":
        moment = importlib.import_module("matplotlib.dates").num2date(value)
        return _date(moment.replace(tzinfo=None).isoformat())
    return float(value)


def _period(count: Any, frequency: Any) -> Cell:
    return str(importlib.import_module("pandas").Period(ordinal=int(count), freq=frequency))


def _value(value: Any) -> Cell:
    if isinstance(value, str):
        return value
    if type(value).__name__ == "MaskedConstant":
        return math.nan
    if hasattr(value, "isoformat"):
        return _date(value.isoformat())
    if type(value).__name__ == "datetime64":
        return _date(str(value.astype("datetime64[s]")))
    return float(value)


def _date(text: str) -> str:
    return text.removesuffix("T00:00:00").replace("T", " ")


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return _word(value)
    return f"{value + 0.0:.12g}" if math.isfinite(value) else ""


def _word(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
