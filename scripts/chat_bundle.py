"""Web Chat, which the local chat page shows: `python -m scripts.chat_bundle` fetches it where it is missing.

The page says what to run when it is not here, and the rest of the bot does without, so a start goes on without it too.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from scripts.node import Node, ensure_node
from scripts.npm_package import NpmPackage
from scripts.progress import CACHE, CannotGoOnError, alone, run_story, step

_PACKAGE = NpmPackage.pinned("webchat")
_HOME = CACHE / "webchat"
_WHICH = _HOME / "package.json"
_KEPT = ("package.json", "dist/webchat.js", "dist/webchat.js.LICENSE.txt")  # of 160 MB, most of it build statistics


def ensure_web_chat() -> None:
    """Fetch it where it is missing or of another version. Raises CannotGoOnError."""
    if _WHICH.is_file() and f'"version": "{_PACKAGE.version}"' in _WHICH.read_text():
        return
    node = ensure_node()
    with step("Fetching Web Chat for the chat page (7 MB)"):
        fetch(_PACKAGE, node, _HOME)


def web_chat_is_here() -> bool:
    """Whether the chat page can show it."""
    return _WHICH.is_file()


def fetch(package: NpmPackage, node: Node, home: Path) -> None:
    """Put what the page needs of the package into `home`, whole or not at all. Raises CannotGoOnError."""
    fresh, kept = home.with_name("webchat-fresh"), home.with_name("webchat-kept")
    package.unpack(node, fresh)
    for name in _KEPT:
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name).replace(kept / name)
    shutil.rmtree(fresh)
    shutil.rmtree(home, ignore_errors=True)
    kept.replace(home)


def _main() -> None:
    with alone():
        try:
            ensure_web_chat()
        except CannotGoOnError as error:
            print(f"teamsbot: the chat page is not complete: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_story(_main))
