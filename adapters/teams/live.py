"""What a person sees of a turn while it is worked on: typing, a stream, or one message that becomes the answer.

One-to-one chats: typing, then a stream (https://learn.microsoft.com/microsoftteams/platform/bots/streaming-ux): first
what is being done, then the words of the answer as they come, then the answer itself. Group chats: typing. Channels,
which show no typing: one message in whose place the answer is put.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from typing_extensions import override

from adapters.teams.connector import ActivityRefusedError, Connector, Place
from bot.conversation import ActivityId, ConversationReference, Scope
from bot.errors import ChannelError, ConversationGoneError, DeliveryError
from bot.parts import Part
from bot.ports import Live, StatusMessage
from bot.sentences import status_with_time, working_on_it

log = logging.getLogger(__name__)

Activity = dict[str, object]

MAX_INFORMATIVE_CHARS: Final = 1_000
MAX_STREAMED_CHARS: Final = 20_000  # about as many as one message has; the rest comes with the answer
_MAX_CHARS_IN_LOOP: Final = 2_000  # of Markdown: hostile texts take long to convert
_CANCELLED_BY_PERSON: Final = re.compile(r"cancel+ed by user", re.IGNORECASE)
_STOP_DEADLINE_S: Final = 2.0
_POST_DEADLINE_S: Final = 20.0  # a message that is being posted must be known before the answer can take its place


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTiming:
    """When something is shown, in seconds.

    Clients show one typing activity for about 3 seconds (Bot Framework activity specification, A6000). Teams takes one
    request a second of a stream and advises 1.5 to 2; it ends streams after two minutes.
    """

    typing_interval_s: float = 3.0
    stream_after_s: float = 2.0  # of work; or
    text_after_s: float = 0.4  # of the first words, so that an answer that comes at once is not streamed
    message_after_s: float = 1.2  # of work, in a channel: a person sees something within 1.5 seconds
    update_interval_s: float = 1.5  # of a stream
    edit_interval_s: float = 5.0  # of a message
    tick_s: float = 4.0  # how often the seconds are counted on
    keep_alive_s: float = 15.0  # a stream says its words again: the answer tells whether its reader ended it
    max_stream_s: float = 100.0  # Microsoft 365 Copilot ends streams after 105
    keeps_status: bool = False  # what is being done is told beside the words, too: for a client that shows both


PAGE_TIMING: Final = LiveTiming(
    stream_after_s=0.3, text_after_s=0.0, update_interval_s=0.2, tick_s=1.0, max_stream_s=24 * 3600, keeps_status=True
)
"""On the chat page, whose connector is this program's own and has no limits."""


class _Shown(Enum):
    """What stands in the chat."""

    TYPING = auto()
    STREAM = auto()
    MESSAGE = auto()  # a status in a channel, or what was a stream
    ENDED = auto()  # a stream, by its reader: nothing may be added


class TeamsLive(Live):
    """Shows the work on one turn. A task of its own sends; `begin`, `status` and `text` only tell it what."""

    def __init__(  # noqa: PLR0913 - the ways to send, and where to
        self,
        *,
        connector: Connector,
        to: ConversationReference,
        place: Callable[[ConversationReference], Place],
        addresses: Callable[[ConversationReference], Activity],
        remembered: StatusMessage,
        message: Callable[[ConversationReference, Part], Awaitable[Activity]],
        send: Callable[[ConversationReference, Part], Awaitable[ActivityId | None]],
        markdown: Callable[[str], Sequence[str]],
        streams: bool,
        timing: LiveTiming,
    ) -> None:
        """`place`, `addresses`: of a conversation. `message`: a part as an activity. `send`: what `Channel.send` does.

        `markdown`: a text as it is shown.
        `streams`: whether words may be streamed, where the scope allows it.
        """
        self._connector = connector
        self._to = to
        self._place_of = place
        self._place, self._addresses = place(to), addresses(to)
        self._remembered = remembered
        self._message = message
        self._send = send
        self._markdown = markdown
        self._timing = timing
        self._is_personal = to.scope is Scope.PERSONAL
        self._may_post = (streams if self._is_personal else to.scope is Scope.CHANNEL) and remembered.may_be_posted
        self._id = remembered.id
        self._shown = _Shown.TYPING
        if self._id is not None:  # left by an earlier process
            self._shown = _Shown.STREAM if self._is_personal else _Shown.MESSAGE
        self._is_left_over = self._id is not None
        self._sequence = 0
        self._status = self._text = self._sent_words = self._message_text = ""
        self._is_changed = False  # since something was sent last
        self._began_s = self._text_s = self._posted_s = self._sent_s = self._typing_due_s = self._may_post_s = 0.0
        self._quiet_until_s = 0.0  # as the connector asked
        self._taken_s = 0.0  # when the last activity of the stream was taken
        self._has_news = asyncio.Event()
        self._is_stopped = self._is_posting = False
        self._task: asyncio.Task[None] | None = None

    @override
    async def begin(self) -> None:
        if self._task is None:
            self._began_s = self._typing_due_s = _now_s()
            self._task = asyncio.create_task(self._run(), name="live")

    @override
    async def status(self, text: str) -> None:
        if text != self._status:
            self._status, self._is_changed = text, True
            if self._shown is not _Shown.TYPING:  # which goes on as it would have
                self._has_news.set()

    @override
    async def text(self, so_far: str) -> None:
        self._text_s = self._text_s or _now_s()
        self._text, self._is_changed = so_far, True
        self._has_news.set()

    @override
    async def finish(self, part: Part, to: ConversationReference | None = None) -> ActivityId | None:
        await self.stop()
        self._to = to or self._to
        self._place = self._place_of(self._to)
        activity = await self._message(self._to, part)
        if self._shown is _Shown.STREAM and self._id is not None:
            try:
                await self._connector.end_stream(self._place, with_stream_info(activity, "final", stream=self._id))
            except ActivityRefusedError as refused:
                if self._is_ended_by(refused):
                    return None
            else:
                return self._id
        if self._shown is _Shown.MESSAGE and self._id is not None:
            try:
                await self._connector.update(self._place, self._id, {"id": self._id, **activity})
            except ActivityRefusedError as refused:
                log.warning("the answer is sent beside what was shown", extra={"why": str(refused)})
                await self.clear()
            else:
                return self._id
        return await self._send(self._to, part)

    @override
    async def clear(self) -> None:
        await self.stop()
        if self._id is not None and self._shown is not _Shown.ENDED:
            with contextlib.suppress(ChannelError):
                await self._connector.delete(self._place, self._id)

    async def stop(self) -> None:
        """Show nothing more. Waits for what is on its way, so that it cannot arrive after the answer."""
        self._is_stopped = True
        self._has_news.set()
        if self._task is None:
            return
        try:
            # `wait` raises nothing of the task's own: one that an earlier call cancelled must not cancel the turn too.
            await asyncio.wait({self._task}, timeout=_POST_DEADLINE_S if self._is_posting else _STOP_DEADLINE_S)
            if not self._task.done():
                log.info("what is shown of the work was slow to end")
        finally:
            self._task.cancel()
            [fault] = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(fault, Exception):  # a mistake of this program, which costs nobody the answer
            log.error("what is shown of the work ended early", exc_info=fault)

    async def _run(self) -> None:
        while not self._is_stopped:
            self._has_news.clear()
            due_s, show = self._next()
            if due_s is not None and show != self._end_early:
                due_s = max(due_s, self._quiet_until_s)
            if due_s is None or _now_s() < due_s:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(due_s):
                        await self._has_news.wait()
                continue
            try:
                await show()
            except ConversationGoneError as error:
                log.info("nothing more is shown of the work", extra={"why": str(error)})
                return
            except ChannelError as error:  # what is not shown is no reason to miss the answer
                log.info("what is shown of the work was not delivered", extra={"why": str(error)})
                if isinstance(error, DeliveryError) and error.retry_after_s is not None:
                    self._quiet_until_s = _now_s() + error.retry_after_s

    def _next(self) -> tuple[float | None, Callable[[], Awaitable[None]]]:
        """When something is to be shown next, on the event loop's clock, and how; None for never."""
        timing = self._timing
        match self._shown:
            case _Shown.TYPING if self._may_post:
                post_s = self._began_s + (timing.stream_after_s if self._is_personal else timing.message_after_s)
                if self._is_personal and self._text:
                    post_s = min(post_s, self._text_s + timing.text_after_s)
                post_s = max(post_s, self._may_post_s)
                return (self._typing_due_s, self._type) if self._typing_due_s < post_s else (post_s, self._post)
            case _Shown.TYPING:
                return self._typing_due_s, self._type
            case _Shown.STREAM | _Shown.MESSAGE if self._is_left_over:
                return self._typing_due_s, self._type
            case _Shown.STREAM:
                return self._next_of_stream()
            case _Shown.MESSAGE:
                return (self._sent_s + timing.edit_interval_s if self._is_changed else None), self._edit
            case _Shown.ENDED:
                return None, self._type

    def _next_of_stream(self) -> tuple[float, Callable[[], Awaitable[None]]]:
        end_s = self._posted_s + self._timing.max_stream_s
        # Until there are words, the seconds count.
        if self._timing.keeps_status or not self._text:
            due_s = self._sent_s + self._timing.tick_s
        else:
            due_s = max(self._taken_s + self._timing.keep_alive_s, self._sent_s + self._timing.update_interval_s)
        if self._is_changed:
            due_s = self._sent_s + self._timing.update_interval_s
        due_s = max(due_s, self._quiet_until_s)
        # The pause that the connector asked for does not delay the end: Teams would end the stream itself.
        return (end_s, self._end_early) if end_s <= due_s else (due_s, self._add)

    async def _type(self) -> None:
        try:
            await self._connector.send_ephemeral(self._place, {"type": "typing", **self._addresses})
        finally:
            self._typing_due_s = max(self._typing_due_s + self._timing.typing_interval_s, _now_s())

    async def _post(self) -> None:
        """Begin the stream, or post the status message."""
        if not self._connector.has_room(self._place):
            self._may_post_s = _now_s() + self._timing.update_interval_s
            return
        self._may_post = False  # a second one is worse than none
        await self._remembered.post(self._post_once)
        if self._id is not None:
            self._shown = _Shown.STREAM if self._is_personal else _Shown.MESSAGE

    async def _post_once(self) -> ActivityId | None:
        self._is_posting = True
        try:
            activity = await self._next_of_the_stream() if self._is_personal else await self._as_message()
            sent = await self._connector.send_ephemeral(self._place, activity)
        finally:
            self._is_posting = False
            self._posted_s = self._sent_s = self._taken_s = _now_s()
        self._sequence = 1
        self._id = ActivityId(sent) if sent else None
        return self._id

    async def _add(self) -> None:
        """Go on with the stream."""
        self._sent_s = _now_s()
        before = self._sent_words
        activity = await self._next_of_the_stream()
        keeps_alive = self._timing.keeps_status or self._sent_s >= self._taken_s + self._timing.keep_alive_s
        is_old = self._text and self._sent_words == before and not keeps_alive
        if is_old or not self._connector.has_room(self._place):
            return  # the next words, or the next interval
        try:
            await self._connector.send_ephemeral(self._place, activity)
            self._sequence += 1
            self._taken_s = _now_s()
        except ActivityRefusedError as refused:
            self._is_ended_by(refused)
        except ChannelError:
            # The next activity has the same number: if this one was taken all the same, that one is not.
            self._is_changed = True
            raise
        finally:
            self._sent_s = _now_s()

    async def _end_early(self) -> None:
        """Make an ordinary message of the stream before Teams ends it; from then on that is edited."""
        self._shown, stream = _Shown.MESSAGE, self._id
        try:
            await self._connector.send_ephemeral(
                self._place, with_stream_info(await self._as_message(), "final", stream=stream)
            )
        except ActivityRefusedError as refused:
            self._is_ended_by(refused)
        finally:
            self._sent_s = _now_s()

    async def _edit(self) -> None:
        try:
            before = self._message_text
            activity = await self._as_message()
            if self._id is not None and self._message_text != before:  # else it would only be marked as edited
                await self._connector.update_ephemeral(self._place, self._id, {"id": self._id, **activity})
        finally:
            self._is_changed, self._sent_s = False, _now_s()

    async def _next_of_the_stream(self) -> Activity:
        words = await self._words()
        self._is_changed = False
        status = status_with_time(self._status, _now_s() - self._began_s)[:MAX_INFORMATIVE_CHARS]
        activity: Activity = {"type": "typing", **self._addresses, "text": words or status, "textFormat": "markdown"}
        if self._timing.keeps_status:
            activity["channelData"] = {"status": status}
        kind = "streaming" if words else "informative"
        return with_stream_info(activity, kind, stream=self._id, sequence=self._sequence + 1)

    async def _as_message(self) -> Activity:
        self._is_changed = False
        self._message_text = (await self._words() if self._is_personal else "") or working_on_it(self._status)
        return {"type": "message", **self._addresses, "text": self._message_text, "textFormat": "markdown"}

    async def _words(self) -> str:
        """The beginning of the answer as it is shown: always what was shown before, and perhaps more."""
        text = settled(self._text[:MAX_STREAMED_CHARS])
        in_loop = len(text) <= _MAX_CHARS_IN_LOOP
        pieces = self._markdown(text) if in_loop else await asyncio.to_thread(self._markdown, text)
        words = next(iter(pieces), "")
        if words.startswith(self._sent_words):
            self._sent_words = words
        return self._sent_words

    def _is_ended_by(self, refused: ActivityRefusedError) -> bool:
        """Whether the reader ended the stream, which stops the turn. After any other refusal its message is edited."""
        is_ended = _CANCELLED_BY_PERSON.search(refused.explanation) is not None
        self._shown = _Shown.ENDED if is_ended else _Shown.MESSAGE
        if is_ended:
            log.info("the stream was ended by its reader")
            self._remembered.stop_turn()
        else:
            log.info("the stream goes on as a message", extra={"why": f"{refused} {refused.explanation}"})
        return is_ended


def with_stream_info(activity: Activity, kind: str, *, stream: str | None, sequence: int | None = None) -> Activity:
    """The activity as one of a stream. The last one has no number; the first one no stream yet."""
    info = {"streamType": kind, "streamId": stream, "streamSequence": sequence}
    info = {name: value for name, value in info.items() if value is not None}
    entities, data = activity.get("entities"), activity.get("channelData")
    return {
        **activity,
        "entities": [*(entities if isinstance(entities, list) else []), {"type": "streaminfo", **info}],
        "channelData": {**(data if isinstance(data, dict) else {}), **info},
    }


_FENCE: Final = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_WHOLE: Final = re.compile(r"\*\*[^*\n]+\*\*|\*[^*\s][^*\n]*\*|`[^`\n]+`|\[[^\]\n]*\]\([^)\s]*\)|\$[^$\n]+\$")
_OPENING: Final = re.compile(r"[*_`$~\[\\<#|]|!(?:\[|$)")
_LIST_MARK: Final = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")


def settled(text: str) -> str:
    """The beginning of a growing Markdown text to which more words only add.

    Left out are a code block, a table, a formula, or markup within the last line that may not be complete yet.
    """
    fences = [fence.start() for fence in _FENCE.finditer(text)]
    if len(fences) % 2:
        text = text[: fences[-1]]
    if text.count("$$") % 2:
        text = text[: text.rindex("$$")]
    block = text.rfind("\n\n") + 1
    if "|" in text[block:]:
        text = text[: text.rfind("\n", 0, text.index("|", block)) + 1]
    start = text.rfind("\n") + 1
    line = text[start:]
    mark = _LIST_MARK.match(line)
    masked = _WHOLE.sub(lambda found: "x" * len(found[0]), line)
    opening = _OPENING.search(masked, mark.end() if mark else 0)
    return text[: start + opening.start()] if opening else text


def _now_s() -> float:
    return asyncio.get_running_loop().time()
