"""What the local chat page shows and did not write: `python -m scripts.chat_bundle` fetches it where it is missing.

Web Chat shows the conversation, highlight.js colours code. The page says what to run when Web Chat is not here, and the
rest of the bot does without, so a start goes on without it too.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.node import Node, NpmPackage, ensure_node
from scripts.progress import CACHE, CannotGoOnError, alone, run_story, step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asset:
    package: NpmPackage
    title: str
    home: Path
    kept: Sequence[str]  # of what may be 160 MB, most of it build statistics

    def is_here(self) -> bool:
        """Whether it lies there in the version that is pinned."""
        which = self.home / "package.json"
        return which.is_file() and f'"version": "{self.package.version}"' in which.read_text()


_ASSETS: Final = (
    _Asset(
        package=NpmPackage.pinned("webchat"),
        title="Web Chat for the chat page (7 MB)",
        home=CACHE / "webchat",
        kept=("package.json", "dist/webchat.js", "dist/webchat.js.LICENSE.txt"),
    ),
    _Asset(
        package=NpmPackage.pinned("highlight"),
        title="colours for code on the chat page (1 MB)",
        home=CACHE / "highlight",
        kept=("package.json", "es/highlight.min.js", "LICENSE"),
    ),
)


def ensure_web_chat() -> None:
    """Fetch what is missing or of another version. Raises CannotGoOnError."""
    for asset in _ASSETS:
        if not asset.is_here():
            node = ensure_node()
            with step(f"Fetching {asset.title}"):
                fetch(asset.package, node, asset.home, asset.kept)


def web_chat_is_here() -> bool:
    """Whether the chat page is complete."""
    return all(asset.is_here() for asset in _ASSETS)


def fetch(package: NpmPackage, node: Node, home: Path, kept: Sequence[str]) -> None:
    """Put what the page needs of the package into `home`, whole or not at all. Raises CannotGoOnError."""
    fresh, chosen = home.with_name(f"{home.name}-fresh"), home.with_name(f"{home.name}-kept")
    package.unpack(node, fresh)
    for name in kept:
        (chosen / name).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name).replace(chosen / name)
    shutil.rmtree(fresh)
    shutil.rmtree(home, ignore_errors=True)
    chosen.replace(home)


def _main() -> None:
    with alone():
        try:
            ensure_web_chat()
        except CannotGoOnError as error:
            print(f"teamsbot: the chat page is not complete: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_story(_main))
