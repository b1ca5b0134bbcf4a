"""The Microsoft 365 Agents Playground, a Teams to test with: `python -m scripts.playground [BOT]` starts it.

It is pre-release software of Microsoft's under its own licence: fetched as a test tool, never part of this project.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from scripts.node import Node, NpmPackage, ensure_node, find_node
from scripts.program import Command, Program, running
from scripts.progress import CACHE, ROOT, CannotGoOnError, alone, run_story, step

DEFAULT_BOT = "http://127.0.0.1:3978/api/messages"
DEFAULT_PORT = 56150
_PACKAGE = NpmPackage.pinned("playground")
_HOME = CACHE / f"playground-{_PACKAGE.version}"
_ANSWER_DEADLINE_S = 5


def ensure_playground() -> None:
    """Fetch it where it is missing. Raises CannotGoOnError."""
    node = ensure_node()
    if not _HOME.is_dir():
        with step("Fetching the Agents Playground (4 MB)"):
            _PACKAGE.unpack(node, _HOME)


def playground_is_here() -> bool:
    """Whether `running_playground` can start it."""
    return _HOME.is_dir() and find_node() is not None


@contextmanager
def running_playground(node: Node, *, bot: str, folder: Path, port: int = 0) -> Iterator[tuple[str, Program]]:
    """Start it against the bot, on loopback, with no telemetry; yields its address too. Raises CannotGoOnError."""
    start: Command = [node.node, "--require", ROOT / "scripts" / "loopback.cjs", _HOME / "cli.js", "start"]
    options: Command = ["--port", str(port), "--app-endpoint", bot, "--channel-id", "msteams", "--disable-telemetry"]
    quiet = {"TEAMSAPPTESTER_BROWSER": "none", "APPLICATION_INSIGHTS_NO_STATSBEAT": "1"}
    env = node.environment() | quiet
    with running([*start, *options], folder=folder, env=env, ready=r"Listening on (\d+)") as program:
        yield f"http://localhost:{program.told}/", program


def _require_bot(bot: str) -> None:
    address = urlsplit(bot)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=_ANSWER_DEADLINE_S)
    try:
        connection.request("HEAD", address.path)
        connection.getresponse()
    except OSError as error:
        raise CannotGoOnError(
            f"No bot answers at {bot}. Start it with `make run` in another terminal, then try again"
        ) from error
    finally:
        connection.close()


def _main() -> None:
    bot = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_BOT
    _require_bot(bot)
    with alone():
        ensure_playground()
    node = ensure_node()
    log = CACHE / "playground-log"
    log.mkdir(exist_ok=True)
    with running_playground(node, bot=bot, folder=log, port=DEFAULT_PORT) as (address, program):
        print(f"The Agents Playground talks to {bot}. Open {address} (Ctrl-C ends it)", flush=True)
        program.process.wait()


if __name__ == "__main__":
    sys.exit(run_story(_main))
