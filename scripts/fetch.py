"""Fetches the tools of the tests into `.cache`: `python -m scripts.fetch`. Done once; a broken run goes on."""

from __future__ import annotations

import sys

from scripts.axe import ensure_axe
from scripts.azurite import ensure_azurite
from scripts.chat_bundle import ensure_web_chat
from scripts.chromium import ensure_chromium
from scripts.playground import ensure_playground
from scripts.progress import alone, run_story
from scripts.second_servers import ensure_second_servers


def _fetch() -> None:
    with alone():
        ensure_web_chat()
        ensure_axe()
        ensure_azurite()
        ensure_playground()
        ensure_chromium()
        ensure_second_servers()


if __name__ == "__main__":
    sys.exit(run_story(_fetch))
