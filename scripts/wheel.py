"""Builds the wheel and lets it answer from an empty environment: `python -m scripts.wheel FOLDER`.

FOLDER is made, and keeps the wheel and its environment. The installed `teamsbot` is asked the article's two questions
as Teams would, and its answers are heard as its connector. It runs far from the checkout: what the wheel forgot to
pack shows here, and only here.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.environments import PINS, SANDBOX, install, uv
from scripts.program import Program, run, running
from scripts.progress import ROOT, CannotGoOnError, run_story, step

_TURN_S = 90
_ANSWER_S = 10
_ACCEPTED = 202
_PNG = b"\x89PNG\r\n\x1a\n"

Activity = dict[str, Any]


def _build(folder: Path) -> Path:
    pinned = ["--build-constraints", str(PINS / "build.txt"), "--require-hashes"]
    uv("building the wheel", "build", "--quiet", "--wheel", *pinned, "--out-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


def _install(wheel: Path, environment: Path) -> Path:
    run("making an empty environment", [sys.executable, "-m", "venv", "--without-pip", environment], env=os.environ)
    install("installing what the wheel needs", environment, ROOT / "requirements.lock")
    uv("installing the wheel", "pip", "install", "--python", environment / "bin" / "python", "--no-deps", wheel)
    return environment / "bin" / "teamsbot"


def _story() -> None:
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True)
    with step("Building the wheel"):
        wheel = _build(folder)
    with step("Installing it in an empty environment"):
        teamsbot = _install(wheel, folder / "environment")
    answer_from(teamsbot, SANDBOX / "bin" / "python", folder)


def answer_from(teamsbot: Path, sandbox_python: Path, folder: Path) -> None:
    """Start it in `folder` and tell the story. Raises CannotGoOnError where the answer is not the right one."""
    env = {"PATH": os.defpath, "HOME": str(folder), "PORT": "0", "DATA_DIR": str(folder / "data")}
    env["TEAMSBOT_SANDBOX_PYTHON"] = str(sandbox_python)
    with (
        _connector() as connector,
        running([teamsbot, "serve"], folder=folder, env=env, ready=r"Messages\s+(\S+)") as bot,
    ):
        with step("The wheel solves y = x^2 + 3 and plots it"):
            _ask(bot, connector, "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph.")
            connector.wait_for('text with "12"', _says("12"))
            card = connector.wait_for("card with a picture", lambda activity: _picture_address(activity) is not None)
            with urllib.request.urlopen(_picture_address(card) or "", timeout=_ANSWER_S) as response:  # noqa: S310
                if not response.read().startswith(_PNG):
                    raise CannotGoOnError("The card's picture is no PNG")
        with step("The wheel remembers the function"):
            _ask(bot, connector, "Is this a concave function?")
            connector.wait_for('text with "convex"', _says("convex"))


class StandInConnector(ThreadingHTTPServer):
    """A Bot Connector that takes every activity and keeps it in `heard`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: queue.Queue[Activity] = queue.Queue()

    def wait_for(self, what: str, is_it: Callable[[Activity], bool]) -> Activity:
        """The next activity that is it; those before it are passed over. Raises CannotGoOnError."""
        ends_at_s = time.monotonic() + _TURN_S
        passed = []
        while (left_s := ends_at_s - time.monotonic()) > 0:
            try:
                activity = self.heard.get(timeout=left_s)
            except queue.Empty:
                break
            if is_it(activity):
                return activity
            passed.append(activity.get("text") or activity.get("type"))
        raise CannotGoOnError(f"No {what} within {_TURN_S} s. Heard instead: {passed}")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, StandInConnector)  # noqa: S101 - for the type checker
        self.server.heard.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        body = json.dumps({"id": f"{time.time_ns()}"}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep the terminal for the story."""


@contextmanager
def _connector() -> Iterator[StandInConnector]:
    with StandInConnector() as connector:
        thread = threading.Thread(target=connector.serve_forever)
        thread.start()
        try:
            yield connector
        finally:
            connector.shutdown()
            thread.join(_ANSWER_S)


def _ask(bot: Program, connector: StandInConnector, text: str) -> None:
    activity = {
        "type": "message",
        "id": f"wheel-{time.time_ns()}",
        "text": text,
        "textFormat": "plain",
        "locale": "en-US",
        "channelId": "msteams",
        "serviceUrl": f"http://127.0.0.1:{connector.server_port}",
        "from": {"id": "user-1", "name": "Ada"},
        "recipient": {"id": "bot-1", "name": "Bot"},
        "conversation": {"id": "wheel", "conversationType": "personal", "tenantId": "tenant-1"},
        "channelData": {"tenant": {"id": "tenant-1"}},
    }
    request = urllib.request.Request(  # noqa: S310 - loopback
        bot.told, data=json.dumps(activity).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_S) as response:  # noqa: S310 - loopback
        if response.status != _ACCEPTED:
            raise CannotGoOnError(f"The bot answered {response.status} instead of {_ACCEPTED}")


def _says(word: str) -> Callable[[Activity], bool]:
    return lambda activity: activity["type"] == "message" and word in activity.get("text", "").lower()


def _picture_address(activity: Activity) -> str | None:
    parts = [part for attachment in activity.get("attachments", []) for part in attachment["content"]["body"]]
    return next((str(part["url"]) for part in parts if part["type"] == "Image"), None)


if __name__ == "__main__":
    sys.exit(run_story(_story))
