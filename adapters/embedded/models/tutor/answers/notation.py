"""Formulas as a person writes them: x² + 3, not x**2 + 3."""

from __future__ import annotations

import re
from typing import Final

from adapters.embedded.models.tutor.formulas.expression import Expression, code
from adapters.embedded.models.tutor.planning.tasks import Function

_SUPERSCRIPTS: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_NAMES: Final = {"log": "ln", "oo": "∞", "pi": "π", "E": "e", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}


def pretty(text: str) -> str:
    """Sympy's text in everyday notation.

    >>> pretty("2*x**2 - sqrt(x)*log(x)/3 + 5*exp(-2*x)")
    '2x² − √(x)·ln(x)/3 + 5·e^(−2x)'
    """
    text = re.sub(r"log\(([^(),]*), 10\)", r"log₁₀(\1)", text)
    text = re.sub(r"\bexp\(", "e**(", text)
    text = re.sub(r"\*\*\(?(-?\d+)\)?(?![\d/.*])", lambda power: power[1].translate(_SUPERSCRIPTS), text)
    text = text.replace("**", "^").replace("-", "−")
    text = re.sub(r"[A-Za-z]+", lambda name: _NAMES.get(name[0], name[0]), text)
    text = re.sub(r"(?<![\w.^])(\d+)\*(?=[a-zπ](?![a-z]))", r"\1", text)
    return text.replace("*", "·").replace("sqrt(", "√(")


def pretty_expression(expression: Expression) -> str:
    """The user's expression in everyday notation."""
    return pretty(code(expression))


def named(function: Function) -> str:
    """`y = x² + 3`, `f(x) = ...`, or just the expression."""
    formula = pretty_expression(function.expression)
    if not function.name:
        return formula
    head = function.name if function.name == "y" else f"{function.name}({function.variable})"
    return f"{head} = {formula}"
