"""`teamsbot chat`: the whole bot without a listener, and a conversation in the terminal."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from adapters.sandbox.pictures import ConfinedPictures
from adapters.terminal import Ended, TerminalChannel, TerminalFiles, said_in_terminal
from adapters.terminal_files import GivenPaths, files_at
from bot.attachments import MOST_FILES, TOO_MANY, Attachment, listed
from bot.conversation import IncomingMessage
from bot.engine import Engine
from bot.errors import AttachmentError
from bot.parts import ApologyPart, FileLink, FilesPart, Part, PicturePart, TextPart, WelcomePart
from bot.reply import ReplyWriter
from bot.run_turn import Outside, give_up, run_turn
from bot.turn import Turn
from service.assistant import opened_assistant, opened_sandbox
from service.data_dir import prepare_data_dir
from service.settings import Settings
from storage.conversations_sqlite import SqliteConversations
from storage.ledger_sqlite import SqliteLedger
from storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(slots=True)
class Reply:
    """Everything said to one question."""

    question: str
    text: str = ""
    pictures: list[PicturePart] = field(default_factory=list)
    files: list[FileLink] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Take a part in."""
        match part:
            case TextPart() | WelcomePart():
                self.text = f"{self.text}\n\n{part.text}".strip()
            case ApologyPart():
                self.text = f"{self.text}\n\n{part.words}".strip()
            case PicturePart():
                self.pictures.append(part)
            case FilesPart():
                self.files.extend(part.links)

    def as_json(self) -> str:
        """One line of JSON, for programs."""
        pictures = [{"path": picture.url, "alt_text": picture.alt_text} for picture in self.pictures]
        files = [{"path": link.url, **{k: v for k, v in asdict(link).items() if k != "url"}} for link in self.files]
        row = {"question": self.question, "text": self.text, "pictures": pictures, "files": files}
        return json.dumps(row, ensure_ascii=False)


class Listener(Protocol):
    """Whoever shows what is said."""

    def show(self, part: Part) -> None:
        """A part of the reply came."""
        ...


@dataclass(slots=True, kw_only=True)
class Talk:
    """One person's conversation with the bot."""

    channel: TerminalChannel
    engine: Engine
    conversation: str
    given: tuple[Attachment, ...] = ()  # files that go with the next question
    _said: int = 0

    def give(self, paths: str) -> str:
        """Take files for the next question; the sentence that says so. Raises AttachmentError."""
        given = (*self.given, *files_at(paths))
        if len(given) > MOST_FILES:
            raise AttachmentError("too many files", apology=TOO_MANY)
        self.given = given
        return f"With your next question: {listed(given)}."

    async def ask(self, text: str, listener: Listener | None = None) -> Reply:
        """Say something and wait until everything is said in return."""
        self._said += 1
        given, self.given = self.given, ()
        message = said_in_terminal(text, conversation=self.conversation, number=self._said, attachments=given)
        await self.engine.accept(message)
        return await self._reply(message, listener)

    def stop(self) -> None:
        """Stop the answer in hand."""
        key = said_in_terminal("", conversation=self.conversation, number=0).key
        self.engine.cancel(key)

    async def _reply(self, message: IncomingMessage, listener: Listener | None) -> Reply:
        reply = Reply(question=message.text)
        while True:
            heard = await self.channel.heard.get()
            if isinstance(heard, Ended):
                if heard.message == message.id:
                    return reply
                continue
            reply.add(heard)
            if listener is not None:
                listener.show(heard)


@asynccontextmanager
async def talking(settings: Settings, *, remembered: bool) -> AsyncIterator[Talk]:
    """The bot, ready to be talked to. `remembered`: the conversation goes on where it ended the last time.

    It has a folder of its own in DATA_DIR, so that it can run beside `teamsbot serve`. Raises BotError.
    """
    prepare_data_dir(settings.data_dir)
    settings = replace(settings, data_dir=settings.data_dir / "terminal")
    folder = prepare_data_dir(settings.data_dir)
    database = SqliteFile(folder / "teamsbot.sqlite")
    channel = TerminalChannel()
    async with opened_sandbox(settings) as sandbox, opened_assistant(settings, sandbox) as assistant:
        files = TerminalFiles(folder / "files")
        outside = Outside(
            assistant=assistant,
            channel=channel,
            conversations=SqliteConversations(database, backend=settings.backend),
            files=GivenPaths(),
            writer=ReplyWriter(assistant=assistant, files=files, pictures=ConfinedPictures(sandbox=sandbox)),
        )

        async def handle(turn: Turn) -> None:
            await run_turn(turn, outside)
            channel.end(turn.message.id)

        async def apologise(turn: Turn, error: Exception) -> None:
            await give_up(turn, error, outside)
            channel.end(turn.message.id)

        engine = Engine(ledger=SqliteLedger(database), handler=handle, give_up=apologise)
        await engine.start()
        try:
            conversation = "terminal" if remembered else uuid.uuid4().hex
            yield Talk(channel=channel, engine=engine, conversation=conversation)
        finally:
            await engine.stop()


async def answer_lines(settings: Settings, lines: Iterable[str], *, as_json: bool) -> AsyncIterator[str]:
    """For pipes: one answer a question, as text or as a line of JSON."""
    async with talking(settings, remembered=False) as talk:
        for line in lines:
            reply = await _reply_to(line.strip(), talk)
            if reply is not None:
                yield reply.as_json() if as_json else "\n".join(plain(reply))
        if talk.given:
            reply = await talk.ask("")
            yield reply.as_json() if as_json else "\n".join(plain(reply))


async def _reply_to(line: str, talk: Talk) -> Reply | None:
    """The reply to a line; nothing is said of an empty one, nor of a file that is taken."""
    paths = paths_in(line)
    if paths is None:
        return await talk.ask(line) if line else None
    try:
        talk.give(paths)
    except AttachmentError as error:
        return Reply(question=line, text=error.apology)
    return None


def paths_in(line: str) -> str | None:
    """What follows `/file`; None for any other line."""
    if not line:
        return None
    command, *paths = line.split(maxsplit=1)
    return "".join(paths) if command.lower() == "/file" else None


def plain(reply: Reply) -> list[str]:
    """A reply as lines without colour."""
    pictures = [f"[picture] {picture.url}\n          {picture.alt_text}" for picture in reply.pictures]
    return [*([reply.text] if reply.text else []), *pictures, *(f"[file] {link.url}" for link in reply.files)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A terminal that a person looks at. `draws`: the protocol in which it draws pictures (iterm, kitty), or none."""

    console: Console
    draws: str

    def show(self, part: Part) -> None:
        """Print a part."""
        from rich.markdown import Markdown

        match part:
            case TextPart() | WelcomePart():
                self.console.print(Markdown(part.text))
            case ApologyPart():
                self.console.print(part.words, markup=False, highlight=False)
            case PicturePart():
                self._draw(Path(part.url))
                self.console.print(f"[picture] {part.url}", markup=False, highlight=False, soft_wrap=True)
                self.console.print(f"          {part.alt_text}", markup=False, highlight=False, style="dim")
            case FilesPart():
                for link in part.links:
                    self.console.print(f"[file] {link.url}", markup=False, highlight=False, soft_wrap=True)

    def _draw(self, path: Path) -> None:
        if self.draws in _DRAW:
            encoded = base64.standard_b64encode(path.read_bytes()).decode()
            self.console.file.write(_DRAW[self.draws](encoded) + "\n")


async def converse(settings: Settings, screen: Screen) -> None:
    """Talk with a person until they leave."""
    async with talking(settings, remembered=True) as talk:
        screen.console.print(
            "Ask something. /file PATH gives a file, /new starts afresh, /stop or Ctrl-C stops an answer, "
            "/quit or Ctrl-D leaves."
        )
        while (line := await asyncio.to_thread(_line)) is not None and (line := line.strip()) != "/quit":
            paths = paths_in(line)
            if paths is not None:
                screen.console.print(_given(talk, paths), markup=False, highlight=False)
            elif line:
                await _ask(talk, line, screen)


def _given(talk: Talk, paths: str) -> str:
    try:
        return talk.give(paths)
    except AttachmentError as error:
        return error.apology


async def _ask(talk: Talk, text: str, screen: Screen) -> None:
    loop = asyncio.get_running_loop()
    asking = asyncio.create_task(talk.ask(text, screen), name="question")
    began_s = loop.time()
    loop.add_signal_handler(signal.SIGINT, talk.stop)
    try:
        with screen.console.status("working ...") as status:
            while not asking.done():
                await asyncio.wait({asking}, timeout=1)
                status.update(f"working ... {loop.time() - began_s:.0f} s")
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    await asking


def _line() -> str | None:
    try:
        return input("> ")
    except EOFError:
        return None


def _iterm(encoded: str) -> str:
    return f"\x1b]1337;File=inline=1;width=60:{encoded}\a"


def _kitty(encoded: str) -> str:
    pieces = [encoded[at : at + 4096] for at in range(0, len(encoded), 4096)]
    heads = ["a=T,f=100,m=1", *["m=1"] * (len(pieces) - 1)]
    heads[-1] = heads[-1].replace("m=1", "m=0")
    return "".join(f"\x1b_G{head};{piece}\x1b\\" for head, piece in zip(heads, pieces, strict=True))


_DRAW = {"iterm": _iterm, "kitty": _kitty}
