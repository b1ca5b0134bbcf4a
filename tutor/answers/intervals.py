"""Intervals in words and signs."""

from __future__ import annotations

from collections.abc import Sequence

from tutor.answers.results import Result, object_of, text_of
from tutor.answers.say import Say, is_infinite
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.formula_text import pretty
from tutor.formulas.statements import Bounds
from tutor.programs.result_keys import Key


def merged(rows: Sequence[Result], wanted: set[int]) -> list[tuple[str, str]]:
    """Ends of the stretches where the sign is one of those wanted; neighbouring pieces of one part become one."""
    stretches: list[tuple[str, str, object]] = []
    for row in rows:
        low, high, part = text_of(row, Key.LOW), text_of(row, Key.HIGH), row.get(Key.PART)
        if row.get(Key.SIGN) not in wanted:
            continue
        if stretches and stretches[-1][1] == low and stretches[-1][2] == part:
            stretches[-1] = (stretches[-1][0], high, part)
        else:
            stretches.append((low, high, part))
    return [(low, high) for low, high, _ in stretches]


def between(say: Say, variable: str, stretches: Sequence[tuple[str, str]]) -> str:
    """`x < −1 and 0 < x < 2`, for a list of stretches."""
    return say.listed(
        [_stretch(variable, say.localised(pretty(low)), say.localised(pretty(high)), say) for low, high in stretches]
    )


def _stretch(variable: str, low: str, high: str, say: Say) -> str:
    match low == "−∞", high == "∞":
        case True, True:
            return say(Sentence.EVERYWHERE, variable=variable)
        case True, False:
            return f"{variable} < {high}"
        case False, True:
            return f"{variable} > {low}"
        case _:
            return f"{low} < {variable} < {high}"


def solution_set(say: Say, variable: str, rows: Sequence[Result]) -> str:
    """`x < −2 or x ≥ 2` for the rows of an inequality's result."""
    return say(Sentence.OR).join(_row(say, variable, row) for row in rows)


def _row(say: Say, variable: str, row: Result) -> str:
    low, high = object_of(row, Key.LOW), object_of(row, Key.HIGH)
    below = "<" if row.get(Key.OPEN_LOW) is True else "≤"
    above = "<" if row.get(Key.OPEN_HIGH) is True else "≤"
    if text_of(low, Key.EXACT) == text_of(high, Key.EXACT):
        return f"{variable} = {_end(say, low)}"
    if is_infinite(low) and is_infinite(high):
        return say(Sentence.EVERYWHERE, variable=variable)
    if is_infinite(low):
        return f"{variable} {above} {_end(say, high)}"
    if is_infinite(high):
        return f"{variable} {'>' if below == '<' else '≥'} {_end(say, low)}"
    return f"{_end(say, low)} {below} {variable} {above} {_end(say, high)}"


def _end(say: Say, part: Result) -> str:
    """`√2 (≈ 1.41421)`: a second sign of equality would read as part of the chain."""
    text = say.both(part)
    for sign in (" ≈ ", " = "):
        exact, found, decimal = text.partition(sign)
        if found:
            return f"{exact} ({sign.strip()} {decimal})"
    return text.removeprefix("≈ ")


def written(say: Say, variable: str, bounds: Bounds) -> str:
    """`0 ≤ x < 5`, `x > 0`."""
    low, high = say.formula(bounds.low), say.formula(bounds.high)
    below, above = "<" if bounds.open_low else "≤", "<" if bounds.open_high else "≤"
    if low == "−∞":
        return say(Sentence.EVERYWHERE, variable=variable) if high == "∞" else f"{variable} {above} {high}"
    if high == "∞":
        return f"{variable} {'>' if bounds.open_low else '≥'} {low}"
    return f"{low} {below} {variable} {above} {high}"
