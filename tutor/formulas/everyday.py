"""Formulas as a person writes them: x² + 3, not x**2 + 3."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tutor.formulas.expression import Expression
from tutor.formulas.notation import GREEK
from tutor.formulas.sympy_text import code

_SUPERSCRIPTS: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_NAMES: Final = {
    "log": "ln",
    "oo": "∞",
    "pi": "π",
    "E": "e",
    "I": "i",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    **{name: sign for sign, name in GREEK.items()},
    "lamda": "λ",
}
_STEPS: Final = (
    (re.compile(r"\*\(pi/180\)"), "°"),
    (
        re.compile(r"log\(([^(),]*(?:\([^()]*\))?[^(),]*), (\d+)\)"),
        lambda log: f"log{log[2].translate(_SUBSCRIPTS)}({log[1]})",
    ),
    (re.compile(r"\bcbrt\((\w+)\)"), r"∛\1"),
    (re.compile(r"\bcbrt\("), "∛("),
    (re.compile(r"\breal_root\((.+?), 3\)"), r"∛(\1)"),
    (re.compile(r"\bexp\((\w+)\)"), r"E**\1"),
    (re.compile(r"\bexp\("), "E**("),
    (re.compile(r"\bsqrt\((\w+)\)"), r"√\1"),
    (re.compile(r"\bsqrt\("), "√("),
    (
        re.compile(r"\*\*(?:\((-?\d{1,3})\)|(\d{1,3}))(?![\w.(]|\*\*)"),
        lambda power: (power[1] or power[2]).translate(_SUPERSCRIPTS),
    ),
    (re.compile(r"(?<![\w.^)√])1\*(?=[a-zA-Z(])"), ""),
    (re.compile(r"_(\d+)"), lambda index: index[1].translate(_SUBSCRIPTS)),
    (re.compile(r"[A-Za-z]+(?![A-Za-z₀-₉])"), lambda name: _NAMES.get(name[0], name[0])),
    (re.compile(r"(?<![\w.^⁰-⁹)√])(\d+)\*(?=[a-zA-Zπα-ω](?![a-z])|√|\()"), r"\1"),
)


def pretty(text: str) -> str:
    """Sympy's text in everyday notation.

    >>> pretty("2*x**2 - sqrt(x)*log(x)/3 + 5*exp(-2*x)")
    '2x² − √x·ln(x)/3 + 5e^(−2x)'
    """
    text = _with_arguments(text, "Abs(", lambda inside: f"|{inside}|")
    text = _with_arguments(text, "factorial(", lambda inside: f"{inside}!" if inside.isalnum() else f"({inside})!")
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    return text.replace("**", "^").replace("*", "·").replace("-", "−")


def _with_arguments(text: str, opening: str, written: Callable[[str], str]) -> str:
    """Each call that begins like this in another notation, the innermost first: Abs(x) as |x|, factorial(x) as x!."""
    while (start := text.rfind(opening)) >= 0:
        first = end = start + len(opening)
        depth = 1
        while end < len(text) and depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        text = text[:start] + written(text[first : end - 1]) + text[end:]
    return text


def pretty_expression(expression: Expression) -> str:
    """The user's expression in everyday notation."""
    return pretty(code(expression))
