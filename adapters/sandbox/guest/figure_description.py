"""Says what a figure shows: in words for those who cannot see it, and as csv for those who want to draw it again.

The words are built from what was drawn: kind, title, the range of the data and the names of the series. Whatever a
figure lacks or hides is left out; the text is never empty and never longer than MAX_CHARACTERS. The csv has the points
of lines, dots, bars and pies; a figure without them, or with too many, has none. Nothing of this may break a figure.
"""

from __future__ import annotations

import csv
import datetime
import importlib
import io
import itertools
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 400
MAX_NAME_CHARACTERS = 40
MAX_SERIES = 6
MATH = re.compile(r"\\(?:mathrm|mathbf|mathit|text|rm|bf|left|right|,|;|!)|[${}]")
SUPERSCRIPTS = str.maketrans("0123456789-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ")

Range = tuple[float, float]


ODD_ARTIST = Exception
"""What an object of the code's own making raises when it is asked to describe itself: anything."""


def describe(figure: Any) -> str:
    """Return one or a few sentences."""
    try:
        text = _describe(figure)
    except ODD_ARTIST:
        text = "Figure."
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _describe(figure: Any) -> str:
    plots = [_describe_axes(axes) for axes in figure.axes if axes.get_visible() and _is_plot(axes)]
    title = plain(figure.get_suptitle()) if hasattr(figure, "get_suptitle") else ""
    titled = f' titled "{title}"' if title else ""
    if not plots:
        return f"Figure{titled}."
    if len(plots) == 1:
        return plots[0] + (f' Above it: "{title}".' if title else "")
    numbered = (f"{number}: {plot}" for number, plot in enumerate(plots, 1))
    return f"Figure{titled} with {len(plots)} plots. {' '.join(numbered)}"


def _is_plot(axes: Any) -> bool:
    """A colour bar is an axes too, but no plot of its own."""
    return not hasattr(axes, "_colorbar")


def _describe_axes(axes: Any) -> str:
    title = plain(axes.get_title() or axes.get_title("left") or axes.get_title("right"))
    shares = _pie_shares(axes)
    details = shares or _ranges(axes)
    names = [] if shares else _series(axes)
    return (
        _kinds(axes)
        + (f' titled "{title}"' if title else "")
        + (f": {', '.join(details)}" if details else "")
        + (f"; series: {', '.join(names)}" if names else "")
        + "."
    )


def _kinds(axes: Any) -> str:
    """Return "Line plot", "Scatter and line plot" and so on."""
    kinds = list(dict.fromkeys(_kind_of_each(axes))) or [_kind_of_the_rest(axes)]
    alone = {
        "pie": "Pie chart",
        "bar": "Bar chart",
        "histogram": "Histogram",
        "heat map": "Heat map",
        "image": "Image",
        "table": "Table",
        "words": "Words",
        "drawing": "Drawing",
    }
    words = " and ".join(kinds) + " plot"
    return alone.get(kinds[0], "") if len(kinds) == 1 and kinds[0] in alone else words[0].upper() + words[1:]


def _kind_of_each(axes: Any) -> Iterator[str]:
    for container in axes.containers:
        if type(container).__name__ == "BarContainer":
            yield "histogram" if is_histogram(container) else "bar"
    for collection in axes.collections:
        name = type(collection).__name__
        yield from [kind for sign, kind in _COLLECTIONS.items() if sign in name][:1]
    if any(type(patch).__name__ == "Wedge" for patch in axes.patches):
        yield "pie"
    if any(type(patch).__name__ == "StepPatch" for patch in axes.patches):
        yield "histogram"
    if axes.images:
        yield "image"
    if data_lines(axes):
        yield "line" if any(line.get_linestyle() not in ("None", "", " ") for line in data_lines(axes)) else "point"


def _kind_of_the_rest(axes: Any) -> str:
    """Name what is no data by itself, but may be all that there is: shapes, lines between points, a table, words."""
    if any(type(patch).__name__ == "Polygon" for patch in axes.patches):
        return "area"
    if axes.patches or axes.collections or axes.lines:
        return "drawing"
    if axes.tables:
        return "table"
    return "words" if any(plain(text.get_text()) for text in axes.texts) else "empty"


_COLLECTIONS = {
    "Path3D": "3D scatter",
    "PathCollection": "scatter",
    "Poly3D": "surface",
    "Line3D": "wireframe",
    "ContourSet": "contour",
    "QuadMesh": "heat map",
    "Quiver": "arrow",
    "FillBetween": "area",
    "PolyCollection": "area",
}


def is_histogram(container: Any) -> bool:
    """Bars that touch one another, and are more than a few."""
    bars = list(container)
    edges = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
    return len(bars) > 2 and all(
        math.isclose(left[1], right[0], rel_tol=1e-6, abs_tol=1e-9) for left, right in itertools.pairwise(edges)
    )


def data_lines(axes: Any) -> list[Any]:
    """Lines drawn in data coordinates: not those that mark a level across the whole plot."""
    return [line for line in axes.lines if line.get_transform() == axes.transData and len(line.get_xdata()) > 0]


def _pie_shares(axes: Any) -> list[str]:
    wedges = [patch for patch in axes.patches if type(patch).__name__ == "Wedge"]
    return _first(f"{plain(wedge.get_label())} {(wedge.theta2 - wedge.theta1) / 3.6:.3g}%" for wedge in wedges)


def _ranges(axes: Any) -> list[str]:
    return [
        f"{_axis_name(axis, name)} {_extent(axes, axis, name)}"
        for name in ("x", "y", "z")
        if (axis := getattr(axes, f"{name}axis", None)) is not None
    ]


def _axis_name(axis: Any, name: str) -> str:
    label = plain(axis.get_label_text())
    return f"{name} ({label})" if label and label != name else name


def _extent(axes: Any, axis: Any, name: str) -> str:
    categories = categories_of(axis)
    if categories:
        return "for " + ", ".join(categories)
    low, high = _seen(_data_range(axes, name), getattr(axes, f"get_{name}lim")())
    first, last = _number(axis, low), _number(axis, high)
    return f"from {first} to {last}" if first and last else "over time"


def _seen(data: Range | None, limits: Range) -> Range:
    """The part of the data that lies in the picture; a curve with a pole leaves it."""
    first, last = sorted(limits)
    if data is None or data[0] > last or data[1] < first:
        return limits
    return max(data[0], first), min(data[1], last)


def categories_of(axis: Any) -> list[str]:
    """Return the names along an axis that has names instead of numbers."""
    if type(axis.get_major_formatter()).__name__ not in ("StrCategoryFormatter", "FixedFormatter", "FuncFormatter"):
        return []
    names = [name for label in axis.get_ticklabels() if (name := plain(label.get_text()))]
    return [] if all(_is_number(name) for name in names) else _first(names)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-−+]?[0-9.,]+%?", text) is not None


def _data_range(axes: Any, name: str) -> Range | None:
    """Return the least and greatest finite coordinate of all lines, or what matplotlib took in of everything drawn."""
    if hasattr(axes, "zz_dataLim"):
        return _finite_range(axes.zz_dataLim.intervalx if name == "z" else getattr(axes.xy_dataLim, f"interval{name}"))
    if data_lines(axes) and not axes.collections and not axes.containers:
        return _finite_range(
            value for line in data_lines(axes) for value in getattr(line, f"get_{name}data")(orig=False)
        )
    low, high = getattr(axes.dataLim, f"interval{name}")
    return _finite_range([low, high])


def _finite_range(values: Iterable[Any]) -> Range | None:
    finite = [float(value) for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else None


def _number(axis: Any, value: float) -> str:
    formatter = type(axis.get_major_formatter())
    if formatter.__module__ == "matplotlib.dates":
        moment = sys.modules["matplotlib.dates"].num2date(value)
        return f"{moment:%Y-%m-%d}" if moment.time() == datetime.time() else f"{moment:%Y-%m-%d %H:%M}"
    if "Date" in formatter.__name__:  # pandas counts periods whose length only it knows
        return ""
    return f"{value:.4g}".replace("e+0", "e").replace("e-0", "e-")


def _series(axes: Any) -> list[str]:
    """Return the names that the legend shows or would show."""
    _, labels = axes.get_legend_handles_labels()
    return _first(dict.fromkeys(name for name in map(plain, labels) if name))


def _first(names: Iterable[str]) -> list[str]:
    short = [name if len(name) <= MAX_NAME_CHARACTERS else f"{name[:MAX_NAME_CHARACTERS]}…" for name in names]
    return [*short[:MAX_SERIES], "…"] if len(short) > MAX_SERIES else short


def plain(text: str) -> str:
    """Return text without the marks of TeX, on one line; x^2 becomes x²."""
    text = re.sub(r"\^\{?(-?[0-9n]+)\}?", lambda power: power[1].translate(SUPERSCRIPTS), text)
    text = MATH.sub("", text).replace("\\", "")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


MAX_POINTS = 20_000  # of a figure
MAX_CURVES = 100
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
        found = [series for axes in plots for series in itertools.islice(_drawn_series(axes), MAX_CURVES)]
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


def _drawn_series(axes: Any) -> Iterator[Series]:
    if hasattr(axes, "get_zlim"):
        return
    across, up = (plain(axis.get_label_text()) for axis in (axes.xaxis, axes.yaxis))
    lines = data_lines(axes)
    curves = [line for line in lines if len(line.get_xdata()) > 1] or lines  # points that are marked lie on a curve
    for line in curves:
        periods = getattr(axes.xaxis.get_major_formatter(), "freq", None)  # pandas counts them
        xs, ys = ([*map(_value, line.get_data(orig=True)[at])] for at in (0, 1))
        xs = [_period(x, periods) for x in xs] if periods is not None else xs
        yield Series(name=_series_name(line, up), across=across or "x", points=list(zip(xs, ys, strict=True)))
    for dots in axes.collections:
        if type(dots).__name__ == "PathCollection":
            offsets = [(_place(axes.xaxis, x), _place(axes.yaxis, y)) for x, y in dots.get_offsets()[: MAX_POINTS + 1]]
            yield Series(name=_series_name(dots, up), across=across or "x", points=offsets)
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
    name = _series_name(bars, up)
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


def _series_name(artist: Any, up: str) -> str:
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
