"""The bot as a process of its own, as a person starts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.program import Program, running
from tests.support.preloaded_service import start_preloaded


@contextmanager
def running_bot(folder: Path, **settings: str) -> Iterator[Program]:
    """`teamsbot serve` on a free port, with its data in `folder`; `told` is the address of /api/messages."""
    fresh = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8"}
    chosen = {"PORT": "0", "DATA_DIR": str(folder / "data")}
    teamsbot = Path(sys.executable).with_name("teamsbot")
    env = fresh | chosen | settings
    ready = r"Messages\s+(\S+)"
    with running([teamsbot, "serve"], folder=folder, env=env, ready=ready, start_s=120, start=start_preloaded) as bot:
        yield bot
