"""Builds the documentation as a site into .cache/site: `python -m scripts.docs_site`.

The pages of `docs/` link to files at the top of the repository and to code. For the site they are copied to
.cache/docs, together with the pages from the top, and their links point at pages there; a link to code becomes its
words. Zensical then refuses links that lead nowhere.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from scripts.program import run
from scripts.progress import ROOT, CannotGoOnError, alone, run_story, step

_DOCS, _PAGES = ROOT / "docs", ROOT / ".cache" / "docs"
_AT_THE_TOP: Final = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "CHANGELOG.md": "changelog.md",
}
# In CommonMark a list may follow a paragraph at once, Python-Markdown asks for an empty line. Code in fences stays.
_LIST: Final = re.compile(
    r"(?P<code>^```.*?^```)|(?P<before>^[^\s\-*|>#\d`][^\n]*\n)(?=(?:[-*]|\d+\.) )", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"(?P<words>!?\[[^\]]*\])\((?P<target>[^)#:\s]+)(?P<place>#[^)\s]*)?\)")


def build() -> None:
    """Copy the pages and build the site. Raises CannotGoOnError for a link that leads nowhere."""
    config = (ROOT / "mkdocs.yml").read_text("utf-8")
    names = [source.relative_to(_DOCS).as_posix() for source in sorted(_DOCS.rglob("*.md"))]
    if missing := [name for name in names if f"- {name}\n" not in config]:
        raise CannotGoOnError(f"The site has no entry for docs/{missing[0]}. Add it to nav in mkdocs.yml.")
    with alone(), step("Building the documentation's site"):
        shutil.rmtree(_PAGES, ignore_errors=True)
        shutil.copytree(_DOCS, _PAGES)
        for name in names:
            _write(name, _DOCS / name, origin=f"docs/{name}")
        for top, name in _AT_THE_TOP.items():
            _write(name, ROOT / top, origin=top)
        zensical = Path(sys.executable).with_name("zensical")
        run("building the site", [zensical, "build", "--strict", "-f", ROOT / "mkdocs.yml"], env=os.environ)


def _write(page: str, source: Path, *, origin: str) -> None:
    def pointed(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link["target"]))
        inside = _AT_THE_TOP.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if inside is None:
            return link["words"].strip("[]")
        relative = posixpath.relpath(inside, posixpath.dirname(page) or ".")
        return f"{link['words']}({relative}{link['place'] or ''})"

    text = _LIST.sub(lambda found: found["code"] or found["before"] + "\n", source.read_text("utf-8"))
    (_PAGES / page).write_text(_LINK.sub(pointed, text), "utf-8")


if __name__ == "__main__":
    sys.exit(run_story(build))
