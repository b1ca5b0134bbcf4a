"""The first and last thing inside the walls: lowers its own limits, then runs what the service sends, one at a time.

Started as `python -m adapters.sandbox.guest.runner EVENT_FD LIMITS`, LIMITS being JSON; commands on standard input.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from adapters.sandbox.guest.cell import OK, Attempt, Notebook
from adapters.sandbox.guest.channel import Channel, Command
from adapters.sandbox.guest.files import DataFolder

DATA = "/mnt/data"
OWN_FOLDER = str(Path(__file__).parent)
NICENESS = 5


class Runner:
    """Carries out the commands of one session."""

    def __init__(self, channel: Channel, limits: Mapping[str, int]) -> None:
        self._channel = channel
        self._limits = limits
        self._notebook = Notebook()
        self._folder = DataFolder(DATA, max_entries=limits["file_count"])

    def serve(self) -> None:
        """Work until the service closes the pipe."""
        self._channel.send("ready")
        while (command := self._channel.next_command()) is not None:
            match command.do:
                case "run":
                    self._run(command)
                case "put":
                    self._put(command)
                case "seed_fonts":
                    self._seed_fonts(command)
                case unknown:
                    raise ValueError(unknown)

    def _run(self, command: Command) -> None:
        attempt = Attempt(OWN_FOLDER)
        with attempt:
            self._notebook.execute(command.body.decode("utf-8"))
        if attempt.status == OK:
            with attempt:
                _show_open_figures()
        self._hand_out()
        _flush()
        self._channel.send("done", number=command.number, ending=attempt.status)

    def _hand_out(self) -> None:
        files = list(self._folder.take_changes(max_bytes=self._limits["result_file_total_bytes"]))
        files, left = files[: self._limits["result_file_count"]], files[self._limits["result_file_count"] :]
        images, alt_texts = _take_figures({file.path for file in files if file.body is not None})
        for file in files:
            if file.body is None:
                print(f"[{file.name} ({file.size_bytes} bytes) is too big to hand over]")  # noqa: T201
            else:
                self._channel.send("file", file.body, name=file.name, alt_text=alt_texts.get(file.path, ""))
        if left:
            print(f"[{len(left)} more files were not handed over]")  # noqa: T201
        room_bytes = self._limits["image_total_bytes"]
        for png, alt_text in images[: self._limits["image_count"]]:
            room_bytes -= len(png)
            if room_bytes >= 0:
                self._channel.send("image", png, alt_text=alt_text)
        if len(images) > self._limits["image_count"] or room_bytes < 0:
            print(f"[only the first of {len(images)} figures were handed over]")  # noqa: T201

    def _put(self, command: Command) -> None:
        try:
            self._folder.put(command.name, command.body)
        except OSError as error:
            self._channel.send("done", number=command.number, ending="refused", reason=error.strerror or "")
        else:
            self._channel.send("done", number=command.number, ending=OK)

    def _seed_fonts(self, command: Command) -> None:
        folder = Path(os.environ["MPLCONFIGDIR"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / command.name).write_bytes(command.body)
        self._channel.send("done", number=command.number, ending=OK)


def _show_open_figures() -> None:
    if "matplotlib.pyplot" in sys.modules:
        from adapters.sandbox.guest.figures import album

        album.show_all()


def _take_figures(delivered: set[str]) -> tuple[list[tuple[bytes, str]], dict[str, str]]:
    if "adapters.sandbox.guest.figures" not in sys.modules:
        return [], {}
    from adapters.sandbox.guest.figures import album

    drawings, alt_texts = album.take(delivered)
    return [(drawing.png, drawing.alt_text) for drawing in drawings], alt_texts


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # the code has replaced or closed it
            continue


def lower_limits(limits: Mapping[str, int]) -> None:
    """Set hard limits on this process and all its children; they cannot be raised again."""
    for kind, most in (
        (resource.RLIMIT_DATA, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["data_bytes"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 1024),
    ):
        inherited = resource.getrlimit(kind)[1]
        least = most if inherited == resource.RLIM_INFINITY else min(most, inherited)
        resource.setrlimit(kind, (least, least))
    os.nice(NICENESS)


def main() -> None:
    """Start the runner."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    event_fd, limits = int(sys.argv[1]), json.loads(sys.argv[2])
    os.closerange(3, event_fd)  # what bubblewrap needed for its start
    os.closerange(event_fd + 1, 1024)
    lower_limits(limits)
    os.chdir(DATA)
    sys.argv = [""]
    sys.path.append(DATA)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    Runner(Channel.take_over(event_fd), limits).serve()


if __name__ == "__main__":
    main()
