"""The story of a run: ask the model, do what it asks, ask again, until it answers.

All that a run has done is in the store, and what comes next is read from there. So a run that was cut off by a crash is
taken up by the same loop that began it.
"""

from __future__ import annotations

import asyncio
import json

from adapters.embedded import moves
from adapters.embedded.answers import creation_step, final_message, interim_message
from adapters.embedded.code_interpreter import CodeInterpreter
from adapters.embedded.conversation import request_of
from adapters.embedded.ids import RunId, StepId, new_id
from adapters.embedded.journal import RunJournal
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    Model,
    ModelError,
    ModelFinish,
    ModelReply,
    ModelToolCall,
    ModelUsage,
)
from adapters.embedded.moves import RunInterruptedError
from adapters.embedded.run_objects import (
    CodeCall,
    CodeLogs,
    Function,
    FunctionCall,
    LastError,
    Run,
    RunStatus,
    RunStep,
    ToolCalls,
    Usage,
)
from adapters.embedded.run_objects import (
    CodeInterpreter as Code,
)
from adapters.embedded.store import Store
from adapters.embedded.wire import plain

MOST_EXCHANGES = 20
MOST_CALLS = 50


class RunLoop:
    """Drives one run after another; many at once."""

    def __init__(self, *, store: Store, journal: RunJournal, model: Model, code: CodeInterpreter) -> None:
        self._store = store
        self._journal = journal
        self._model = model
        self._code = code

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
        request = await self._store.transact(lambda rows: request_of(rows, run))
        if request.max_completion_tokens is not None and request.max_completion_tokens <= 0:
            await self._journal.write(moves.end, run.id, status=RunStatus.INCOMPLETE)
            return True
        reply = await self._model.complete(request)
        if reply.tool_calls:
            await self._open_calls(run, reply)
            return False
        await self._answer(run, reply)
        return True

    async def _open_calls(self, run: Run, reply: ModelReply) -> None:
        now = self._journal.now()
        message = interim_message(run, reply, now)
        said = (creation_step(run, message, None, now), message) if message else None
        await self._journal.write(moves.open_calls, run.id, step=_calls_step(run, reply, now), said=said)

    async def _answer(self, run: Run, reply: ModelReply) -> None:
        if reply.finish is ModelFinish.CONTENT_FILTER:
            raise ModelError("The model's content filter stopped this answer.", code="invalid_prompt")
        products, now = await self._store.transact(lambda rows: rows.products(run.thread_id)), self._journal.now()
        message = final_message(run, reply, products, now)
        if message is None:
            raise ModelError("The model gave an empty answer.")
        step = creation_step(run, message, _usage(reply.usage), now)
        await self._journal.write(moves.complete, run.id, step=step, message=message, model=plain(reply.model))

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
    if len(steps) >= MOST_EXCHANGES or calls >= MOST_CALLS:
        raise ModelError(f"The model asked for {calls} calls in {len(steps)} exchanges without giving an answer.")


def _calls_step(run: Run, reply: ModelReply, now: int) -> RunStep:
    wanted = reply.tool_calls if run.parallel_tool_calls else reply.tool_calls[:1]
    return RunStep(
        id=StepId(new_id("step")),
        created_at=now,
        assistant_id=run.assistant_id,
        thread_id=run.thread_id,
        run_id=run.id,
        type="tool_calls",
        usage=_usage(reply.usage),
        step_details=ToolCalls(tool_calls=tuple(_call(run, call) for call in wanted[:MOST_CALLS])),
    )


def _call(run: Run, asked: ModelToolCall) -> CodeCall | FunctionCall:
    """A call as its step holds it; one that cannot be made is answered already, by what is wrong with it."""
    call_id = new_id("call")
    arguments = plain(asked.arguments)
    offered = [tool["function"]["name"] for tool in run.tools if tool["type"] == "function"]
    if asked.name == CODE_INTERPRETER and {"type": "code_interpreter"} in run.tools:
        return _code_call(call_id, arguments)
    fault = _fault(asked.name, arguments, offered)
    return FunctionCall(id=call_id, function=Function(name=plain(asked.name), arguments=arguments, output=fault))


def _code_call(call_id: str, arguments: str) -> CodeCall:
    try:
        code = json.loads(arguments).get("code")
    except (ValueError, AttributeError, RecursionError):
        code = None
    if isinstance(code, str) and code.strip():
        return CodeCall(id=call_id, code_interpreter=Code(input=code))
    told = CodeLogs(logs='Nothing was run: the arguments have to be a JSON object with the source in "code".')
    return CodeCall(id=call_id, code_interpreter=Code(input=arguments, outputs=(told,)))


def _fault(name: str, arguments: str, offered: list[str]) -> str | None:
    if name not in offered:
        return "There is no tool of this name. The functions on offer are: " + (", ".join(offered) or "none") + "."
    try:
        json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return "Nothing was called: the arguments are not valid JSON."
    return None


def _usage(usage: ModelUsage) -> Usage:
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )
