"""The looks of plots beyond what the file `matplotlibrc` beside this one can say.

Fonts for every script: labels in Chinese, Hindi, Thai or emoji are readable whichever font the code asks for.
matplotlib draws a sign that the first font lacks with the next one that has it, but only of the fonts in the list that
the code gave. So the Noto fonts of the sandbox's environment stand at the end of every list.

Legends and labels that cover no curve: where matplotlib finds no free place for a legend, it goes below the plot; the
label of a point goes to the side of the point that is free.

Letters of one size in the column of a chat, however large a figure the code asks for.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

from adapters.sandbox.guest.after_import import after_import
from adapters.sandbox.guest.figure_description import ODD_ARTIST, is_histogram

BACKEND = "module://adapters.sandbox.guest.mpl_backend"
FONT_PACKAGES = ("manimgx_fonts", "cvttf_NotoSansCJK_Regular")
FONT_ENDINGS = (".ttf", ".otf", ".ttc")

MAX_OUTLINED_BARS = 60  # more of them would be nothing but outlines
MEASURED_PX = 1024
COLUMN_INCHES, COLUMN_PT = 6.4, 12.0  # of `matplotlibrc`: the width, and the letters of the axes, readable at 320 px
MAX_WORDS = 200  # of a figure that are kept off each other
ABOVE_GRID = 0.6  # the grid is drawn at 0.5, curves at 2
MAX_LABELS = 40  # that are moved; beyond, a plot is full of them
MAX_POINTS = 20_000  # of a curve that labels are kept off
LABEL_SIDES = ((0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0))
ALIGNMENT = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


def install() -> None:
    """Prepare matplotlib once it is imported: its fonts, and where it draws."""
    after_import("matplotlib.font_manager", _extend)
    after_import("matplotlib", _keep_backend)
    after_import("matplotlib.pyplot", _draw_here)


def _keep_backend(matplotlib: ModuleType) -> None:
    """Let `use("Agg")` and the like change nothing: with another backend nothing would be shown here."""

    def use(backend: str, *, force: bool = True) -> None:
        del backend, force

    matplotlib.use = use  # type: ignore[attr-defined]


def _draw_here(pyplot: ModuleType) -> None:
    """The same for every other way to choose one: `switch_backend`, rcParams, the environment."""
    switch: Any = pyplot.switch_backend

    def switch_backend(newbackend: object) -> None:
        del newbackend
        switch(BACKEND)

    pyplot.switch_backend = switch_backend  # type: ignore[attr-defined]


def _extend(font_manager: ModuleType) -> None:
    manager: Any = font_manager.fontManager
    paths = set(_font_files())
    for path in sorted(paths - {entry.fname for entry in manager.ttflist}):
        manager.addfont(path)
    fallbacks = sorted({entry.name for entry in manager.ttflist if entry.fname in paths})
    # A family or weight that is missing says nothing to a reader of the plot: another font has the signs.
    logging.getLogger(font_manager.__name__).setLevel(logging.ERROR)
    find = type(manager)._find_fonts_by_props  # noqa: SLF001 - the only place that knows all the fonts of a text

    def find_with_fallbacks(self: Any, prop: Any, *args: Any, **options: Any) -> Any:
        asked = font_manager.FontProperties._from_any(prop).copy()  # noqa: SLF001
        asked.set_family(list(dict.fromkeys([*asked.get_family(), self.defaultFamily["ttf"], *fallbacks])))
        return find(self, asked, *args, **options)

    type(manager)._find_fonts_by_props = find_with_fallbacks  # noqa: SLF001


def _font_files() -> Iterator[str]:
    for package in FONT_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            yield from (str(path) for path in Path(spec.origin).parent.iterdir() if path.suffix in FONT_ENDINGS)


def prepare(figure: Any) -> None:
    """Before a figure is drawn: pictures lie above the grid, and the bars of a histogram have an outline."""
    try:
        for axes in figure.axes:
            for image in axes.images:
                image.set_zorder(image.get_zorder() or ABOVE_GRID)
            for container in axes.containers:
                if type(container).__name__ == "BarContainer" and is_histogram(container):
                    _outline(list(container))
    except ODD_ARTIST:
        return


def _outline(bars: list[Any]) -> None:
    for bar in bars if len(bars) <= MAX_OUTLINED_BARS else []:
        if not any(bar.get_edgecolor()):
            bar.set(edgecolor="white", linewidth=0.8)


@contextmanager
def readable(figure: Any) -> Iterator[float]:
    """While a figure is rendered, have letters that are read in a chat's column, though the code asked for more inches.

    A figure of 10 inches has the same letters as one of 6.4, so in the column they are smaller by a third. It is drawn
    on fewer inches instead, at the same shape, as far as no words come to lie on others. Yields by how much it shrank.
    """
    own, own_dpi = tuple(figure.get_size_inches()), figure.dpi
    shrunk = own
    try:
        widths = _narrower_widths(figure)
        crowded = _touching_words(figure) if widths else 0
        for width in widths:
            figure.set_size_inches(width, own[1] * width / own[0], forward=False)
            if _touching_words(figure) <= crowded:
                shrunk = tuple(figure.get_size_inches())
                break
    except ODD_ARTIST:
        shrunk = own
    finally:
        figure.set_dpi(own_dpi)
    try:
        figure.set_size_inches(*shrunk, forward=False)
        yield own[0] / shrunk[0]
    finally:
        figure.set_size_inches(*own, forward=False)


def _narrower_widths(figure: Any) -> list[float]:
    """The widths to try, the narrowest first; none where the letters are large enough."""
    width, height = figure.get_size_inches()
    ticks = [tick for axes in figure.axes for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    if not ticks or width < height:  # a tall picture is scaled by its height
        return []
    smallest_pt = min(tick.get_size() for tick in ticks)
    best = max(COLUMN_INCHES, COLUMN_INCHES * smallest_pt / COLUMN_PT)
    return [best + (width - best) * part for part in (0, 0.35, 0.65)] if width > 1.05 * best else []


def _touching_words(figure: Any) -> int:
    """How many pairs of words lie on each other, or plots with all that is around them, and how many are too wide."""
    figure.set_dpi(MEASURED_PX / max(figure.get_size_inches()))
    figure.draw_without_rendering()
    axis_of = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    # Ticks beyond the ends of an axis have words too, and are not drawn.
    seen = {tick for axis in axis_of for tick in axis._update_ticks()}  # noqa: SLF001 - the only place that knows
    unseen = {tick for axis in axis_of for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())} - seen
    hidden = {label for tick in unseen for label in (tick.label1, tick.label2)}
    words = [
        text.get_window_extent()
        for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize") and hasattr(artist, "get_text"))
        if text not in hidden and text.get_visible() and text.get_text().strip()
    ][:MAX_WORDS]
    plots = [box for axes in figure.axes if axes.get_visible() and (box := axes.get_tightbbox()) is not None]
    pairs = (pair for boxes in (words, plots) for pair in combinations(boxes, 2))
    touching = [pair for pair in pairs if pair[0].overlaps(pair[1])]
    return len(touching) + len([box for box in words if box.width > figure.bbox.width])


def uncover(figure: Any) -> bool:
    """After a figure was drawn: move legends and labels off the curves. Returns whether it is to be drawn again."""
    own_dpi = figure.dpi
    try:
        figure.set_dpi(min(own_dpi, MEASURED_PX / max(figure.get_size_inches())))  # what is measured is also rendered
        plots = [axes for axes in figure.axes if not hasattr(axes, "_colorbar") and not hasattr(axes, "get_zlim")]
        moved = [_uncover_labels(axes) for axes in plots]
        return any([*moved, len(plots) == 1 and _uncover_legend(plots[0])])
    except ODD_ARTIST:
        return False
    finally:
        figure.set_dpi(own_dpi)


def _uncover_legend(axes: Any) -> bool:
    """Put a legend below the plot, if matplotlib was free to choose its place and found none without curves."""
    legend = axes.get_legend()
    is_free = legend is not None and legend._loc == 0 and legend._bbox_to_anchor is None  # noqa: SLF001 - 0 is "best"
    if not is_free or legend.get_title().get_text():
        return False
    box = legend.get_window_extent()
    if not _is_covered(axes, box):
        return False
    below = axes.xaxis.get_tightbbox().y0 - 0.15 * axes.figure.dpi
    _, height = axes.transAxes.inverted().transform((0, below))
    names = [text.get_text() for text in legend.get_texts()]
    across = int(axes.get_window_extent().width // box.width)
    axes.legend(
        legend.legend_handles,
        names,
        loc="upper left",
        bbox_to_anchor=(0, height),
        ncols=max(1, min(across, len(names))),
        frameon=False,
        borderaxespad=0,
        borderpad=0,
    )
    return True


def _uncover_labels(axes: Any) -> bool:
    """Move each label of a point, where a curve runs through it, to the first side of the point that is free."""
    labels = [text for text in axes.texts if _is_label_of_point(text)]
    moved = False
    if len(labels) > MAX_LABELS:
        return False
    inside = axes.get_window_extent()
    taken: list[Any] = []
    for label in labels:
        before = (label.xyann, label.get_horizontalalignment(), label.get_verticalalignment())
        for side in [None, *LABEL_SIDES]:
            if side is not None:
                _place(label, side, max(6.0, math.hypot(*before[0])))
            box = label.get_window_extent()
            is_free = not _is_covered(axes, box) and not any(box.overlaps(other) for other in taken)
            if is_free and inside.x0 <= box.x0 and box.x1 <= inside.x1 and box.y1 <= inside.y1 and inside.y0 <= box.y0:
                moved |= side is not None
                break
        else:
            label.xyann = before[0]
            label.set(horizontalalignment=before[1], verticalalignment=before[2])
        taken.append(label.get_window_extent())
    return moved


def _is_label_of_point(text: Any) -> bool:
    return (
        type(text).__name__ == "Annotation"
        and text.arrow_patch is None
        and text.anncoords == "offset points"
        and text.xycoords == "data"
        and text.get_visible()
        and bool(text.get_text())
    )


def _place(label: Any, side: tuple[int, int], distance: float) -> None:
    across, up = side
    length = math.hypot(across, up)
    label.xyann = (across / length * distance, up / length * distance)
    label.set(horizontalalignment=ALIGNMENT[across][0], verticalalignment=ALIGNMENT[up][1])


def _is_covered(axes: Any, box: Any) -> bool:
    """Whether a curve, a dot or a bar lies within a box on the picture."""
    lines = (line for line in axes.lines if line.get_visible() and len(line.get_xdata()) <= MAX_POINTS)
    for line in lines:
        path = line.get_path().transformed(line.get_transform()).cleaned(remove_nans=True, simplify=False)
        if line.get_linestyle() not in ("None", "", " ") and path.intersects_bbox(box, filled=False):
            return True
        if line.get_marker() not in ("None", "", " ", None) and box.count_contains(path.vertices):
            return True
    for dots in axes.collections:
        offsets = dots.get_offset_transform().transform(dots.get_offsets())
        if type(dots).__name__ == "PathCollection" and box.count_contains(offsets):
            return True
    return any(box.overlaps(patch.get_window_extent()) for patch in axes.patches if patch.get_visible())
