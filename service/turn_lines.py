"""Turns as lines to read, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.openai.service_errors import FIXES
from bot.errors import AssistantRefusedError, AssistantUnavailableError, Refusal
from bot.timeline import Timeline
from bot.turn_code import code_of
from bot.turn_record import UNKNOWN, StepKind, failed
from bot.usage import Usage

Moment = tuple[float, str]
"""When (unix seconds), and what."""


_UNKNOWN = (
    "It is not known whether every message of the answer arrived: the channel was asked twice and did not say.\n"
    "Look into the chat. What is missing there is not sent again; the person can ask once more."
)

_DOCTOR = "The assistant's service {what}. `teamsbot doctor` finds out why and says what to do."
_REFUSALS = {
    Refusal.KEY: "refuses the key or the identity of this bot",
    Refusal.MODEL: "does not have the model, assistant or agent that this bot asks for",
    Refusal.QUOTA: "says that the quota is used up",
    Refusal.ADDRESS: "is not at the address that this bot asks",
}
_TROUBLE = {
    **{
        str(failed(AssistantRefusedError("", refusal=refusal))): (
            f"The assistant's service {what}. {FIXES[refusal]} `teamsbot doctor` tries it."
        )
        for refusal, what in _REFUSALS.items()
    },
    f"failed:{AssistantRefusedError.code}": _DOCTOR.format(what="refused what the bot asked"),
    f"failed:{AssistantUnavailableError.code}": _DOCTOR.format(what="could not be reached, or answered too late"),
}
"""What an operator can do about an outcome."""


def explained(line: Timeline) -> str:
    """Everything that is known of a turn, each moment with the time since the one before it."""
    moments = sorted(_moments(line), key=lambda moment: moment[0])
    width = max(len(what) for _, what in moments)
    before_s = [line.accepted_at_s, *(at_s for at_s, _ in moments)]
    rows = [
        f"  {_clock(at_s, 'milliseconds')}  {what:{width}}  +{at_s - earlier_s:.3f} s"
        for (at_s, what), earlier_s in zip(moments, before_s, strict=False)
    ]
    head = f"Turn {code_of(line.number)}: {_state(line)}"
    used = [f"Used: {_used(line.usage)}"] if line.usage else []
    in_log = f"In the log: turn={line.name} conversation={line.conversation_hash}"
    advice = [_UNKNOWN] if line.outcome == UNKNOWN else []
    advice += [_TROUBLE[line.outcome]] if line.outcome in _TROUBLE else []
    return "\n".join((head, *advice, in_log, *used, "", *rows))


def listed(line: Timeline) -> str:
    """A turn on one line."""
    end_s = "" if line.ended_at_s is None else f"{line.ended_at_s - line.accepted_at_s:.1f} s"
    attempts = f"{line.attempts} attempts" if line.attempts > 1 else ""
    columns = f"{_clock(line.accepted_at_s, 'seconds')}  {code_of(line.number)}  {line.conversation_hash}  {end_s:>8}"
    used = line.usage or Usage()  # the tutor, and some services, count no tokens
    tokens = f"{used.input_tokens:,}+{used.output_tokens:,} tokens" if used.input_tokens or used.output_tokens else ""
    return "  ".join(filter(None, (columns, _state(line), attempts, tokens)))


def _used(usage: Usage) -> str:
    """What a turn consumed, in words."""
    tokens_in = f"{usage.input_tokens:,} tokens in ({usage.cached_tokens:,} cached)"
    tokens_out = f"{usage.output_tokens:,} out ({usage.reasoning_tokens:,} for reasoning)"
    return f"{tokens_in}, {tokens_out}, code runs: {usage.code_runs:,}"


def as_json(line: Timeline) -> str:
    """A turn as one line of JSON."""
    return json.dumps({"code": code_of(line.number), "state": _state(line), **line.to_json()})


def _state(line: Timeline) -> str:
    if line.ended_at_s is not None:
        return line.outcome or "ended"
    return "running" if line.attempts else "waiting"


def _moments(line: Timeline) -> Iterator[Moment]:
    yield line.accepted_at_s, "accepted"
    if line.started_at_s is not None:
        yield line.started_at_s, "started" if line.attempts == 1 else f"started, attempt {line.attempts}"
    for step in line.steps:
        kind, _, request = step.name.partition("/0/")
        if kind == StepKind.REQUEST:
            yield step.done_at_s, f"failed at the service as {request}"
        else:
            yield step.done_at_s, f"done: {step.name}"
    if line.ended_at_s is not None:
        yield line.ended_at_s, f"ended: {_state(line)}"


def _clock(at_s: float, precision: str) -> str:
    moment = datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec=precision) + "Z"
