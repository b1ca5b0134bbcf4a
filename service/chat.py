"""`teamsbot chat`: a conversation in the terminal, or questions through a pipe."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable

from bot.errors import AttachmentError
from service.screen import Screen
from service.settings import Settings
from service.talk import Heard, Talk, talking

_COMMAND = re.compile(r"/[a-z]+", re.IGNORECASE)
_COMMANDS = ("/file", "/new", "/stop", "/help", "/quit")
_NO_COMMAND = "There is no such command. These are: /file PATH, /new, /stop, /help, /quit."


async def answer_lines(settings: Settings, lines: Iterable[str], *, as_json: bool) -> AsyncIterator[str]:
    """For pipes: one answer a question, as text or as a line of JSON."""
    async with talking(settings, remembered=False) as talk:
        for line in lines:
            heard = await _heard_to(line.strip(), talk)
            if heard is not None:
                yield heard.as_json() if as_json else _plain(heard)
        if talk.given:
            heard = await talk.ask("")
            yield heard.as_json() if as_json else _plain(heard)


async def _heard_to(line: str, talk: Talk) -> Heard | None:
    """The reply to a line; nothing is said of an empty one, nor of a file that is taken."""
    paths = _paths_in(line)
    if paths is None:
        return await talk.ask(line) if line else None
    try:
        talk.give(paths)
    except AttachmentError as error:
        return Heard(question=line, text=error.apology)
    return None


def _paths_in(line: str) -> str | None:
    """What follows `/file`; None for any other line."""
    if not line:
        return None
    command, *paths = line.split(maxsplit=1)
    return "".join(paths) if command.lower() == "/file" else None


def _plain(heard: Heard) -> str:
    """A reply as lines without colour."""
    pictures = [f"[picture] {picture.url}\n          {picture.alt_text}" for picture in heard.pictures]
    files = [f"[file] {link.url}" for link in heard.files]
    return "\n".join([*filter(None, [heard.text]), *pictures, *files])


async def converse(settings: Settings, screen: Screen) -> None:
    """Talk with a person until they leave."""
    async with talking(settings, remembered=True) as talk:
        screen.console.print(
            "Ask something. /file PATH gives a file, /new starts afresh, /stop or Ctrl-C stops an answer, "
            "/quit or Ctrl-D leaves."
        )
        ahead: deque[str] = deque()
        while (line := await _next(ahead, screen)) is not None and line.lower() != "/quit":
            paths = _paths_in(line)
            if paths is not None:
                screen.console.print(_given(talk, paths), markup=False, highlight=False)
            elif _COMMAND.fullmatch(line) and line.lower() not in _COMMANDS:
                screen.console.print(_NO_COMMAND, markup=False, highlight=False)
            elif line:
                await _ask(talk, line, screen, ahead)


async def _next(ahead: deque[str], screen: Screen) -> str | None:
    """The next line: one that was typed during the last answer, or a new one; None at the end of the input."""
    if not ahead:
        line = await asyncio.to_thread(_line)
        return None if line is None else line.strip()
    line = ahead.popleft()
    screen.console.print(f"> {line}", markup=False, highlight=False)
    return line


def _given(talk: Talk, paths: str) -> str:
    try:
        return talk.give(paths)
    except AttachmentError as error:
        return error.apology


async def _ask(talk: Talk, text: str, screen: Screen, ahead: deque[str]) -> None:
    """Show the answer as it comes. What is typed meanwhile waits in `ahead`, but for /stop, which is heard at once."""
    loop = asyncio.get_running_loop()
    asking = asyncio.create_task(talk.ask(text, screen), name="question")
    began_s = loop.time()
    loop.add_signal_handler(signal.SIGINT, talk.stop)
    loop.add_reader(sys.stdin, _heed, talk, ahead)
    try:
        with screen.console.status("working ...") as status:
            while not asking.done():
                await asyncio.wait({asking}, timeout=1)
                status.update(f"working ... {loop.time() - began_s:.0f} s")
    finally:
        loop.remove_reader(sys.stdin)
        loop.remove_signal_handler(signal.SIGINT)
    await asking


def _heed(talk: Talk, ahead: deque[str]) -> None:
    """Take a line that is typed during an answer. A terminal hands lines over whole, one at a time (termios(3))."""
    line = sys.stdin.readline()
    if line.strip().lower() == "/stop":
        talk.stop()
    elif line:
        ahead.append(line.strip())
    else:  # Ctrl-D
        asyncio.get_running_loop().remove_reader(sys.stdin)
        ahead.append("/quit")


def _line() -> str | None:
    try:
        return input("> ")
    except EOFError:
        return None
