"""The story of one turn, from a person's message to the last part of the reply.

Each step's result is on disk before the next begins (`Turn.step`). What may be repeated without harm, such as
reading an answer or storing the same bytes again, is no step.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from bot import sentences
from bot.answer import Answer, GivenFile
from bot.apology import apology, cut_short, ended_badly, started_afresh
from bot.attachments import objection_to, what_to_do_with
from bot.codec import reply_from_json, reply_to_json
from bot.conversation import MAX_TEXT_CHARS, Command, CommandName, Installed, Scope, ThreadId, TurnState
from bot.delivery import SEND_PAUSES_S, deliver, deliver_unless_stopped
from bot.errors import (
    AssistantError,
    BotError,
    DeliveryError,
    RunTooSlowError,
    ThreadGoneError,
)
from bot.handover import hand_over
from bot.leftovers import cancel_leftovers, cancel_run, first_run_of, second_run_of
from bot.parts import Part, Reply, WelcomePart
from bot.ports import Assistant, Channel, Conversations, IncomingFiles
from bot.reply import ReplyWriter, fitting, say
from bot.run import Run, RunId, RunStatus, ToolCall, ToolOutput, pause_before_another
from bot.turn import Turn
from bot.turn_record import DELETED, REJECTED, STOPPED, UNDELIVERABLE, WELCOMED, StepKey, StepKind

log = logging.getLogger(__name__)

_MAX_TOOL_ROUNDS = 20
_REPLY = StepKey(StepKind.REPLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything a turn touches."""

    assistant: Assistant
    channel: Channel
    conversations: Conversations
    files: IncomingFiles
    writer: ReplyWriter
    send_pauses_s: tuple[float, ...] = SEND_PAUSES_S


async def run_turn(turn: Turn, outside: Outside) -> None:
    """Answer a message, or say why not; whatever was done in an earlier life is not done again."""
    recorded = turn.recorded(_REPLY)
    if recorded is None:
        reply = await _reply(turn, outside)
        reply = replace(reply, parts=tuple(fitting(reply.parts, outside.channel)))
        await turn.record(_REPLY, reply_to_json(reply))
    else:
        reply = reply_from_json(recorded)
    turn.outcome = reply.outcome
    if reply.outcome == STOPPED:
        await _take_leave(turn, reply.parts, outside)
    else:
        await deliver_unless_stopped(turn, reply.parts, outside.channel, pauses_s=outside.send_pauses_s)


async def give_up(turn: Turn, error: Exception, outside: Outside) -> None:
    """Tell the person that this turn will not be answered."""
    reply = apology(error, turn)
    turn.outcome = reply.outcome
    try:
        await deliver(turn, reply.parts, outside.channel, pauses_s=outside.send_pauses_s, kind=StepKind.GIVE_UP)
    except DeliveryError as refusal:
        turn.outcome = UNDELIVERABLE
        log.warning("the apology cannot be delivered", extra={"turn": turn.id, "why": str(refusal)})


async def _reply(turn: Turn, outside: Outside) -> Reply:
    match turn.state:
        case TurnState.REJECTED:
            return Reply(parts=say(sentences.NOT_READ), outcome=REJECTED)
        case TurnState.DELETED:
            return Reply(parts=(), outcome=DELETED)
        case TurnState.WAITING if isinstance(turn.message, Installed):
            alone = turn.message.reference.scope is Scope.PERSONAL
            text = sentences.WELCOME if alone else sentences.WELCOME_ALL
            return Reply(parts=(WelcomePart(text=text, starters=sentences.STARTERS),), outcome=WELCOMED)
        case TurnState.WAITING:
            return await _work_out(turn, outside)


async def _work_out(turn: Turn, outside: Outside) -> Reply:
    try:
        sentence = await _own_answer(turn, outside)
        if sentence is not None:
            return Reply(parts=say(sentence))
        async with outside.channel.live(turn.message.reference):
            return Reply(parts=await turn.unless_stopped(_ask(turn, outside)))
    except BotError as error:
        log.warning(
            "turn ends in an apology", extra={"turn": turn.id, "error": type(error).__name__, "why": str(error)}
        )
        return apology(error, turn)


async def _own_answer(turn: Turn, outside: Outside) -> str | None:
    """What the bot says itself, without the assistant; None if this is a question for the assistant."""
    if isinstance(turn.message, Command):
        match turn.message.name:
            case CommandName.NEW:
                await outside.conversations.forget(turn.message.key)
                return sentences.NEW_DONE
            case CommandName.STOP:
                return sentences.STOP_DONE
            case CommandName.HELP:
                return sentences.HELP
    text, attachments = turn.message.text, turn.message.attachments
    if not text.strip() and not attachments:
        return sentences.HINT
    if len(text) > MAX_TEXT_CHARS:
        return f"Your message has {len(text):,} characters; I can read at most {MAX_TEXT_CHARS:,}."
    return objection_to(attachments)


async def _ask(turn: Turn, outside: Outside) -> tuple[Part, ...]:
    files = await hand_over(turn, outside.files, outside.assistant)
    if not turn.message.text.strip():
        return await _keep(files, turn, outside)
    try:
        answer = await _ask_in(await _thread(turn, outside), files, turn, outside)
    except ThreadGoneError:
        await outside.conversations.forget(turn.message.key)
        answer = started_afresh(await _ask_in(await _thread(turn, outside), files, turn, outside))
    return await outside.writer.write(answer, turn.message.key)


async def _keep(files: tuple[GivenFile, ...], turn: Turn, outside: Outside) -> tuple[Part, ...]:
    """Put files without a word into the thread, where the next question finds them."""
    try:
        await _add(files, await _thread(turn, outside), turn, outside)
    except ThreadGoneError:
        await outside.conversations.forget(turn.message.key)
        await _add(files, await _thread(turn, outside), turn, outside)
    return say(what_to_do_with(turn.message.attachments))


async def _add(files: tuple[GivenFile, ...], thread: ThreadId, turn: Turn, outside: Outside) -> None:
    """A crash may add them twice, which changes nothing."""
    add = partial(outside.assistant.add_message, thread, turn.message, files)
    await turn.step(StepKey(StepKind.FILES, reference=thread), add)


async def _thread(turn: Turn, outside: Outside) -> ThreadId:
    known = await outside.conversations.thread_of(turn.message.key)
    if known is not None:
        return known
    # A crash between these two lines leaves an empty thread behind, which harms nobody.
    thread = await outside.assistant.create_thread(turn.message.key)
    await outside.conversations.remember(turn.message.key, thread)
    return thread


async def _ask_in(thread: ThreadId, files: tuple[GivenFile, ...], turn: Turn, outside: Outside) -> Answer:
    """The answer; a run that ended for a passing reason is followed by one more."""
    start = partial(outside.assistant.start_run, thread, turn.message, files=files)
    run = await _rested(thread, start, turn, outside, step=StepKey(StepKind.RUN, 0, thread), name=first_run_of(turn))
    pause_s = pause_before_another(run)
    if pause_s is not None:
        log.warning("run is followed by another", extra={"turn": turn.id, "run": run.id, "pause_s": pause_s})
        await asyncio.sleep(pause_s)
        run = await _rested(
            thread, start, turn, outside, step=StepKey(StepKind.RUN, 1, thread), name=second_run_of(turn)
        )
    return await _answer(thread, run, outside)


async def _rested(
    thread: ThreadId,
    start: Callable[[str], Awaitable[RunId]],
    turn: Turn,
    outside: Outside,
    *,
    step: StepKey,
    name: str,
) -> Run:
    """A run that has come to rest for good. `name` is what it is found by after a crash."""
    run = await turn.step(
        step,
        do=partial(start, name),
        find=partial(outside.assistant.find_run, thread, name),
    )
    try:
        for _ in range(_MAX_TOOL_ROUNDS):
            seen = await outside.assistant.wait(thread, run)
            if seen.status is not RunStatus.REQUIRES_ACTION:
                return seen
            await outside.assistant.submit(thread, run, [_no_such_tool(call) for call in seen.tool_calls])
        raise RunTooSlowError(f"run {run} asked for tools {_MAX_TOOL_ROUNDS} times")
    except AssistantError:  # a run left to itself would hold the thread, and the next message
        await cancel_run(outside.assistant, thread, run)
        raise


async def _answer(thread: ThreadId, run: Run, outside: Outside) -> Answer:
    match run.status:
        case RunStatus.COMPLETED:
            return await outside.assistant.answer(thread, run.id)
        case RunStatus.INCOMPLETE:
            return cut_short(await outside.assistant.answer(thread, run.id), run)
        case RunStatus.FAILED | RunStatus.CANCELLED | RunStatus.EXPIRED:
            raise ended_badly(run)
        case (
            RunStatus.QUEUED
            | RunStatus.IN_PROGRESS
            | RunStatus.REQUIRES_ACTION
            | RunStatus.CANCELLING
            | RunStatus.UNKNOWN
        ):
            await cancel_run(outside.assistant, thread, run.id)
            raise RunTooSlowError(f"run {run.id} was still {run.status} at its deadline")


def _no_such_tool(call: ToolCall) -> ToolOutput:
    return ToolOutput(call=call.id, output=f"The tool {call.name!r} is not available here. Answer without it.")


async def _take_leave(turn: Turn, parts: tuple[Part, ...], outside: Outside) -> None:
    """Tell the person of a stopped turn that it is, while its run is cancelled; both before the next turn begins.

    After a crash in between, both are done again.
    """
    telling = deliver(turn, parts, outside.channel, pauses_s=outside.send_pauses_s)
    cancelling = cancel_leftovers(turn, outside.assistant, outside.conversations)
    for ended in await asyncio.gather(telling, cancelling, return_exceptions=True):
        if ended is not None:
            raise ended
