"""Starts `host.py` as root or as a plain user, and talks to it."""

from __future__ import annotations

import base64
import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from adapters.sandbox.code_result import CodeResult, CodeStatus, GuestFile, GuestImage
from tests.sandbox.host import SECRET

ROOT = Path(__file__).parents[2]
SANDBOX_PYTHON = ROOT / ".sandbox" / "bin" / "python"
PLAIN_UID = 43_001
NO_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


class Host:
    """A service with a sandbox, in a process of its own. Not for several threads."""

    def __init__(self, process: subprocess.Popen[bytes], *, in_container: bool = False) -> None:
        self.process = process
        self.in_container = in_container
        self._numbers = itertools.count(1)
        self._answers: dict[int, Any] = {}
        greeting = self._hear()
        self.isolation: str | None = greeting["isolation"]
        self.reason: str = greeting["reason"]
        self.targets: dict[str, Any] = greeting["targets"]

    @classmethod
    def start(
        cls, *, as_root: bool, through: Sequence[str] = (), in_container: bool = False, at_least: str = "landlock"
    ) -> Host:
        """Start it, on request `through` a command that changes what it may do, or as a container would."""
        command = [*through, sys.executable, "-m", "tests.sandbox.host", str(SANDBOX_PYTHON), at_least]
        if os.geteuid() == 0 and not as_root:
            command = as_plain_user(command)
        if in_container:
            command = [sys.executable, "-m", "tests.sandbox.in_container", *reachable_paths(), "--", *command]
        environment = NO_ENVIRONMENT | {"MicrosoftAppPassword": SECRET}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, cwd=ROOT)
        return cls(process, in_container=in_container)

    def run(self, session: str, code: str, deadline_s: float | None = None) -> CodeResult:
        return self.result(self.ask("run", session=session, code=code, deadline_s=deadline_s))

    def put(self, session: str, name: str, data: bytes) -> str | None:
        """Return why it was refused, or None."""
        refusal: str | None = self.wait(
            self.ask("put", session=session, name=name, data=base64.b64encode(data).decode())
        )
        return refusal

    def forget(self, session: str) -> None:
        self.wait(self.ask("forget", session=session))

    def ask(self, do: str, **fields: Any) -> int:
        """Say it and do not wait; the number is for `wait` or `result`."""
        number = next(self._numbers)
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps({"do": do, "id": number, **fields}) + b"\n")
        self.process.stdin.flush()
        return number

    def wait(self, number: int) -> Any:
        while number not in self._answers:
            heard = self._hear()
            self._answers[heard["id"]] = heard["answer"]
        return self._answers.pop(number)

    def result(self, number: int) -> CodeResult:
        fields = self.wait(number)
        return CodeResult(
            status=CodeStatus(fields["status"]),
            logs=fields["logs"],
            reason=fields["reason"],
            session_lost=fields["session_lost"],
            images=tuple(GuestImage(**_decoded(image)) for image in fields["images"]),
            files=tuple(GuestFile(**_decoded(file)) for file in fields["files"]),
        )

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _hear(self) -> Any:
        assert self.process.stdout is not None
        return orjson.loads(self.process.stdout.readline())


def as_plain_user(command: Sequence[str]) -> list[str]:
    """The same command for root to start, run by a plain user who can reach Python wherever it lies."""
    return [sys.executable, "-m", "tests.sandbox.become", str(PLAIN_UID), *reachable_paths(), "--", *command]


def reachable_paths() -> list[str]:
    """Where the project and its Pythons lie."""
    sandbox_base = SANDBOX_PYTHON.resolve().parent.parent
    return list(dict.fromkeys(map(str, (ROOT, sys.prefix, sys.base_prefix, sandbox_base))))


def _decoded(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {name: base64.b64decode(fields[name]) for name in ("data", "points")}
