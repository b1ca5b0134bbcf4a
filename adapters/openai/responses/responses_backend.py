"""The Responses protocol behind the port: background responses in a conversation, or in a chain of responses.

Services differ: Azure OpenAI has had no conversations, so there each response names the one before it
(`previous_response_id`). Which of the two a thread is, is found out when it is opened, and its id says it from then on.

https://platform.openai.com/docs/guides/background and https://platform.openai.com/docs/guides/conversation-state
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeGuard

from typing_extensions import override

from adapters.openai.client import Client, Clock, Sleep, path_to
from adapters.openai.event_stream import EndedRunShelf, StreamShelf
from adapters.openai.polling import Poller, PollingPace, PollResult
from adapters.openai.responses import response_objects as objects
from adapters.openai.responses.response_events import FollowedStreams
from adapters.openai.responses.response_objects import (
    Assistance,
    ContainerFile,
    FileRules,
    Item,
    Response,
    response_from,
)
from adapters.openai.responses.response_threads import LANDED, Start, Threads, ThreadState, is_chain
from adapters.openai.service_errors import (
    BadRequestError,
    ContainerGoneError,
    FileMissingError,
    NotDoneError,
    ResponseGoneError,
    ToolOutputMissingError,
)
from adapters.openai.wire import Fields
from bot.attachments import PICTURE_ENDINGS
from bot.conversation import ConversationKey, ThreadId
from bot.errors import (
    AssistantError,
    AssistantUnavailableError,
    RunEndedBadlyError,
    ThreadBusyError,
    ThreadGoneError,
    ThreadTooLongError,
)
from bot.file_names import ending_of
from bot.language import _
from bot.media import picture_type
from bot.ports import Assistant, ThreadStates
from bot.run import (
    Absent,
    Answer,
    Ask,
    FailureCode,
    FileRef,
    FindResult,
    Found,
    Progress,
    RunEvent,
    RunId,
    RunName,
    Settled,
    TextSoFar,
    ToolOutput,
    ToolsWanted,
    Unknowable,
)
from bot.sentences import FILES_LOST
from bot.turn_record import Usage

log = logging.getLogger(__name__)

_PAGE: Final = 100  # the most that a list gives at once
_MAX_METADATA_CHARS: Final = 512
_MAX_FILE_BYTES: Final = 100 * 1024 * 1024
_MAX_PICTURE_BYTES: Final = 20 * 1024 * 1024  # that is sent to a model within a request
_BUSY_DEADLINE_S: Final = 24.0  # with a conversation in which another response is at work
_BUSY_PAUSE_S: Final = 0.5
_LIST_DEADLINE_S: Final = 10.0  # for what an answer can do without
_CLOCK_SKEW_S: Final = 5.0
_MAX_SILENCE_S: Final = 60.0
_KEPT_PICTURES: Final = 16


class ResponsesBackend(Assistant):
    """The assistants of one service. One of them answers where no other was chosen."""

    def __init__(  # noqa: PLR0913 - clock and sleep are the tests'
        self,
        *,
        assistance: Assistance,
        named: Mapping[str, Assistance] | None = None,
        client: Client,
        states: ThreadStates,
        files: FileRules | None = None,
        streaming: bool = True,
        max_silence_s: float = _MAX_SILENCE_S,
        busy_deadline_s: float = _BUSY_DEADLINE_S,
        pace: PollingPace | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`named`: those that a question may ask for, else `assistance`. With `streaming`, events follow a response."""
        self.assistant_id = assistance.agent or assistance.model or ""
        self._assistances = defaultdict(lambda: assistance, named or {})
        self._client = client
        self._threads = Threads(client=client, states=states, busy_deadline_s=busy_deadline_s, clock=clock, sleep=sleep)
        self._creating: set[asyncio.Task[RunId]] = set()
        self._file_rules = files or FileRules()
        self._busy_deadline_s = busy_deadline_s
        self._pace = pace or PollingPace(first_s=0.5, max_s=3.0)
        self._clock = clock
        self._sleep = sleep
        self._poller = Poller(pace=self._pace, clock=clock, sleep=sleep)
        self._streams = StreamShelf(wanted=streaming, clock=clock)
        self._followed = FollowedStreams(client=client, streams=self._streams, max_silence_s=max_silence_s, clock=clock)
        self._ended: EndedRunShelf[Response] = EndedRunShelf()
        self._pictures: OrderedDict[str, str] = OrderedDict()  # data URLs of uploaded pictures, by file

    async def close(self) -> None:
        """End what is still under way for turns that were stopped."""
        for creating in self._creating:
            creating.cancel()
        await asyncio.gather(*self._creating, return_exceptions=True)
        await self._streams.close_all()

    @override
    async def open_thread(self, key: ConversationKey) -> ThreadId:
        return await self._threads.open()

    @override
    async def upload(self, name: str, content: Path) -> FileRef:
        fields = self._file_rules.fields_for(name)
        ref = await self._client.upload(path_to("files"), name=name, content=content, fields=fields)
        if self._file_rules.pictures_inline and ending_of(name) in PICTURE_ENDINGS:
            data = await asyncio.to_thread(content.read_bytes)
            if len(data) <= _MAX_PICTURE_BYTES and (media_type := picture_type(data)):
                # Until its message is sent. After a restart in between, the picture is there for code alone.
                self._pictures[ref] = objects.data_url(data, media_type)
                while len(self._pictures) > _KEPT_PICTURES:
                    self._pictures.popitem(last=False)
        return FileRef(ref)

    @override
    async def delete_thread(self, thread: ThreadId) -> None:
        await self._threads.delete(thread)

    @override
    async def delete_file(self, file: FileRef) -> None:
        await self._client.delete(path_to("files", file))

    @override
    async def note(self, thread: ThreadId, ask: Ask) -> None:
        state = await self._threads.load(thread)
        item = self._user_item(ask)
        state = replace(state, files=state.with_files(objects.refs_of(ask)))
        if is_chain(thread):
            state = replace(state, pending=(*state.pending, item))
        else:
            await self._threads.add_items(thread, [item])
        await self._threads.save(thread, state)

    @override
    async def forget(self, thread: ThreadId) -> frozenset[str]:
        return await self._threads.delete(thread)

    @override
    async def start(self, thread: ThreadId, ask: Ask, name: RunName) -> RunId:
        state = await self._threads.load(thread)
        if run := state.run_of(name):
            return run
        item = self._user_item(ask)
        if state.start is None or state.start.name != name:  # else this very start was cut off
            if state == ThreadState():
                state = ThreadState(pending=objects.past_items(ask))
            state = await self._threads.mended(thread, state, asked_again=objects.text_of(item))
        start = Start(name=name, items=(item,), question=(item,), assistant=ask.assistant)
        state = replace(state, files=state.with_files(objects.refs_of(ask)), start=start)
        return await self._create(thread, state, previous=state.head, pending=state.pending)

    @override
    async def resume(self, thread: ThreadId, run: RunId, outputs: Sequence[ToolOutput], name: RunName) -> RunId:
        state = await self._threads.load(thread)
        if resumed := state.run_of(name):
            return resumed
        items = tuple(map(objects.output_item, outputs))
        start = replace(state.start or Start(name=name, items=()), name=name, items=items, run=None)
        # What was pending went in with the response that wants these outputs.
        return await self._create(thread, replace(state, start=start), previous=run, pending=())

    @override
    async def find(self, thread: ThreadId, name: RunName) -> FindResult:
        state = await self._threads.load(thread)
        if run := state.run_of(name):
            return Found(run=run)
        if state.start is None or state.start.name != name:  # a start is written down before it is sent
            await self._threads.check(thread)
            return Absent()
        if is_chain(thread):
            return Unknowable()
        found = await self._threads.landed(thread, state)
        return Absent() if found is None else Found(run=found)

    async def _create(self, thread: ThreadId, state: ThreadState, *, previous: str, pending: tuple[Item, ...]) -> RunId:
        """Create the response that the state says is started, and write down its id.

        A request that is on its way is not taken back when the caller is stopped: its response would hold the
        conversation unseen. It is waited for in the background, and cancelled.
        """
        await self._threads.save(thread, state)
        stopped = asyncio.Event()
        create = self._create_and_save(thread, state, previous, pending, stopped)
        creating = asyncio.create_task(create, name="response")
        self._creating.add(creating)
        creating.add_done_callback(self._creating.discard)
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            stopped.set()
            creating.add_done_callback(_note_failure)
            raise

    async def _create_and_save(
        self, thread: ThreadId, state: ThreadState, previous: str, pending: tuple[Item, ...], stopped: asyncio.Event
    ) -> RunId:
        try:
            state, run = await self._create_with_files(thread, state, previous, pending, stopped)
        except (BadRequestError, RunEndedBadlyError) as error:
            if not pending or stopped.is_set():
                raise
            # It may be the words of an earlier turn that are refused: they would lock the thread for good.
            log.warning("words of turns without an answer are left out", extra={"why": str(error)})
            try:
                state, run = await self._create_with_files(thread, state, previous, (), stopped)
            except RunEndedBadlyError:
                await self._threads.save(thread, state.without_question())
                raise
            state = replace(state, pending=())
        await self._threads.save(thread, state.started(run))
        if stopped.is_set():
            await self._streams.close(run)
            await self._threads.stop(run)
        return run

    async def _create_with_files(
        self, thread: ThreadId, state: ThreadState, previous: str, pending: tuple[Item, ...], stopped: asyncio.Event
    ) -> tuple[ThreadState, RunId]:
        """Create the response, without the files of the thread that are gone at the service: they expire there."""
        while True:
            try:
                return state, await self._create_once(thread, state, previous, pending, stopped)
            except FileMissingError as error:
                left = state.without_files(error.named)
                if left.files == state.files or stopped.is_set():
                    raise
                log.warning("files are gone at the service", extra={"left": len(left.files), "of": len(state.files)})
                state = left

    async def _create_once(  # noqa: C901 - each way to fail, in one place
        self, thread: ThreadId, state: ThreadState, previous: str, pending: tuple[Item, ...], stopped: asyncio.Event
    ) -> RunId:
        """Create the response: after a doubt the conversation is asked first, and there is one more at most."""
        body = self._body(thread, state, previous, pending)
        items = body["input"]
        doubts, is_repaired = 0, False
        give_up_at = self._clock() + self._busy_deadline_s
        found: RunId | None = None
        while found is None:
            try:
                return await self._post(body)
            except ThreadBusyError:
                if stopped.is_set() or self._clock() > give_up_at:
                    raise
                await self._sleep(_BUSY_PAUSE_S)
                found = await self._threads.landed(thread, state) if doubts else None
            except (ToolOutputMissingError, ContainerGoneError) as error:
                if is_repaired or stopped.is_set() or is_chain(thread):
                    raise ThreadGoneError(f"the conversation is beyond repair: {error}") from None
                is_repaired = True
                body["input"] = [*await self._threads.missing_outputs(thread), *items]
            except AssistantUnavailableError as error:
                if isinstance(error, NotDoneError):
                    raise
                log.warning("it may have been made or not", extra={"why": str(error), "doubts": doubts})
                found = await self._threads.appearing(thread, state)
                if found is None and (doubts or stopped.is_set()):
                    raise
                # What holds the conversation from now on is most likely the response that was asked for.
                doubts, give_up_at = doubts + 1, give_up_at + self._pace.deadline_s
        return found

    def _body(self, thread: ThreadId, state: ThreadState, previous: str, pending: tuple[Item, ...]) -> dict[str, Any]:
        assert state.start is not None  # noqa: S101 - written down by the callers
        body: dict[str, Any] = {
            **self._assistances[state.start.assistant].request(state.files),
            "input": [*pending, *state.start.items],
            "background": True,
            "store": True,
            "include": [objects.INCLUDE],
            "metadata": {"turn": state.start.name[:_MAX_METADATA_CHARS]},
        }
        if not is_chain(thread):
            body["conversation"] = thread
        elif previous:
            body["previous_response_id"] = previous
        return body

    async def _post(self, body: dict[str, Any]) -> RunId:
        path = path_to("responses")
        if not await self._streams.is_open():
            return RunId(Fields((await self._client.post(path, body)).body, "a response").text("id"))
        try:
            reply, stream = await self._client.post_for_stream(path, body)
        except BadRequestError:
            if self._streams.offered:
                raise
            reply, stream = await self._client.post(path, body), None  # whether it was the stream, this call tells
        return self._followed.keep(reply, stream)

    @override
    async def follow(self, thread: ThreadId, run: RunId) -> AsyncGenerator[RunEvent, None]:
        give_up_at = self._clock() + self._pace.deadline_s
        if run.startswith(LANDED):
            yield await self._end(thread, await self._response(thread, run))
            return
        async with aclosing(self._followed.follow(run, give_up_at=give_up_at)) as streamed:
            async for shown in streamed:
                if isinstance(shown, Response):
                    yield await self._end(thread, shown)
                    return
                yield shown
        last: Response | None = None

        async def fetch(within_s: float) -> PollResult:
            nonlocal last
            try:
                reply = await self._client.get_once(path_to("responses", run), objects.INCLUDED, within_s=within_s)
                last, poll_after_s = response_from(reply.body), reply.poll_after_s
            except ResponseGoneError:  # it may be kept for less time than its conversation
                last, poll_after_s = await self._from_conversation(thread, run), None
            return PollResult(run=last, poll_after_s=poll_after_s)

        async with aclosing(self._poller.follow(fetch, give_up_at=give_up_at)) as events:
            async for event in events:
                is_last = not isinstance(event, Progress | TextSoFar)
                yield await self._end(thread, last) if is_last and last else event

    async def _end(self, thread: ThreadId, response: Response) -> RunEvent:
        """Write down that a response has ended, and the event that this amounts to. Raises ThreadGoneError."""
        fault = objects.fault_of_context(response)
        if fault is not None and type(fault) is not ContainerGoneError:  # that one may be mended by a second run
            gone = ThreadTooLongError if isinstance(fault, ThreadTooLongError) else ThreadGoneError
            raise gone(f"response {response.id} failed: {fault}")
        if response.has_answer:
            self._ended.put(response.id, response, chars=response.chars)
        state = await self._threads.load(thread)
        if state.start is None or state.start.run not in {None, response.id}:
            return response.event
        if not response.has_answer:
            log.warning("response ended", extra={"run": response.id, "status": response.status})
            if _refuses_words(response.event):
                return await self._refused(thread, state, response.event)
            return response.event  # the words stay in `start`, and go in with the next response
        wants_tools, state = isinstance(response.event, ToolsWanted), replace(state, suspect=())
        if not is_chain(thread):
            ids = [item.text_if_any("id") for item in response.output]
            state = replace(state, head=ids[-1] if ids else state.head, pending=())
        elif not wants_tools:  # a chain goes on after answered calls alone
            state = replace(state, head=response.id, pending=())
        await self._threads.save(thread, state if wants_tools else state.answered(response.id))
        return response.event

    async def _refused(self, thread: ThreadId, state: ThreadState, event: Settled) -> RunEvent:
        """What a response amounts to that was refused for words in it; its own go in with the next one."""
        if state.pending:
            # Not its own words, it may be, but those of an earlier turn: the same question is asked without them.
            await self._threads.save(thread, replace(state, pending=(), suspect=state.pending))
            return replace(event, outcome=replace(event.outcome, failure=FailureCode.SERVER))
        if state.suspect:
            await self._threads.save(thread, state.without_question())
        return event

    @override
    async def cancel(self, thread: ThreadId, run: RunId) -> Usage:
        await self._followed.close(run)
        self._ended.drop(run)
        await self._threads.stop(run)
        state = await self._threads.load(thread)
        if state.start is not None and not is_chain(thread):
            # What the person asked stays in the conversation, and no call stays without an output. A chain goes on from
            # the last answer, with the words that had none.
            with suppress(ThreadGoneError):
                mended = await self._threads.mended(thread, state, cancelled=True)
                await self._threads.add_items(thread, list(mended.pending))
                await self._threads.save(thread, replace(mended, pending=()))
        return Usage()

    async def _from_conversation(self, thread: ThreadId, run: RunId) -> Response:
        """A response that the service does not keep any more, by what it left in the conversation."""
        state = await self._threads.load(thread)
        found = await self._threads.landed(thread, state) if state.start and state.start.run == run else None
        if found is None:
            await self._threads.check(thread)
            raise ResponseGoneError(f"response {run} is not there any more")
        return replace(await self._threads.answer_after(thread, found), id=run)

    async def _response(self, thread: ThreadId, run: RunId) -> Response:
        """A response that has ended: as it was seen last, or fetched again. It is kept until its answer is read."""
        if (response := self._ended.get(run)) is not None:
            return response
        if run.startswith(LANDED):
            response = await self._threads.answer_after(thread, run)
        else:
            try:
                response = response_from((await self._client.get(path_to("responses", run), objects.INCLUDED)).body)
            except ResponseGoneError:
                response = await self._from_conversation(thread, run)
        self._ended.put(run, response, chars=response.chars)
        return response

    @override
    async def answer(self, thread: ThreadId, runs: Sequence[RunId]) -> Answer:
        reader = objects.AnswerReader.of(thread)
        for run in runs:
            response = await self._response(thread, run)
            reader.read(response, await self._made_files(response))
            if not objects.pictures_of(thread, response):
                self._ended.drop(run)
        answer, state = reader.answer(), await self._threads.load(thread)
        if state.loss_told_in in runs:
            answer = replace(answer, text=f"*{_(FILES_LOST)}*\n\n{answer.text}")
        return answer

    async def _made_files(self, response: Response) -> list[ContainerFile]:
        """The files that this response's code wrote: not each of them is cited."""
        since_s = (response.fields.number_if_any("created_at") or time.time()) - _CLOCK_SKEW_S
        made: list[ContainerFile] = []
        for container in objects.containers_of(response):
            path, query = path_to("containers", container, "files"), {"limit": _PAGE, "order": "desc"}
            try:
                reply = await self._client.get_once(path, query, within_s=_LIST_DEADLINE_S)
                made += reversed(objects.made_files(Fields(reply.body, "a list of files"), container, since_s=since_s))
            except AssistantError as error:  # what is cited comes all the same
                log.warning("files of a container not listed", extra={"container": container, "why": str(error)})
        return made

    @override
    @asynccontextmanager
    async def open_file(self, file: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        if "#" in file:
            yield self._shown_picture(file)
            return
        container, _, name = file.rpartition("/")
        path = path_to(*(["containers", container] if container else []), "files", name, "content")
        async with aclosing(self._client.download(path, limit_bytes=_MAX_FILE_BYTES)) as chunks:
            yield chunks

    async def _shown_picture(self, file: FileRef) -> AsyncIterator[bytes]:
        """A picture that came within a response."""
        thread, run, call, number = file.split("#")
        response = await self._response(ThreadId(thread), RunId(run))
        if [file] == objects.pictures_of(ThreadId(thread), response)[-1:]:
            self._ended.drop(RunId(run))  # they are opened in order, so this was the last use of it
        yield objects.picture_in(response, call, int(number))

    def _user_item(self, ask: Ask) -> Item:
        is_agent = self._assistances[ask.assistant].agent is not None
        return objects.user_item(ask, pictures=self._pictures, files_as_input=is_agent)


def _refuses_words(event: RunEvent) -> TypeGuard[Settled]:
    """Whether a response failed for what it was asked."""
    return isinstance(event, Settled) and event.outcome.failure in {FailureCode.PROMPT, FailureCode.CONTENT_FILTER}


def _note_failure(creating: asyncio.Task[RunId]) -> None:
    if not creating.cancelled() and (error := creating.exception()) is not None:
        log.warning("response of a stopped turn not created", extra={"error": type(error).__name__, "why": str(error)})
