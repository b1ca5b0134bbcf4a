"""An expression as text: `2*x**2 - 1/(x + 1)` for sympy, `2x² − 1/(x + 1)` for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from tutor.formulas.expression import (
    Applied,
    Call,
    Constant,
    Expression,
    Negative,
    Number,
    Operation,
    Symbol,
    is_constant,
)
from tutor.formulas.notation import GREEK

_BINDING: Final[Mapping[str, int]] = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}


def code(expression: Expression) -> str:
    """The text sympy reads, with no more parentheses than needed: `2*x**2 - 1/(x + 1)`."""
    return _code(expression, 0)


def spelled(name: str) -> str:
    """A variable's name for sympy: `lambda` is a word of Python's, and `E` and `I` are numbers of sympy's."""
    return {"lambda": "lamda", "E": "E_", "I": "I_"}.get(name, name)


def _code(expression: Expression, outside: int) -> str:
    match expression:
        case Number(text) | Symbol(text) | Constant(text):
            return spelled(text) if isinstance(expression, Symbol) else text
        case Negative(operand):
            return _wrapped("-" + _code(operand, _BINDING["*"]), inside=_BINDING["-"], outside=outside)
        case Operation():
            return _operation(expression, outside)
        case Call("cbrt", (argument,)) if is_constant(argument):
            return f"real_root({_code(argument, 0)}, 3)"  # sympy's cbrt(-8) is complex
        case Call(function, arguments):
            return f"{function}({', '.join(_code(argument, 0) for argument in arguments)})"
        case Applied(function, argument, primes):
            return f"{function}{chr(39) * primes}({_code(argument, 0)})"


def _operation(expression: Operation, outside: int) -> str:
    binding = _BINDING[expression.operator]
    right_first = expression.operator == "**"
    left = _code(expression.left, binding + right_first)
    right = _code(expression.right, binding + (not right_first))
    space = " " if binding == 1 else ""
    return _wrapped(f"{left}{space}{expression.operator}{space}{right}", inside=binding, outside=outside)


def _wrapped(text: str, *, inside: int, outside: int) -> str:
    return f"({text})" if inside < outside else text


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
_LETTERS: Final = {"E": "\ue000", "I": "\ue001"}  # variables of these names, while numbers of these names are written
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
    (re.compile(r"(?<![\w.^⁰-⁹)√])(\d+(?:\.\d+)?)\*(?=[a-zA-Zπα-ω](?![a-z])|√|\()"), r"\1"),
)


def pretty(text: str) -> str:
    """Sympy's text in everyday notation.

    >>> pretty("2*x**2 - sqrt(x)*log(x)/3 + 5*exp(-2*x)")
    '2x² − √x·ln(x)/3 + 5e^(−2x)'
    """
    text = _with_arguments(text, "Abs(", lambda inside: f"|{inside}|")
    text = _with_arguments(text, "factorial(", lambda inside: f"{inside}!" if inside.isalnum() else f"({inside})!")
    text = re.sub(r"\b([EI])_(?!\w)", lambda name: _LETTERS[name[1]], text)
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    for letter, mark in _LETTERS.items():
        text = text.replace(mark, letter)
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
