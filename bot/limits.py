"""How much a person and a tenant may ask: what is told at a limit, and what `/usage` shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bot.conversation import ConversationReference
from bot.language import N_, _, ngettext, number
from bot.ports import UsageReader
from bot.run import CodeBudget
from bot.turn_record import Usage, UsageSum

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
CHART_DAYS: Final = 14
_BARS: Final = "▁▂▃▄▅▆▇█"
_MAX_SHARE_PERCENT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None is no limit. Minutes, hours and days are those of the clock, in UTC: everybody knows when they begin."""

    questions_per_minute: int | None = None
    tokens_per_day: int | None = None
    code_s_per_hour: int | None = None
    tenant_questions_per_minute: int | None = None
    tenant_tokens_per_day: int | None = None


NO_LIMITS: Final = Limits()

_PERSON_MINUTE: Final = N_(
    "That was a lot at once: I answer at most {limit} questions a minute for each person. Please ask again {reset}."
)
_PERSON_DAY: Final = N_(
    "You have used your {limit} tokens for today, so I cannot answer this now. Please ask again {reset}. "
    "/usage shows what you used; if you need more, please ask the people who run this bot."
)
_PERSON_HOUR: Final = N_(
    "The code behind your questions has run for a long time in this hour: I run at most {limit} of it for each person. "
    "Please ask again {reset}."
)
_TENANT_MINUTE: Final = N_(
    "Many people are asking at the moment: I answer at most {limit} questions a minute in your organization. "
    "Please ask again {reset}."
)
_TENANT_DAY: Final = N_(
    "Your organization has used its {limit} tokens for today, so I cannot answer this now. Please ask again {reset}. "
    "If that is a problem, please tell the people who run this bot."
)


async def code_budget(
    asker: ConversationReference, usage: UsageReader, limits: Limits, *, now_s: float
) -> CodeBudget | None:
    """How much of the hour's code is left to this person; None without a limit. Raises StorageError."""
    if limits.code_s_per_hour is None:
        return None
    hour_s = math.floor(now_s / HOUR_S) * HOUR_S
    used = await usage.used(asker.key.tenant, hour_s, asker.user.key)
    left_ms = max(0, limits.code_s_per_hour * 1000 - used.usage.code_ms)
    return CodeBudget(left_ms=left_ms, resets_at_s=hour_s + HOUR_S)


async def objection_of_limits(
    asker: ConversationReference, usage: UsageReader, limits: Limits, *, now_s: float, code_alone: bool = False
) -> str | None:
    """Why this person has to wait, and until when, as a sentence for them; None if they may ask. StorageError.

    With `code_alone` the limit of code is no reason: the assistant's service refuses code then, and answers in words.

    What was consumed is read from the ledger, so it is the same for all replicas and after a restart. Turns that are
    still being answered count when they have ended.
    """
    minute_s, day_s = math.floor(now_s / MINUTE_S) * MINUTE_S, math.floor(now_s / DAY_S) * DAY_S
    tenant, person = asker.key.tenant, asker.user.key
    budget = None if code_alone else await code_budget(asker, usage, limits, now_s=now_s)
    if budget is not None and budget.left_ms == 0 and limits.code_s_per_hour is not None:
        duration, reset = _duration(limits.code_s_per_hour), _reset(budget.resets_at_s, now_s)
        return _(_PERSON_HOUR).format(limit=duration, reset=reset)
    for limit, since_s, window_s, who, sentence in (
        (limits.questions_per_minute, minute_s, MINUTE_S, person, _PERSON_MINUTE),
        (limits.tokens_per_day, day_s, DAY_S, person, _PERSON_DAY),
        (limits.tenant_questions_per_minute, minute_s, MINUTE_S, None, _TENANT_MINUTE),
        (limits.tenant_tokens_per_day, day_s, DAY_S, None, _TENANT_DAY),
    ):
        if limit is None:
            continue
        used = await usage.used(tenant, since_s, who)
        amount = used.turns if window_s == MINUTE_S else _tokens(used.usage)
        if amount >= limit:
            reset_s = since_s + window_s
            return _(sentence).format(limit=number(limit), reset=_reset(reset_s, now_s))
    return None


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


def _duration(seconds: float) -> str:
    """A time as people say it: `1 minute`, `1.5 minutes`, or `30 seconds`."""
    if seconds < MINUTE_S:
        whole = math.ceil(seconds)
        return ngettext("{count} second", "{count} seconds", whole).format(count=number(whole))
    minutes = seconds / MINUTE_S
    count = number(minutes, 0 if seconds % MINUTE_S == 0 else 1)
    return ngettext("{count} minute", "{count} minutes", math.ceil(minutes)).format(count=count)


def _reset(reset_s: float, now_s: float) -> str:
    """When a limit starts anew: `at 00:00 UTC, in about 5 hours`."""
    left_s = max(1, math.ceil(reset_s - now_s))
    if left_s <= MINUTE_S:
        wait = ngettext("in {count} second", "in {count} seconds", left_s).format(count=number(left_s))
    elif left_s < 2 * 3600:
        minutes = math.ceil(left_s / MINUTE_S)
        wait = ngettext("in {count} minute", "in about {count} minutes", minutes).format(count=number(minutes))
    else:
        hours = math.ceil(left_s / 3600)
        wait = ngettext("in about {count} hour", "in about {count} hours", hours).format(count=number(hours))
    return _("{wait}, at {time} UTC").format(wait=wait, time=f"{datetime.fromtimestamp(reset_s, UTC):%H:%M}")


async def usage_report(asker: ConversationReference, usage: UsageReader, limits: Limits, *, now_s: float) -> str:
    """What this person used today and in the last days, with a chart of tokens a day if any. Raises StorageError."""
    today_s = math.floor(now_s / DAY_S) * DAY_S
    since = [await usage.used(asker.key.tenant, today_s - days * DAY_S, asker.user.key) for days in range(CHART_DAYS)]
    a_day = [
        _tokens(since[0].usage),
        *(_tokens(a.usage) - _tokens(b.usage) for a, b in zip(since[1:], since, strict=False)),
    ]
    rows = [
        _("Today: {amount}").format(amount=_amount(since[0])),
        _("Last {days} days: {amount}").format(days=CHART_DAYS, amount=_amount(since[-1])),
    ]
    if limits.tokens_per_day is not None:
        percent = min(_MAX_SHARE_PERCENT, 100 * _tokens(since[0].usage) / limits.tokens_per_day)
        sentence = _("That is {percent} % of your {limit} tokens a day, which start anew {reset}.")
        reset = _reset(today_s + DAY_S, now_s)
        rows.append(sentence.format(percent=number(percent, 1), limit=number(limits.tokens_per_day), reset=reset))
    budget = await code_budget(asker, usage, limits, now_s=now_s)
    if budget is not None and limits.code_s_per_hour is not None:
        sentence = _("Code in this hour: {used} of {limit} used, {left} left; the next hour begins {reset}.")
        used_s, left_s = limits.code_s_per_hour - budget.left_ms / 1000, budget.left_ms / 1000
        reset = _reset(budget.resets_at_s, now_s)
        amounts = {"used": _duration(used_s), "limit": _duration(limits.code_s_per_hour), "left": _duration(left_s)}
        rows.append(sentence.format(**amounts, reset=reset))
    heading = _("Your use of this bot")
    report = [f"**{heading}**", "\n".join(f"- {row}" for row in rows)]
    if not any(a_day):  # the built-in tutor uses no tokens
        return "\n\n".join(report)
    legend = _("Tokens a day, the last {days} days; the highest is {highest}:").format(
        days=CHART_DAYS, highest=number(max(a_day))
    )
    return "\n\n".join([*report, legend, f"`{bars(a_day[::-1])}`"])


def _amount(used: UsageSum) -> str:
    spent = used.usage
    questions = ngettext("{count} question", "{count} questions", used.turns).format(count=number(used.turns))
    runs = ngettext("{count} run of code", "{count} runs of code", spent.code_runs).format(
        count=number(spent.code_runs)
    )
    sentence = _("{questions}, {tokens} tokens ({input} read, {output} written), {runs}")
    return sentence.format(
        questions=questions,
        tokens=number(_tokens(spent)),
        input=number(spent.input_tokens),
        output=number(spent.output_tokens),
        runs=runs,
    )


def bars(amounts: Sequence[int]) -> str:
    """A chart of one line: nothing is the lowest bar, and the highest amount the highest."""
    highest = max(*amounts, 1)
    return "".join(_BARS[math.ceil(amount / highest * (len(_BARS) - 1))] for amount in amounts)
