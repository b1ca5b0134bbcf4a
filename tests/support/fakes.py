"""Stand-ins for the ports of the application. They remember what was asked of them and can be told to misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bot.answer import Answer, FileId, GivenFile
from bot.attachments import Attachment
from bot.conversation import (
    ActivityId,
    Command,
    ConversationKey,
    ConversationReference,
    IncomingMessage,
    Party,
    Question,
    Scope,
    ThreadId,
    typed,
)
from bot.errors import AttachmentError, StorageError, ThreadGoneError
from bot.parts import Part
from bot.ports import LedgerEntry, Live, StoredFile
from bot.run import Run, RunId, RunStatus, ToolOutput
from bot.turn_record import ANSWERED, Outcome

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


def message(text: str = "hello", *, id: str = "m1", conversation: str = "c1") -> Question | Command:  # noqa: A002
    key = ConversationKey(channel="msteams", tenant="t1", conversation=conversation)
    reference = ConversationReference(
        service_url="http://localhost:1/_connector",
        key=key,
        scope=Scope.PERSONAL,
        bot=Party(id="bot", name="Bot"),
        user=Party(id="ada", name="Ada"),
        reply_to=ActivityId(id),
    )
    return typed(text, id=ActivityId(id), reference=reference)


class MemoryLedger:
    """The ledger as a dict; survives the engine that used it, as a disk would."""

    adopt: Callable[[Sequence[LedgerEntry]], None]  # the engine's, once it has started

    def __init__(self) -> None:
        self.entries: dict[int, LedgerEntry] = {}
        self.done: list[int] = []
        self.outcomes: dict[int, Outcome] = {}
        self.seen: set[tuple[str, str]] = set()
        self.full = False

    async def start(self, adopt: Callable[[Sequence[LedgerEntry]], None], drop: Callable[[], Awaitable[None]]) -> None:
        self.adopt = adopt
        adopt([self.entries[number] for number in sorted(self.entries)])

    def owns(self, conversation: str) -> bool:
        return True

    async def add(self, conversation: str, message_id: str, payload: str) -> int | None:
        await self._write()
        if (conversation, message_id) in self.seen:
            return None
        self.seen.add((conversation, message_id))
        number = len(self.seen)
        self.entries[number] = LedgerEntry(
            number=number, conversation=conversation, id=message_id, payload=payload, steps={}
        )
        return number

    async def begin(self, number: int) -> None:
        await self._write()
        self.entries[number] = replace(self.entries[number], attempts=self.entries[number].attempts + 1)

    async def uncount_attempt(self, number: int) -> None:
        await self._write()
        entry = self.entries[number]
        self.entries[number] = replace(entry, uncounted_attempts=entry.uncounted_attempts + 1)

    async def save(self, number: int, step: str, result: str) -> None:
        await self._write()
        self.entries[number] = replace(self.entries[number], steps={**self.entries[number].steps, step: result})

    async def replace(self, conversation: str, message_id: str, payload: str) -> bool:
        await self._write()
        for number, entry in self.entries.items():
            if (entry.conversation, entry.id, entry.attempts) == (conversation, message_id, 0):
                self.entries[number] = replace(entry, payload=payload)
                return True
        return False

    async def end(self, number: int, outcome: Outcome = ANSWERED) -> None:
        await self._write()
        del self.entries[number]
        self.done.append(number)
        self.outcomes[number] = outcome

    async def stop(self) -> None:
        pass

    async def _write(self) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise StorageError("disk full")


class FakeAssistant:
    """Answers each run with `answers`, by the text of its message; runs rest at once unless told otherwise."""

    def __init__(self) -> None:
        self.threads: list[ThreadId] = []
        self.gone: set[ThreadId] = set()
        self.runs: dict[RunId, tuple[ThreadId, str, str]] = {}  # thread, turn, text
        self.rests: list[Run | Exception] = []  # what the next waits give; else completed
        self.wait_forever = False
        self.submitted: list[ToolOutput] = []
        self.cancelled: list[RunId] = []
        self.answer_with: Callable[[str], Answer] = lambda text: Answer(text=f"You said: {text}")
        self.files: dict[FileId, bytes] = {}
        self.uploaded: dict[FileId, tuple[str, bytes]] = {}
        self.given: list[tuple[ThreadId, str, tuple[GivenFile, ...]]] = []  # with each message, by a run or without

    async def create_thread(self, key: ConversationKey) -> ThreadId:
        self.threads.append(ThreadId(f"thread_{len(self.threads) + 1}"))
        return self.threads[-1]

    async def upload(self, name: str, content: Path) -> FileId:
        file = FileId(f"file_{len(self.uploaded) + 1}")
        self.uploaded[file] = (name, await asyncio.to_thread(content.read_bytes))
        return file

    async def add_message(self, thread: ThreadId, message: IncomingMessage, files: Sequence[GivenFile]) -> None:
        if thread in self.gone:
            raise ThreadGoneError(f"no thread {thread}")
        self.given.append((thread, message.text, tuple(files)))

    async def start_run(
        self, thread: ThreadId, message: IncomingMessage, turn: str, files: Sequence[GivenFile] = ()
    ) -> RunId:
        await self.add_message(thread, message, files)
        run = RunId(f"run_{len(self.runs) + 1}")
        self.runs[run] = (thread, turn, message.text)
        return run

    async def find_run(self, thread: ThreadId, turn: str) -> RunId | None:
        return next((run for run, (where, whose, _) in self.runs.items() if (where, whose) == (thread, turn)), None)

    async def wait(self, thread: ThreadId, run: RunId) -> Run:
        if self.wait_forever:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        if not self.rests:
            return Run(id=run, status=RunStatus.COMPLETED)
        rest = self.rests.pop(0)
        if isinstance(rest, Exception):
            raise rest
        return rest

    async def submit(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput]) -> None:
        self.submitted.extend(outputs)

    async def cancel(self, thread: ThreadId, run: RunId) -> None:
        self.cancelled.append(run)

    async def answer(self, thread: ThreadId, run: RunId) -> Answer:
        return self.answer_with(self.runs[run][2])

    async def download(self, file: FileId) -> bytes:
        return self.files[file]


class FakeIncoming:
    """Files as their channel keeps them, by address; none at an address that is not there."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.opened_urls: list[str] = []

    @asynccontextmanager
    async def opened(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[Path]:
        self.opened_urls.append(attachment.url)
        if attachment.url not in self.kept:
            raise AttachmentError("not there", apology=f"I could not fetch {attachment.name}.")
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.kept[attachment.url])
            file.flush()
            yield Path(file.name)


class FakeChannel:
    """Remembers what was said and when typing was shown, in one sequence."""

    def __init__(self) -> None:
        self.heard: list[Part | str] = []  # parts, and the words "typing" and "deleted"
        self.failures: list[Exception] = []  # what the next sends raise
        self.success = asyncio.Event()  # set: something else was taken

    @property
    def said(self) -> list[Part]:
        return [part for part in self.heard if not isinstance(part, str)]

    def split(self, text: str) -> tuple[str, ...]:
        return (text,)

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(part)
        return ActivityId(f"a{len(self.heard)}")

    async def replace(self, to: ConversationReference, sent: ActivityId, part: Part) -> None:
        self.heard.append(part)

    async def delete(self, to: ConversationReference, sent: ActivityId) -> None:
        self.heard.append("deleted")

    async def wait_for_success(self, to: ConversationReference) -> None:
        await self.success.wait()

    @asynccontextmanager
    async def live(self, to: ConversationReference) -> AsyncIterator[Live]:
        self.heard.append("typing")
        yield FakeLive(self, to)


class FakeLive:
    def __init__(self, channel: FakeChannel, to: ConversationReference) -> None:
        self._channel = channel
        self._to = to

    async def status(self, text: str) -> None:
        pass

    async def text(self, so_far: str) -> None:
        pass

    async def finish(self, part: Part) -> ActivityId | None:
        return await self._channel.send(self._to, part)


class MemoryConversations:
    def __init__(self) -> None:
        self.threads: dict[ConversationKey, ThreadId] = {}

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        return self.threads.get(key)

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None:
        self.threads[key] = thread

    async def forget(self, key: ConversationKey) -> None:
        self.threads.pop(key, None)


class MemoryFiles:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.full = False

    async def put(self, key: ConversationKey, name: str, data: bytes) -> StoredFile:
        if self.full:
            raise StorageError("disk full")
        url = f"http://localhost/files/{hashlib.sha256(str(key).encode() + data).hexdigest()}/{name}"
        self.kept[url] = data
        return StoredFile(url=url, name=name, size_bytes=len(data))


class FakePictures:
    """Lets every picture pass, but for those told to be unfit."""

    def __init__(self) -> None:
        self.unfit: set[bytes] = set()

    async def fit(self, data: bytes) -> bytes | None:
        return None if data in self.unfit else data
