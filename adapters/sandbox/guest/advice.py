"""What code should do instead, where an error comes from the sandbox rather than from the code.

A model that reads "Temporary failure in name resolution" tries again, and one that reads "No module named plotly" tries
to install it. A sentence below the traceback saves it the attempt.
"""

from __future__ import annotations

import errno
import importlib.metadata
import os
import re
import resource
import socket
import subprocess
from collections.abc import Iterator

MAX_NAMES = 20
MB = 1024 * 1024
DATA = "/mnt/data"

INSTALLERS = re.compile(r"\s*(?:\S*python\S*\s+-m\s+)?(?:sudo\s+)?(pip3?|conda|mamba|uv|apt|apt-get|poetry)\b")
ASKS_TO_INSTALL = re.compile(r"\b(?:pip|conda|install|requires)\b")

NO_NETWORK = "There is no network here. Ask the person for the file, or use data that is already here."
NOBODY_TYPES = "Nobody can type here. Write the value into the code, or ask for it in your answer."
PROTECTED = "The file seems to be protected with a password. Ask for a copy without one."
BY_WORDS = (
    ("EOF when reading a line", NOBODY_TYPES),
    (
        "no running event loop",
        "Between cells no event loop runs. Await the coroutine itself, also outside of functions.",
    ),
    ("unsupported locale setting", "The only locale here is C.UTF-8. Format numbers and dates in the code."),
    ("latex could not be found", "There is no LaTeX here. Without usetex matplotlib draws formulas itself."),
    ("unknown file extension: .mp4", "There is no ffmpeg here. Save the animation as a .gif."),
    ("directory: 'ffmpeg'", "There is no ffmpeg here. Save the animation as a .gif."),
    ("Can't find workbook in OLE2", PROTECTED),
    ("File has not been decrypted", PROTECTED),
    ("password required for extraction", PROTECTED),
)
BY_TYPE = {"PDFPasswordIncorrect": PROTECTED, "BdbQuit": NOBODY_TYPES}


def advice_on(error: BaseException) -> str:
    """Return a sentence in brackets about an error, or about one that led to it; empty where there is none to give."""
    try:
        for part in _chain(error):
            if said := _advice(part):
                return f"[{said}]\n"
    except BaseException:  # noqa: BLE001 - an error of the code's own class may raise anything when it is asked for words
        return ""
    return ""


def nothing_can_be_installed() -> str:
    """Return the sentence for code that wants a package, with the names of those that are here."""
    names = sorted({distribution.name for distribution in importlib.metadata.distributions()}, key=str.lower)
    return f"Nothing can be installed: there is no network here. Installed are {', '.join(names)}."


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    part: BaseException | None = error
    while part is not None and id(part) not in seen:
        seen.add(id(part))
        yield part
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)


def _advice(error: BaseException) -> str:  # noqa: C901, PLR0911, PLR0912 - a table
    words = str(error)
    if type(error) is EOFError and not words:
        words = "EOF when reading a line"  # getpass says nothing
    if advice := BY_TYPE.get(type(error).__name__):
        return advice
    for mark, advice in BY_WORDS:
        if mark in words:
            return advice
    match error:
        case ModuleNotFoundError():
            return nothing_can_be_installed()
        case ImportError() | AttributeError() if ASKS_TO_INSTALL.search(words):  # pandas asks for what a method needs
            return nothing_can_be_installed()
        case subprocess.CalledProcessError():
            command = " ".join(map(str, error.cmd)) if isinstance(error.cmd, list | tuple) else str(error.cmd)
            return nothing_can_be_installed() if INSTALLERS.match(command) else ""
        case socket.gaierror():
            return NO_NETWORK
        case PermissionError() if error.filename is None and _raised_in(error) == socket.__file__:
            return NO_NETWORK
        case FileNotFoundError() if isinstance(error.filename, str):
            return _what_is_there(error.filename)
        case OSError(errno=errno.ENOSPC | errno.EFBIG):
            return "The folders here are small. Delete files that are no longer needed, or write less."
        case MemoryError():
            limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
            limited = f"A process has {limit // MB} MB of memory here. " if limit != resource.RLIM_INFINITY else ""
            draws = "matplotlib" in _raised_in(error)
            return limited + (
                "Draw the figure with fewer dots per inch, or with fewer points."
                if draws
                else "Read the data in parts, or use smaller types."
            )
        case _:
            return ""


def _raised_in(error: BaseException) -> str:
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return tb.tb_frame.f_code.co_filename if tb is not None else ""


def _what_is_there(wanted: str) -> str:
    """Return the names in /mnt/data, for code that looks for a file under another one; a program has no ending."""
    if not os.path.splitext(wanted)[1]:  # noqa: PTH122
        return ""
    try:
        names = sorted(name for name in os.listdir(DATA) if not name.startswith("."))  # noqa: PTH208
    except OSError:
        return ""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    shown = ", ".join(repr(name) for name in names[:MAX_NAMES])
    return f"In {DATA} there are: {shown}{more}." if names else f"{DATA} has no files."
