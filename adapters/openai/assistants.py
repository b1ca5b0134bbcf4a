"""The Assistants protocol (v2): threads, runs and messages at a service that still speaks it.

Paths, fields and statuses: https://platform.openai.com/docs/api-reference/runs, and Azure's and Foundry's pages of the
same name.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from adapters.openai.answers import answer_from, cited_files
from adapters.openai.client import Client, path_to
from adapters.openai.errors import InDoubtError, NotDoneError
from adapters.openai.given import message_with
from adapters.openai.polling import Poller, PollingPace, Sight
from adapters.openai.retry import Clock, Insistence, Patience, Sleep
from adapters.openai.runs import run_from
from adapters.openai.wire import Fields
from bot.answer import Answer, FileId, GivenFile
from bot.conversation import ConversationKey, IncomingMessage, ThreadId
from bot.errors import (
    AssistantError,
    AssistantRefusedError,
    AssistantUnavailableError,
    ThreadBusyError,
    ThreadGoneError,
)
from bot.run import Run, RunId, RunStatus, ToolOutput

log = logging.getLogger(__name__)

_PAGE = 100  # the most that a list gives at once
_MAX_PAGES = 20  # of one run's messages; a service that always has more would hold us for ever
_TURN = "turn"  # the key in a run's metadata; its value may have 512 characters
_FILE_LIMIT_BYTES = 100 * 1024 * 1024
_PATIENCE = Patience(first_pause_s=0.5)  # with a thread that is not free: some 24 seconds
_CANCELLABLE = frozenset({RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION})


Chosen = Callable[[ConversationKey], str | None]
"""The id of the assistant that a conversation was begun with, where there was a choice."""


def nobody(_: ConversationKey) -> str | None:
    """No choice anywhere: the usual assistant answers all."""
    return None


class AssistantsBackend:
    """The assistants of one service, one of them the usual one; implements `bot.ports.Assistant`."""

    def __init__(  # noqa: PLR0913 - clock and sleep are the tests'
        self,
        *,
        assistant_id: str,
        client: Client,
        chosen: Chosen = nobody,
        uploads_kept_s: int | None = None,
        pace: PollingPace | None = None,
        patience: Patience | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`uploads_kept_s`: how long the service keeps people's files, where it lets us say so; None for ever."""
        self.assistant_id = assistant_id
        self._chosen = chosen
        self._client = client
        kept = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(uploads_kept_s)}
        self._lifetime = kept if uploads_kept_s else {}
        self._poller = Poller(pace=pace or PollingPace(), clock=clock, sleep=sleep)
        self._insistence = Insistence(patience=patience or _PATIENCE, clock=clock, sleep=sleep)

    async def create_thread(self, key: ConversationKey) -> ThreadId:
        """Make a thread that knows nothing of the conversation; one left over from a lost answer does no harm."""
        reply = await self._client.post(path_to("threads"), {}, repeatable=True)
        return ThreadId(Fields(reply.body, "a thread").text("id"))

    async def upload(self, name: str, content: Path) -> FileId:
        """For Code Interpreter and for showing to the model alike: the services want no second purpose for pictures."""
        fields = {"purpose": "assistants", **self._lifetime}
        return FileId(await self._client.upload(path_to("files"), name=name, content=content, fields=fields))

    async def add_message(self, thread: ThreadId, message: IncomingMessage, files: Sequence[GivenFile]) -> None:
        """Put a message into the thread, waiting a while where a run still holds it."""
        path = path_to("threads", thread, "messages")
        add = partial(self._client.post, path, message_with(files, message), repeatable=True)
        await self._insistence.call(add, again_on=ThreadBusyError)

    async def start_run(
        self, thread: ThreadId, message: IncomingMessage, turn: str, files: Sequence[GivenFile] = ()
    ) -> RunId:
        """Start a run once, waiting a while where another one (say, one being cancelled) still holds the thread."""
        start = partial(self._start_once, thread, message, turn, files)
        return await self._insistence.call(start, again_on=ThreadBusyError)

    async def find_run(self, thread: ThreadId, turn: str) -> RunId | None:
        """The run of this turn among the thread's latest hundred."""
        reply = await self._client.get(path_to("threads", thread, "runs"), {"order": "desc", "limit": _PAGE})
        for run in Fields(reply.body, "a list of runs").objects("data"):
            if run.texts("metadata").get(_TURN) == turn:
                return RunId(run.text("id"))
        return None

    async def wait(self, thread: ThreadId, run: RunId) -> Run:
        """Poll."""
        path = path_to("threads", thread, "runs", run)

        async def look(within_s: float) -> Sight:
            reply = await self._client.look(path, within_s=within_s)
            return Sight(run=run_from(reply.body), poll_after_s=reply.poll_after_s)

        return await self._poller.wait(look)

    async def submit(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput]) -> None:
        """Answer all calls in one request, as the protocol demands. Outputs that the run already has are no error."""
        await self._insistence.call(partial(self._submit_once, thread, run, outputs), again_on=InDoubtError)

    async def cancel(self, thread: ThreadId, run: RunId) -> None:
        """Stop a run. One that has ended (400 "Cannot cancel run with status ...") or is gone needs no stopping."""
        try:
            await self._client.post(path_to("threads", thread, "runs", run, "cancel"), {}, repeatable=True)
        except ThreadGoneError:
            return
        except AssistantRefusedError:
            if (await self._look(thread, run)).status in _CANCELLABLE:
                raise

    async def answer(self, thread: ThreadId, run: RunId) -> Answer:
        """What the run's messages say, all of them."""
        messages = await self._messages(thread, run)
        return answer_from(messages, {file: await self._name(file) for file in cited_files(messages)})

    async def download(self, file: FileId) -> bytes:
        """Fetch a file, up to the limit."""
        return await self._client.download(path_to("files", file, "content"), limit_bytes=_FILE_LIMIT_BYTES)

    async def _start_once(
        self, thread: ThreadId, message: IncomingMessage, turn: str, files: Sequence[GivenFile]
    ) -> RunId:
        body = {
            "assistant_id": self._chosen(message.key) or self.assistant_id,
            "additional_messages": [message_with(files, message)],
            "metadata": {_TURN: turn},
        }
        find = partial(self.find_run, thread, turn)
        try:
            return RunId(await self._client.make(path_to("threads", thread, "runs"), body, find=find))
        except ThreadBusyError:
            run = await find()  # it may be ours that holds the thread: one whose start was not confirmed
            if run is None:
                raise
            return run

    async def _submit_once(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput]) -> None:
        path = path_to("threads", thread, "runs", run, "submit_tool_outputs")
        body = {"tool_outputs": [{"tool_call_id": output.call, "output": output.output} for output in outputs]}
        try:
            await self._client.post(path, body)
        except NotDoneError:
            raise
        except (AssistantUnavailableError, AssistantRefusedError) as error:
            wanted = {call.id for call in (await self._look(thread, run)).tool_calls}
            if wanted.isdisjoint(output.call for output in outputs):
                return
            if isinstance(error, AssistantRefusedError):
                raise
            raise InDoubtError(str(error), retry_after_s=error.retry_after_s) from None

    async def _messages(self, thread: ThreadId, run: RunId) -> list[Fields]:
        """The assistant's messages of this run, oldest first. Some servers ignore the filter, so it stands here too."""
        query: dict[str, object] = {"run_id": run, "order": "asc", "limit": _PAGE}
        found: list[Fields] = []
        for _ in range(_MAX_PAGES):
            reply = await self._client.get(path_to("threads", thread, "messages"), query)
            page = Fields(reply.body, "a list of messages")
            messages = page.objects("data")
            found += [m for m in messages if m.text("role") == "assistant" and m.text_if_any("run_id") == run]
            if not messages or not page.flag("has_more"):
                return found
            query["after"] = messages[-1].text("id")
        log.warning("the messages of a run do not end", extra={"run": run})
        return found

    async def _name(self, file: FileId) -> str:
        """What a file is called; empty if the service does not say, for a name is not worth an answer."""
        try:
            return Fields((await self._client.get(path_to("files", file))).body, "a file").text_if_any("filename")
        except AssistantError as error:
            log.warning("a file's name is not known", extra={"file": file, "why": str(error)})
            return ""

    async def _look(self, thread: ThreadId, run: RunId) -> Run:
        return run_from((await self._client.get(path_to("threads", thread, "runs", run))).body)
