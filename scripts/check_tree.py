"""What no linter knows about the tracked files: `python -m scripts.check_tree`.

A registry's address or a path of somebody's machine in a file makes the project work in one place only; a file of more
than 500 lines is two, though a list of tests may be longer.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.progress import ROOT, CannotGoOnError, run_story

_MAX_LINES = 500
_MAX_TEST_LINES = 500
_DEADLINE_S = 60
_FORBIDDEN = {
    "the address of a package registry": re.compile(
        r"\b(?:pypi\.(?:org|python)|pythonhosted\.org|registry\.(?:npmjs|yarnpkg)\.|npmjs\.(?:org|com)|deb\.debian\.)",
        re.I,
    ),
    "a path of this machine": re.compile(
        r"/(?:work|opt)/(?!sandbox\b|teamsbot\b)\.?\w|/tmp/(?:brief|bash_jobs)"  # those two are our own names
    ),
    "a home folder": re.compile(r"/home/(?!user\b|teamsbot\b|app\b)\w+/|/root/\.\w+"),
}

# Words of this project's early dialect; docs/glossary.md has the standard ones. Data of others keeps its words.
_OLD_WORD = re.compile(r"\b(?i:whoever|lest|borne|of ours)\b|\b(?:MOST|LONGEST)_[A-Z]")
_MAY_HOLD_OLD_WORDS = frozenset(map(Path, ("CHANGELOG.md", "docs/glossary.md", "scripts/check_tree.py")))
_PROSE = frozenset((".py", ".md", ".js", ".html", ".css", ".toml"))


def faults(path: Path, text: str) -> Iterator[str]:
    """Each fault of one file, as `path:line: what`."""
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        yield from (f"{path}:{number}: {what}" for what, pattern in _FORBIDDEN.items() if pattern.search(line))
        if path.suffix in _PROSE and path not in _MAY_HOLD_OLD_WORDS and (old := _OLD_WORD.search(line)):
            yield f"{path}:{number}: {old[0]!r}: docs/glossary.md has a plainer word"
    longest = _MAX_TEST_LINES if path.parts[0] == "tests" else _MAX_LINES
    if path.suffix == ".py" and len(lines) > longest:
        yield f"{path}:{longest}: {len(lines)} lines; {longest} are enough"


def _tracked() -> Iterator[tuple[Path, str]]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_DEADLINE_S, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotGoOnError("git cannot list the files: the check needs a clone and git") from error
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        if file.is_file() and b"\0" not in (content := file.read_bytes()):
            yield Path(name), content.decode(errors="replace")


def _check() -> None:
    found = [fault for path, text in _tracked() for fault in faults(path, text)]
    if found:
        print("\n".join(found))
        raise CannotGoOnError(f"{len(found)} faults in the files, listed above")


if __name__ == "__main__":
    sys.exit(run_story(_check))
