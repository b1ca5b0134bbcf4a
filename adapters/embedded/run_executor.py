"""Executes runs: asks the model, makes the calls it asks for, asks again, until it answers.

All that a run has done is in the store, and what comes next is read from there. So a run that a crash cut off is
resumed by the same loop that started it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from adapters.embedded import run_transitions
from adapters.embedded.api_objects import RunId, plain
from adapters.embedded.code_interpreter import CodeInterpreter
from adapters.embedded.model_prompt import Pictures, RunContext, read_context, request_of
from adapters.embedded.models.port import Model, ModelError, ModelFinish, ModelReply, ModelRequest
from adapters.embedded.object_store import Rows, Store, StoreError
from adapters.embedded.run_events import Event, RunJournal
from adapters.embedded.run_objects import (
    ACTIVE,
    CodeCall,
    FunctionCall,
    LastError,
    LastSettingsError,
    Run,
    RunStatus,
    RunStep,
    ToolCalls,
)
from adapters.embedded.run_output import (
    MAX_CALLS,
    MessageDraft,
    calls_step,
    final_message,
    interim_message,
    message_step,
)
from adapters.embedded.run_transitions import RunInterruptedError

log = logging.getLogger(__name__)

MAX_EXCHANGES = 20


class RunLoop:
    """Drives one run after another; many at once."""

    def __init__(self, *, journal: RunJournal, model: Model, code: CodeInterpreter, pictures: Pictures | None) -> None:
        self._journal = journal
        self._model = model
        self._code = code
        self._pictures = pictures

    async def drive(self, run_id: RunId, outputs_came: asyncio.Event) -> bool:
        """Bring a run to its end; false if it was interrupted. `outputs_came`: a client has submitted tool outputs."""
        try:
            while not await self._advance(run_id, outputs_came):
                pass
        except ModelError as error:
            last_error = LastError(code=error.code, message=str(error))
            if error.refusal is not None:
                last_error = LastSettingsError(code=error.code, message=str(error), refusal=error.refusal)
            log.warning("model gave no reply", extra={"run": run_id, "why": str(error)})
            await self._journal.write(
                run_transitions.end,
                run_id,
                status=RunStatus.FAILED,
                error=last_error,
                is_filtered=error.is_filtered,
            )
        except RunInterruptedError:
            return False
        return True

    async def _advance(self, run_id: RunId, outputs_came: asyncio.Event) -> bool:
        """The next thing that is to be done; true when the run has ended."""
        move = await self._journal.take(run_id, partial(_next_move, run_id))
        run, steps = move.run, move.steps
        if run.status is RunStatus.REQUIRES_ACTION:
            await outputs_came.wait()
            outputs_came.clear()
            return False
        if move.context is None:
            await self._do(run, steps, move.calls)
            return False
        # A model that only ever asks for calls would run, and cost, without end.
        calls_made = sum(
            len(step.step_details.tool_calls) for step in steps if isinstance(step.step_details, ToolCalls)
        )
        if len(steps) >= MAX_EXCHANGES or calls_made >= MAX_CALLS:
            raise ModelError(
                f"The model asked for {calls_made} calls in {len(steps)} exchanges without giving an answer."
            )
        return await self._exchange(move.context)

    async def _exchange(self, context: RunContext) -> bool:
        run = context.run
        request = await self._request(context)
        if request.max_completion_tokens is not None and request.max_completion_tokens <= 0:
            await self._journal.write(run_transitions.end, run.id, status=RunStatus.INCOMPLETE)
            return True
        draft = MessageDraft(run, self._journal, context.products, context.said.values())
        # Where nobody hears the words, the whole answer costs less.
        reply = await self._model.complete(request, draft.add if self._journal.is_followed(run.id) else None)
        if reply.tool_calls:
            await self._open_calls(run, reply, draft)
            return False
        await self._answer(run, reply, draft)
        return True

    async def _request(self, context: RunContext) -> ModelRequest:
        if self._pictures is None or not self._model.sees:
            return request_of(context, {})
        return request_of(context, await self._pictures.shown(context.pictures))

    async def _open_calls(self, run: Run, reply: ModelReply, draft: MessageDraft) -> None:
        now = self._journal.now()
        message = interim_message(run, reply, now, draft)
        await self._journal.write(
            run_transitions.open_calls,
            run.id,
            step=calls_step(run, reply, now),
            said=(message_step(run, message, None, now, draft), message) if message else None,
            streamed=draft.told,
            original=reply.original,
        )

    async def _answer(self, run: Run, reply: ModelReply, draft: MessageDraft) -> None:
        now = self._journal.now()
        message = final_message(run, reply, now, draft)
        if message:
            step = message_step(run, message, reply.usage, now, draft)
            await self._journal.write(
                run_transitions.complete,
                run.id,
                step=step,
                message=message,
                model=plain(reply.model),
                original=reply.original,
                streamed=draft.told,
            )
        elif reply.finish is ModelFinish.LENGTH:
            await self._journal.write(
                run_transitions.end, run.id, status=RunStatus.INCOMPLETE, model=plain(reply.model)
            )
        elif reply.finish is ModelFinish.CONTENT_FILTER:
            raise ModelError("The model's content filter stopped this answer.", code="invalid_prompt")
        else:
            raise ModelError("The model gave an empty answer.")

    async def _do(self, run: Run, steps: Sequence[RunStep], calls: list[CodeCall | FunctionCall]) -> None:
        """Run the code that the last step asks for; what is then open is for the client."""
        step, used_ms = steps[-1], sum(map(_code_ms, steps))
        for call in calls:
            if isinstance(call, CodeCall):
                outcome = await self._code.run(run, call, used_ms=used_ms)
                used_ms += outcome.took_ms
                await self._journal.write(run_transitions.record_code, run.id, step=step, call=call, outcome=outcome)
        if any(isinstance(call, FunctionCall) for call in calls):
            await self._journal.write(run_transitions.require_action, run.id, step=step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """A run as it stands, and what is to be done next: nothing while it waits, these calls, or an exchange."""

    run: Run
    steps: Sequence[RunStep]
    calls: list[CodeCall | FunctionCall]
    context: RunContext | None  # of the exchange


def _next_move(run_id: RunId, rows: Rows, now: int) -> tuple[Sequence[Event], _Move]:
    """Begin a run that is queued, and read all that its next move needs."""
    events = run_transitions.begin(rows, now, run_id)
    run, steps = rows.get(Run, run_id), rows.all(RunStep, run_id=run_id)
    calls = _open_calls(steps[-1]) if steps else []
    is_idle = run.status is RunStatus.REQUIRES_ACTION
    return events, _Move(
        run=run, steps=steps, calls=calls, context=None if is_idle or calls else read_context(rows, run)
    )


def _open_calls(step: RunStep) -> list[CodeCall | FunctionCall]:
    details = step.step_details
    return [call for call in details.tool_calls if not call.answered] if isinstance(details, ToolCalls) else []


def _code_ms(step: RunStep) -> int:
    """For how long the code of a step ran."""
    calls = step.step_details.tool_calls if isinstance(step.step_details, ToolCalls) else ()
    return sum(call.code_interpreter.took_ms for call in calls if isinstance(call, CodeCall))


MAX_STARTS = 5
"""Of one run, as of one turn of the bot: code that kills this process would do so at every start (S8)."""
MAX_SETTLE_ATTEMPTS = 20
MAX_PAUSE_S = 60.0
GIVEN_UP = f"The server ended {MAX_STARTS} times while it worked on this run, so it is not tried again."


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunningTask:
    run: Run
    task: asyncio.Task[None]
    work: asyncio.Task[bool]
    outputs_came: asyncio.Event = field(default_factory=asyncio.Event)


class RunTasks:
    """All runs that are under way in this process."""

    def __init__(self, *, store: Store, journal: RunJournal, loop: RunLoop) -> None:
        self._store = store
        self._journal = journal
        self._loop = loop
        self._running: dict[RunId, _RunningTask] = {}

    async def recover(self) -> None:
        """Take up every run that an earlier process left unfinished."""
        unfinished = await self._store.transact(
            lambda rows: [run for status in ACTIVE for run in rows.all(Run, status=status)]
        )
        for run in unfinished:
            # A run that waits for its client or is being cancelled does nothing that could end the process.
            works = run.status in {RunStatus.QUEUED, RunStatus.IN_PROGRESS}
            restarts = await self._store.transact(partial(Rows.count_restart, run=run)) if works else 0
            if restarts >= MAX_STARTS:
                log.warning("run given up", extra={"run": run.id, "starts": restarts})
                await self._settle(run.id, RunStatus.FAILED, GIVEN_UP)
                continue
            log.info("run resumed after a restart", extra={"run": run.id, "status": run.status, "restarts": restarts})
            self.start(run)
            if run.status is RunStatus.CANCELLING:
                self.cancel(run)

    def start(self, run: Run) -> None:
        """Work on a run until it ends."""
        outputs_came = asyncio.Event()
        work = asyncio.create_task(self._loop.drive(run.id, outputs_came), name=f"work on {run.id}")
        task = asyncio.create_task(self._supervise(run, work), name=f"{run.id}")
        self._running[run.id] = _RunningTask(run=run, task=task, work=work, outputs_came=outputs_came)
        task.add_done_callback(lambda _: self._running.pop(run.id, None))

    def wake(self, run_id: RunId) -> None:
        """Tell a run that its tool outputs have come."""
        if running := self._running.get(run_id):
            running.outputs_came.set()

    def cancel(self, run: Run) -> None:
        """Stop the work on a run whose cancelling is written down, or whose thread is gone."""
        if run.id not in self._running:
            self.start(run)
        self._running[run.id].work.cancel()

    async def stop(self) -> None:
        """Let go of all runs; they stay as they are, for the next start, which does not count against them."""
        stopped = [running.run for running in self._running.values()]
        tasks = [task for running in self._running.values() for task in (running.task, running.work)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for run in stopped:
            try:
                await self._store.transact(partial(Rows.count_restart, run=run, change=-1))
            except StoreError as fault:
                log.warning("orderly stop of a run not stored", extra={"run": run.id, "why": str(fault)})

    async def _supervise(self, run: Run, work: asyncio.Task[bool]) -> None:
        left_s = (run.expires_at or 0) - self._journal.now()
        await asyncio.wait({work}, timeout=max(0, left_s))
        if not work.done():
            work.cancel()
            await asyncio.wait({work})
            await self._settle(run.id, RunStatus.EXPIRED)
        elif not work.cancelled() and (error := work.exception()):
            log.error("run failed unexpectedly", extra={"run": run.id}, exc_info=error)
            await self._settle(run.id, RunStatus.FAILED, str(error) if isinstance(error, StoreError) else "")
        elif work.cancelled() or not work.result():
            # Its cancelling was written down, perhaps while its last move was being made.
            await self._settle(run.id, RunStatus.CANCELLED)

    async def _settle(self, run_id: RunId, status: RunStatus, reason: str = "") -> None:
        """Write the end down; a disk that is full may have room in a moment."""
        error = None
        if status is RunStatus.FAILED:
            error = LastError(code="server_error", message=reason or "The server broke off this run; its log says why.")
        for tried in range(MAX_SETTLE_ATTEMPTS):
            try:
                await self._journal.write(run_transitions.end, run_id, status=status, error=error)
            except StoreError as fault:
                log.warning("end of run not stored", extra={"run": run_id, "why": str(fault)})
                await asyncio.sleep(min(2.0**tried, MAX_PAUSE_S))
            else:
                return
