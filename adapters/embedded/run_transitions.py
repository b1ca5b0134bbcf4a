"""The transitions of a run: each changes rows and returns the events that report the change.

They are OpenAI's: queued -> in_progress -> (requires_action -> queued -> in_progress)* -> completed, incomplete,
failed, cancelled or expired. A transition that no longer fits, because the run was cancelled or its thread deleted,
raises RunInterruptedError and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.embedded.api_objects import ApiError, IncompleteMessage, Message, RunId, Thread, not_found
from adapters.embedded.models.port import OriginalMessage
from adapters.embedded.object_store import Rows, Window
from adapters.embedded.run_events import Event, call_events, message_events
from adapters.embedded.run_objects import (
    ACTIVE,
    CodeCall,
    CodeCallResult,
    CompletionDetails,
    FunctionCall,
    IncompleteRun,
    LastError,
    PromptDetails,
    RequestedCall,
    RequestedFunction,
    RequiredAction,
    Run,
    RunStatus,
    RunStep,
    StepStatus,
    SubmitToolOutputs,
    ToolCalls,
    Usage,
)


class RunInterruptedError(Exception):
    """The run was ended, or its thread deleted, by someone else."""


def start(rows: Rows, now: int, run_id: RunId, *, run: Run, messages: tuple[Message, ...]) -> list[Event]:
    """Queue a run behind its messages. Raises ApiError when the thread has an active run (400) or is gone (404)."""
    rows.get(Thread, run.thread_id)
    active = rows.active_run(run.thread_id)
    if active:
        raise ApiError(f"Thread {run.thread_id} already has an active run {active.id}.")
    for message in messages:
        rows.add_message(message)
    rows.insert(run)
    return [Event(name="thread.run.created", data=run), Event(name="thread.run.queued", data=run)]


def begin(rows: Rows, now: int, run_id: RunId) -> list[Event]:
    """Take a queued run up; one that is under way already, or waits for outputs, stays as it is."""
    run = rows.find(Run, run_id)
    if run is None:
        raise RunInterruptedError
    if run.status is not RunStatus.QUEUED:
        return []
    return _updated(rows, replace(run, status=RunStatus.IN_PROGRESS, started_at=run.started_at or now))


def open_calls(  # noqa: PLR0913 - an exchange with all that is remembered of it
    rows: Rows,
    now: int,
    run_id: RunId,
    *,
    step: RunStep,
    said: tuple[RunStep, Message] | None = None,
    streamed: str = "",
    original: OriginalMessage | None = None,
) -> list[Event]:
    """Add the step of an exchange in which the model asked for calls, and before it what it said with them.

    `streamed` is how much of that was told while it came.
    """
    _working(rows, run_id)
    told = _say(rows, *said, streamed) if said else []
    rows.insert(step)
    if original:
        rows.keep_original(step, original)
    return [*told, *call_events(step), *_answered(rows, now, step, {})]


def note_execution(rows: Rows, now: int, run_id: RunId, *, call: CodeCall, number: int) -> list[Event]:
    """Write down that a piece of code is about to be run where it may outlive this process."""
    run = _working(rows, run_id)
    rows.note_execution(call.id, run.thread_id, number, now)
    return []


def record_code(
    rows: Rows, now: int, run_id: RunId, *, step: RunStep, call: CodeCall, outcome: CodeCallResult
) -> list[Event]:
    """Write down what a piece of code did, with the files it made."""
    _working(rows, run_id)
    for file, product in outcome.made:
        rows.insert(file)
        rows.add_product(product)
    took_ms = call.code_interpreter.took_ms + outcome.took_ms  # it may have been cut off before, by a stop
    ran = replace(call, code_interpreter=replace(call.code_interpreter, outputs=outcome.outputs, took_ms=took_ms))
    return _answered(rows, now, rows.get(RunStep, step.id), {call.id: ran})


def add_code_time(rows: Rows, now: int, run_id: RunId, *, call: CodeCall, took_ms: int) -> list[Event]:
    """Write down for how long code ran that was cut off before it had an output, whatever becomes of its run."""
    interpreter = call.code_interpreter
    cut_off = replace(call, code_interpreter=replace(interpreter, took_ms=interpreter.took_ms + took_ms))
    for step in rows.all(RunStep, run_id=run_id):
        if isinstance(step.step_details, ToolCalls) and call.id in {each.id for each in step.step_details.tool_calls}:
            calls = tuple(cut_off if each.id == call.id else each for each in step.step_details.tool_calls)
            rows.update(replace(step, step_details=ToolCalls(tool_calls=calls)))
    return []


def require_action(rows: Rows, now: int, run_id: RunId, *, step: RunStep) -> list[Event]:
    """Wait for the client to run the calls that are still open."""
    run = _working(rows, run_id)
    calls = tuple(_requested(call) for call in open_function_calls(rows.get(RunStep, step.id)))
    action = RequiredAction(submit_tool_outputs=SubmitToolOutputs(tool_calls=calls))
    return _updated(rows, replace(run, status=RunStatus.REQUIRES_ACTION, required_action=action))


def submit_outputs(rows: Rows, now: int, run_id: RunId, *, outputs: Mapping[str, str]) -> list[Event]:
    """Take the outputs of all awaited calls and queue the run again. Raises ApiError (400)."""
    run = rows.get(Run, run_id)
    if run.status is not RunStatus.REQUIRES_ACTION:
        raise ApiError(f'Runs in status "{run.status}" do not accept tool outputs.')
    step = rows.all(RunStep, run_id=run_id)[-1]
    awaited = open_function_calls(step)
    wanted, got = sorted(call.id for call in awaited), sorted(outputs)
    if wanted != got:
        raise ApiError(f"Expected tool outputs for call_ids {wanted}, got {got}")
    calls = {call.id: replace(call, function=replace(call.function, output=outputs[call.id])) for call in awaited}
    queued = replace(run, status=RunStatus.QUEUED, required_action=None)
    return [*_answered(rows, now, step, calls), *_updated(rows, queued)]


def request_cancel(rows: Rows, now: int, run_id: RunId) -> list[Event]:
    """Ask a run to end. Raises ApiError (400) when it has ended already."""
    run = rows.get(Run, run_id)
    if run.status not in ACTIVE or run.status is RunStatus.CANCELLING:
        raise ApiError(f"Cannot cancel run with status '{run.status}'.")
    return _updated(rows, replace(run, status=RunStatus.CANCELLING, required_action=None))


def complete(  # noqa: PLR0913 - an answer with all that is remembered of it
    rows: Rows,
    now: int,
    run_id: RunId,
    *,
    step: RunStep,
    message: Message,
    model: str,
    original: OriginalMessage | None = None,
    streamed: str = "",
) -> list[Event]:
    """Put the answer into the thread and end the run: completed, or incomplete when the message stops short.

    `streamed` is how much of the answer was told while it came.
    """
    run = _working(rows, run_id)
    told = _say(rows, step, message, streamed)
    if original:
        rows.keep_original(step, original)
    run = replace(run, model=model or run.model)
    if message.incomplete_details is None:
        return [*told, *_end(rows, now, run, RunStatus.COMPLETED)]
    if message.incomplete_details.reason == "content_filter":
        # Azure's word. OpenAI's specification of a run knows budgets alone, but its message has this reason too.
        run = replace(run, incomplete_details=IncompleteRun(reason="content_filter"))
    return [*told, *_end(rows, now, run, RunStatus.INCOMPLETE)]


def end(  # noqa: PLR0913 - how it ended, and what its object then says
    rows: Rows,
    now: int,
    run_id: RunId,
    *,
    status: RunStatus,
    error: LastError | None = None,
    model: str = "",
    is_filtered: bool = False,
) -> list[Event]:
    """End a run that gives no answer; one that has ended already stays as it is.

    `is_filtered`: a content filter stopped what was asked. It would stop each further question too, so the model does
    not get these words again.
    """
    run = rows.find(Run, run_id)
    if run is None:
        # Its thread was deleted. There is no object to send, but a stream that follows the run has to end.
        return [Event(name="error", data=not_found("run", run_id).as_json())]
    if run.status not in ACTIVE:
        return []
    if is_filtered and (asked := _last_question(rows, run)):
        rows.update(replace(asked, status="incomplete", incomplete_details=IncompleteMessage(reason="content_filter")))
    events = _close_steps(rows, now, run_id, status, error)
    return [*events, *_end(rows, now, replace(run, last_error=error, model=model or run.model), status)]


_MAX_SEARCHED = 20
"""Of the latest messages, for the question of a run."""


def _last_question(rows: Rows, run: Run) -> Message | None:
    newest_first, _ = rows.page(Message, Window(limit=_MAX_SEARCHED), thread_id=run.thread_id)
    return next((message for message in newest_first if message.role == "user"), None)


def open_function_calls(step: RunStep) -> list[FunctionCall]:
    """The calls of a step that a client still has to run."""
    details = step.step_details
    calls = details.tool_calls if isinstance(details, ToolCalls) else ()
    return [call for call in calls if isinstance(call, FunctionCall) and not call.answered]


def _requested(call: FunctionCall) -> RequestedCall:
    function = RequestedFunction(name=call.function.name, arguments=call.function.arguments)
    return RequestedCall(id=call.id, function=function)


def _working(rows: Rows, run_id: RunId) -> Run:
    run = rows.find(Run, run_id)
    if run is None or run.status is not RunStatus.IN_PROGRESS:
        raise RunInterruptedError
    return run


def _updated(rows: Rows, run: Run) -> list[Event]:
    rows.update(run)
    return [Event(name=f"thread.run.{run.status}", data=run)]


def _answered(rows: Rows, now: int, step: RunStep, answers: Mapping[str, CodeCall | FunctionCall]) -> list[Event]:
    """Put answers into a step; it is completed when none of its calls is open."""
    if not isinstance(step.step_details, ToolCalls):
        return []
    calls = tuple(answers.get(call.id, call) for call in step.step_details.tool_calls)
    step = replace(step, step_details=ToolCalls(tool_calls=calls))
    done = all(call.answered for call in calls)
    if done:
        step = replace(step, status=StepStatus.COMPLETED, completed_at=now)
    rows.update(step)
    return [Event(name="thread.run.step.completed", data=step)] if done else []


def _say(rows: Rows, step: RunStep, message: Message, streamed: str) -> list[Event]:
    rows.insert(message)
    rows.insert(step)
    return message_events(step, message, streamed)


def _end(rows: Rows, now: int, run: Run, status: RunStatus) -> list[Event]:
    match status:
        case RunStatus.COMPLETED:
            run = replace(run, completed_at=now)
        case RunStatus.INCOMPLETE:
            details = run.incomplete_details or IncompleteRun(reason="max_completion_tokens")
            run = replace(run, completed_at=now, incomplete_details=details)
        case RunStatus.FAILED:
            run = replace(run, failed_at=now)
        case RunStatus.CANCELLED:
            run = replace(run, cancelled_at=now)
        case RunStatus.EXPIRED:
            pass
        case RunStatus.QUEUED | RunStatus.IN_PROGRESS | RunStatus.REQUIRES_ACTION | RunStatus.CANCELLING:
            raise ValueError(f"a run does not end as {status}")
    usage = _sum(rows.all(RunStep, run_id=run.id))
    expires_at = run.expires_at if status is RunStatus.EXPIRED else None
    return _updated(rows, replace(run, status=status, required_action=None, usage=usage, expires_at=expires_at))


def _close_steps(rows: Rows, now: int, run_id: RunId, status: RunStatus, error: LastError | None) -> list[Event]:
    """A step that was under way ends as its run does."""
    events = []
    for step in rows.all(RunStep, run_id=run_id):
        if step.status is StepStatus.IN_PROGRESS:
            closed = _closed(step, now, status, error)
            rows.update(closed)
            events.append(Event(name=f"thread.run.step.{closed.status}", data=closed))
    return events


def _closed(step: RunStep, now: int, status: RunStatus, error: LastError | None) -> RunStep:
    if status is RunStatus.CANCELLED:
        return replace(step, status=StepStatus.CANCELLED, cancelled_at=now)
    if status is RunStatus.EXPIRED:
        return replace(step, status=StepStatus.EXPIRED, expired_at=now)
    return replace(step, status=StepStatus.FAILED, failed_at=now, last_error=error)


def _sum(steps: list[RunStep]) -> Usage:
    spent = [step.usage for step in steps if step.usage]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in spent),
        completion_tokens=sum(usage.completion_tokens for usage in spent),
        total_tokens=sum(usage.total_tokens for usage in spent),
        prompt_token_details=PromptDetails(
            cached_tokens=sum(usage.prompt_token_details.cached_tokens for usage in spent)
        ),
        completion_tokens_details=CompletionDetails(
            reasoning_tokens=sum(usage.completion_tokens_details.reasoning_tokens for usage in spent)
        ),
    )
