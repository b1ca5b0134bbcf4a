"""Reads numbers and formulas back from an answer's text, as a person would, and compares them with numpy."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from tests.tutor.driver import Answered, Worker
from tests.tutor.formulas import Fn


class Verdict(Enum):
    """What an answer is worth."""

    RIGHT = "right"
    DECLINED = "declined"
    WRONG = "wrong"


Judge = Callable[[Worker, Answered], Awaitable[Verdict]]

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_EXPLANATION = re.compile(r"\*\*How the code|\*\*Wie der Code|\n\*How: |\n\*Kurz: ")
_GERMAN_EXPLANATION = re.compile(r"\*\*Wie der Code|\n\*Kurz: ")
_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_REFUSALS = (
    "I did not understand",
    "too long for me",
    "found nothing in this",
    "do not know",
    "What shall I do",
    "understood the words",
    "cannot do",
    "can mean",
    "too large",
    "I need a value",
    "several unknowns",
    "could not",
    "did not finish",
    "nicht verstanden",
    "zu lang",
    "nichts gefunden, was",
    "weiß nicht",
    "Was soll ich",
    "kann ich nicht",
    "bedeuten",
    "zu groß",
    "brauche ich",
    "mehrere Unbekannte",
    "konnte ich nicht",
    "nicht zu Ende",
    "Wörter habe ich",
)


def said(answered: Answered) -> str:
    """The answer without its explanation, in plain signs and with decimal points."""
    text, is_german = answered.text, bool(_GERMAN_EXPLANATION.search(answered.text))
    text = _EXPLANATION.split(text)[0]
    if is_german:
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    return text.replace("−", "-").replace(";", ",")


def declined(answered: Answered) -> bool:
    """Whether the answer says honestly that there is none."""
    return any(phrase in answered.text for phrase in _REFUSALS)


def verdict(answered: Answered, *, right: bool) -> Verdict:
    """Right, honestly declined, or wrong."""
    if right:
        return Verdict.RIGHT
    return Verdict.DECLINED if declined(answered) else Verdict.WRONG


def number(text: str) -> float:
    """What stands after the last sign of equality: `7/3 ≈ 2.33333`, `12`; nan where that is no number."""
    last = re.sub(r"10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda power: "10^" + power[1].translate(_PLAIN), text)
    last = last.replace("≈", "=").rpartition("=")[2].strip()
    mantissa, _, exponent = last.partition("·10^")
    try:
        return float(mantissa) * 10.0 ** int(exponent or 0)
    except ValueError:
        return math.nan


def bold(answered: Answered) -> list[str]:
    """What stands in bold."""
    return _BOLD.findall(said(answered))


def values(answered: Answered, name: str) -> list[float]:
    """Numbers that stand in bold as `name = number`."""
    return [
        number(part)
        for part in bold(answered)
        if part.replace("≈", "=").partition("=")[0].strip() == name and re.search("[=≈]", part)
    ]


def formula(text: str, letter: str) -> str:
    """Everyday notation, `2x² - √x·ln(x)`, as numpy of x."""
    text = re.sub(r"([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda power: f"**({power[1].translate(_PLAIN)})", text)
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text).replace("^", "**").replace("·", "*")
    text = re.sub(r"√(\w+)", r"√(\1)", text)
    text = re.sub(rf"(?<![a-zA-Z]){letter}(?![a-zA-Z])", "X", text)
    text = re.sub(r"(?<![a-zA-Z])e(?![a-zA-Z])", "E", text)
    text = re.sub(r"(\d|\))(?=[a-zA-Z√π(])", r"\1*", text)
    names = {
        "ln": "np.log",
        "sin": "np.sin",
        "cos": "np.cos",
        "√": "np.sqrt",
        "abs": "np.abs",
        "sign": "np.sign",
        "E": "np.e",
        "X": "x",
        "π": "np.pi",
    }
    return re.sub("|".join(names), lambda found: names[found[0]], text)


def close(found: float, expected: float, *, tolerance: float = 1e-4) -> bool:
    """Equal to about five digits."""
    return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)


def is_number(expected: float, *, place: int = 0) -> Judge:
    """The first bold part, or the one at `place`, ends in this number."""

    async def judge(_: Worker, answered: Answered) -> Verdict:
        parts = bold(answered)
        return verdict(answered, right=bool(parts) and close(number(parts[place]), expected))

    return judge


def has_values(**expected: Sequence[float]) -> Judge:
    """The answer gives exactly these values for each name."""

    async def judge(_: Worker, answered: Answered) -> Verdict:
        right = True
        for name, numbers in expected.items():
            found = values(answered, name)
            right &= len(found) == len(numbers) and all(map(close, sorted(found), sorted(numbers)))
        return verdict(answered, right=right)

    return judge


def says(*words: str) -> Judge:
    """All these stand in the answer; bars separate what may stand instead."""

    async def judge(_: Worker, answered: Answered) -> Verdict:
        text = said(answered).lower()
        right = all(any(each.lower() in text for each in word.split("|")) for word in words)
        return verdict(answered, right=right)

    return judge


def is_formula(expected: str, letter: str, low: float, high: float) -> Judge:
    """The first bold part is a formula with the same values as this numpy formula."""

    async def judge(worker: Worker, answered: Answered) -> Verdict:
        parts = bold(answered)
        found = formula(parts[0].rpartition("=")[2], letter) if parts else "nan"
        places = [low + (high - low) * (k + 0.37) / 9 for k in range(9)]
        return verdict(answered, right=await same_curve(worker, found, expected, places))

    return judge


def is_antiderivative(function: Fn, letter: str) -> Judge:
    """The first bold part is a formula with this derivative."""

    async def judge(worker: Worker, answered: Answered) -> Verdict:
        parts = bold(answered)
        found = Fn(lambda _: "", formula(parts[0], letter) if parts else "nan")
        return verdict(answered, right=await same_curve(worker, found.slope, function.numpy, [0.3, 1.1, 2.7]))

    return judge


async def same_curve(worker: Worker, found: str, expected: str, places: Sequence[float]) -> bool:
    """Whether two numpy formulas agree at these places."""
    pairs = zip(await worker.values(found, places), await worker.values(expected, places), strict=True)
    return all(a is not None and b is not None and close(a, b, tolerance=1e-3) for a, b in pairs)


def draws(functions: Sequence[Fn], *, low: float | None = None, high: float | None = None) -> Judge:
    """One diagram with title, labels, these curves point for point over the range asked for, a legend for several."""

    async def judge(worker: Worker, answered: Answered) -> Verdict:
        if len(answered.figures) != 1:
            return verdict(answered, right=False)
        axes, *lines = answered.figures[0]
        curves = [line for line in lines if len(line["x"]) > 50]
        right = all(axes[part] for part in ("title", "xlabel", "ylabel")) and len(curves) == len(functions)
        right = right and axes["legend"] is (len(functions) > 1)
        for function, curve in zip(functions, curves, strict=False):
            right = right and await _follows(worker, function, curve)
            right = right and (low is None or close(min(curve["x"]), low))
            right = right and (high is None or close(max(curve["x"]), high))
        return verdict(answered, right=right)

    return judge


async def _follows(worker: Worker, function: Fn, curve: Mapping[str, Any]) -> bool:
    xs, ys = curve["x"][::20], curve["y"][::20]
    expected = await worker.values(function.numpy, xs)
    pairs = [(y, e) for y, e in zip(ys, expected, strict=True) if e is not None and not math.isnan(y)]
    return len(pairs) > 5 and all(close(y, e, tolerance=1e-6) for y, e in pairs)


def saves_table(function: Fn, count: int) -> Judge:
    """One csv file with this many rows, each right."""

    async def judge(_: Worker, answered: Answered) -> Verdict:
        rows = [line.split(",") for content in answered.files.values() for line in content.splitlines()[1:]]
        right = len(rows) == count and all(close(float(y), function.at(float(x))) for x, y in rows)
        return verdict(answered, right=right)

    return judge


def all_of(*judges: Judge) -> Judge:
    """Every judge finds it right."""

    async def judge(worker: Worker, answered: Answered) -> Verdict:
        verdicts = [await each(worker, answered) for each in judges]
        return next((each for each in verdicts if each is not Verdict.RIGHT), Verdict.RIGHT)

    return judge
