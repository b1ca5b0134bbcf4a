"""The Assistants protocol (v2): threads, runs and messages at a service that still speaks it.

Paths, fields and statuses: https://platform.openai.com/docs/api-reference/runs, and Azure's and Foundry's pages of the
same name.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence

from adapters.openai.answers import answer_from
from adapters.openai.client import Client, path_to
from adapters.openai.polling import Pace, Poller, Sight
from adapters.openai.retry import Clock, Sleep
from adapters.openai.runs import run_from
from adapters.openai.wire import Fields
from bot.answer import Answer, FileId
from bot.conversation import ConversationKey, IncomingMessage, Scope, ThreadId
from bot.errors import AssistantRefusedError, AssistantUnavailableError, ThreadBusyError
from bot.run import Run, RunId, RunStatus, ToolOutput

log = logging.getLogger(__name__)

_PAGE = 100                # the most that a list gives at once
_MOST_PAGES = 20           # of one run's messages; a service that always has more would hold us for ever
_TURN = "turn"             # the key in a run's metadata


class AssistantsBackend:
    """One assistant at one service; implements `bot.ports.Assistant`."""

    def __init__(
        self, *, assistant_id: str, client: Client, pace: Pace | None = None, file_limit_bytes: int = 100 * 1024 * 1024,
        clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._assistant_id = assistant_id
        self._client = client
        self._poller = Poller(pace=pace or Pace(), clock=clock, sleep=sleep)
        self._file_limit_bytes = file_limit_bytes

    async def create_thread(self, key: ConversationKey) -> ThreadId:
        """Make a thread that knows nothing of the conversation; one left over from a lost answer does no harm."""
        reply = await self._client.post(path_to("threads"), {}, repeatable=True)
        return ThreadId(Fields(reply.body, "a thread").text("id"))

    async def start_run(self, thread: ThreadId, message: IncomingMessage, turn: str) -> RunId:
        """Start a run, once. When the answer is lost the run is looked for before one more try is made."""
        body = {
            "assistant_id": self._assistant_id,
            "additional_messages": [{"role": "user", "content": spoken(message)}],
            "metadata": {_TURN: turn},
        }
        for is_last in (False, True):
            try:
                reply = await self._client.post(path_to("threads", thread, "runs"), body)
                return RunId(Fields(reply.body, "a run").text("id"))
            except (AssistantUnavailableError, ThreadBusyError) as error:
                # The run that keeps the thread busy may be our own, from an answer that was lost.
                run = await self.find_run(thread, turn)
                if run is not None:
                    return run
                if is_last or isinstance(error, ThreadBusyError):
                    raise
        raise AssertionError("the last try returns or raises")

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
        path = path_to("threads", thread, "runs", run, "submit_tool_outputs")
        body = {"tool_outputs": [{"tool_call_id": output.call, "output": output.output} for output in outputs]}
        try:
            await self._client.post(path, body)
        except (AssistantUnavailableError, AssistantRefusedError) as error:
            if not await self._wants(thread, run, outputs):
                return
            if isinstance(error, AssistantRefusedError):
                raise
            await self._client.post(path, body)

    async def cancel(self, thread: ThreadId, run: RunId) -> None:
        """Stop a run. One that has ended is refused (400 "Cannot cancel run with status ..."), which is as good."""
        try:
            await self._client.post(path_to("threads", thread, "runs", run, "cancel"), {}, repeatable=True)
        except AssistantRefusedError:
            if not await self._has_ended(thread, run):
                raise

    async def answer(self, thread: ThreadId, run: RunId) -> Answer:
        """What the run's messages say, all of them."""
        return answer_from([message async for message in self._messages(thread, run)])

    async def download(self, file: FileId) -> bytes:
        """Fetch a file, up to the limit."""
        return await self._client.download(path_to("files", file, "content"), limit_bytes=self._file_limit_bytes)

    async def _messages(self, thread: ThreadId, run: RunId) -> AsyncIterator[Fields]:
        """The assistant's messages of this run, oldest first. Some servers ignore the filter, so it stands here too."""
        query: dict[str, object] = {"run_id": run, "order": "asc", "limit": _PAGE}
        for _ in range(_MOST_PAGES):
            reply = await self._client.get(path_to("threads", thread, "messages"), query)
            page = Fields(reply.body, "a list of messages")
            messages = page.objects("data")
            for message in messages:
                if message.text("role") == "assistant" and message.text_if_any("run_id") == run:
                    yield message
            if not messages or not page.flag("has_more"):
                return
            query["after"] = messages[-1].text("id")
        log.warning("the messages of a run do not end", extra={"run": run})

    async def _wants(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput]) -> bool:
        seen = await self._look(thread, run)
        return seen.status is RunStatus.REQUIRES_ACTION and {c.id for c in seen.tool_calls} == {o.call for o in outputs}

    async def _has_ended(self, thread: ThreadId, run: RunId) -> bool:
        return (await self._look(thread, run)).status not in (
            RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION, RunStatus.UNKNOWN,
        )

    async def _look(self, thread: ThreadId, run: RunId) -> Run:
        return run_from((await self._client.get(path_to("threads", thread, "runs", run))).body)


def spoken(message: IncomingMessage) -> str:
    """The message as the assistant reads it: where several people speak, a first line says who does."""
    speaker = " ".join(message.reference.user.name.split())
    if message.reference.scope is Scope.PERSONAL or not speaker:
        return message.text
    return f"{speaker} wrote:\n{message.text}"
