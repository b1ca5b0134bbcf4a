"""The matplotlib backend of the sandbox: figures become PNG bytes with a description, instead of windows.

A figure is taken when the code shows it, and every figure still open is taken when the code ends; then it is closed,
drawn or not: a figure belongs to the run that drew it. What failed code left open is closed unseen, and a blank figure
is no picture. A figure that the code also saved as a picture in /mnt/data arrives as that file only: the same drawing
is never handed out twice. Files are known by what is in them, for code may rename them, or write others in their place.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from adapters.sandbox.guest.after_import import after_import
from adapters.sandbox.guest.data_folder import Content, content_of
from adapters.sandbox.guest.figure_description import describe, points_of
from adapters.sandbox.guest.plot_style import prepare, readable, uncover

_matplotlib: Any = importlib.import_module("matplotlib")
_agg: Any = importlib.import_module("matplotlib.backends.backend_agg")
_bases: Any = importlib.import_module("matplotlib.backend_bases")
_open_figures: Any = importlib.import_module("matplotlib._pylab_helpers").Gcf
_figure_class: Any = importlib.import_module("matplotlib.figure").Figure
_text_class: Any = importlib.import_module("matplotlib.text").Text
_savefig = _figure_class.savefig

MAX_SIDE_PX = 1024
SHARP_DPI = 160
# A path of more points is drawn in pieces: for 500,000 at once Agg takes 400 MB, and crashes Python without them.
MAX_POINTS_OF_A_PATH = 20_000
MAX_DRAWN = 40  # figures of one run: as many as are handed out, and as many again that were also saved
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure as it looked at one moment."""

    png: bytes
    alt_text: str
    points: bytes = b""  # csv; empty where there are none

    @property
    def digest(self) -> bytes:
        """Equal for equal drawings."""
        return hashlib.sha256(self.png).digest()


@dataclass(slots=True)
class Album:
    """The figures of one run: those shown, and those saved."""

    shown: list[Drawing] = field(default_factory=list)
    saved: dict[Content, Drawing] = field(default_factory=dict)
    blank: set[Content] = field(default_factory=set)  # saved with nothing in them
    left_out: int = 0  # shown, and not drawn any more

    def show_all(self) -> None:
        """Take every open figure of pyplot, in the order of their numbers, and close it.

        Raises what the first one raised that cannot be drawn; the others are taken all the same.
        """
        failures: list[Exception] = []
        for manager in sorted(_open_figures.get_all_fig_managers(), key=lambda manager: manager.num):
            try:
                self.show(manager)
            except Exception as error:  # noqa: BLE001 - whatever the code's own labels and formatters raise
                failures.append(error)
        if failures:
            raise failures[0]

    def show(self, manager: Any) -> None:
        """Take one figure and close it, also where it cannot be drawn: it would fail again after each later run."""
        figure = manager.canvas.figure
        try:
            self.add(figure)
        finally:
            _open_figures.destroy(manager)

    def add(self, figure: Any) -> bool:
        """Take a figure as it is now. Returns False if it is blank."""
        if is_blank(figure):
            return False
        if len(self.shown) < MAX_DRAWN:
            self.shown.append(draw(figure))
        else:
            self.left_out += 1
        return True

    def note_saved(self, figure: Any, info: os.stat_result) -> None:
        """Remember that this file shows the figure as it is now."""
        if is_blank(figure):
            self.blank.add(content_of(info))
        else:
            self.saved[content_of(info)] = draw(figure)

    def close_all(self) -> None:
        """Close what is open, unseen: it is half of what failed code wanted to draw."""
        _open_figures.destroy_all()

    def take(self, delivered: set[Content]) -> tuple[list[Drawing], dict[Content, Drawing], set[Content], int]:
        """Return the figures to send, each saved picture among `delivered`, which are blank, and how many are left out.

        Forget them all.
        """
        saved = {content: drawing for content, drawing in self.saved.items() if content in delivered}
        known = {drawing.digest for drawing in saved.values()}
        images = [drawing for drawing in self.shown if drawing.digest not in known]
        blank, left_out = self.blank & delivered, self.left_out
        self.shown, self.saved, self.blank, self.left_out = [], {}, set(), 0
        return images, saved, blank, left_out


# Also where the code chooses matplotlib's own style.
for _settings in (_matplotlib.rcParams, _matplotlib.rcParamsDefault):
    _settings["agg.path.chunksize"] = MAX_POINTS_OF_A_PATH
album = Album()


def is_blank(figure: Any) -> bool:
    """Tell whether nothing was drawn: no axes, or axes with nothing in them and no words at them."""
    own = {figure.patch, *figure.axes}
    subfigures = list(getattr(figure, "subfigs", ()))
    others = [child for child in figure.get_children() if child not in own and child not in subfigures]
    return (
        not any(_says_something(child) for child in others)
        and all(_is_blank_axes(axes) for axes in figure.axes)
        and all(is_blank(subfigure) for subfigure in subfigures)
    )


def _is_blank_axes(axes: Any) -> bool:
    axis = [getattr(axes, f"{name}axis", None) for name in "xyz"]
    own = {axes.patch, *axes.spines.values(), *axis}
    labelled = any(part is not None and part.label.get_text() for part in axis)
    return not labelled and not any(_says_something(child) for child in axes.get_children() if child not in own)


def _says_something(artist: Any) -> bool:
    return bool(artist.get_text()) if isinstance(artist, _text_class) else True


def draw(figure: Any) -> Drawing:
    """Render a figure so that its longest side has at most MAX_SIDE_PX pixels."""
    prepare(figure)
    with readable(figure):
        dpi = min(SHARP_DPI, MAX_SIDE_PX / max(figure.get_size_inches()))
        png, max_px = _render(figure, dpi)
        if uncover(figure):
            png, max_px = _render(figure, dpi)
        while max_px > MAX_SIDE_PX:  # what stands outside the figure's own frame made it wider
            dpi *= 0.98 * MAX_SIDE_PX / max_px  # a little less, for text does not shrink evenly
            png, max_px = _render(figure, dpi)
    return Drawing(png=png, alt_text=describe(figure), points=points_of(figure))


def _render(figure: Any, dpi: float) -> tuple[bytes, int]:
    buffer = io.BytesIO()
    _savefig(figure, buffer, format="png", dpi=dpi, bbox_inches="tight")
    png = buffer.getvalue()
    width_px, height_px = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    return png, max(width_px, height_px)


@functools.wraps(_savefig)
def _noted_savefig(figure: Any, fname: Any, *args: Any, **kwargs: Any) -> Any:
    """Save as always, and remember what was saved as a picture."""
    prepare(figure)
    is_file = isinstance(fname, str | os.PathLike)
    name = os.fspath(fname) if is_file else ""
    is_picture = name.lower().endswith(PICTURE_ENDINGS) or (is_file and not os.path.splitext(name)[1])  # noqa: PTH122
    with readable(figure) if is_picture else nullcontext(1.0) as shrunk:
        if shrunk != 1:
            kwargs["dpi"] = shrunk * _dpi(figure, kwargs.get("dpi"))  # as many pixels as the code asks for
        result = _savefig(figure, fname, *args, **kwargs)
        if is_file and uncover(figure):
            result = _savefig(figure, fname, *args, **kwargs)
    if is_file:
        path = name if os.path.exists(name) else f"{name.rstrip('.')}.png"  # noqa: PTH110 - as matplotlib names it
        if path.lower().endswith(PICTURE_ENDINGS):
            album.note_saved(figure, os.stat(path))  # noqa: PTH116
    elif str(getattr(fname, "name", "")).lower().endswith(PICTURE_ENDINGS):
        fname.flush()
        album.note_saved(figure, os.fstat(fname.fileno()))
    return result


def _dpi(figure: Any, asked: Any) -> float:
    """The resolution at which a figure is saved, by matplotlib's own rules."""
    chosen = _matplotlib.rcParams["savefig.dpi"] if asked is None else asked
    return float(figure.dpi if chosen == "figure" else chosen)


_figure_class.savefig = _noted_savefig


def _note_animations(module: ModuleType) -> None:
    """Have an animation that was saved as a picture described, and its last frame not shown besides."""
    save = module.Animation.save

    @functools.wraps(save)
    def noted_save(animation: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
        result = save(animation, filename, *args, **kwargs)
        if os.fspath(filename).lower().endswith(PICTURE_ENDINGS):
            album.note_saved(animation._fig, os.stat(filename))  # noqa: PTH116, SLF001
        return result

    module.Animation.save = noted_save


after_import("matplotlib.animation", _note_animations)


class FigureManager(_bases.FigureManagerBase):  # type: ignore[misc]
    """What pyplot holds for each figure."""

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """Stand behind plt.show(); nothing here can block."""
        del block
        album.show_all()

    def show(self) -> None:
        """Stand behind figure.show()."""
        album.show(self)


class FigureCanvas(_agg.FigureCanvasAgg):  # type: ignore[misc]
    """Draws with Agg."""

    manager_class = FigureManager
