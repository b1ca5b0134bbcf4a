"""Which rows an answer is about, and how many they are, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from tutor.answers.results import Result
from tutor.answers.say import Told
from tutor.answers.sentence_catalogue import Sentence
from tutor.data.requests import Bound, Cell, Comparison, Condition, Days, Months
from tutor.programs.result_keys import Key

_MARKUP = str.maketrans(dict.fromkeys("*_`[]<>\\|~", " "))


def plain(name: str) -> str:
    """A column's or group's name without markup."""
    return name.translate(_MARKUP).strip()[:80] or "?"


def tell_rows(told: Told, only: Sequence[Condition]) -> None:  # noqa: C901 - one case a kind of condition
    """Which rows the answer is about, where it is not about all."""
    say = told.say
    values: dict[tuple[str, str], list[str]] = {}
    conditions: list[str] = []
    for each in only:
        name = plain(each.column.name)
        match each:
            case Cell(value=value, is_excluded=is_excluded):
                values.setdefault((name, "≠" if is_excluded else "="), []).append(plain(value))
            case Bound(comparison=comparison, value=value):
                conditions.append(f"{name} {_SIGNS[comparison]} {say.decimal(float(value))}")
            case Days(start=start, end=end):
                last = (date.fromisoformat(end) - timedelta(days=1)).isoformat() if end else ""
                if start == last:
                    conditions.append(f"{name} = {start}")
                else:
                    form = Sentence.FROM_TO if start and last else Sentence.FROM_ON if start else Sentence.UNTIL
                    conditions.append(say(form, name=name, low=start, high=last))
            case Months(months=months):
                names = [say(Sentence.MONTHS).split(", ")[month - 1] for month in months]
                if len(months) > 2 and months[-1] - months[0] == len(months) - 1:
                    conditions.append(say(Sentence.FROM_TO, name=name, low=names[0], high=names[-1]))
                else:
                    conditions.append(f"{name} = {say(Sentence.OR).join(names)}")
    told_values = [f"{name} {sign} {say(Sentence.OR).join(each)}" for (name, sign), each in values.items()]
    if told_values or conditions:
        told.line(Sentence.ONLY_ROWS, conditions=say.listed([*told_values, *conditions]))


_SIGNS: Final = {
    Comparison.BELOW: "<",
    Comparison.AT_MOST: "≤",
    Comparison.ABOVE: ">",
    Comparison.AT_LEAST: "≥",
    Comparison.EQUAL: "=",
    Comparison.OTHER: "≠",
}


def tell_count(told: Told, result: Result) -> int:
    """How many rows fulfil the conditions, and what part of all that is."""
    count, total = (value if isinstance(value := result.get(key), int) else 0 for key in (Key.COUNT, Key.ALL))
    if count < 2:
        told.line(Sentence.ONE_ROW_CHOSEN if count else Sentence.NO_ROW_CHOSEN, total=total)
    else:
        share = 100 * count / max(total, 1)
        told.line(
            Sentence.ROWS_CHOSEN, count=count, total=total, share=told.say.localised(f"{share:.1f}".removesuffix(".0"))
        )
    return count
