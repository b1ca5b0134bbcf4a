"""axe-core, which looks for what keeps people out of a page: a test tool, fetched and never part of this project."""

from __future__ import annotations

from scripts.node import ensure_node
from scripts.npm_package import NpmPackage
from scripts.progress import CACHE, step

_PACKAGE = NpmPackage.pinned("axe")
AXE = CACHE / f"axe-{_PACKAGE.version}" / "axe.min.js"


def ensure_axe() -> None:
    """Fetch it where it is missing. Raises CannotGoOnError."""
    if AXE.is_file():
        return
    node = ensure_node()
    with step("Fetching axe-core for the browser tests (3 MB)"):
        _PACKAGE.unpack(node, AXE.parent)
