"""The Assistants protocol (v2): threads, runs and messages at a service that still speaks it.

Paths, fields and statuses: https://platform.openai.com/docs/api-reference/runs, and Azure's and Foundry's pages of the
same name.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from typing_extensions import override

from adapters.openai.client import Client, Clock, JsonReply, Retrier, RetryPolicy, Sleep, path_to
from adapters.openai.event_stream import EndedRunShelf, RunEventReader, StreamShelf, code_usage_of
from adapters.openai.polling import Poller, PollingPace, PollResult
from adapters.openai.protocol import (
    Run,
    RunStatus,
    answer_from,
    code_from,
    message_body,
    past_bodies,
    run_from,
)
from adapters.openai.service_errors import BadRequestError, InDoubtError, NotDoneError
from adapters.openai.wire import Fields, chars_in
from bot.attachments import OTHER_WORKBOOKS, save_as_xlsx
from bot.conversation import ConversationKey, ThreadId
from bot.errors import (
    AssistantError,
    AssistantRefusedError,
    AssistantUnavailableError,
    AttachmentError,
    RunTooSlowError,
    ThreadBusyError,
    ThreadGoneError,
)
from bot.file_names import ending_of
from bot.language import ENGLISH, spoken
from bot.ports import Assistant
from bot.run import (
    Absent,
    Answer,
    Ask,
    CodeCell,
    FileRef,
    FindResult,
    Found,
    Progress,
    RunEnd,
    RunEvent,
    RunId,
    RunName,
    Settled,
    TextSoFar,
    ToolOutput,
    ToolsWanted,
)
from bot.turn_record import Usage

log = logging.getLogger(__name__)

_PAGE: Final = 100  # the most that a list gives at once
_MAX_PAGES: Final = 20  # of one run's messages; a service that always has more would keep us reading for ever
_NAME: Final = "turn"  # the key of a run's name in its metadata; the value may have 512 characters
_CHANNEL: Final = "channel"  # tells the embedded server where the answer is read
_LANGUAGE: Final = "language"  # and in which language, where the person's client says so and it is not English
_USER: Final = "user"  # tells it whose code takes a turn in its sandbox
_CODE_LEFT: Final = "code_left_ms"  # tells it for how long code may run,
_CODE_AGAIN: Final = "code_again_at"  # and in unix seconds when there is new time for it
_TENANT: Final = "tenant"  # of a thread: no session of its sandbox is ever another tenant's
_MAX_FILE_BYTES: Final = 100 * 1024 * 1024
_MAX_NAMES: Final = 20  # of cited files, as many as a channel shows
_EXTRA_S: Final = 5.0  # to fetch what an answer can do without
_CANCELLING_S: Final = 4.0  # for a run to end after that was asked for
_BUSY_RETRY: Final = RetryPolicy(first_pause_s=0.5)  # with a thread that is not free: some 24 seconds
_ANSWERING: Final = frozenset({RunEnd.COMPLETED, RunEnd.INCOMPLETE})
_CANCELLABLE: Final = frozenset({RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION})
_CANCELLED: Final = frozenset({RunStatus.CANCELLING, RunStatus.CANCELLED})

_LAST_MOMENT_S: Final = 0.05  # with less time left, a run is not polled
_MAX_SILENCE_S: Final = 60.0  # the embedded server sends a sign of life every 15 seconds


Chosen = Callable[[ConversationKey], str | None]
"""The id of the assistant that was chosen for a conversation; None where there was no choice."""


def nobody(_: ConversationKey) -> str | None:
    """No choice anywhere: the usual assistant answers all."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedAssistant:
    """An assistant of the service, and what its runs are offered instead of its own tools, if anything."""

    id: str
    tools: tuple[object, ...] = ()


class AssistantsBackend(Assistant):
    """The assistants of one service. One of them answers where no other was chosen."""

    def __init__(  # noqa: PLR0913 - clock and sleep are the tests'
        self,
        *,
        assistant_id: str,
        client: Client,
        named: Mapping[str, ServedAssistant] | None = None,
        chosen: Chosen = nobody,
        tools: Sequence[object] = (),
        uploads_kept_s: int | None = None,
        streaming: bool = True,
        tells_users: bool = False,
        max_silence_s: float = _MAX_SILENCE_S,
        pace: PollingPace | None = None,
        retry: RetryPolicy | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`named`: the assistants that a question may name. `chosen`: the one that answers where it names none.

        `tools`: what every other run is offered instead of its assistant's own tools; those where it is empty.

        `uploads_kept_s`: how long the service keeps people's files, where that can be asked for; None for ever.

        With `tells_users` a run's metadata has a pseudonym of who asks and for how long their code may run, and a
        thread's its tenant; the embedded server shares and separates its sandbox by them.

        With `streaming` runs are followed by their event streams at services that have them. A stream that is silent
        for `max_silence_s` is given up, and its run is polled.
        """
        self.assistant_id = assistant_id
        self._named = named or {}
        self._chosen = chosen
        self._tools = tuple(tools)
        self._tells_users = tells_users
        self._client = client
        kept = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(uploads_kept_s)}
        self._lifetime = kept if uploads_kept_s else {}
        self._pace = pace or PollingPace()
        self._clock = clock
        self._max_silence_s = max_silence_s
        self._streams = StreamShelf(wanted=streaming, clock=clock)
        self._streams_after_tools = True  # until the service refuses one there
        self._written: EndedRunShelf[list[Fields]] = EndedRunShelf()  # by streamed runs
        self._poller = Poller(pace=self._pace, clock=clock, sleep=sleep)
        self._retrier = Retrier(policy=retry or _BUSY_RETRY, clock=clock, sleep=sleep)

    @property
    def named_ids(self) -> frozenset[str]:
        """The ids at the service of all assistants that a question may name."""
        return frozenset(served.id for served in self._named.values())

    def name_of(self, assistant_id: str | None) -> str | None:
        """The name by which a question asks for this assistant of the service; the id itself where there is none."""
        names = {served.id: name for name, served in self._named.items()}
        return None if assistant_id is None else names.get(assistant_id, assistant_id)

    async def shown_name(self, assistant_id: str) -> str:
        """The name that an assistant has at the service; the id where that is not to be had now, or it has none."""
        try:
            reply = await self._client.get_once(path_to("assistants", assistant_id), within_s=_EXTRA_S)
            return Fields(reply.body, "an assistant").text_if_any("name") or assistant_id
        except AssistantError as error:
            log.info("the name of an assistant is not known", extra={"assistant": assistant_id, "why": str(error)})
            return assistant_id

    async def close(self) -> None:
        """Close the streams of runs that nobody follows."""
        await self._streams.close_all()

    @override
    async def open_thread(self, key: ConversationKey) -> ThreadId:
        # Repeated freely: a thread whose creation was not confirmed stays empty and does no harm.
        body = {"metadata": {_TENANT: key.tenant}} if self._tells_users and key.tenant else {}
        reply = await self._client.post(path_to("threads"), body, repeatable=True)
        return ThreadId(Fields(reply.body, "a thread").text("id"))

    @override
    async def upload(self, name: str, content: Path) -> FileRef:
        if not self._tells_users and ending_of(name) in OTHER_WORKBOOKS:  # the embedded server's code reads them
            raise AttachmentError("services of others take no such workbooks", apology=save_as_xlsx(name))
        # For Code Interpreter and for showing to the model alike: services want no second purpose for pictures.
        fields = {"purpose": "assistants", **self._lifetime}
        return FileRef(await self._client.upload(path_to("files"), name=name, content=content, fields=fields))

    @override
    async def delete_thread(self, thread: ThreadId) -> None:
        await self._client.delete(path_to("threads", thread))

    @override
    async def delete_file(self, file: FileRef) -> None:
        await self._client.delete(path_to("files", file))

    @override
    async def note(self, thread: ThreadId, ask: Ask) -> None:
        path = path_to("threads", thread, "messages")
        add = partial(self._client.post, path, message_body(ask), repeatable=True)
        await self._retrier.call(add, retry_on=ThreadBusyError)

    @override
    async def forget(self, thread: ThreadId) -> frozenset[str]:
        # Kept: the panel of the chat page shows earlier threads, and the embedded server deletes files by their age.
        return frozenset()

    @override
    async def start(self, thread: ThreadId, ask: Ask, name: RunName) -> RunId:
        # Another run, say one that is being cancelled, may hold the thread for a while.
        return await self._retrier.call(partial(self._start_once, thread, ask, name), retry_on=ThreadBusyError)

    async def _start_once(self, thread: ThreadId, ask: Ask, name: RunName) -> RunId:
        named = self._named.get(ask.assistant)
        tools = named.tools if named else self._tools
        metadata: dict[str, str] = {_NAME: name, _CHANNEL: ask.conversation.channel}
        if (language := spoken()) != ENGLISH:
            metadata[_LANGUAGE] = language
        body = {
            "assistant_id": named.id if named else self._chosen(ask.conversation) or self.assistant_id,
            "additional_messages": [*past_bodies(ask), message_body(ask)],
            "metadata": metadata | _for_sandbox(ask) if self._tells_users else metadata,
            **({"tools": list(tools)} if tools else {}),
        }
        find = partial(self._run_named, thread, name)
        make = partial(self._client.make, path_to("threads", thread, "runs"), body, find=find)
        asks_for_stream = await self._streams.is_open()
        try:
            try:
                return RunId(await make(on_stream=self._streams.put if asks_for_stream else None))
            except BadRequestError:
                if not asks_for_stream or self._streams.offered:
                    raise
                run = RunId(await make())  # a service that refuses `stream`, or anything else: the second call tells
                self._streams.offered = False
                return run
        except ThreadBusyError:
            found = await find()  # the run that holds the thread may be this one: its start was not confirmed
            if found is None:
                raise
            return found

    @override
    async def find(self, thread: ThreadId, name: RunName) -> FindResult:
        run = await self._run_named(thread, name)
        return Absent() if run is None else Found(run=run)

    async def _run_named(self, thread: ThreadId, name: RunName) -> RunId | None:
        """The run of this name among the thread's latest hundred."""
        reply = await self._client.get(path_to("threads", thread, "runs"), {"order": "desc", "limit": _PAGE})
        for run in Fields(reply.body, "a list of runs").objects("data"):
            if run.texts("metadata").get(_NAME) == name:
                return RunId(run.text("id"))
        return None

    @override
    async def follow(self, thread: ThreadId, run: RunId) -> AsyncGenerator[RunEvent, None]:
        give_up_at = self._clock() + self._pace.deadline_s
        async with aclosing(self._streamed(thread, run, give_up_at=give_up_at)) as events:
            async for event in events:
                yield event
                if not isinstance(event, Progress | TextSoFar):
                    return
        async with aclosing(self._polled(thread, run, give_up_at=give_up_at)) as events:
            async for event in events:
                yield event

    async def _polled(self, thread: ThreadId, run: RunId, *, give_up_at: float) -> AsyncGenerator[RunEvent, None]:
        path = path_to("threads", thread, "runs", run)

        async def fetch(within_s: float) -> PollResult:
            reply = await self._client.get_once(path, within_s=within_s)
            return PollResult(run=run_from(reply.body), poll_after_s=reply.poll_after_s)

        async with aclosing(self._poller.follow(fetch, give_up_at=give_up_at)) as events:
            async for event in events:
                yield await self._counted(thread, run, event) if isinstance(event, Settled) else event

    async def _counted(self, thread: ThreadId, run: RunId, settled: Settled) -> Settled:
        """With the runs of code and their time, which a run object does not tell; a stream does."""
        code = await self._code_usage(thread, run)
        return replace(settled, usage=(settled.usage or Usage()) + code) if code.code_runs else settled

    async def _code_usage(self, thread: ThreadId, run: RunId) -> Usage:
        """The runs of code of a run, and their time as far as they have ended; nothing if it is not to be had now."""
        try:
            return sum(map(code_usage_of, await self._steps(thread, run)), Usage())
        except (AssistantError, TimeoutError) as error:
            log.warning("the code of a run is not counted", extra={"run": run, "why": str(error)})
            return Usage()

    async def _streamed(self, thread: ThreadId, run: RunId, *, give_up_at: float) -> AsyncGenerator[RunEvent, None]:
        """Yield what the stream says that the run was started, or went on, with.

        Ends early where there is none, or it breaks. Raises RunTooSlowError at the deadline.
        """
        stream = self._streams.take(run)
        if stream is None:
            return
        reader, is_last = RunEventReader(begins_run=stream.begins_run), False
        self._streams.followed += 1
        try:
            while not is_last and (left_s := give_up_at - self._clock()) > 0:
                sent = await stream.next(within_s=min(left_s, self._max_silence_s))
                if sent is None:
                    log.warning("event stream ended before its run; polling", extra={"run": run})
                    return
                event = reader.read(sent)
                if event is not None:
                    is_last = not isinstance(event, Progress | TextSoFar)
                    if isinstance(event, Settled):
                        self._keep_written(run, event, reader.messages)
                        event = event if stream.begins_run else await self._counted(thread, run, event)
                    yield event
        except AssistantError as error:
            if give_up_at - self._clock() > _LAST_MOMENT_S:
                log.warning("event stream broke; polling", extra={"run": run, "why": str(error)})
                return
            raise RunTooSlowError(f"run {run} was still at work at its deadline") from None
        finally:
            self._streams.followed -= 1
            await stream.close(after_last=is_last)

    def _keep_written(self, run: RunId, settled: Settled, messages: list[Fields]) -> None:
        if settled.outcome.end in _ANSWERING:  # nobody asks for the answer of any other
            self._written.put(run, messages, chars=sum(chars_in(each.raw) for each in messages))

    @override
    async def resume(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput], name: RunName) -> RunId:
        # All outputs go in one request, as the protocol demands, and the same run goes on with them.
        await self._retrier.call(partial(self._submit_once, thread, run, outputs), retry_on=InDoubtError)
        return run

    async def _submit_once(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput]) -> None:
        path = path_to("threads", thread, "runs", run, "submit_tool_outputs")
        body = {"tool_outputs": [{"tool_call_id": output.call, "output": output.output} for output in outputs]}
        try:
            if not self._streams_after_tools or not self._streams.offered or not await self._streams.is_open():
                await self._client.post(path, body)
                return
            try:
                _, stream = await self._client.post_for_stream(path, body)
            except BadRequestError:
                await self._client.post(path, body)  # it may refuse `stream` here alone; if not, this call tells
                self._streams_after_tools = False
                return
            if stream is not None:
                stream.begins_run = False
                self._streams.put(run, stream)
        except NotDoneError:
            raise
        except (AssistantUnavailableError, AssistantRefusedError) as error:
            # The service may have taken them all the same, now or before a crash. Then it does not want them any more.
            event = (await self._fetch(thread, run)).event
            wanted = {call.id for call in event.calls} if isinstance(event, ToolsWanted) else set()
            if wanted.isdisjoint(output.call for output in outputs):
                return
            if isinstance(error, AssistantRefusedError):
                raise
            raise InDoubtError(str(error), retry_after_s=error.retry_after_s) from None

    @override
    async def cancel(self, thread: ThreadId, run: RunId) -> Usage:
        await self._streams.close(run)
        self._written.drop(run)
        try:
            await self._client.post(path_to("threads", thread, "runs", run, "cancel"), {}, repeatable=True)
        except ThreadGoneError:
            return Usage()
        except AssistantRefusedError:
            # 400 "Cannot cancel run with status ..." is no error where the run has ended.
            status = (await self._fetch(thread, run)).status
            if status in _CANCELLABLE:
                raise
            if status not in _CANCELLED:
                return Usage()  # its end may have been followed, and counted
            # An earlier attempt of the turn cancelled it, and died before that could be counted.
        # What its code did until now is known when it has ended, which it does soon, but not at once.
        try:
            async with aclosing(self._polled(thread, run, give_up_at=self._clock() + _CANCELLING_S)) as events:
                async for event in events:
                    if isinstance(event, Settled):
                        return event.usage or Usage()
        except AssistantError as error:
            log.warning("a cancelled run has not ended yet", extra={"run": run, "why": str(error)})
        return await self._code_usage(thread, run)

    @override
    async def answer(self, thread: ThreadId, runs: Sequence[RunId]) -> Answer:
        written = [self._written.get(run) or await self._messages(thread, run) for run in runs]
        for run in runs:
            self._written.drop(run)
        answer = answer_from(chain.from_iterable(written))
        names = {citation.file: "" for citation in answer.citations}
        for file in list(names)[:_MAX_NAMES]:
            names[file] = await self._name_of(file)
        citations = tuple(replace(citation, name=names[citation.file]) for citation in answer.citations)
        cells = [cell for run in runs for cell in await self._code(thread, run)] if answer.images else []
        return replace(answer, citations=citations, code=tuple(cells))

    async def _name_of(self, file: FileRef) -> str:
        """The name of a file that an answer cites; empty if it is not to be had now, for the answer does not wait."""
        try:
            reply = await self._client.get_once(path_to("files", file), within_s=_EXTRA_S)
            return Fields(reply.body, "a file").text_if_any("filename")
        except AssistantError as error:
            log.info("the name of a cited file is not known", extra={"file": file, "why": str(error)})
            return ""

    async def _code(self, thread: ThreadId, run: RunId) -> tuple[CodeCell, ...]:
        """The code that a run ran; none if it is not to be had now."""
        try:
            return code_from(await self._steps(thread, run))
        except (AssistantError, TimeoutError) as error:
            log.info("the code of a run is not known", extra={"run": run, "why": str(error)})
            return ()

    async def _steps(self, thread: ThreadId, run: RunId) -> Sequence[Fields]:
        """What a run did, oldest first. Raises AssistantError, TimeoutError soon: an answer does not wait for it."""
        path = path_to("threads", thread, "runs", run, "steps")
        async with asyncio.timeout(_EXTRA_S):
            return await self._listed(path, {}, get=partial(self._client.get_once, within_s=_EXTRA_S))

    async def _messages(self, thread: ThreadId, run: RunId) -> list[Fields]:
        """The assistant's messages of this run, oldest first. Some servers ignore `run_id`: it is checked here too."""
        messages = await self._listed(path_to("threads", thread, "messages"), {"run_id": run}, get=self._client.get)
        return [each for each in messages if each.text("role") == "assistant" and each.text_if_any("run_id") == run]

    async def _listed(
        self, path: str, query: Mapping[str, object], *, get: Callable[[str, dict[str, object]], Awaitable[JsonReply]]
    ) -> list[Fields]:
        """The objects of a list, oldest first, from all its pages."""
        found: list[Fields] = []
        asked: dict[str, object] = {**query, "order": "asc", "limit": _PAGE}
        for _ in range(_MAX_PAGES):
            page = Fields((await get(path, asked)).body, "a list")
            objects = page.objects("data")
            last = objects[-1].text("id") if objects else None
            if last == asked.get("after"):  # nothing more, or a service that knows no `after`
                return found
            found += objects
            if not page.flag("has_more"):
                return found
            asked["after"] = last
        log.warning("a list does not end", extra={"path": path})
        return found

    @override
    @asynccontextmanager
    async def open_file(self, file: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        path = path_to("files", file, "content")
        async with aclosing(self._client.download(path, limit_bytes=_MAX_FILE_BYTES)) as chunks:
            yield chunks

    async def _fetch(self, thread: ThreadId, run: RunId) -> Run:
        return run_from((await self._client.get(path_to("threads", thread, "runs", run))).body)


def _for_sandbox(ask: Ask) -> dict[str, str]:
    """What a run's metadata tells the embedded server's sandbox."""
    budget = ask.code_budget
    if budget is None:
        return {_USER: ask.user}
    return {_USER: ask.user, _CODE_LEFT: str(budget.left_ms), _CODE_AGAIN: str(budget.resets_at_s)}
