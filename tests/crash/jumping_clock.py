"""Runs a Python program under a wall clock that is as many seconds ahead as a file says.

python jumping_clock.py FILE PROGRAM ARGUMENTS
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

_real_time = time.time


def _moved_time() -> float:
    offset_s = _offset.read_text("ascii") if _offset.exists() else ""
    return _real_time() + float(offset_s or 0)


if __name__ == "__main__":
    _offset, sys.argv = Path(sys.argv[1]), sys.argv[2:]
    time.time = _moved_time
    runpy.run_path(sys.argv[0], run_name="__main__")
