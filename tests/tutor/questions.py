"""What a generated question is, and how its answers are judged."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.tutor.driver import Answered, Worker
from tests.tutor.formulas import Fn
from tests.tutor.judging import BOLD, Verdict, close, declined, formula, normal

Judge = Callable[[Worker, Answered], Awaitable[Verdict]]


@dataclass(frozen=True)
class Question:
    """Messages of one thread; the judge sees the answer to the last."""

    kind: str
    messages: tuple[str, ...]
    judge: Judge


def verdict(answered: Answered, *, right: bool) -> Verdict:
    """Right, honestly declined, or wrong."""
    if right:
        return Verdict.RIGHT
    return Verdict.DECLINED if declined(answered.text) else Verdict.WRONG


def first_line(answered: Answered) -> str:
    """The first paragraph."""
    return answered.text.split("\n\n")[0]


def has_values(name: str, expected: Sequence[float]) -> Judge:
    """The answer gives exactly these values for the name."""
    async def judge(_: Worker, answered: Answered) -> Verdict:
        found = values_of(answered.text, name)
        right = len(found) == len(expected) and all(map(close, sorted(found), sorted(expected)))
        return verdict(answered, right=right)

    return judge


def values_of(text: str, name: str) -> list[float]:
    """Numbers that stand in bold as `name = number`."""
    found = []
    for part in BOLD.findall(point_decimals(text)):
        head, sign, _ = part.replace("≈", "=").partition("=")
        if sign and (head.strip() == name or not name):
            found.append(last_number(part))
    return found


def last_number(text: str) -> float:
    """The number after the last sign of equality."""
    last = normal(text).replace("≈", "=").rpartition("=")[2].strip()
    mantissa, _, exponent = last.partition("·10^")
    try:
        return float(mantissa) * 10.0 ** int(exponent or 0)
    except ValueError:
        return math.nan


def point_decimals(text: str) -> str:
    """A German answer's decimal commas made points."""
    if "**Wie der Code" not in text:
        return text
    return "".join(
        "." if c == "," and text[at - 1:at].isdigit() and text[at + 1:at + 2].isdigit() else c for at, c in enumerate(text)
    )


def is_number(expected: float) -> Judge:
    """The first bold part ends in this number, or is it."""
    async def judge(_: Worker, answered: Answered) -> Verdict:
        parts = BOLD.findall(point_decimals(answered.text))
        right = bool(parts) and close(last_number(parts[0]), expected)
        return verdict(answered, right=right)

    return judge


def is_formula(expected: str, letter: str, low: float, high: float) -> Judge:
    """The first bold part is a formula with the same values as this numpy formula."""
    async def judge(worker: Worker, answered: Answered) -> Verdict:
        parts = BOLD.findall(point_decimals(answered.text))
        at = [low + (high - low) * (k + 0.37) / 9 for k in range(9)]
        right = bool(parts) and await _same_curve(worker, formula(parts[0].rpartition("=")[2], letter), expected, at)
        return verdict(answered, right=right)

    return judge


async def _same_curve(worker: Worker, found: str, expected: str, at: Sequence[float]) -> bool:
    try:
        first, second = await worker.values(found, at), await worker.values(expected, at)
    except (ValueError, TimeoutError):
        return False
    return all(a is not None and b is not None and close(a, b, tolerance=1e-3) for a, b in zip(first, second, strict=True))


def says(*words: str, never: Sequence[str] = ()) -> Judge:
    """All these words stand in the first lines, none of those."""
    async def judge(_: Worker, answered: Answered) -> Verdict:
        text = normal(point_decimals(answered.text)).split("**How the code")[0].split("**Wie der Code")[0].lower()
        right = all(word.lower() in text for word in words) and not any(word.lower() in text for word in never)
        return verdict(answered, right=right)

    return judge


def draws(functions: Sequence[Fn], *, low: float | None = None, high: float | None = None) -> Judge:
    """One diagram with title, labels, legend and these curves, point for point, over the range asked for."""
    async def judge(worker: Worker, answered: Answered) -> Verdict:
        if len(answered.figures) != 1:
            return verdict(answered, right=False)
        axes, *lines = answered.figures[0]
        curves = [line for line in lines if len(line["x"]) > 50]
        furnished = bool(axes["title"] and axes["xlabel"] and axes["ylabel"] and axes["legend"])
        right = furnished and len(curves) == len(functions)
        for function, curve in zip(functions, curves, strict=False):
            right = right and await _follows(worker, function, curve, low, high)
        return verdict(answered, right=right)

    return judge


async def _follows(worker: Worker, function: Fn, curve: dict[str, list[float]], low: float | None, high: float | None) -> bool:
    xs, ys = curve["x"][::20], curve["y"][::20]
    in_range = (low is None or close(min(curve["x"]), low)) and (high is None or close(max(curve["x"]), high))
    expected = await worker.values(function.numpy, xs)
    pairs = [(y, e) for y, e in zip(ys, expected, strict=True) if e is not None and not math.isnan(y)]
    return in_range and len(pairs) > 10 and all(close(y, e, tolerance=1e-6) for y, e in pairs)


def all_of(*judges: Judge) -> Judge:
    """Every judge finds it right."""
    async def judge(worker: Worker, answered: Answered) -> Verdict:
        verdicts = [await each(worker, answered) for each in judges]
        return next((each for each in verdicts if each is not Verdict.RIGHT), Verdict.RIGHT)

    return judge


def pick(rng: random.Random, *wordings: str) -> str:
    """One of several ways of saying it."""
    return rng.choice(wordings)
