"""Fetches the tools of the tests into `.cache`: `python -m scripts.fetch`. Done once; a broken run goes on.

axe-core looks for what keeps people out of a page. Like the others it is fetched and never part of this project.
"""

from __future__ import annotations

import sys

from scripts.azurite import ensure_azurite
from scripts.chat_bundle import ensure_web_chat
from scripts.chromium import ensure_chromium
from scripts.node import NpmPackage, ensure_node
from scripts.playground import ensure_playground
from scripts.progress import CACHE, alone, run_story, step
from scripts.second_servers import ensure_second_servers

_AXE = NpmPackage.pinned("axe")
AXE = CACHE / f"axe-{_AXE.version}" / "axe.min.js"


def _fetch() -> None:
    with alone():
        ensure_web_chat()
        if not AXE.is_file():
            node = ensure_node()
            with step("Fetching axe-core for the browser tests (3 MB)"):
                _AXE.unpack(node, AXE.parent)
        ensure_azurite()
        ensure_playground()
        ensure_chromium()
        ensure_second_servers()


if __name__ == "__main__":
    sys.exit(run_story(_fetch))
