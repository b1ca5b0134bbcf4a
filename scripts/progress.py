"""What a person sees while `make` works: one line a step, with its seconds; one line when it cannot go on."""

from __future__ import annotations

import errno
import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
_CANNOT_GO_ON = 2
_FIXES = {
    errno.ENOSPC: "Free 3 GB, then run it again.",
    errno.EACCES: "Make the folder yours: chown.",
    errno.EROFS: "Use a copy on a disk that can be written.",
}
_INTERRUPTED = 130


class CannotGoOnError(Exception):
    """Why `make` cannot go on, in one line: what, why, the fix."""


@contextmanager
def step(words: str) -> Iterator[None]:
    """Say what is being done, then how many seconds it took."""
    print(f"{words} ... ", end="", flush=True)
    started_s = time.monotonic()
    try:
        yield
    except BaseException:
        print("stopped", flush=True)
        raise
    print(f"{time.monotonic() - started_s:.1f} s", flush=True)


@contextmanager
def alone() -> Iterator[None]:
    """Let one `make` at a time build and fetch; the lock goes with the process, however that ends."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("Waiting for another make in this folder"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_story(story: Callable[[], None]) -> int:
    """Tell the story; what stops it becomes one line and exit code 2."""
    try:
        story()
    except CannotGoOnError as error:
        print(f"teamsbot: {error}", file=sys.stderr)
        return _CANNOT_GO_ON
    except OSError as error:
        fix = _FIXES.get(error.errno or 0, "")
        print(f"teamsbot: {error.filename or ROOT}: {error.strerror}. {fix}", file=sys.stderr)
        return _CANNOT_GO_ON
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0
