"""Writes the locks: `python -m scripts.lock`.

uv's own lock names a registry in every entry, so it stays out of the repository; what is exported from it names none.
"""

from __future__ import annotations

import sys

from scripts.progress import ROOT, alone, run_story, step
from scripts.uv import uv

_EXPORT = ("export", "--quiet", "--no-header", "--no-emit-project", "--no-annotate")
_LOCKS = {
    "requirements.lock": (),
    "requirements-dev.lock": ("--group", "dev", "--group", "test"),
    "sandbox.lock": ("--only-group", "sandbox"),
}


def _lock() -> None:
    with alone(), step("Choosing versions"):
        uv("choosing versions", "lock", "--upgrade")
        for name, groups in _LOCKS.items():
            uv(f"writing {name}", *_EXPORT, *groups, "--output-file", ROOT / name)


if __name__ == "__main__":
    sys.exit(run_story(_lock))
