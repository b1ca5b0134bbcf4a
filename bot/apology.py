"""What a person reads when there is no answer, or not a whole one."""

from __future__ import annotations

from dataclasses import replace

from bot.errors import (
    AssistantError,
    AssistantRefusedError,
    AssistantUnavailableError,
    BotError,
    RunEndedBadlyError,
    ThreadGoneError,
    ThreadTooLongError,
    TurnGivenUpError,
    TurnStoppedError,
)
from bot.language import _, number
from bot.parts import ApologyPart, Reply, TextPart
from bot.run import Answer, FailureCode, RunEnd, RunId, RunOutcome
from bot.turn import STOP, SUPERSEDED, Turn
from bot.turn_record import GIVEN_UP, STOPPED, failed

MAX_REPEATED = 4_000
"""Characters of a question that a "Try again" carries; with its card it stays far below the 28 KB of a message."""


def apology(error: Exception, turn: Turn, *, to_operator: bool = False) -> Reply:
    """What a person reads when there is no answer. `to_operator`: who asks runs this bot, and can mend it."""
    match error:
        case TurnStoppedError() if turn.heard(STOP) == SUPERSEDED:
            return Reply(parts=(), outcome=STOPPED)
        case TurnStoppedError():
            return Reply(parts=(TextPart(text=_(error.apology)),), outcome=STOPPED)
        case TurnGivenUpError():
            return Reply(parts=(_apology(error, turn),), outcome=GIVEN_UP)
        case AssistantRefusedError() | AssistantUnavailableError() if to_operator:
            part = _apology(error, turn)
            return Reply(parts=(replace(part, text=f"{part.text}\n\n{_for_operator(error)}"),), outcome=failed(error))
        case BotError():
            return Reply(parts=(_apology(error, turn),), outcome=failed(error))
        case _:  # whose words may be anything
            return Reply(parts=(_apology(BotError(), turn),), outcome=failed(error))


def _apology(error: BotError, turn: Turn) -> ApologyPart:
    text = turn.message.text
    whole = len(text) <= MAX_REPEATED and not turn.message.attachments  # the button carries words alone
    can_be_repeated = error.can_ask_again and whole
    return ApologyPart(text=_(error.apology), code=turn.code, question=text if can_be_repeated else "")


def _for_operator(error: AssistantError) -> str:
    fix = error.fix if isinstance(error, AssistantRefusedError) else ""
    cause = f"{error}. {fix}".strip()
    return _("For you, because this bot runs on your own machine: {cause}").format(
        cause=f"{cause[:1].upper()}{cause[1:]}"
    )


def cut_short(answer: Answer, outcome: RunOutcome) -> Answer:
    """The answer of a run that stopped before its end, and the reason."""
    reason = {
        FailureCode.LENGTH: _("The answer ends here because it became too long."),
        FailureCode.CONTENT_FILTER: _(
            "The answer ends here because the content filter of the assistant's service stopped it."
        ),
    }.get(outcome.failure or FailureCode.SERVER, _("The answer ends here because the assistant stopped early."))
    return replace(answer, text=f"{answer.text}\n\n*{reason}*".strip())


def started_afresh(answer: Answer, why: ThreadGoneError, *, knows_past: bool) -> Answer:
    """An answer given in a new thread because the old one was gone, or could not be used any more."""
    note = (
        _("This conversation became too long for the assistant, so this answer starts afresh from what we said last.")
        if isinstance(why, ThreadTooLongError)
        else _(
            "The memory of this conversation was lost at the assistant's service, so this answer starts afresh from "
            "what we said last."
        )
        if knows_past
        else _("I lost what was said before in this conversation, so this answer starts afresh.")
    )
    return replace(answer, text=f"*{note}*\n\n{answer.text}")


def moved_over(answer: Answer) -> Answer:
    """An answer given at a service that was told what was said elsewhere."""
    note = _("I work with another service now, and told it what we said last.")
    return replace(answer, text=f"*{note}*\n\n{answer.text}")


def assistant_removed(removed: str, now: str) -> str:
    """What is told once, when the operator took the chosen assistant away."""
    note = _("{removed} is not available any more, so {now} answers from now on, and knows what we said last.")
    return note.format(removed=removed, now=now)


def ended_badly(run: RunId, outcome: RunOutcome, *, to_operator: bool = False) -> AssistantError:
    """Why a run gave no answer, in a sentence that says what the person can do.

    A service's own sentence may name settings, accounts and addresses. People read it where it is about their
    question; who runs this bot reads it in all cases.
    """
    if outcome.refusal is not None:
        why = "the model's service does not serve this bot"
        refused = AssistantRefusedError(why, refusal=outcome.refusal, fix=outcome.explanation)
        refused.request_id = run
        return refused
    match outcome.end, outcome.failure:
        case RunEnd.EXPIRED, _:
            sentence = _("This took longer than the assistant's service allows. A smaller question may work.")
        case RunEnd.CANCELLED, _:
            sentence = _("The assistant's work on this was cancelled, so there is no answer. Please ask again.")
        case _, FailureCode.RATE_LIMIT:
            sentence = (
                _("The assistant has too much to do right now. Please ask again in about {seconds} seconds.").format(
                    seconds=number(outcome.retry_after_s)
                )
                if outcome.retry_after_s
                else _("The assistant has too much to do right now. Please ask again in a minute.")
            )
        case _, FailureCode.PROMPT | FailureCode.CONTENT_FILTER:
            sentence = _(
                "The assistant's service does not accept this. Please put it in another way, or start afresh with /new."
            )
        case _:
            sentence = _("The assistant ran into a problem and gave no answer. Please ask again.")
    about_question = outcome.failure in {FailureCode.PROMPT, FailureCode.CONTENT_FILTER}
    if outcome.explanation and (to_operator or about_question):
        said = _("The service says: {explanation}").format(explanation=outcome.explanation)
        sentence = f"{sentence}\n\n{said}"
    error = RunEndedBadlyError(f"run {run} ended {outcome.end}, failure {outcome.failure}", apology=sentence)
    error.request_id = run
    return error
