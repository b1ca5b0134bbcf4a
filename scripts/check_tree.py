"""What no linter knows about the tracked files: `python -m scripts.check_tree`.

A registry's address or a path of somebody's machine in a file makes the project work in one place only; a file of more
than 500 lines is two; two files of one name are confused; and what Bot Framework's deserialiser makes of an activity is
looked at in one file only, because it loses fields.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
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
_OLD_WORD = re.compile(r"(?<![^\W_])(?i:whoever|lest|borne|of ours)(?![^\W_])|\b(?:MOST|LONGEST)_[A-Z]")
_MAY_HOLD_OLD_WORDS = frozenset(map(Path, ("CHANGELOG.md", "docs/glossary.md", "scripts/check_tree.py")))
_DESERIALISES = re.compile(r"\bActivity\(\)\.deserialize\(|\bActivity\.(?:deserialize|from_dict)\(|\bDeserializer\(")
_MAY_DESERIALISE = frozenset({Path("adapters/teams/endpoint.py")})
_PROSE = frozenset((".py", ".md", ".js", ".html", ".css", ".toml"))


def faults(path: Path, text: str) -> Iterator[str]:
    """Each fault of one file, as `path:line: what`."""
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        yield from (f"{path}:{number}: {what}" for what, pattern in _FORBIDDEN.items() if pattern.search(line))
        if path.suffix in _PROSE and path not in _MAY_HOLD_OLD_WORDS and (old := _OLD_WORD.search(line)):
            yield f"{path}:{number}: {old[0]!r}: docs/glossary.md has a plainer word"
        if _DESERIALISES.search(line) and path.parts[0] != "tests" and path not in _MAY_DESERIALISE:
            yield f"{path}:{number}: activities are deserialised in {min(_MAY_DESERIALISE)} alone"
    longest = _MAX_TEST_LINES if path.parts[0] == "tests" else _MAX_LINES
    if path.suffix == ".py" and len(lines) > longest:
        yield f"{path}:{longest}: {len(lines)} lines; {longest} are enough"


def faults_of_names(paths: Iterable[Path]) -> Iterator[str]:
    """Each name that several Python files have, tests aside."""
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        if path.suffix == ".py" and path.parts[0] != "tests" and path.name != "__init__.py":
            by_name.setdefault(path.name, []).append(path)
    for same in by_name.values():
        if len(same) > 1:
            yield f"{same[0]}: also {', '.join(map(str, same[1:]))}; give each a name of its own"


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
    files = list(_tracked())
    found = [fault for path, text in files for fault in faults(path, text)]
    found += faults_of_names(path for path, _ in files)
    if found:
        print("\n".join(found))
        raise CannotGoOnError(f"{len(found)} faults in the files, listed above")


if __name__ == "__main__":
    sys.exit(run_story(_check))
