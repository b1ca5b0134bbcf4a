"""An expression as text that sympy reads inside the sandbox: `2*x**2 - 1/(x + 1)`."""

from __future__ import annotations

from collections.abc import Mapping
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

_BINDING: Final[Mapping[str, int]] = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}


def code(expression: Expression) -> str:
    """The text sympy reads, with no more parentheses than needed: `2*x**2 - 1/(x + 1)`."""
    return _code(expression, 0)


def _code(expression: Expression, outside: int) -> str:
    match expression:
        case Number(text) | Symbol(text) | Constant(text):
            return text
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
