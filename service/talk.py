"""The whole bot without a listener, and one person who talks to it."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Protocol

from adapters.sandbox.confined_pictures import ConfinedPictures
from adapters.terminal import Ended, GivenPaths, TerminalChannel, TerminalFiles, files_at, said_in_terminal
from bot.attachments import MAX_FILES, TOO_MANY, Attachment, listed
from bot.conversation import Incoming
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


@dataclass(slots=True)
class Heard:
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
        if len(given) > MAX_FILES:
            raise AttachmentError("too many files", apology=TOO_MANY)
        self.given = given
        return f"With your next question: {listed(given)}."

    async def ask(self, text: str, listener: Listener | None = None) -> Heard:
        """Say something and wait until everything is said in return."""
        self._said += 1
        given, self.given = self.given, ()
        message = said_in_terminal(text, conversation=self.conversation, number=self._said, attachments=given)
        await self.engine.accept(message)
        return await self._hear(message, listener)

    def stop(self) -> None:
        """Stop the answer in hand."""
        key = said_in_terminal("", conversation=self.conversation, number=0).key
        self.engine.cancel(key)

    async def _hear(self, message: Incoming, listener: Listener | None) -> Heard:
        heard = Heard(question=message.text)
        while True:
            part = await self.channel.heard.get()
            if isinstance(part, Ended):
                if part.message == message.id:
                    return heard
                continue
            heard.add(part)
            if listener is not None:
                listener.show(part)


@asynccontextmanager
async def talking(settings: Settings, *, remembered: bool) -> AsyncIterator[Talk]:
    """The bot, ready to be talked to. `remembered`: the conversation goes on where it ended the last time.

    It has a folder of its own in DATA_DIR, so that it can run beside `teamsbot serve`. Raises BotError.
    """
    prepare_data_dir(settings.data_dir)
    settings = replace(settings, data_dir=settings.data_dir / "terminal")
    prepare_data_dir(settings.data_dir)
    database = SqliteFile(settings.data_dir / "teamsbot.sqlite")
    channel = TerminalChannel()
    async with _outside(settings, database, channel) as outside:
        engine = Engine(
            ledger=SqliteLedger(database),
            handler=partial(_handle, outside=outside, channel=channel),
            give_up=partial(_give_up, outside=outside, channel=channel),
        )
        await engine.start()
        try:
            conversation = "terminal" if remembered else uuid.uuid4().hex
            yield Talk(channel=channel, engine=engine, conversation=conversation)
        finally:
            await engine.stop()


@asynccontextmanager
async def _outside(settings: Settings, database: SqliteFile, channel: TerminalChannel) -> AsyncIterator[Outside]:
    async with opened_sandbox(settings) as sandbox, opened_assistant(settings, sandbox) as assistant:
        files = TerminalFiles(settings.data_dir / "files")
        yield Outside(
            assistant=assistant,
            channel=channel,
            conversations=SqliteConversations(database, backend=settings.backend),
            files=GivenPaths(),
            writer=ReplyWriter(assistant=assistant, files=files, pictures=ConfinedPictures(sandbox=sandbox)),
        )


async def _handle(turn: Turn, outside: Outside, channel: TerminalChannel) -> None:
    await run_turn(turn, outside)
    channel.end(turn.message.id)


async def _give_up(turn: Turn, error: Exception, outside: Outside, channel: TerminalChannel) -> None:
    await give_up(turn, error, outside)
    channel.end(turn.message.id)
