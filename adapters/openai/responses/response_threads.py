"""The threads of the Responses protocol: what the service keeps of them, and what this bot keeps beside it.

A conversation's items carry no names. So the bot's own state is written before a response is created and after it has
ended: a start whose outcome is unknown is recognised by the words that were sent, and what a failed turn asked is not
forgotten.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from adapters.openai.client import Client, Clock, Sleep, path_to
from adapters.openai.responses import response_objects as objects
from adapters.openai.responses.response_objects import MAX_FILES, Item, Response, response_from
from adapters.openai.service_errors import BadRequestError, NoConversationsError
from adapters.openai.wire import Fields
from bot.conversation import ThreadId
from bot.errors import AssistantError, AssistantUnavailableError, ThreadBusyError
from bot.ports import ThreadStates
from bot.run import RunId, RunName

log = logging.getLogger(__name__)

_MAX_RUNS: Final = 8
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The response that was started last, and whose end has not been seen."""

    name: RunName
    items: tuple[Item, ...]  # what was sent for this turn
    run: RunId | None = None  # None while the service has not confirmed it
    question: tuple[Item, ...] = ()  # the words of the person among them, also where `items` are tool outputs
    assistant: str = ""  # the name of the one that was asked, where one was chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadState:
    """What this bot keeps of a thread.

    `head` is the last item that is known of a conversation; in a chain, the response that the next one follows.
    `suspect` is what was pending when a response was refused: the next response tells whether that was the cause.
    """

    head: str = ""
    files: tuple[str, ...] = ()  # for Code Interpreter, in the order in which they came
    pending: tuple[Item, ...] = ()  # what goes in with the next response
    suspect: tuple[Item, ...] = ()
    start: Start | None = None
    runs: tuple[tuple[RunName, RunId], ...] = ()  # the latest ones, by name
    has_lost_files: bool = False  # the service has lost files, and no answer has said so
    loss_told_in: RunId | None = None  # the run whose answer said so last

    def run_of(self, name: RunName) -> RunId | None:
        """The run of this name, if it was started and confirmed."""
        return dict(self.runs).get(name)

    def started(self, run: RunId) -> ThreadState:
        """The same, with the id of the response that `start` asked for."""
        if self.start is None:
            return self
        runs = (*self.runs, (self.start.name, run))[-_MAX_RUNS:]
        return replace(self, start=replace(self.start, run=run), runs=runs)

    def answered(self, run: RunId) -> ThreadState:
        """The same after the answer of `run`, which says if files were lost."""
        told_in = run if self.has_lost_files else self.loss_told_in
        return replace(self, start=None, has_lost_files=False, loss_told_in=told_in)

    def to_text(self) -> str:
        """As it is stored."""
        start = self.start
        return json.dumps(
            {
                "version": _VERSION,
                "head": self.head,
                "files": self.files,
                "pending": self.pending,
                "suspect": self.suspect,
                "runs": self.runs,
                "has_lost_files": self.has_lost_files,
                "loss_told_in": self.loss_told_in,
                "start": start
                and {
                    "name": start.name,
                    "items": start.items,
                    "run": start.run,
                    "question": start.question,
                    "assistant": start.assistant,
                },
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_text(cls, text: str) -> ThreadState:
        """As it was stored; nothing was stored for a new thread."""
        if not text:
            return cls()
        kept = json.loads(text)
        start = kept["start"]
        return cls(
            head=kept["head"],
            files=tuple(kept["files"]),
            pending=tuple(kept["pending"]),
            suspect=tuple(kept.get("suspect", ())),
            runs=tuple((RunName(name), RunId(run)) for name, run in kept["runs"]),
            has_lost_files=kept.get("has_lost_files", False),
            loss_told_in=kept.get("loss_told_in"),
            start=Start(
                name=RunName(start["name"]),
                items=tuple(start["items"]),
                run=RunId(start["run"]) if start["run"] else None,
                question=tuple(start["question"]),
                assistant=start.get("assistant", ""),
            )
            if start
            else None,
        )

    def without_question(self) -> ThreadState:
        """The same after a response was refused without `suspect` too: its words are not said again, the others are."""
        start = self.start
        if start is not None and start.items == start.question:  # else it may be a function's output that is refused
            start = replace(start, question=())
        return replace(self, pending=(*self.suspect, *self.pending), suspect=(), start=start)

    def without_files(self, gone: frozenset[str]) -> ThreadState:
        """The same without these files; without any where none of them is known here."""
        left = tuple(file for file in self.files if file not in gone)
        return replace(self, files=left if left != self.files else (), has_lost_files=True)

    def with_files(self, refs: tuple[str, ...]) -> tuple[str, ...]:
        """The files of the thread with these, each once; the oldest go where there are too many."""
        return tuple(dict.fromkeys((*self.files, *refs)))[-MAX_FILES:]


CHAIN: Final = "chain_"
"""Begins the id of a thread without a conversation."""

LANDED: Final = "after_"
"""Begins the id of a run that is known by the item that asked for it, and not by the id of its response."""

_PAGE: Final = 100  # the most that a list gives at once
_MAX_PAGES: Final = 10
_MAX_NEW_ITEMS: Final = 20  # that a conversation takes at once
_LOOKS_S: Final = (0.0, 0.5, 1.0)  # pauses before each look for a response whose start is in doubt
_NOT_CARRIED_OUT: Final = "This call was not carried out: the person stopped it, or the program was interrupted."


def is_chain(thread: ThreadId) -> bool:
    """Whether a thread is a chain of responses, because its service has no conversations."""
    return thread.startswith(CHAIN)


class Threads:
    """Threads of one service. Every method raises AssistantError or StorageError."""

    def __init__(
        self, *, client: Client, states: ThreadStates, busy_deadline_s: float, clock: Clock, sleep: Sleep
    ) -> None:
        """`busy_deadline_s`: how long to wait for a conversation in which another response is at work."""
        self._client = client
        self._states = states
        self._busy_deadline_s = busy_deadline_s
        self._clock = clock
        self._sleep = sleep

    async def open(self) -> ThreadId:
        """A new conversation, or a chain of responses at a service that has none."""
        try:
            # Repeated freely: a conversation whose creation was not confirmed stays empty and does no harm.
            reply = await self._client.post(path_to("conversations"), {}, repeatable=True)
        except (NoConversationsError, BadRequestError):
            log.info("service has no conversations; responses will be chained")
            return ThreadId(f"{CHAIN}{uuid.uuid4().hex}")
        return ThreadId(Fields(reply.body, "a conversation").text("id"))

    async def load(self, thread: ThreadId) -> ThreadState:
        """What this bot keeps of a thread."""
        return ThreadState.from_text(await self._states.state_of(thread))

    async def save(self, thread: ThreadId, state: ThreadState) -> None:
        """Keep this of a thread from now on."""
        await self._states.keep_state(thread, state.to_text())

    async def add_items(self, thread: ThreadId, items: list[Item]) -> None:
        """Add items to a conversation as soon as it is free. Raises ThreadGoneError, ThreadBusyError."""
        give_up_at = self._clock() + self._busy_deadline_s
        path = path_to("conversations", thread, "items")
        while items:
            try:
                await self._client.post(path, {"items": items[:_MAX_NEW_ITEMS]}, repeatable=True)
            except ThreadBusyError:
                if self._clock() > give_up_at:
                    raise
                await self._sleep(0.5)
            else:
                items = items[_MAX_NEW_ITEMS:]

    async def mended(
        self, thread: ThreadId, state: ThreadState, *, asked_again: str = "", cancelled: bool = False
    ) -> ThreadState:
        """The state without a start whose end was never seen; what the thread lacks since then is `pending`.

        That is an output for each call that has none, and the person's words if they are not there, unless they are
        about to be sent again. The response itself is stopped, unless the caller did that.
        """
        start = state.start
        if start is None:
            return state
        if start.run is not None and not cancelled:
            await self.stop(start.run)
        words = [item for item in start.question if objects.text_of(item) != asked_again]
        if is_chain(thread):
            return replace(state, pending=(*state.pending, *words), start=None)
        items = await self._items(thread, after=state.head)
        outputs = await self.missing_outputs(thread)
        lacking = [word for word in (*state.pending, *words) if not any(objects.is_same(item, word) for item in items)]
        head = items[-1].text_if_any("id") if items else state.head
        return replace(state, head=head, pending=(*outputs, *lacking), start=None)

    async def stop(self, run: RunId) -> None:
        """Cancel a response, if there is something to cancel. Raises AssistantUnavailableError."""
        if run.startswith(LANDED):
            return
        try:
            await self._client.post(path_to("responses", run, "cancel"), {}, repeatable=True)
        except AssistantUnavailableError:
            raise
        except AssistantError as error:  # it has ended, or is not there any more
            log.info("response not cancelled", extra={"run": run, "why": str(error)})

    async def missing_outputs(self, thread: ThreadId) -> list[Item]:
        """An output for each function call among the latest items that has none: without it, nothing more is taken."""
        calls = objects.unanswered_calls(await self._items(thread, after=""))
        return [{"type": "function_call_output", "call_id": call, "output": _NOT_CARRIED_OUT} for call in calls]

    async def landed(self, thread: ThreadId, state: ThreadState) -> RunId | None:
        """The run that the state calls started, if the conversation shows what was answered.

        Items get into a conversation when their response has ended, so one that is at work is not seen here.
        """
        if is_chain(thread) or state.start is None:
            return None
        try:
            items = await self._items(thread, after=state.head)
        except AssistantUnavailableError:
            return None
        asked = state.start.items[-1]
        for place, item in reversed(list(enumerate(items))):
            if objects.is_same(item, asked):
                return RunId(f"{LANDED}{item.text('id')}") if _is_answered(items[place + 1 :]) else None
        return None

    async def appearing(self, thread: ThreadId, state: ThreadState) -> RunId | None:
        """The same, asked a few times: a response whose start was cut off may appear later."""
        for pause_s in _LOOKS_S if not is_chain(thread) else ():
            await self._sleep(pause_s)
            if found := await self.landed(thread, state):
                return found
        return None

    async def delete(self, thread: ThreadId) -> frozenset[str]:
        """Delete what the service keeps of a thread, files of people too; the ids of what is gone then.

        Raises AssistantUnavailableError.
        """
        state = await self.load(thread)
        paths = {path_to("files", file): file for file in state.files}
        if is_chain(thread):
            paths |= {path_to("responses", run): run for _, run in state.runs}
        else:
            paths[path_to("conversations", thread)] = thread
        gone: set[str] = {thread} if is_chain(thread) else set()
        for path, id_ in paths.items():
            try:
                await self._client.delete(path)
            except AssistantUnavailableError:
                raise
            except AssistantError as error:  # the service lets nobody delete it
                log.info("not deleted at the service", extra={"why": str(error)})
            else:
                gone.add(id_)
        return frozenset(gone)

    async def check(self, thread: ThreadId) -> None:
        """Raise ThreadGoneError if a conversation is not there any more."""
        if not is_chain(thread):
            await self._client.get(path_to("conversations", thread, "items"), {"limit": 1})

    async def answer_after(self, thread: ThreadId, run: RunId) -> Response:
        """What follows the item by which a run is known, as a response that has ended."""
        output: list[object] = []
        for item in await self._items(thread, after=run.removeprefix(LANDED)):
            if item.text_if_any("type") == "message" and item.text_if_any("role") == "user":
                break
            output.append(item.raw)
        return response_from({"id": run, "status": "completed", "output": output})

    async def _items(self, thread: ThreadId, *, after: str) -> list[Fields]:
        """The items of a conversation that follow this one, oldest first; the latest hundred where there is none."""
        query: dict[str, object] = {"order": "desc", "limit": _PAGE, "include[]": objects.INCLUDE}
        found: list[Fields] = []
        for _ in range(_MAX_PAGES if after else 1):
            reply = await self._client.get(path_to("conversations", thread, "items"), query)
            page = Fields(reply.body, "a list of items")
            items = page.objects("data")
            for item in items:
                if item.text_if_any("id") == after:
                    return found[::-1]
                found.append(item)
            if not items or not page.flag("has_more"):
                break
            query["after"] = items[-1].text("id")
        return found[::-1]


def _is_answered(later: Iterable[Fields]) -> bool:
    """Whether the model said something, or wants a tool."""
    for item in later:
        kind = item.text_if_any("type")
        if kind == "function_call" or (kind == "message" and item.text_if_any("role") == "assistant"):
            return True
    return False
