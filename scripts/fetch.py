"""Fetches what the browser tests need into `.cache`: `python -m scripts.fetch`. Done once; a broken run goes on."""

from __future__ import annotations

import sys

from scripts.chromium import ensure_chromium
from scripts.playground import ensure_playground
from scripts.progress import alone, run_story


def _fetch() -> None:
    with alone():
        ensure_playground()
        ensure_chromium()


if __name__ == "__main__":
    sys.exit(run_story(_fetch))
