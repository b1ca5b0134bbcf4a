"""The runs of one turn: start, find, follow, cancel.

A turn owns a chain of runs: the first one, at some services another one after each round of tools, and a second chain
where the first failed for a passing reason. Starting a run, calling a function and giving a run its tool outputs are
durable steps: a turn that is resumed after a crash goes on with the runs it has, starts none twice and calls no
function twice that does not allow it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot.codec import call_from_json, call_to_json
from bot.conversation import ThreadId
from bot.errors import AssistantError, RunTooSlowError, StorageError
from bot.functions import INTERRUPTED, Caller
from bot.language import _
from bot.ports import Assistant, Conversations, Functions, Live
from bot.reply import preview_of
from bot.run import (
    Absent,
    Ask,
    Found,
    Progress,
    RunEnd,
    RunId,
    RunName,
    RunOutcome,
    RunPhase,
    Settled,
    TextSoFar,
    ToolCall,
    ToolOutput,
    ToolsWanted,
    Unknowable,
    pause_before_second_run,
)
from bot.sentences import PHASES, WRITING
from bot.turn import Turn
from bot.turn_record import StepKey, StepKind, Usage

log = logging.getLogger(__name__)

MAX_TOOL_ROUNDS: Final = 20
CANCEL_DEADLINE_S: Final = 10.0
"""How long the service may take to cancel a run. The person reads of a /stop at once; the next turn waits for this,
for it would find the thread busy, and longer than that it waits by itself."""

_FIND_PAUSES_S: Final = (0.0, 0.2, 0.5, 1.0, 2.0)
"""Pauses before each look for a run whose start was cut off: a slow service may create it after the abort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRuns:
    """A chain of runs that has ended. Each of them may have written a part of the answer."""

    chain: tuple[RunId, ...]
    outcome: RunOutcome
    waited_for_tools: bool = False  # whether it was given tool outputs: its time ran while this program had its turn


def _first_runs(turn: Turn, thread: ThreadId) -> tuple[tuple[StepKey, RunName], tuple[StepKey, RunName]]:
    """The step and the name of the first run of each chain. Names are stored at the service: they never change."""
    return (
        (StepKey(StepKind.RUN, 0, thread), RunName(turn.id)),
        (StepKey(StepKind.RUN, 1, thread), RunName(f"{turn.id} again")),
    )


async def run_to_end(
    turn: Turn, thread: ThreadId, ask: Ask, assistant: Assistant, functions: Functions, live: Live
) -> EndedRuns:
    """Ask, and follow the run to its end. A run that fails for a passing reason is followed by one more.

    So is one that expired after it had waited for tool outputs: they came late because a function was slow or this
    program was down, which a second run need not meet. Raises AssistantError.
    """
    turn.use(Usage())  # it counts, whatever the service says of its tokens
    (first_step, first_name), (second_step, second_name) = _first_runs(turn, thread)
    runs = await _run_chain(turn, thread, ask, first_step, first_name, assistant, functions, live)
    is_late = runs.outcome.end is RunEnd.EXPIRED and runs.waited_for_tools
    pause_s = 0.0 if is_late else pause_before_second_run(runs.outcome)
    if pause_s is None or not may_ask_again(turn, functions, runs.chain[0]):
        return runs
    log.warning("starting a second run", extra={"turn": turn.id, "run": runs.chain[-1], "pause_s": pause_s})
    await asyncio.sleep(pause_s)
    return await _run_chain(turn, thread, ask, second_step, second_name, assistant, functions, live)


def may_ask_again(turn: Turn, functions: Functions, first_run: str = "") -> bool:
    """Whether the question may be asked with a new run: not after a call that must not be made a second time.

    With `first_run`, the calls of its chain count, else those of all chains.
    """
    calls = turn.results(StepKind.CALL).items()
    return all(functions.may_repeat(call_from_json(it)[0]) for key, it in calls if key.reference.startswith(first_run))


async def _run_chain(  # noqa: PLR0913, PLR0917 - the story of a run, told once
    turn: Turn,
    thread: ThreadId,
    ask: Ask,
    step: StepKey,
    name: RunName,
    assistant: Assistant,
    functions: Functions,
    live: Live,
) -> EndedRuns:
    start = partial(assistant.start, thread, ask, name)
    run = await turn.step(step, start, find=_finder(assistant, thread, name))
    chain, said = [run], ""
    try:
        for tool_round in range(MAX_TOOL_ROUNDS):
            # A resumed turn follows the run before it takes up the rounds that are written down: one fetch each, and
            # after the last of them the run says what it wants now.
            last, said = await _last_event(assistant, thread, run, live, said)
            if last.usage is not None:
                turn.use(last.usage)
            if isinstance(last, Settled):
                return EndedRuns(chain=tuple(chain), outcome=last.outcome, waited_for_tools=tool_round > 0)
            await live.status(_(PHASES[RunPhase.FUNCTIONS]))
            tools_name = RunName(f"{name} tools {tool_round}")
            tools_step = _tools_step(tool_round, chain[0])
            resume = partial(assistant.resume, thread, run, name=tools_name)
            answer = partial(_answer_calls, turn, last.calls, tools_step, functions, resume)
            run = await turn.step(tools_step, answer, find=_finder(assistant, thread, tools_name))
            if run != chain[-1]:
                chain.append(run)
        raise RunTooSlowError(f"run {run} asked for tools {MAX_TOOL_ROUNDS} times")
    except AssistantError:
        # A run that nobody follows would hold the thread, and with it the next message.
        await _cancel_run(turn, assistant, thread, run)
        raise


def _tools_step(tool_round: int, first_run: RunId) -> StepKey:
    return StepKey(StepKind.TOOLS, tool_round, first_run)


async def _last_event(
    assistant: Assistant, thread: ThreadId, run: RunId, live: Live, said: str
) -> tuple[Settled | ToolsWanted, str]:
    """The last event, and all words so far: those that were said before the tools of earlier rounds, and these."""
    so_far = said
    async with aclosing(assistant.follow(thread, run)) as events:
        writes = False
        async for event in events:
            match event:
                case Progress(phase=phase):
                    writes = False
                    await live.status(_(PHASES[phase]))
                case TextSoFar(text=text):
                    if not writes:
                        writes = True
                        await live.status(_(WRITING))
                    so_far = "\n\n".join(filter(None, (said, text)))
                    await live.text(preview_of(so_far))
                case Settled() | ToolsWanted():
                    return event, so_far
    raise AssistantError(f"the events of run {run} ended before the run did")


def _finder(assistant: Assistant, thread: ThreadId, name: RunName) -> Callable[[], Awaitable[RunId | None]]:
    """A `find` for `Turn.step`: the run of this name, or None to start it."""

    async def find() -> RunId | None:
        match await assistant.find(thread, name):
            case Found(run=run):
                return run
            case Absent():
                return None
            case Unknowable():
                # Two runs may answer the same question then. Not asking at all would leave it unanswered.
                log.warning("run may be started twice: the service cannot be asked for it", extra={"run_name": name})
                return None

    return find


async def _answer_calls(
    turn: Turn,
    calls: Sequence[ToolCall],
    tools_step: StepKey,
    functions: Functions,
    resume: Callable[[Sequence[ToolOutput]], Awaitable[RunId]],
) -> RunId:
    """Make all calls of a round side by side, and go on. Each has an output, or the run's thread would stay locked."""
    async with asyncio.TaskGroup() as group:
        tasks = {
            call.id: group.create_task(_call(turn, call, tools_step, functions), name=f"call {call.id}")
            for call in {call.id: call for call in calls}.values()
        }
    return await resume([ToolOutput(call=call, output=task.result()) for call, task in tasks.items()])


async def _call(turn: Turn, call: ToolCall, tools_step: StepKey, functions: Functions) -> str:
    """The output of one call. That it is about to be made is written down first: after a crash it may have been."""
    key = StepKey(StepKind.CALL, tools_step.index, f"{tools_step.reference} {call.id}")
    record = turn.recorded(key)
    output = None if record is None else call_from_json(record)[1]
    if output is not None:
        return output
    if record is not None and not functions.may_repeat(call.name):
        log.warning("a call was cut off by a restart, and is not made again", extra={"turn": turn.id, "call": call.id})
        output = INTERRUPTED
    else:
        await turn.record(key, call_to_json(call.name))
        output = await functions.call(call.name, call.arguments, _caller(turn, call))
    await turn.record(key, call_to_json(call.name, output))
    return output


def _caller(turn: Turn, call: ToolCall) -> Caller:
    reference = turn.message.reference
    return Caller(
        turn=turn.code,
        call=f"{turn.code}-{call.id}",
        person=reference.user.id,
        name=reference.user.name,
        directory_id=reference.user.directory_id,
        tenant=reference.key.tenant,
        channel=reference.key.channel,
        conversation=reference.key.conversation,
        scope=reference.scope,
        locale=reference.locale,
    )


async def _cancel_run(turn: Turn, assistant: Assistant, thread: ThreadId, run: RunId) -> None:
    """Cancel a run if the service lets us, within a deadline: what the person is told does not depend on it."""
    try:
        async with asyncio.timeout(CANCEL_DEADLINE_S):
            turn.use(await assistant.cancel(thread, run), cancelled=run)
    except (AssistantError, TimeoutError) as error:
        log.warning("run not cancelled", extra={"run": run, "error": type(error).__name__, "why": _why(error)})


async def cancel_runs(turn: Turn, assistant: Assistant, conversations: Conversations) -> None:
    """Cancel the run of a stopped turn, also one whose start was cut off: the next turn needs a free thread."""
    try:
        async with asyncio.timeout(CANCEL_DEADLINE_S):
            thread = await conversations.thread_of(turn.message.key)
            if thread is None:
                return
            for step, name in _first_runs(turn, thread):
                run: RunId | None = turn.recorded(step)
                if run is None and turn.may_have_done(step):
                    run = await _find_late_run(assistant, thread, name)
                if run is None:
                    return  # and so there is no second chain either
                first = run
                for tool_round in range(MAX_TOOL_ROUNDS):
                    run = turn.recorded(_tools_step(tool_round, first)) or run
                turn.use(await assistant.cancel(thread, run), cancelled=run)
    except (AssistantError, StorageError, TimeoutError) as error:
        log.warning("run not cancelled", extra={"turn": turn.id, "error": type(error).__name__, "why": _why(error)})


def _why(error: Exception) -> str:
    return str(error) or f"no answer within {CANCEL_DEADLINE_S:g} s"


async def _find_late_run(assistant: Assistant, thread: ThreadId, name: RunName) -> RunId | None:
    for pause_s in _FIND_PAUSES_S:
        await asyncio.sleep(pause_s)
        found = await assistant.find(thread, name)
        if not isinstance(found, Absent):
            return found.run if isinstance(found, Found) else None
    return None
