"""What the application needs of the outside. Adapters and stores implement these; tests hand in fakes that remember."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.attachments import Attachment
from bot.belongings import Belonging
from bot.conversation import ActivityId, ConversationKey, ConversationReference, ThreadId
from bot.feedback import Feedback, FeedbackRecord
from bot.functions import Caller, FunctionDefinition
from bot.history import PastTurn
from bot.links import NO_LINKS, LinkRules
from bot.parts import OpenFile, Part, ServedFile, StoredFile, Table
from bot.run import Answer, Ask, Exchange, FileRef, FindResult, RunEvent, RunId, RunName, ToolOutput
from bot.timeline import Timeline
from bot.turn_record import ANSWERED, Outcome, TurnUsage, Usage, UsageSum


class Assistant(Protocol):
    """Threads and runs, whichever backend serves them.

    Every method raises AssistantError and nothing else; a backend that keeps ThreadStates, StorageError too.
    """

    async def open_thread(self, key: ConversationKey) -> ThreadId:
        """Create an empty thread for a conversation."""
        ...

    async def upload(self, name: str, content: Path) -> FileRef:
        """Upload a person's file; an unused one does no harm. Raises AttachmentError for a kind that is refused."""
        ...

    async def start(self, thread: ThreadId, ask: Ask, name: RunName) -> RunId:
        """Add the question to the thread and start a run on it.

        A start whose outcome is unknown is not repeated before the service was asked for a run of this name, where it
        can be asked. Raises ThreadGoneError, ThreadBusyError.
        """
        ...

    async def resume(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput], name: RunName) -> RunId:
        """Give a run the outputs of all tool calls that it wants, and return the run that goes on with them.

        That is the same run at some services and a new one, of this name, at others.
        """
        ...

    async def find(self, thread: ThreadId, name: RunName) -> FindResult:
        """Look for the run that an earlier life of this process may have started under this name."""
        ...

    def follow(self, thread: ThreadId, run: RunId) -> AsyncGenerator[RunEvent, None]:
        """Yield what the run does until it ends or wants tools: the last event is Settled or ToolsWanted.

        Events before the last one may be left out. Raises RunTooSlowError if the run is still at work at its deadline,
        ThreadGoneError. Close the generator to stop following; the run goes on.
        """
        ...

    async def cancel(self, thread: ThreadId, run: RunId) -> Usage:
        """Stop a run, and return what it is known to have consumed. Nothing happens if it has ended already.

        One that an earlier call has cancelled has consumed the same as then; one that ended by itself counts as nothing
        here, for its last event said so.
        """
        ...

    async def answer(self, thread: ThreadId, runs: Sequence[RunId]) -> Answer:
        """Read what these runs of one turn wrote, and nothing that other runs wrote."""
        ...

    def open_file(self, file: FileRef) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read a picture or file that a run made, in chunks. AssistantError if it exceeds the backend's size limit."""
        ...

    async def delete_thread(self, thread: ThreadId) -> None:
        """Delete a thread, what was said in it, and what its runs made. Nothing happens if it is gone already."""
        ...

    async def delete_file(self, file: FileRef) -> None:
        """Delete a file that was uploaded. Nothing happens if it is gone already."""
        ...

    async def note(self, thread: ThreadId, ask: Ask) -> None:
        """Add words or files to the thread without a run; the next question can refer to them.

        Raises ThreadGoneError, ThreadBusyError.
        """
        ...

    async def forget(self, thread: ThreadId) -> frozenset[str]:
        """Delete, as far as it can, a thread's words and the files that people gave; the ids of what is gone then."""
        ...


class Functions(Protocol):
    """Functions of the operator's own. Every backend offers the definitions to its model."""

    @property
    def definitions(self) -> tuple[FunctionDefinition, ...]:
        """All functions, in a fixed order."""
        ...

    def may_repeat(self, name: str) -> bool:
        """Whether a call that may have been made may be made again; true for a function that does not exist."""
        ...

    async def call(self, name: str, arguments: str, caller: Caller) -> str:
        """Make a call, and return what the model is to read, whatever becomes of it. Raises nothing.

        `arguments` is the JSON text as the model wrote it. Cancelled, the call is ended before this returns.
        """
        ...


class IncomingFiles(Protocol):
    """The way to the files that come with messages. Raises AttachmentError, StorageError and nothing else."""

    @property
    def looks_for_more(self) -> bool:
        """Whether `listed` can find files where a message does not say that there are any."""
        ...

    async def listed(self, pointer: Attachment, reference: ConversationReference) -> tuple[Attachment, ...]:
        """The files in the place of an attachment that `is_pointer`, as the channel's service names them."""
        ...

    def opened(self, attachment: Attachment, reference: ConversationReference) -> AbstractAsyncContextManager[Path]:
        """The file on this disk, within the limit of size, for as long as the context lasts: one of several at once.

        Only places where the message's own channel keeps files are opened, whatever the attachment says.
        """
        ...


class StatusMessage(Protocol):
    """The one message by which a channel shows that a turn is being worked on, known across crashes.

    A stream and a "Working on it" are such messages: the answer takes their place.
    """

    @property
    def id(self) -> ActivityId | None:
        """The message that people see, if one is known."""
        ...

    @property
    def may_be_posted(self) -> bool:
        """False if one was posted, or may have been by a process that died before it knew the id."""
        ...

    async def post(self, do: Callable[[], Awaitable[ActivityId | None]]) -> ActivityId | None:
        """Post it by `do`, and remember the id. Raises what `do` raises."""
        ...

    def stop_turn(self) -> None:
        """Do what /stop does: the person pressed the channel's own button."""
        ...


class Live(Protocol):
    """What a person sees while an answer is being worked on. Obtained from `Channel.live`.

    `begin`, `status` and `text` are hints: a channel drops what it cannot show, or what it has no room for under its
    limits. They raise nothing, and return at once.
    """

    async def begin(self) -> None:
        """Show that the work has started. Before that, nothing is shown."""
        ...

    async def status(self, text: str) -> None:
        """Show in a few words what is being done."""
        ...

    async def text(self, so_far: str) -> None:
        """Show the whole answer as far as it is known."""
        ...

    async def finish(self, part: Part, to: ConversationReference | None = None) -> ActivityId | None:
        """Put this part in the place of what is shown, or send it where nothing is. May be repeated if it fails.

        `to` is the same conversation at the address that it has now, where that is not the one of `Channel.live`.

        Returns and raises what `Channel.send` does. Where the person ended the message by the channel's own button,
        nothing is sent and the turn is stopped.
        """
        ...

    async def clear(self) -> None:
        """Take back what is shown, if the channel can; what cannot be taken back stays."""
        ...


class Channel(Protocol):
    """The way to people. Every method raises ChannelError and nothing else."""

    def split(
        self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None
    ) -> tuple[str | Table, ...]:
        """A text in the Markdown that the channel knows, in pieces that fit a message; `links` say what can be clicked.

        A table is a piece of its own where the conversation `to` has something for tables.
        """
        ...

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        """Say one part as one message; None where the channel gives no id.

        Raises DeliveryUnknownError where it is not known whether the message was taken; it is not to be sent again.
        """
        ...

    async def replace(self, to: ConversationReference, sent: ActivityId, part: Part) -> None:
        """Put a part in the place of one that was sent."""
        ...

    async def delete(self, to: ConversationReference, sent: ActivityId) -> None:
        """Take back a part that was sent."""
        ...

    async def wait_for_success(self, to: ConversationReference) -> None:
        """Wait until the channel's service takes a message, this conversation's or another's."""
        ...

    def live(
        self, to: ConversationReference, status: StatusMessage, links: LinkRules = NO_LINKS
    ) -> AbstractAsyncContextManager[Live]:
        """Show that an answer is being worked on until it is finished or the context ends, however it ends.

        Nothing that was shown can arrive after that, so it cannot overtake the answer. `status` may know a message
        that an earlier process left: `finish` puts the answer in its place. `links` may be clicked in the words shown.
        """
        ...


class FileStore(Protocol):
    """Plots and files of answers. Every method raises StorageError and nothing else."""

    async def put(self, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
        """Keep the bytes, or those of a file on this disk, which is read piece by piece and left where it is.

        The same bytes again in the same conversation are the same file with the same token.
        """
        ...

    async def delete(self, token: str) -> None:
        """Delete a file, so that its links end. Nothing happens if there is none."""
        ...


class FileOpener(Protocol):
    """A file store for the route that serves files, of any size."""

    def opened(self, token: str) -> AbstractAsyncContextManager[OpenFile | None]:
        """The file of this token, read in chunks, or None; StorageError if the store is down."""
        ...


class FileReader(Protocol):
    """A file store for those who need a whole file."""

    async def read(self, token: str) -> ServedFile | None:
        """The whole file of this token, or None; StorageError if the store is down."""
        ...

    async def is_of(self, key: ConversationKey, token: str, file: ServedFile) -> bool:
        """Whether the file that was read by this token was stored for this conversation. Raises StorageError."""
        ...


class FileUploads(Protocol):
    """The way to people's own files."""

    async def upload(self, url: str, data: bytes) -> None:
        """Put the bytes at an address that a person's agreement came with. Raises UploadError and nothing else."""
        ...


class FileLinks(Protocol):
    """Makes addresses at which people fetch stored files. They end, so they are made when a part is sent."""

    @property
    def origin(self) -> str:
        """What every address begins with."""
        ...

    async def url(self, file: StoredFile) -> str:
        """An address of this file, valid from now on. Raises StorageError."""
        ...


class Pictures(Protocol):
    """Makes pictures fit for showing."""

    async def fit(self, data: bytes) -> bytes | None:
        """At most 1024 pixels wide and high and 1 MB, as PNG, JPEG, GIF or WebP; None if that cannot be done safely."""
        ...


class Conversations(Protocol):
    """Which thread and which assistant a conversation has. Every method raises StorageError and nothing else."""

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        """The thread, if one was remembered for this backend."""

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None:
        """From now on this conversation has this thread."""

    async def forget(self, key: ConversationKey) -> None:
        """From now on this conversation has no thread, and nothing is known of what was said in it.

        The assistant that was chosen stays.
        """

    async def chosen_assistant(self, key: ConversationKey) -> str | None:
        """The name of the assistant that was chosen for this conversation; None if none was."""

    async def choose_assistant(self, key: ConversationKey, name: str | None) -> None:
        """From now on this conversation has this assistant, or none of its own, and no thread. What was said stays."""


class PastTurns(Protocol):
    """What was said in conversations, until they are forgotten. Every method raises StorageError and nothing else."""

    async def past(self, key: ConversationKey) -> tuple[PastTurn, ...]:
        """The latest turns, oldest first, whichever backend answered them; at most MAX_PAST_TURNS."""

    async def add_past(self, key: ConversationKey, number: int, turn: PastTurn) -> None:
        """Keep what was said in the turn of this number; again changes nothing."""


class ThreadStates(Protocol):
    """What a backend keeps with a thread because its service does not. Every method raises StorageError only."""

    async def state_of(self, thread: ThreadId) -> str:
        """The text that was kept last; empty if there is none."""

    async def keep_state(self, thread: ThreadId, state: str) -> None:
        """Keep this text as long as a conversation has the thread; dropped where no conversation has it."""


class Belongings(Protocol):
    """What conversations have outside the ledger. Every method raises StorageError and nothing else."""

    async def add(self, key: ConversationKey, belonging: Belonging) -> None:
        """From now on the conversation has this too. Nothing happens if it has it already."""

    async def of(self, key: ConversationKey) -> list[Belonging]:
        """All that the conversation has, in the order in which it came."""

    async def remove(self, key: ConversationKey, belonging: Belonging) -> None:
        """The conversation no longer has this."""

    async def forget_turns(self, key: ConversationKey) -> int:
        """Delete the records of the conversation's ended turns, and return how many there were.

        `Ledger.add` still knows their messages for a week, should they be delivered once more.
        """

    async def forget_feedback(self, key: ConversationKey) -> int:
        """Delete what people thought of answers in this conversation, and return how many opinions there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A turn as the ledger holds it."""

    number: int  # grows in order of acceptance within a conversation
    conversation: str  # str(ConversationKey)
    id: str  # the message's id
    payload: str  # as bot.codec.message_to_json writes it
    steps: dict[str, str]  # JSON results of the steps that are done, by the name that bot.codec gives them
    attempts: int = 0  # how many times it was started
    uncounted_attempts: int = 0  # how many of those say nothing against it


class Ledger(Protocol):
    """Turns and their steps, on disk before any method returns. Every method raises StorageError and nothing else."""

    async def start(
        self, on_assigned: Callable[[Sequence[LedgerEntry]], None], on_revoked: Callable[[], Awaitable[None]]
    ) -> None:
        """Begin, and give unfinished turns to `on_assigned` when their conversation is, or becomes, this process's.

        A turn is given again when it was signalled or replaced. `on_revoked` is awaited before another process takes
        conversations over: no turn may write afterwards.
        """

    def owns(self, conversation: str) -> bool:
        """Whether turns of this conversation run in this process."""

    async def add(
        self, conversation: str, message_id: str, payload: str, *, signal: str = "", hears_signals: bool = True
    ) -> int | None:
        """Accept a message: its number, or None if this message was accepted before.

        `signal` is sent, with that number, to the turn before it: the running one of its conversation, or else the
        first unfinished one with a lower number, among those with `hears_signals`. Both are stored, or neither.
        """

    async def check(self) -> None:
        """Raise StorageError if a message would not be stored now; nothing is changed, and nothing waits on a disk."""

    async def signal(self, number: int, name: str, value: str) -> None:
        """Tell an unfinished turn something, past the queue and in whichever process it runs; `value` is JSON.

        It is stored as the step `signal/0/<name>` and handed over with its turn, now and after a restart. The first
        of a name stays. Nothing happens if the turn has ended.
        """

    async def begin(self, number: int) -> None:
        """A turn is about to be worked on: one more attempt."""

    async def uncount_attempt(self, number: int) -> None:
        """The attempt that was started last ended by an orderly stop, and says nothing against the turn."""

    async def save(self, number: int, step: str, result: str) -> None:
        """A step of a turn is done, with this JSON result."""

    async def replace(self, conversation: str, message_id: str, payload: str) -> bool:
        """Put another message in the place of one that was accepted; False if its turn has started, or is unknown."""

    async def end(self, number: int, outcome: Outcome = ANSWERED, used: TurnUsage | None = None) -> None:
        """A turn is done: what people said in it is emptied, its results too.

        `used` is what it consumed, None if it did not ask the assistant.

        For seven days its id is kept, to know the message when it comes again, and its timeline.
        """

    async def stop(self) -> None:
        """Let go."""


class UsageReader(Protocol):
    """What people consumed. Turns are known here for 35 days after their end. Raises StorageError and nothing else."""

    async def used(self, tenant: str, since_s: float, person: str | None = None) -> UsageSum:
        """What the turns of a tenant, or of one person there, consumed that ended since then (unix seconds).

        `person` is the object id in the directory, else the channel's id, as `bot.conversation.Party.key` has it.
        """
        ...


class Timelines(Protocol):
    """The ledger as an administrator reads it. Every method raises StorageError and nothing else."""

    async def latest(self, limit: int) -> list[Timeline]:
        """The turns that were accepted last, oldest first."""
        ...

    async def timeline(self, number: int) -> Timeline | None:
        """The turn of this number, if it is still known."""
        ...


class TurnsOfConversation(Protocol):
    """The timelines of one conversation, for its own person. Raises StorageError and nothing else."""

    async def of(self, key: ConversationKey, limit: int) -> list[Timeline]:
        """The turns that were accepted last in this conversation, oldest first."""
        ...


class FeedbackStore(Protocol):
    """What people think of answers. Every method raises StorageError and nothing else."""

    async def keep(self, feedback: Feedback) -> bool:
        """Keep an opinion in the place of the same person's earlier one.

        False, and nothing is kept, if the bot did not send that message in that conversation, or over a week ago.
        """
        ...

    async def page(self, after: int, limit: int) -> list[FeedbackRecord]:
        """At most `limit` records whose number is greater than `after`, in the order of their numbers."""
        ...

    async def forget(self, key: ConversationKey) -> int:
        """Delete what was given in a conversation; how many there were."""
        ...


class Exchanges(Protocol):
    """Hears each call of the assistant's API as it ends; must be quick, and must not fail."""

    def note(self, exchange: Exchange) -> None:
        """A call has ended."""
        ...
