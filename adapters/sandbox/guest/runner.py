"""The first and last thing inside the sandbox: lowers its own limits, then runs what the service sends, one at a time.

Started as `python -m adapters.sandbox.guest.runner EVENT_FD LIMITS [FOLDER]`, LIMITS being JSON; commands on standard
input. FOLDER is where /mnt/data really lies, if it is only a link to the working directory.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from adapters.sandbox.guest.cell import OK, Attempt, Notebook, say
from adapters.sandbox.guest.data_folder import Content, DataFolder
from adapters.sandbox.guest.display import take_pictures

DATA = "/mnt/data"
NICENESS = 5
MAX_DIGITS = 200_000  # of a whole number that is printed: 5000! has 16,326, and Python alone prints 4,300
EXHAUSTED, OUT_OF_MEMORY = "exhausted", "out of memory"
MIN_FREE_DESCRIPTORS = 8
MIN_FREE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One order of the service. `do` is `run` (body: source code), `put` (body: the file `name`) or `seed_fonts`."""

    do: str
    number: int
    name: str
    body: bytes


class ServicePipes:
    """Commands in, events out.

    Both ways a message is one line of JSON; when it has `size_bytes`, that many raw bytes follow the line. Neither
    pipe is inherited by programs that the code starts.
    """

    def __init__(self, *, commands: BinaryIO, events: BinaryIO) -> None:
        self._commands = commands
        self._events = events

    @classmethod
    def take_over(cls, event_fd: int) -> ServicePipes:
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


class Runner:
    """Carries out the commands of one session."""

    def __init__(self, pipes: ServicePipes, limits: Mapping[str, int], folder: str) -> None:
        self._pipes = pipes
        self._path = folder
        self._limits = limits
        self._notebook = Notebook()
        max_bytes = None if folder == DATA else limits["data_bytes"]
        self._folder = DataFolder(folder, max_entries=limits["file_count"], max_bytes=max_bytes)

    def serve(self) -> None:
        """Work until the service closes the pipe."""
        output = StandardOutput()
        self._pipes.send("ready")
        while (command := self._pipes.next_command()) is not None:
            match command.do:
                case "run":
                    output.restore()
                    self.run(command)
                case "put":
                    self._put(command)
                case "seed_fonts":
                    self._seed_fonts(command)
                case unknown:
                    raise ValueError(unknown)

    def place(self, path: str, name: str) -> None:
        """Give a file that lies in the folder already its name; it was handed in. Raises OSError."""
        self._folder.place(path, name)

    def run(self, command: Command) -> None:
        """Run code, and send what it showed and made."""
        self._open_folder()
        if self._path != DATA:
            os.chdir(self._path)  # what the code before this one left would lead /mnt/data astray
        attempt = Attempt()
        with attempt:
            self._notebook.execute(command.body.decode("utf-8"))
        if attempt.status == OK:
            with attempt:
                _show_open_figures()
        if attempt.status != OK:
            with Attempt():
                _close_open_figures()
        has_memory = _has_memory()
        _flush()
        self._open_folder()  # once more: what the code made lies in it, and elsewhere its results are laid into it, too
        self._send_results()
        _flush()
        ending = attempt.status
        if not _may_open_files():
            ending = EXHAUSTED
        elif not has_memory:
            ending = OUT_OF_MEMORY
        self._pipes.send("done", number=command.number, ending=ending)

    def _send_results(self) -> None:
        files = list(self._folder.take_changes(max_bytes=self._limits["result_file_total_bytes"]))
        files, left = files[: self._limits["result_file_count"]], files[self._limits["result_file_count"] :]
        figures = _take_figures({file.content for file in files if file.body is not None})
        for file in files:
            if file.content in figures.blank:
                say(f"[{file.name} is blank and was not handed over: plt.show() closes a figure, so save it before]\n")
            elif file.body is None:
                say(f"[{file.name} ({file.size_bytes} bytes) is too big to hand over]\n")
            else:
                alt_text, points = figures.saved.get(file.content, ("", b""))
                self._pipes.send("file", file.body, name=file.name, alt_text=alt_text)
                self._send_points(points)
        if left:
            say(f"[{len(left)} more files were not handed over]\n")
        room_bytes, sent = self._limits["image_total_bytes"], 0
        for png, alt_text, points in figures.shown[: self._limits["image_count"]]:
            room_bytes -= len(png)
            if room_bytes < 0:
                break
            self._pipes.send("image", png, alt_text=alt_text)
            self._send_points(points)
            sent += 1
        count = len(figures.shown) + figures.left_out
        if sent < count:
            say(f"[only the first {sent} of {count} figures were handed over]\n")

    def _send_points(self, points: bytes) -> None:
        """Say what was drawn in the picture that was sent last."""
        if 0 < len(points) <= self._limits["points_bytes"]:
            self._pipes.send("points", points)

    def _open_folder(self) -> None:
        """Undo what would hide from later code, and from the person, what lies and is written in the folder (S18)."""
        os.umask(0o022)
        with suppress(OSError):  # a folder of somebody else, in sessions elsewhere
            os.chmod(self._path, 0o755)  # noqa: PTH101, S103

    def _put(self, command: Command) -> None:
        self._open_folder()
        try:
            self._folder.put(command.name, command.body)
        except OSError as error:
            self._pipes.send("done", number=command.number, ending="refused", reason=error.strerror or "")
        else:
            self._pipes.send("done", number=command.number, ending=OK)

    def _seed_fonts(self, command: Command) -> None:
        folder = Path(os.environ["MPLCONFIGDIR"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / command.name).write_bytes(command.body)
        self._pipes.send("done", number=command.number, ending=OK)


def _show_open_figures() -> None:
    if "matplotlib.pyplot" in sys.modules:
        from adapters.sandbox.guest.mpl_backend import album

        album.show_all()


def _close_open_figures() -> None:
    if "adapters.sandbox.guest.mpl_backend" in sys.modules:
        from adapters.sandbox.guest.mpl_backend import album

        album.close_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run has drawn."""

    shown: list[tuple[bytes, str, bytes]]  # PNG, alt text and points of each picture
    saved: dict[Content, tuple[str, bytes]]  # alt text and points of those that are files
    blank: set[Content]  # files with nothing drawn in them
    left_out: int  # figures that were not drawn, for there are too many


def _take_figures(delivered: set[Content]) -> Figures:
    pictures = [(png, alt_text, b"") for png, alt_text in take_pictures()]
    if "adapters.sandbox.guest.mpl_backend" not in sys.modules:
        return Figures(shown=pictures, saved={}, blank=set(), left_out=0)
    from adapters.sandbox.guest.mpl_backend import album

    drawings, saved, blank, left_out = album.take(delivered)
    return Figures(
        shown=[(drawing.png, drawing.alt_text, drawing.points) for drawing in drawings] + pictures,
        saved={content: (drawing.alt_text, drawing.points) for content, drawing in saved.items()},
        blank=blank,
        left_out=left_out,
    )


def _may_open_files() -> bool:
    """Tell whether the code left enough descriptors for the next command; without them every one would fail (S18)."""
    opened: list[int] = []
    try:
        for _ in range(MIN_FREE_DESCRIPTORS):
            opened.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - what was opened must be closed
    except OSError:
        return False
    finally:
        for fd in opened:
            os.close(fd)
    return True


def _has_memory() -> bool:
    """Tell whether the code left memory for the next command, which would say MemoryError and nothing else (S18)."""
    for _ in range(2):
        try:
            mmap.mmap(-1, MIN_FREE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        except OSError:
            gc.collect()  # figures and frames that refer to one another may still lie about
        else:
            return True
    return False


class StandardOutput:
    """Standard output and error as they were at the start.

    Code may leave them replaced, closed or led into a file; what later code prints would be lost without a word.
    """

    def __init__(self) -> None:
        self._fd = os.dup(1)  # both are the same pipe
        self._streams = [sys.stdout, sys.stderr]

    def restore(self) -> None:
        """Make them so again. Raises OSError when the code has closed what they are made from."""
        for at, fd in enumerate((1, 2)):
            os.dup2(self._fd, fd)
            if self._streams[at].closed:
                self._streams[at] = open(  # noqa: SIM115 - lives as long as the process
                    fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
                )
        sys.stdout, sys.stderr = self._streams


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S112 - the code has replaced or closed it
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
    folder = sys.argv[3] if len(sys.argv) > 3 else DATA
    os.closerange(3, event_fd)  # what bubblewrap needed for its start
    os.closerange(event_fd + 1, 1024)
    lower_limits(limits)
    os.chdir(folder)
    sys.argv = [""]
    sys.set_int_max_str_digits(MAX_DIGITS)
    sys.path.append(DATA)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    Runner(ServicePipes.take_over(event_fd), limits, folder).serve()


if __name__ == "__main__":
    main()
