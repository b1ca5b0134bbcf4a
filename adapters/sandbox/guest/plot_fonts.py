"""Fonts for every script: labels in Chinese, Hindi, Thai or emoji are readable whichever font the code asks for.

matplotlib draws a sign that the first font lacks with the next one that has it, but only of the fonts in the list that
the code gave. So the Noto fonts of the sandbox's environment stand at the end of every list.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from adapters.sandbox.guest.after_import import after_import

FONT_PACKAGES = ("manimgx_fonts", "cvttf_NotoSansCJK_Regular")
FONT_ENDINGS = (".ttf", ".otf", ".ttc")


def install() -> None:
    """Prepare matplotlib's fonts once it is imported."""
    after_import("matplotlib.font_manager", _extend)


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
