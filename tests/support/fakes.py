"""Stand-ins for the ports of the application. They remember what was asked of them and can be told to misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from bot.attachments import Attachment
from bot.conversation import (
    ActivityId,
    Command,
    ConversationKey,
    ConversationReference,
    Party,
    Question,
    Scope,
    ThreadId,
    typed,
)
from bot.errors import AssistantUnavailableError, AttachmentError, StorageError, ThreadGoneError
from bot.functions import Caller, FunctionDefinition, no_such_function
from bot.history import MAX_PAST_TURNS, PastTurn
from bot.links import NO_LINKS, LinkRules
from bot.parts import Part, StoredFile, Table
from bot.ports import FileLinks, LedgerEntry, Live, StatusMessage
from bot.run import (
    Absent,
    Answer,
    Ask,
    FailureCode,
    FileRef,
    FindResult,
    Found,
    RunEnd,
    RunEvent,
    RunId,
    RunName,
    RunOutcome,
    Settled,
    ToolOutput,
    Unknowable,
)
from bot.turn_record import ANSWERED, Outcome, TurnUsage, Usage

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

    def __init__(self) -> None:
        self.on_assigned: Callable[[Sequence[LedgerEntry]], None] = lambda _: None  # the engine's, once it has started
        self.entries: dict[int, LedgerEntry] = {}
        self.done: list[int] = []
        self.outcomes: dict[int, Outcome] = {}
        self.used: dict[int, TurnUsage] = {}
        self.seen: set[tuple[str, str]] = set()
        self.deaf: set[int] = set()  # turns that hear no signals
        self.full = False

    async def start(
        self, on_assigned: Callable[[Sequence[LedgerEntry]], None], on_revoked: Callable[[], Awaitable[None]]
    ) -> None:
        self.on_assigned = on_assigned
        on_assigned([self.entries[number] for number in sorted(self.entries)])

    def owns(self, conversation: str) -> bool:
        return True

    async def add(
        self, conversation: str, message_id: str, payload: str, *, signal: str = "", hears_signals: bool = True
    ) -> int | None:
        await self._write()
        if (conversation, message_id) in self.seen:
            return None
        self.seen.add((conversation, message_id))
        number = len(self.seen)
        self.entries[number] = LedgerEntry(
            number=number, conversation=conversation, id=message_id, payload=payload, steps={}
        )
        before = [each for each in self.entries.values() if each.conversation == conversation]
        heard_by = [each for each in before if each.number < number and each.number not in self.deaf]
        if signal and heard_by:
            await self.signal(
                min(heard_by, key=lambda each: (each.attempts == 0, each.number)).number, signal, str(number)
            )
        if not hears_signals:
            self.deaf.add(number)
        return number

    async def check(self) -> None:
        await self._write()

    async def signal(self, number: int, name: str, value: str) -> None:
        await self._write()
        if number in self.entries:
            entry = self.entries[number]
            self.entries[number] = replace(entry, steps={f"signal/0/{name}": value, **entry.steps})
            self.on_assigned([self.entries[number]])

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

    async def end(self, number: int, outcome: Outcome = ANSWERED, used: TurnUsage | None = None) -> None:
        await self._write()
        del self.entries[number]
        self.done.append(number)
        self.outcomes[number] = outcome
        if used is not None:
            self.used[number] = used

    async def stop(self) -> None:
        pass

    async def _write(self) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise StorageError("disk full")


COMPLETED = Settled(outcome=RunOutcome(end=RunEnd.COMPLETED))


def ended(end: RunEnd, failure: FailureCode | None = None, *, retry_after_s: float | None = None) -> Settled:
    """The last event of a run that ended so."""
    return Settled(outcome=RunOutcome(end=end, failure=failure, retry_after_s=retry_after_s))


FAILED = ended(RunEnd.FAILED, FailureCode.SERVER)


def ask(text: str = "hello", *, conversation: str = "c1") -> Ask:
    """A question as the application hands it to an assistant."""
    return Ask(conversation=message(conversation=conversation).key, text=text)


class FakeAssistant:
    """Answers each run with `answer_with`, by the text of its question; runs complete at once unless told otherwise."""

    def __init__(self) -> None:
        self.forgotten: list[ThreadId] = []
        self.threads: list[ThreadId] = []
        self.gone: set[ThreadId] = set()
        self.runs: dict[RunId, tuple[ThreadId, RunName, str]] = {}  # thread, name, text
        self.ends: list[RunEvent | Exception] = []  # how the next calls of `follow` end; else COMPLETED
        self.on_the_way: list[RunEvent] = []  # yielded before each end
        self.never_settles = False
        self.cannot_find = False  # as a service that cannot be asked for runs by name
        self.cannot_delete = False
        self.submitted: list[ToolOutput] = []
        self.cancelled: list[RunId] = []
        self.used_until_cancelled = Usage()
        self.answer_with: Callable[[str], Answer] = lambda text: Answer(text=f"You said: {text}")
        self.files: dict[FileRef, bytes] = {}
        self.uploaded: dict[FileRef, tuple[str, bytes]] = {}
        self.asked: list[tuple[ThreadId, Ask]] = []  # by a run or a note

    async def open_thread(self, key: ConversationKey) -> ThreadId:
        self.threads.append(ThreadId(f"thread_{len(self.threads) + 1}"))
        return self.threads[-1]

    async def upload(self, name: str, content: Path) -> FileRef:
        file = FileRef(f"file_{len(self.uploaded) + 1}")
        self.uploaded[file] = (name, await asyncio.to_thread(content.read_bytes))
        return file

    async def forget(self, thread: ThreadId) -> frozenset[str]:
        self.forgotten.append(thread)
        return frozenset()

    async def delete_thread(self, thread: ThreadId) -> None:
        if self.cannot_delete:
            raise AssistantUnavailableError("down")
        self.gone.add(thread)

    async def delete_file(self, file: FileRef) -> None:
        if self.cannot_delete:
            raise AssistantUnavailableError("down")
        self.uploaded.pop(file, None)

    async def note(self, thread: ThreadId, ask: Ask) -> None:
        if thread in self.gone:
            raise ThreadGoneError(f"no thread {thread}")
        self.asked.append((thread, ask))

    async def start(self, thread: ThreadId, ask: Ask, name: RunName) -> RunId:
        await self.note(thread, ask)
        run = RunId(f"run_{len(self.runs) + 1}")
        self.runs[run] = (thread, name, ask.text)
        return run

    async def find(self, thread: ThreadId, name: RunName) -> FindResult:
        if self.cannot_find:
            return Unknowable()
        runs = (run for run, (where, called, _) in self.runs.items() if (where, called) == (thread, name))
        run = next(runs, None)
        return Absent() if run is None else Found(run=run)

    async def follow(self, thread: ThreadId, run: RunId) -> AsyncGenerator[RunEvent, None]:
        for event in self.on_the_way:
            yield event
        if self.never_settles:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        end = self.ends.pop(0) if self.ends else COMPLETED
        if isinstance(end, Exception):
            raise end
        yield end

    async def resume(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput], name: RunName) -> RunId:
        self.submitted.extend(outputs)
        return run

    async def cancel(self, thread: ThreadId, run: RunId) -> Usage:
        self.cancelled.append(run)
        return self.used_until_cancelled

    async def answer(self, thread: ThreadId, runs: Sequence[RunId]) -> Answer:
        return self.answer_with(self.runs[runs[0]][2])

    @asynccontextmanager
    async def open_file(self, file: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield self.files[file][:3]
            yield self.files[file][3:]

        yield chunks()


class FakeFunctions:
    """Functions that answer with what is in `outputs`; a call waits while `may_return` is not set."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] = {}
        self.repeatable: set[str] = set()
        self.calls: list[tuple[str, str, Caller]] = []
        self.ended = 0  # calls that were cancelled
        self.may_return = asyncio.Event()
        self.may_return.set()

    @property
    def definitions(self) -> tuple[FunctionDefinition, ...]:
        return tuple(FunctionDefinition(name=name, description="", parameters={}) for name in self.outputs)

    def may_repeat(self, name: str) -> bool:
        return name in self.repeatable or name not in self.outputs

    async def call(self, name: str, arguments: str, caller: Caller) -> str:
        if name not in self.outputs:
            return no_such_function(self.definitions)
        self.calls.append((name, arguments, caller))
        try:
            await self.may_return.wait()
        except asyncio.CancelledError:
            self.ended += 1
            raise
        return self.outputs[name]


class FakeIncoming:
    """Files as their channel keeps them, by address; none at an address that is not there."""

    looks_for_more = True

    def __init__(self) -> None:
        self.listing: tuple[Attachment, ...] | str = ()  # what a pointer leads to, or why not
        self.listings = 0
        self.kept: dict[str, bytes] = {}
        self.opened_urls: list[str] = []

    async def listed(self, pointer: Attachment, reference: ConversationReference) -> tuple[Attachment, ...]:
        self.listings += 1
        if isinstance(self.listing, str):
            raise AttachmentError("not told", apology=self.listing)
        return self.listing

    @asynccontextmanager
    async def opened(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[Path]:
        self.opened_urls.append(attachment.url)
        if attachment.url not in self.kept:
            raise AttachmentError("not there", apology=f"I could not fetch {attachment.name}.")
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.kept[attachment.url])
            file.flush()
            yield Path(file.name)


class MemoryStatus:
    """The status message of a turn, as a disk would hold it."""

    def __init__(self, id_: str | None = None, *, may_be_posted: bool = True) -> None:
        self.id = ActivityId(id_) if id_ else None
        self.may_be_posted = may_be_posted and id_ is None
        self.stops = 0

    async def post(self, do: Callable[[], Awaitable[ActivityId | None]]) -> ActivityId | None:
        self.may_be_posted = False
        self.id = await do()
        return self.id

    def stop_turn(self) -> None:
        self.stops += 1


class FakeChannel:
    """Remembers what was said and when typing was shown, in one sequence."""

    def __init__(self) -> None:
        self.heard: list[Part | str] = []  # parts, and the words "typing", "deleted" and "cleared"
        self.failures: list[Exception] = []  # what the next sends raise
        self.places: list[str] = []  # the service's address of each send
        self.success = asyncio.Event()  # set: something else was taken
        self.lives: list[FakeLive] = []
        self.shown: list[str] = []  # while an answer was worked on: status and text

    @property
    def said(self) -> list[Part]:
        return [part for part in self.heard if not isinstance(part, str)]

    def split(
        self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None
    ) -> tuple[str | Table, ...]:
        return (text,)

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        self.places.append(to.service_url)
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
    async def live(
        self, to: ConversationReference, status: StatusMessage, links: LinkRules = NO_LINKS
    ) -> AsyncIterator[Live]:
        self.lives.append(FakeLive(self, to, status))
        yield self.lives[-1]


class FakeLive:
    def __init__(self, channel: FakeChannel, to: ConversationReference, status: StatusMessage) -> None:
        self._channel, self._to = channel, to
        self.remembered = status
        self.finished: list[Part] = []

    async def begin(self) -> None:
        self._channel.heard.append("typing")

    async def status(self, text: str) -> None:
        self._channel.shown.append(text)

    async def text(self, so_far: str) -> None:
        self._channel.shown.append(so_far)

    async def finish(self, part: Part, to: ConversationReference | None = None) -> ActivityId | None:
        sent = await self._channel.send(to or self._to, part)
        self.finished.append(part)
        return sent

    async def clear(self) -> None:
        self._channel.heard.append("cleared")


class MemoryConversations:
    def __init__(self) -> None:
        self.threads: dict[ConversationKey, ThreadId] = {}
        self.states: dict[ThreadId, str] = {}
        self.said: dict[ConversationKey, dict[int, PastTurn]] = {}
        self.choices: dict[ConversationKey, str] = {}

    async def chosen_assistant(self, key: ConversationKey) -> str | None:
        return self.choices.get(key)

    async def choose_assistant(self, key: ConversationKey, name: str | None) -> None:
        self.choices = {each: kept for each, kept in {**self.choices, key: name}.items() if kept}
        self.threads.pop(key, None)

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        return self.threads.get(key)

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None:
        self.threads[key] = thread

    async def state_of(self, thread: ThreadId) -> str:
        return self.states.get(thread, "") if thread in self.threads.values() else ""

    async def keep_state(self, thread: ThreadId, state: str) -> None:
        self.states[thread] = state

    async def forget(self, key: ConversationKey) -> None:
        self.threads.pop(key, None)
        self.said.pop(key, None)

    async def past(self, key: ConversationKey) -> tuple[PastTurn, ...]:
        return tuple(turn for _, turn in sorted(self.said.get(key, {}).items()))[-MAX_PAST_TURNS:]

    async def add_past(self, key: ConversationKey, number: int, turn: PastTurn) -> None:
        self.said.setdefault(key, {})[number] = turn


class MemoryFiles:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.full = False

    async def put(self, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
        if self.full:
            raise StorageError("disk full")
        data = content.read_bytes() if isinstance(content, Path) else content  # noqa: ASYNC240
        token = hashlib.sha256(str(key).encode() + data).hexdigest()[:32]
        self.kept[token] = data
        return StoredFile(token=token, name=name, size_bytes=len(data))

    async def delete(self, token: str) -> None:
        self.kept.pop(token, None)


class PlainLinks(FileLinks):
    """Addresses in which a test can see the token; fails while `broken`."""

    def __init__(self, origin: str = "http://127.0.0.1:3978") -> None:
        self._origin, self.broken = origin, False

    @property
    def origin(self) -> str:
        return self._origin

    async def url(self, file: StoredFile) -> str:
        if self.broken:
            raise StorageError("the key of the links cannot be read")
        return f"{self._origin}/files/{file.token}/{quote(file.name, errors='replace')}"


class FakePictures:
    """Lets every picture pass, but for those told to be unfit."""

    def __init__(self) -> None:
        self.unfit: set[bytes] = set()

    async def fit(self, data: bytes) -> bytes | None:
        return None if data in self.unfit else data
