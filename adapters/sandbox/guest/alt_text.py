"""Says in words what a figure shows, for those who cannot see it.

Built from what was drawn: kind, title, the range of the data and the names of the series. Whatever a figure lacks or
hides is left out; the text is never empty and never longer than MAX_CHARACTERS.
"""

from __future__ import annotations

import datetime
import itertools
import math
import re
import sys
from collections.abc import Iterable, Iterator
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
    kinds = list(dict.fromkeys(_kind_of_each(axes))) or ["empty"]
    alone = {"pie": "Pie chart", "bar": "Bar chart", "histogram": "Histogram", "heat map": "Heat map", "image": "Image"}
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
