"""`teamsbot chat`: the whole bot without a listener, and one person who talks to it, typed or through a pipe."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import os
import re
import readline
import signal
import sys
import termios
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from adapters.sandbox.confined_pictures import ConfinedPictures
from adapters.terminal import Ended, GivenPaths, TerminalChannel, TerminalFiles, files_at, place_of, said_in_terminal
from bot.attachments import ENDINGS, MAX_FILES, Attachment, join_names, too_many
from bot.conversation import CommandName, command_in
from bot.engine import Engine
from bot.errors import AttachmentError
from bot.forgetting import RecordedFiles
from bot.language import N_, _, speaking
from bot.parts import (
    ApologyPart,
    ChoicePart,
    FilesPart,
    Part,
    PicturePart,
    SavedFilePart,
    StoredFile,
    TablePart,
    TextPart,
    WelcomePart,
)
from bot.reply import ReplyWriter
from bot.turn import Turn
from bot.turn_record import Outcome
from bot.turn_story import give_up, run_turn
from service.code_sandbox import open_sandbox
from service.compose import (
    link_rules,
    open_assistant,
    stores_in,
    turn_dependencies,
)
from service.data_dir import prepare_data_dir
from service.settings import Settings
from service.terminal_view import TerminalView
from storage.sqlite import SqliteFile

_CONVERSATION: Final = "terminal"
_MAX_HISTORY: Final = 1_000  # lines
_LEAVING: Final = ("/quit", "quit", "exit")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_ANY_COMMAND: Final = re.compile(r"/[a-z]+", re.IGNORECASE)
_NO_COMMAND: Final = N_("There is no such command. These are: {commands}.")
_HINTS: Final = N_(
    "Ask something. /file PATH gives a file, /new starts afresh, /stop or Ctrl-C stops an answer, "
    "/quit or Ctrl-D leaves."
)


@dataclass(slots=True)
class CollectedReply:
    """All parts of the reply to one question."""

    question: str
    text: str = ""
    pictures: list[PicturePart] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Append a part."""
        match part:
            case TextPart() | WelcomePart():
                self.text = f"{self.text}\n\n{part.text}".strip()
            case TablePart():
                self.text = f"{self.text}\n\n{part.table.block}".strip()
            case ApologyPart() | ChoicePart():
                self.text = f"{self.text}\n\n{part.words}".strip()
            case PicturePart():
                self.pictures.append(part)
            case FilesPart():
                self.files.extend(part.files)
            case SavedFilePart():
                self.text = f"{self.text}\n\n{part.url}".strip()

    def as_text(self) -> str:
        """Plain lines, without colour."""
        pictures = [f"[picture] {picture.file.token}\n          {picture.alt_text}" for picture in self.pictures]
        files = [f"[file] {place_of(file)}" for file in self.files]
        return "\n".join([*filter(None, [self.text]), *pictures, *files])

    def as_json(self) -> str:
        """One line of JSON, for programs."""
        pictures = [{"path": picture.file.token, "alt_text": picture.alt_text} for picture in self.pictures]
        files = [{"path": place_of(file), "name": file.name, "size_bytes": file.size_bytes} for file in self.files]
        row = {"question": self.question, "text": self.text, "pictures": pictures, "files": files}
        return json.dumps(row, ensure_ascii=False)


@dataclass(slots=True, kw_only=True)
class TerminalSession:
    """One person's conversation with the bot."""

    channel: TerminalChannel
    engine: Engine
    conversation: str
    locale: str = ""  # of the person's terminal
    endings: Collection[str] | None = ENDINGS  # of the files that may be given; None for any
    continues: bool = False  # the last conversation, whose answer may not have been seen
    given: tuple[Attachment, ...] = ()  # files that go with the next question
    _messages: int = 0

    def give(self, paths: str) -> str:
        """Take files for the next question; returns the sentence that confirms it. Raises AttachmentError."""
        given = (*self.given, *files_at(paths, self.endings))
        if len(given) > MAX_FILES:
            raise AttachmentError("too many files", apology=too_many())
        self.given = given
        return _("With your next question: {names}.").format(names=join_names([each.name for each in given]))

    async def ask(self, text: str, on_part: Callable[[Part], None] | None = None) -> CollectedReply:
        """Send a message and wait for the whole reply; `on_part` is called with each part as it comes."""
        self._messages += 1
        given, self.given = self.given, ()
        message = said_in_terminal(
            text, conversation=self.conversation, number=self._messages, attachments=given, locale=self.locale
        )
        if not self.continues:
            self.channel.answered = message.id
        await self.engine.accept(message)
        reply = CollectedReply(question=message.text)
        while True:
            part = await self.channel.heard.get()
            if isinstance(part, Ended):
                if part.message == message.id:
                    return reply
                continue  # the end of a turn that an earlier process left
            reply.add(part)
            if on_part is not None:
                on_part(part)

    def stop(self) -> None:
        """Stop the answer that is being worked on."""
        self.engine.cancel(said_in_terminal("", conversation=self.conversation, number=0).key)


def locale_of(environ: Mapping[str, str]) -> str:
    """The language of the terminal, in the order of POSIX (Base Definitions, 8.2)."""
    return next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")


@asynccontextmanager
async def open_session(settings: Settings, *, continues: bool, locale: str = "") -> AsyncIterator[TerminalSession]:
    """The bot, ready for questions. It has no thread yet, unless it `continues` the last conversation. Raises BotError.

    It has a folder of its own in DATA_DIR, so that it can run beside `teamsbot serve`.
    """
    prepare_data_dir(settings.data_dir)
    settings = replace(settings, data_dir=settings.data_dir / "terminal")
    prepare_data_dir(settings.data_dir)
    stores = stores_in(SqliteFile(settings.data_dir / "teamsbot.sqlite"), settings)
    channel = TerminalChannel()
    async with (
        open_sandbox(settings) as sandbox,
        open_assistant(settings, stores.conversations, sandbox) as (_client, assistant, functions),
    ):
        files = RecordedFiles(TerminalFiles(settings.data_dir / "files"), stores.belongings)
        deps = turn_dependencies(
            settings,
            stores,
            assistant=assistant,
            channel=channel,
            incoming=GivenPaths(),
            writer=ReplyWriter(
                assistant=assistant, files=files, pictures=ConfinedPictures(sandbox=sandbox), max_text_chars=None
            ),
            functions=functions,
            links=link_rules(settings),
        )
        deps = replace(deps, asker_is_operator=True)

        async def handle(turn: Turn) -> Outcome:
            outcome = await run_turn(turn, deps)
            channel.end(turn.message.id)
            return outcome

        async def end_hopeless(turn: Turn, error: Exception) -> Outcome:
            outcome = await give_up(turn, error, deps)
            channel.end(turn.message.id)
            return outcome

        engine = Engine(ledger=stores.ledger, handler=handle, give_up=end_hopeless)
        await engine.start()
        try:
            if not continues:
                await stores.conversations.forget(said_in_terminal("", conversation=_CONVERSATION, number=0).key)
            yield TerminalSession(
                channel=channel,
                engine=engine,
                conversation=_CONVERSATION,
                locale=locale,
                endings=deps.endings,
                continues=continues,
            )
        finally:
            await engine.stop()


async def answer_lines(
    settings: Settings, lines: Iterable[str], *, as_json: bool, continues: bool = False, locale: str = ""
) -> AsyncGenerator[str, None]:
    """For pipes: one answer a question, as text or as a line of JSON. Empty lines have none, nor has `/file PATH`.

    `/quit` ends it, as at a terminal.
    """
    async with open_session(settings, continues=continues, locale=locale) as session:
        for line in lines:
            question = line.strip()
            if question.lower() in _LEAVING:
                return
            with speaking(locale):  # not around a yield: a generator may be closed in another context
                reply = await _reply_to(question, session)
            if reply is not None:
                yield reply.as_json() if as_json else reply.as_text()
        if session.given:  # files at the end of the input, without a question
            with speaking(locale):
                reply = await session.ask("")
            yield reply.as_json() if as_json else reply.as_text()


async def _reply_to(question: str, session: TerminalSession) -> CollectedReply | None:
    """The reply to a line that was piped in; None for one that has none."""
    if (paths := _paths_in(question)) is not None:
        try:
            session.give(paths)
        except AttachmentError as error:
            return CollectedReply(question=question, text=error.apology)
        return None
    if _is_no_command(question):
        return CollectedReply(question=question, text=_no_command())
    return await session.ask(question) if question else None


async def converse(settings: Settings, view: TerminalView, *, continues: bool = False, locale: str = "") -> None:
    """Talk with a person until they leave, in a new conversation or in that of the last time."""
    async with open_session(settings, continues=continues, locale=locale) as session:
        with speaking(locale), _line_editing(settings.data_dir / "terminal" / "history"):
            await _converse(session, view)


async def _converse(session: TerminalSession, view: TerminalView) -> None:
    view.console.print(_(_HINTS), highlight=False)
    ahead = _TypedAhead()
    while (line := await _next_line(ahead, view)) is not None and line.lower() not in _LEAVING:
        if (paths := _paths_in(line)) is not None:
            try:
                sentence = session.give(paths)
            except AttachmentError as error:
                sentence = error.apology
            view.console.print(sentence, markup=False, highlight=False)
        elif _is_no_command(line):
            view.console.print(_no_command(), markup=False, highlight=False)
        elif line:
            await _show_answer(session, line, view, ahead)


def _no_command() -> str:
    return _(_NO_COMMAND).format(commands=", ".join(("/file PATH", *CommandName, "/quit")))


def _is_no_command(line: str) -> bool:
    return command_in(line) is None and _ANY_COMMAND.fullmatch(line) is not None


def _paths_in(line: str) -> str | None:
    """What follows `/file`; None for any other line."""
    command, *paths = line.split(maxsplit=1) or [""]
    return "".join(paths) if command.lower() == "/file" else None


class _TypedAhead:
    """What is typed or pasted during an answer."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque()
        self.unfinished = ""  # the last line, without its end
        self._decoder = codecs.getincrementaldecoder(sys.stdin.encoding)("replace")

    def take(self, session: TerminalSession) -> None:
        """Read what is there; only /stop takes effect at once.

        That is a line, or all that was pasted before the answer began: the terminal was not reading lines then.
        """
        typed = os.read(sys.stdin.fileno(), 65536)
        if not typed:  # Ctrl-D
            asyncio.get_running_loop().remove_reader(sys.stdin)
            self.lines.append("/quit")
            return
        *lines, self.unfinished = _LINE_END.split(self.unfinished + self._decoder.decode(typed))
        for line in map(str.strip, lines):
            if line.lower() == "/stop":
                session.stop()
            elif line:
                self.lines.append(line)


async def _next_line(ahead: _TypedAhead, view: TerminalView) -> str | None:
    """The next line: one that was typed during the last answer, or a new one; None at the end of the input."""
    if ahead.lines:
        line = ahead.lines.popleft()
        view.console.print(f"> {line}", markup=False, highlight=False)
        readline.add_history(line)
        return line
    unfinished, ahead.unfinished = ahead.unfinished, ""
    return await _typed_line(view, unfinished)


async def _typed_line(view: TerminalView, begun: str = "") -> str | None:
    """A line as it is typed, after what was `begun`; None at the end of the input, or at a second Ctrl-C in a row."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str | None] = loop.create_future()
    dropped = ""  # what stood in the line at a Ctrl-C: readline keeps it, and has no way to forget it

    def read() -> None:
        try:
            typed: str | None = input("> ")
        except EOFError:
            typed = None
        with contextlib.suppress(RuntimeError):  # the loop is closed: the person has left
            loop.call_soon_threadsafe(lambda: None if line.done() else line.set_result(typed))

    def interrupt() -> None:
        nonlocal dropped
        if interrupted.is_set():
            if not line.done():
                line.set_result(None)
            return
        interrupted.set()
        dropped = readline.get_line_buffer()
        view.console.print("\n" + _("Ctrl-C once more leaves; so does /quit."), highlight=False)
        view.console.print("> ", end="")

    interrupted = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, interrupt)
    readline.set_startup_hook(lambda: readline.insert_text(begun))
    # No thread of asyncio's: nothing ends `input`, and the end of the program would wait for it.
    threading.Thread(target=read, daemon=True).start()
    try:
        typed = await line
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return None if typed is None else typed.removeprefix(dropped).strip()


@contextmanager
def _line_editing(history: Path) -> Iterator[None]:
    """Lines can be edited and recalled: importing `readline` does that to `input`. The terminal is left as it was."""
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(_MAX_HISTORY)
    readline.parse_and_bind("set enable-bracketed-paste on")  # lines that are pasted together are one question
    attributes = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, attributes)
        with contextlib.suppress(OSError):
            readline.write_history_file(history)


async def _show_answer(session: TerminalSession, text: str, view: TerminalView, ahead: _TypedAhead) -> None:
    """Show the answer as it comes. Lines typed meanwhile wait in `ahead`."""
    loop = asyncio.get_running_loop()
    asking = asyncio.create_task(session.ask(text, view.show), name="question")
    began_s = loop.time()
    loop.add_signal_handler(signal.SIGINT, session.stop)
    loop.add_reader(sys.stdin, ahead.take, session)
    try:
        with view.console.status("working ...") as status:
            while not asking.done():
                await asyncio.wait({asking}, timeout=1)
                status.update(f"working ... {loop.time() - began_s:.0f} s")
    finally:
        loop.remove_reader(sys.stdin)
        loop.remove_signal_handler(signal.SIGINT)
    await asking
