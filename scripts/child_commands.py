"""Runs a program quietly: its output goes to a log, and a failure becomes one line that says why."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.progress import CACHE, ROOT, CannotGoOnError

Command = Sequence[str | Path]
LOGS = CACHE / "logs"
_DEADLINE_S = 900

_REASONS = (
    (r"no space left on device|disk quota exceeded", "the disk is full", "Free 3 GB, then run it again"),
    (
        r"network is unreachable|name resolution|dns error|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|connection refused"
        r"|error sending request|failed to establish a new connection|max retries|timed? ?out|tunnel|ETIMEDOUT",
        "the package index cannot be reached",
        "Check the network, or the index and proxy that pip or npm are set to, then run it again: it goes on from here",
    ),
    (
        r"certificate|self.signed|UnknownIssuer",
        "the package index shows a certificate that is not trusted here",
        "Name your authorities: SSL_CERT_FILE for Python's packages, NODE_EXTRA_CA_CERTS for npm's",
    ),
    (r"permission denied|read-only file system", "this folder cannot be written", "Make it yours: chown"),
)


def run(what: str, command: Command, *, env: Mapping[str, str], cwd: Path = ROOT) -> str:
    """Run to the end and return what it printed. `what` names the work and its log. Raises CannotGoOnError."""
    log = LOGS / f"{re.sub(r'[^a-z0-9]+', '-', what.lower()).strip('-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=cwd,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotGoOnError(
            f"{what}: no end after {_DEADLINE_S // 60} minutes. Check the network, then run it again"
        ) from error
    log.write_text(done.stdout)
    if done.returncode:
        raise CannotGoOnError(f"{what}: {_reason(done.stdout)}. All it said: {log.relative_to(ROOT)}")
    return done.stdout


def _reason(output: str) -> str:
    for pattern, why, fix in _REASONS:
        if re.search(pattern, output, re.IGNORECASE):
            return f"{why}. {fix}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return (lines or ["it failed without a word"])[-1][:200].rstrip(".")
