"""What a turn that was stopped has left at the assistant's service: a run, which would hold the thread."""

from __future__ import annotations

import asyncio
import logging

from bot.conversation import ThreadId
from bot.errors import AssistantError, StorageError
from bot.ports import Assistant, Conversations
from bot.run import RunId
from bot.turn import Turn
from bot.turn_record import StepKey, StepKind

log = logging.getLogger(__name__)

CANCEL_S = 10.0
_LOOKS_S = (0.0, 0.2, 0.5, 1.0, 2.0)
"""The pauses before looks for a run whose start was cut off: a slow service may make it after we have gone."""


async def cancel_run(assistant: Assistant, thread: ThreadId, run: RunId) -> None:
    """Stop a run as far as the service lets us: what the person is told does not depend on it."""
    try:
        async with asyncio.timeout(CANCEL_S):
            await assistant.cancel(thread, run)
    except (AssistantError, TimeoutError) as error:
        log.warning("run is not cancelled", extra={"run": run, "error": type(error).__name__, "why": str(error)})


async def cancel_leftovers(turn: Turn, assistant: Assistant, conversations: Conversations) -> None:
    """Stop the runs of this turn, also one whose start was not confirmed. The next turn finds a free thread."""
    try:
        async with asyncio.timeout(CANCEL_S):
            thread = await conversations.thread_of(turn.message.key)
            if thread is not None:
                await _cancel_all(turn, assistant, thread)
    except (AssistantError, StorageError, TimeoutError) as error:
        log.warning("run is not cancelled", extra={"turn": turn.id, "error": type(error).__name__, "why": str(error)})


async def _cancel_all(turn: Turn, assistant: Assistant, thread: ThreadId) -> None:
    for index, name in enumerate((first_run_of(turn), second_run_of(turn))):
        step = StepKey(StepKind.RUN, index, thread)
        run = turn.recorded(step)
        if run is None and turn.may_have_done(step):
            run = await _appearing(assistant, thread, name)
        if run is None:
            return
        await assistant.cancel(thread, run)


async def _appearing(assistant: Assistant, thread: ThreadId, name: str) -> RunId | None:
    for pause_s in _LOOKS_S:
        await asyncio.sleep(pause_s)
        found = await assistant.find_run(thread, name)
        if found is not None:
            return found
    return None


def first_run_of(turn: Turn) -> str:
    """What the run of a turn is called in its metadata, where it is found by that."""
    return turn.id


def second_run_of(turn: Turn) -> str:
    """The same, of the run that follows one that failed."""
    return f"{turn.id} again"
