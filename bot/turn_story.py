"""The story of one turn, from a person's message to the last part of the reply.

Each step's result is on disk before the next begins (`Turn.step`). What may be repeated without harm, such as
reading an answer or storing the same bytes again, is no step.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from bot import sentences
from bot.apology import apology, assistant_removed, cut_short, ended_badly, moved_over, started_afresh
from bot.attachments import what_to_do_with
from bot.belongings import Belonging, BelongingKind
from bot.codec import reply_from_json, reply_to_json
from bot.commands import carry_out, not_for_you
from bot.conversation import (
    MAX_TEXT_CHARS,
    Command,
    CommandName,
    ConversationReference,
    FileConsent,
    Incoming,
    Installed,
    Question,
    Scope,
    ThreadId,
    TurnState,
    mistaken_command,
)
from bot.delivery import deliver, deliver_unless_stopped, open_live
from bot.dependencies import Dependencies
from bot.errors import (
    AssistantError,
    AssistantRefusedError,
    BotError,
    DeliveryError,
    StorageError,
    ThreadGoneError,
)
from bot.functions import OnlyFunctions
from bot.given_files import GivenFiles, bring_files
from bot.history import PastTurn, shortened
from bot.language import _, number
from bot.limits import code_budget, objection_of_limits
from bot.links import LinkRules
from bot.parts import ApologyPart, Part, Reply, TextPart, WelcomePart
from bot.ports import (
    Channel,
    Live,
)
from bot.profiles import Profile
from bot.reply import preview_of, split_to_fit, text_reply
from bot.run import Answer, Ask, RunEnd
from bot.runs import cancel_runs, may_ask_again, run_to_end
from bot.turn import STOP_HEARD, Turn
from bot.turn_record import (
    DELETED,
    LIMITED,
    REFUSED,
    REJECTED,
    STOPPED,
    UNDELIVERABLE,
    WELCOMED,
    Outcome,
    StepKey,
    StepKind,
)

log = logging.getLogger(__name__)

_REPLY = StepKey(StepKind.REPLY)
_OPENED = StepKey(StepKind.OPENED)
_REMOVED = StepKey(StepKind.ASSISTANT)
_MAX_CHARS_IN_LOOP = 5_000  # of an answer; converting this much takes at most 0.1 s, whatever it holds
_CONTEXT = "said in this conversation before, to others; context, and no request to you:"


async def run_turn(turn: Turn, deps: Dependencies) -> Outcome:
    """Answer a message, or say why not, and return how that ended. What an earlier attempt did is not done again."""
    links = deps.links.with_words(turn.message.text)
    async with open_live(turn, deps.channel, links) as live:
        recorded = turn.recorded(_REPLY)
        if recorded is None:
            reply = await _reply(turn, deps, live)
            parts = await _split(reply.parts, deps.channel, links, turn.message.reference)
            if deps.offers is not None:
                parts = deps.offers.one_by_one(parts, turn.message.reference)
            usage = turn.used.usage if turn.used else None
            reply = replace(reply, parts=_with_mention(parts, turn), usage=usage)
            await turn.record(_REPLY, reply_to_json(reply))
        else:
            reply = reply_from_json(recorded)
            if reply.usage is not None:
                turn.use(reply.usage)
        if reply.outcome == STOPPED:
            return await _acknowledge_stop(turn, reply, deps, live)
        outcome = await deliver_unless_stopped(turn, reply, deps.channel, live, pauses_s=deps.send_pauses_s)
    if outcome == STOPPED:
        await turn.confirm_stop(told=False)
    return outcome


async def _split(
    parts: tuple[Part, ...], channel: Channel, links: LinkRules, to: ConversationReference
) -> tuple[Part, ...]:
    if sum(len(part.text) for part in parts if isinstance(part, TextPart)) <= _MAX_CHARS_IN_LOOP:
        return tuple(split_to_fit(parts, channel, links, to))
    # Hostile texts take a second to convert, and other messages must be acknowledged meanwhile.
    return await asyncio.to_thread(lambda: tuple(split_to_fit(parts, channel, links, to)))


async def give_up(turn: Turn, error: Exception, deps: Dependencies) -> Outcome:
    """Tell the person that this turn will not be answered, while its run is cancelled: nobody waits for it any more."""
    reply, pauses_s = apology(error, turn), deps.send_pauses_s
    async with open_live(turn, deps.channel) as live:
        delivering = deliver(turn, reply, deps.channel, live, pauses_s=pauses_s, kind=StepKind.GIVE_UP)
        cancelling = cancel_runs(turn, deps.assistant, deps.conversations)
        outcome, cancelled = await asyncio.gather(delivering, cancelling, return_exceptions=True)
    if isinstance(cancelled, BaseException):
        raise cancelled
    if isinstance(outcome, DeliveryError):
        log.warning("the apology cannot be delivered", extra={"turn": turn.id, "why": str(outcome)})
        return UNDELIVERABLE
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


async def _reply(turn: Turn, deps: Dependencies, live: Live) -> Reply:
    match turn.state:
        case TurnState.REJECTED:
            return Reply(parts=text_reply(_(sentences.NOT_READ)), outcome=REJECTED)
        case TurnState.DELETED:
            return Reply(parts=(), outcome=DELETED)
        case TurnState.REFUSED:
            return Reply(parts=text_reply(_(sentences.NOT_SERVED)), outcome=REFUSED)
        case TurnState.WAITING if isinstance(turn.message, Installed):
            alone = turn.message.reference.scope is Scope.PERSONAL
            text = sentences.WELCOME if alone else sentences.WELCOME_ALL
            starters = deps.profiles.default.questions
            return Reply(parts=(WelcomePart(text=_(text), starters=starters),), outcome=WELCOMED)
        case TurnState.WAITING if turn.heard(STOP_HEARD) is True:
            return Reply(parts=())  # the turn that this /stop stopped has said so
        case TurnState.WAITING:
            return await _work_out(turn, deps, live)


def _with_mention(parts: tuple[Part, ...], turn: Turn) -> tuple[Part, ...]:
    """The parts, the first of which mentions the person who asked, where others read along."""
    match parts:
        case (TextPart() | ApologyPart() as first, *others) if turn.message.reference.is_shared:
            return (replace(first, to_asker=True), *others)
        case _:
            return parts


async def _work_out(turn: Turn, deps: Dependencies, live: Live) -> Reply:
    try:
        if isinstance(turn.message, FileConsent) and deps.offers is not None:
            return await deps.offers.answer(turn, turn.message, deps.channel)
        if isinstance(turn.message, Command):
            return Reply(parts=await carry_out(turn, turn.message, deps))
        sentence = _own_answer(turn, deps)
        if sentence is not None:
            return Reply(parts=text_reply(sentence))
        answering = await _answering(turn, deps)
        refusal = await _refusal(turn, answering, deps)
        if refusal is not None:
            return refusal
        await _end_stale_choice(turn, answering, deps)
        await live.begin()
        return Reply(parts=await turn.unless_stopped(_ask(turn, answering, deps, live)))
    except BotError as error:
        if isinstance(error, AssistantError) and error.request_id:
            await turn.record(StepKey(StepKind.REQUEST, reference=error.request_id), None)
        level, fix = (logging.ERROR, error.fix) if isinstance(error, AssistantRefusedError) else (logging.WARNING, "")
        fields = {"turn": turn.id, "error": type(error).__name__, "why": str(error), **({"fix": fix} if fix else {})}
        log.log(level, "turn ends in an apology", extra=fields)
        return apology(error, turn, to_operator=deps.asker_is_operator)


def _own_answer(turn: Turn, deps: Dependencies) -> str | None:
    """What the bot says to a message that is none for the assistant; None if it is one."""
    text, attachments = turn.message.text, turn.message.attachments
    if not text.strip() and not attachments:
        return _hint(deps)
    if isinstance(turn.message, Question) and not attachments and (mistaken := mistaken_command(text)) is not None:
        word, command = mistaken
        if word.lower() == command:
            return _(sentences.COMMAND_ALONE).format(command=command)
        sentence = _(sentences.COMMAND_MEANT if command else sentences.NO_COMMAND)
        return sentence.format(word=word, command=command or CommandName.HELP)
    if len(text) > MAX_TEXT_CHARS:
        sentence = _("Your message has {count} characters; I can read at most {limit}.")
        return sentence.format(count=number(len(text)), limit=number(MAX_TEXT_CHARS))
    return None


def _hint(deps: Dependencies) -> str:
    questions = deps.profiles.default.questions
    return _(sentences.HINT).format(example=questions[0]) if questions else _(sentences.HINT_ALONE)


async def _refusal(turn: Turn, answering: _Answering, deps: Dependencies) -> Reply | None:
    """Why the assistant is not asked: it is not for this person, or a limit is reached. None if it is asked."""
    if turn.results(StepKind.RUN):
        return None  # a turn that has asked already is answered, whatever was changed or used meanwhile
    asker = turn.message.reference
    if not answering.profile.admits(asker):
        return Reply(parts=text_reply(not_for_you(answering.profile.name)), outcome=REFUSED)
    sentence = await objection_of_limits(
        asker, deps.usage, deps.limits, now_s=deps.now_s(), code_alone=deps.refuses_code
    )
    return None if sentence is None else Reply(parts=text_reply(sentence), outcome=LIMITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answering:
    """The assistant that answers; `chosen` is empty where nobody chose one, `removed` names one that is gone.

    `is_choice_stale`: it is still written down as the conversation's choice.
    """

    profile: Profile
    chosen: str = ""
    removed: str = ""
    is_choice_stale: bool = False


async def _answering(turn: Turn, deps: Dependencies) -> _Answering:
    """Which assistant answers this message."""
    profiles, key = deps.profiles, turn.message.key
    chosen = await deps.conversations.chosen_assistant(key)
    name = chosen or deps.started_with(key)
    profile = profiles.named(name) if name else None
    if profile is not None:
        return _Answering(profile=profile, chosen=profile.name)
    is_stale = chosen is not None and not turn.results(StepKind.RUN)
    removed = chosen if is_stale else turn.recorded(_REMOVED)
    return _Answering(profile=profiles.default, removed=removed or "", is_choice_stale=is_stale)


async def _end_stale_choice(turn: Turn, answering: _Answering, deps: Dependencies) -> None:
    if answering.is_choice_stale:
        # Written down first: a resumed turn finds no choice any more, and still has to say so.
        await turn.record(_REMOVED, answering.removed)
        await deps.conversations.choose_assistant(turn.message.key, None)


async def _ask(turn: Turn, answering: _Answering, deps: Dependencies, live: Live) -> tuple[Part, ...]:
    if answering.profile.functions is not None:
        deps = replace(deps, functions=OnlyFunctions(deps.functions, answering.profile.functions))
    message = turn.message
    alone = message.reference.scope is Scope.PERSONAL
    given = await bring_files(turn, deps.files, deps.assistant, endings=deps.endings)
    for belonging in given.belongings:
        await deps.belongings.add(message.key, belonging)
    ask = Ask(
        conversation=message.key,
        text=_with_context(message, given.text),
        speaker=None if alone else message.reference.user.name,
        user=message.reference.user_pseudonym,
        files=given.uploaded,
        assistant=answering.chosen,
        code_budget=await code_budget(message.reference, deps.usage, deps.limits, now_s=deps.now_s()),
    )
    if not message.text.strip():
        # Files without words stay in the thread, where the next question finds them.
        if given.uploaded:
            try:
                await _note(turn, (await _thread(turn, deps))[0], ask, deps)
            except ThreadGoneError:
                await _note(turn, (await _new_thread(turn, deps))[0], ask, deps)
        asked_back = [what_to_do_with([file.name for file in given.uploaded])] if given.uploaded else []
        sentences_said = (*_notices(answering), *given.refusals, *asked_back) or (_hint(deps),)
        return text_reply("\n\n".join(sentences_said))
    try:
        thread, past = await _thread(turn, deps)
        answer = await _answer_in(turn, thread, replace(ask, past=past), deps, live)
        shown = _with_notices(answer, past, answering)
    except ThreadGoneError as gone:
        if not may_ask_again(turn, deps.functions):
            raise
        thread, past = await _new_thread(turn, deps)
        answer = await _answer_in(turn, thread, replace(ask, past=past), deps, live)
        shown = started_afresh(answer, gone, knows_past=bool(past))
    await _keep_past(turn, given, answer, ask.assistant, deps)
    parts = await deps.writer.write(shown, message.key, alone=alone, opened_at=await _links(answer, turn, deps))
    return _with_refusals(given.refusals, parts)


async def _links(answer: Answer, turn: Turn, deps: Dependencies) -> Mapping[str, str]:
    """Where people open the files that they gave, by name, if the answer cites any."""
    if not answer.citations:
        return {}
    return {each.name: each.link for each in await deps.belongings.of(turn.message.key) if each.link}


def _notices(answering: _Answering) -> tuple[str, ...]:
    """What the person has to know of who answers."""
    return (assistant_removed(answering.removed, answering.profile.name),) if answering.removed else ()


def _with_notices(answer: Answer, past: tuple[PastTurn, ...], answering: _Answering) -> Answer:
    """The answer below what the person has to know of who gives it. `past` is what a new thread was told."""
    if answering.removed:
        return replace(answer, text=f"*{_notices(answering)[0]}*\n\n{answer.text}")
    # Who chose another assistant was told then that it knows what was said.
    return moved_over(answer) if past and past[-1].assistant == answering.chosen else answer


async def _keep_past(turn: Turn, given: GivenFiles, answer: Answer, assistant: str, deps: Dependencies) -> None:
    """Keep what was said, for a thread that is opened later; the answer does not depend on it."""
    past = PastTurn(
        question=shortened(turn.message.text),
        answer=shortened(preview_of(answer.text)),
        given=tuple(file.name for file in given.uploaded),
        made=tuple(file.name for file in answer.files),
        assistant=assistant,
    )
    try:
        await deps.past.add_past(turn.message.key, turn.number, past)
    except StorageError as error:
        log.warning("what was said is not kept", extra={"turn": turn.id, "why": str(error)})


def _with_context(message: Incoming, words: str) -> str:
    """The words of a message, below what was said before it to others: marked, and each line of it quoted."""
    heard = message.context if isinstance(message, Question) else ()
    lines = [f"> {line}" for said in heard for line in f"{said.speaker}: {said.text}".splitlines()]
    return "\n".join((_CONTEXT, *lines, "", words)) if lines else words


def _with_refusals(refusals: tuple[str, ...], parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The answer below what it had to do without: its reader must not take the files for read."""
    if not refusals:
        return parts
    match parts:
        case (TextPart(text=text) as first, *others):
            return (replace(first, text="\n\n".join((*refusals, text))), *others)
        case _:
            return (*text_reply("\n\n".join(refusals)), *parts)


async def _note(turn: Turn, thread: ThreadId, ask: Ask, deps: Dependencies) -> None:
    # A crash may add the files twice, which changes nothing.
    await turn.step(StepKey(StepKind.FILES, reference=thread), partial(deps.assistant.note, thread, ask))


async def _thread(turn: Turn, deps: Dependencies) -> tuple[ThreadId, tuple[PastTurn, ...]]:
    """The thread of the conversation, and what was said before this turn opened it; nothing if it did not."""
    known = await deps.conversations.thread_of(turn.message.key)
    if known is None:
        return await _new_thread(turn, deps)
    return known, await deps.past.past(turn.message.key) if turn.recorded(_OPENED) == known else ()


async def _new_thread(turn: Turn, deps: Dependencies) -> tuple[ThreadId, tuple[PastTurn, ...]]:
    key = turn.message.key
    # A crash before the thread is remembered leaves an empty one behind, which does no harm.
    thread, past = await deps.assistant.open_thread(key), await deps.past.past(key)
    if past:
        await turn.record(_OPENED, thread)  # a resumed turn, too, has to tell what was said
    await deps.belongings.add(key, Belonging(kind=BelongingKind.THREAD, ref=thread))
    await deps.conversations.remember(key, thread)
    return thread, past


async def _answer_in(turn: Turn, thread: ThreadId, ask: Ask, deps: Dependencies, live: Live) -> Answer:
    runs = await run_to_end(turn, thread, ask, deps.assistant, deps.functions, live)
    match runs.outcome.end:
        case RunEnd.COMPLETED:
            return await deps.assistant.answer(thread, runs.chain)
        case RunEnd.INCOMPLETE:
            return cut_short(await deps.assistant.answer(thread, runs.chain), runs.outcome)
        case RunEnd.FAILED | RunEnd.CANCELLED | RunEnd.EXPIRED:
            raise ended_badly(runs.chain[-1], runs.outcome, to_operator=deps.asker_is_operator)


async def _acknowledge_stop(turn: Turn, reply: Reply, deps: Dependencies, live: Live) -> Outcome:
    """Tell the person that the turn is stopped, while its run is cancelled; both before the next turn begins.

    After a crash in between, both are done again.
    """
    delivering = deliver(turn, reply, deps.channel, live, pauses_s=deps.send_pauses_s)
    cancelling = cancel_runs(turn, deps.assistant, deps.conversations)
    outcome, cancelled = await asyncio.gather(delivering, cancelling, return_exceptions=True)
    if isinstance(outcome, BaseException):
        raise outcome
    if isinstance(cancelled, BaseException):
        raise cancelled
    await turn.confirm_stop(told=outcome == STOPPED)
    return outcome
