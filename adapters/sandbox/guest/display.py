"""What a notebook shows: `display`, the echo of a last expression, and the part of IPython that code imports for it.

Figures go through matplotlib's backend; other pictures (Pillow's, and those of `IPython.display`) are kept here until
the run ends.
"""

from __future__ import annotations

import builtins
import importlib
import io
import os
import pprint
import sys
import urllib.parse
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from adapters.sandbox.guest.after_import import after_import

MAX_SIDE_PX = 1024
LINE_CHARACTERS = 79
NO_SOUND = "[Sound and films cannot be played here. Save them as files in /mnt/data.]"
NO_SCRIPTS = "[A page with scripts cannot be shown here. Save an animation as a .gif in /mnt/data.]"

shown: list[tuple[bytes, str]] = []
"""PNG and alt text of each picture of this run."""


def install() -> None:
    """Make `display` known to all code, and `show()` of Pillow's images work like it."""
    builtins.display = display  # type: ignore[attr-defined]
    sys.meta_path.append(_Finder())  # at the end: an IPython that is installed comes first
    after_import("PIL.ImageShow", _register_viewer)
    after_import("tqdm.notebook", _show_progress_as_text)


def display(*values: Any, **options: Any) -> None:
    """Show each value as a notebook does: figures and pictures as pictures, all else as text."""
    for value in values:
        if not show_picture(value):
            print(echo(value))  # noqa: T201


def show_picture(value: object) -> bool:
    """Show a figure or a picture. Returns False for any other value, and where there is nothing to be seen."""
    figure_module, image_module = sys.modules.get("matplotlib.figure"), sys.modules.get("PIL.Image")
    if figure_module is not None and isinstance(value, figure_module.Figure):
        return _show_figure(value)
    if image_module is not None and isinstance(value, image_module.Image):
        _keep(value)
        return True
    if isinstance(value, Picture):
        return value.show()
    plot_module = sys.modules.get("seaborn._core.plot")
    if plot_module is not None and isinstance(value, plot_module.Plot):
        return _show_figure(value.plot()._figure)  # noqa: SLF001 - its PNG has no description
    return False


def echo(value: object) -> str:
    """Return the text of a value: its repr, or where a collection is longer than a line, one element to a line."""
    if isinstance(value, Text):
        return NO_SCRIPTS if "<script" in value.data else value.data
    style_module = sys.modules.get("pandas.io.formats.style")
    if style_module is not None and isinstance(value, style_module.Styler):
        return str(value.to_string()).rstrip()
    text = repr(value)
    if len(text) <= LINE_CHARACTERS or type(value) not in (dict, list, tuple, set, frozenset):
        return text
    return pprint.pformat(value, width=LINE_CHARACTERS, compact=True, sort_dicts=False)


def take_pictures() -> list[tuple[bytes, str]]:
    """Return what was shown since the last call."""
    pictures = shown[:]
    shown.clear()
    return pictures


def _show_figure(figure: Any) -> bool:
    backend: Any = importlib.import_module("adapters.sandbox.guest.mpl_backend")
    manager = getattr(figure.canvas, "manager", None)
    if manager is not None and manager in backend._open_figures.get_all_fig_managers():  # noqa: SLF001
        backend.album.show(manager)
        return True
    return bool(backend.album.add(figure))


def _keep(image: Any) -> None:
    alt_text = f"A picture of {image.width} by {image.height} pixels."
    small = image if image.mode in ("1", "I;16", "L", "LA", "P", "RGB", "RGBA") else image.convert("RGB")
    small = small.copy()
    small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG")
    shown.append((buffer.getvalue(), alt_text))


def _register_viewer(image_show: ModuleType) -> None:
    class Viewer(image_show.Viewer):  # type: ignore[name-defined, misc]
        def show(self, image: Any, **options: Any) -> int:
            _keep(image)
            return 1

    image_show.register(Viewer(), order=0)


def _show_progress_as_text(module: ModuleType) -> None:
    """Have a progress bar that would be a widget of Jupyter be a line of text: there are no widgets here."""
    std: Any = importlib.import_module("tqdm.std")
    vars(module).update(tqdm=std.tqdm, tqdm_notebook=std.tqdm, trange=std.trange, tnrange=std.trange)


class Text:
    """HTML, Markdown or LaTeX of `IPython.display`, shown as the text that it is."""

    def __init__(self, data: object = "", *args: Any, filename: str | None = None, **options: Any) -> None:
        self.data = Path(filename).read_text(encoding="utf-8") if filename else str(data)


class Unplayable(Text):
    """Sound, films and pages of `IPython.display`, of which nothing can be shown."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(NO_SOUND)


class Picture:
    """`IPython.display.Image`: a picture by its bytes or by its file."""

    def __init__(self, data: Any = None, *args: Any, filename: Any = None, **options: Any) -> None:
        if isinstance(data, str | os.PathLike):
            data, filename = None, data
        if filename is not None and urllib.parse.urlsplit(str(filename)).scheme in ("http", "https"):
            raise OSError("Pictures of the web cannot be shown: this sandbox has no network.")
        self.data: bytes = Path(filename).read_bytes() if filename is not None else bytes(data or b"")

    def show(self) -> bool:
        """Keep it for the person. Raises OSError when these are no bytes of a picture."""
        image_module: Any = importlib.import_module("PIL.Image")
        with image_module.open(io.BytesIO(self.data)) as image:
            _keep(image)
        return True


class _Finder(MetaPathFinder, Loader):
    """Gives `IPython` and `IPython.display` to code that imports them, and to nobody else.

    Libraries look into sys.modules for IPython and then expect a shell, so these modules must not lie there unasked.
    """

    NAMES = ("IPython", "IPython.display", "IPython.core", "IPython.core.display")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.NAMES:
            return None
        return ModuleSpec(fullname, self, is_package=fullname in ("IPython", "IPython.core"))

    def exec_module(self, module: ModuleType) -> None:
        names: dict[str, Any] = {
            "display": display,
            "clear_output": _ignore,
            "set_matplotlib_formats": _ignore,
            "Image": Picture,
        }
        texts = ("HTML", "Markdown", "Latex", "Math", "Pretty", "JSON", "Javascript", "SVG", "Code")
        names |= dict.fromkeys(texts, Text)
        names |= dict.fromkeys(("Audio", "Video", "IFrame", "YouTubeVideo"), Unplayable)
        if module.__name__ == "IPython":
            # What matplotlib asks of it before it draws a figure.
            names |= {"version_info": (8, 0, 0), "__version__": "8.0.0", "get_ipython": _no_shell}
        module.__dict__.update(names)


def _ignore(*args: Any, **options: Any) -> None:
    """Stand in for what has no effect here."""


def _no_shell() -> None:
    """Return None, which is IPython's own answer outside of its shell."""
