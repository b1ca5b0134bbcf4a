"""The two pipes between the runner and the service.

Both ways a message is one line of JSON; when it has `size_bytes`, that many raw bytes follow the line.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One order of the service. `do` is `run` (body: source code), `put` (body: the file `name`) or `seed_fonts`."""

    do: str
    number: int
    name: str
    body: bytes


class Channel:
    """Commands in, events out. Neither pipe is inherited by programs that the code starts."""

    def __init__(self, *, commands: BinaryIO, events: BinaryIO) -> None:
        self._commands = commands
        self._events = events

    @classmethod
    def take_over(cls, event_fd: int) -> Channel:
        """Take the command pipe away from standard input, which then reads as empty."""
        command_fd = os.dup(0)
        null_fd = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null_fd, 0)
        os.close(null_fd)
        os.set_inheritable(event_fd, False)  # noqa: FBT003
        return cls(commands=os.fdopen(command_fd, "rb"), events=os.fdopen(event_fd, "wb"))

    def next_command(self) -> Command | None:
        """Wait for the next command; None when the service has closed the pipe or is gone."""
        line = self._commands.readline()
        if not line:
            return None
        head = json.loads(line)
        body = self._commands.read(head["size_bytes"])
        return Command(do=head["do"], number=head["number"], name=head.get("name", ""), body=body)

    def send(self, event: str, body: bytes = b"", **fields: Any) -> None:
        """Say one thing; `body` follows its line."""
        head = {"event": event, "size_bytes": len(body), **fields}
        self._events.write(json.dumps(head).encode("ascii") + b"\n" + body)
        self._events.flush()
