"""The story of a run: ask the model, do what it asks, ask again, until it answers.

All that a run has done is in the store, and what comes next is read from there. So a run that was cut off by a crash is
taken up by the same loop that began it.
"""

from __future__ import annotations

import asyncio

from adapters.embedded import moves
from adapters.embedded.answers import final_message, interim_message
from adapters.embedded.code_interpreter import CodeInterpreter
from adapters.embedded.conversation import request_of
from adapters.embedded.ids import RunId
from adapters.embedded.journal import RunJournal
from adapters.embedded.material import gather
from adapters.embedded.models.port import Model, ModelError, ModelFinish, ModelReply, ModelRequest
from adapters.embedded.moves import RunInterruptedError
from adapters.embedded.pictures import Pictures
from adapters.embedded.run_objects import CodeCall, FunctionCall, LastError, Run, RunStatus, RunStep, ToolCalls
from adapters.embedded.steps import MAX_CALLS, calls_step, message_step
from adapters.embedded.store import Store
from adapters.embedded.wire import plain

MAX_EXCHANGES = 20


class RunLoop:
    """Drives one run after another; many at once."""

    def __init__(
        self, *, store: Store, journal: RunJournal, model: Model, code: CodeInterpreter, pictures: Pictures | None
    ) -> None:
        self._store = store
        self._journal = journal
        self._model = model
        self._code = code
        self._pictures = pictures

    async def drive(self, run_id: RunId, outputs_came: asyncio.Event) -> None:
        """Bring a run to its end. `outputs_came` is set when a client has submitted tool outputs."""
        try:
            while not await self._advance(run_id, outputs_came):
                pass
        except ModelError as error:
            last_error = LastError(code=error.code, message=str(error))
            await self._journal.write(moves.end, run_id, status=RunStatus.FAILED, error=last_error)
        except RunInterruptedError:
            return

    async def _advance(self, run_id: RunId, outputs_came: asyncio.Event) -> bool:
        """The next thing that is to be done; true when the run has ended."""
        await self._journal.write(moves.begin, run_id)
        run = await self._journal.run(run_id)
        if run.status is RunStatus.REQUIRES_ACTION:
            await outputs_came.wait()
            outputs_came.clear()
            return False
        steps = await self._journal.steps(run_id)
        if steps and (calls := _open_calls(steps[-1])):
            await self._do(run, steps[-1], calls)
            return False
        _check_budget(steps)
        return await self._exchange(run)

    async def _exchange(self, run: Run) -> bool:
        request = await self._request(run)
        if request.max_completion_tokens is not None and request.max_completion_tokens <= 0:
            await self._journal.write(moves.end, run.id, status=RunStatus.INCOMPLETE)
            return True
        reply = await self._model.complete(request)
        if reply.tool_calls:
            await self._open_calls(run, reply)
            return False
        await self._answer(run, reply)
        return True

    async def _request(self, run: Run) -> ModelRequest:
        material = await self._store.transact(lambda rows: gather(rows, run))
        if self._pictures is None or not self._model.sees:
            return request_of(material, {})
        return request_of(material, await self._pictures.shown(material.pictures))

    async def _open_calls(self, run: Run, reply: ModelReply) -> None:
        now = self._journal.now()
        message = interim_message(run, reply, now)
        said = (message_step(run, message, None, now), message) if message else None
        await self._journal.write(moves.open_calls, run.id, step=calls_step(run, reply, now), said=said)

    async def _answer(self, run: Run, reply: ModelReply) -> None:
        if reply.finish is ModelFinish.CONTENT_FILTER:
            raise ModelError("The model's content filter stopped this answer.", code="invalid_prompt")
        products, now = await self._store.transact(lambda rows: rows.products(run.thread_id)), self._journal.now()
        message = final_message(run, reply, products, now)
        if message:
            step = message_step(run, message, reply.usage, now)
            await self._journal.write(moves.complete, run.id, step=step, message=message, model=plain(reply.model))
        elif reply.finish is ModelFinish.LENGTH:
            await self._journal.write(moves.end, run.id, status=RunStatus.INCOMPLETE, model=plain(reply.model))
        else:
            raise ModelError("The model gave an empty answer.")

    async def _do(self, run: Run, step: RunStep, calls: list[CodeCall | FunctionCall]) -> None:
        """Run the code that was asked for; what is then open is for the client."""
        for call in calls:
            if isinstance(call, CodeCall):
                outcome = await self._code.run(run, call)
                await self._journal.write(moves.record_code, run.id, step=step, call=call, outcome=outcome)
        if any(isinstance(call, FunctionCall) for call in calls):
            await self._journal.write(moves.require_action, run.id, step=step)


def _open_calls(step: RunStep) -> list[CodeCall | FunctionCall]:
    details = step.step_details
    return [call for call in details.tool_calls if not call.answered] if isinstance(details, ToolCalls) else []


def _check_budget(steps: list[RunStep]) -> None:
    calls = sum(len(step.step_details.tool_calls) for step in steps if isinstance(step.step_details, ToolCalls))
    if len(steps) >= MAX_EXCHANGES or calls >= MAX_CALLS:
        raise ModelError(f"The model asked for {calls} calls in {len(steps)} exchanges without giving an answer.")
