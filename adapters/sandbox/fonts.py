"""Prepares matplotlib's list of fonts, which takes longer to make than a figure takes to draw."""

from __future__ import annotations

from adapters.sandbox.limits import Limits
from adapters.sandbox.process import Wall
from adapters.sandbox.session import Session

MAKE_FONT_LIST = """
import pathlib
import shutil
import matplotlib
import matplotlib.font_manager
for path in pathlib.Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
    shutil.copy(path, "/mnt/data")
"""
DEADLINE_S = 60.0


async def collect_fonts(wall: Wall, limits: Limits) -> dict[str, bytes]:
    """Return matplotlib's cache files by name, made inside the walls; none where there is no matplotlib.

    Raises SandboxError when no session can be started.
    """
    session = await Session.start(wall, limits, {})
    try:
        result = await session.run(MAKE_FONT_LIST, DEADLINE_S)
    finally:
        await session.end()
    return {file.name: file.data for file in result.files}
