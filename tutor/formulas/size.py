"""How large a number could become, so that a tower of powers is refused before anybody tries to work it out."""

from __future__ import annotations

import math
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

MAX_DIGITS: Final = 2000
"""A number that could have more digits than this is not worked out."""

MAX_SYMBOLIC_EXPONENT: Final = 60
"""x**60 is drawn and solved in a moment; x**60000 is not."""


class TooBigError(ValueError):
    """The expression holds a power or factorial that would take more than a moment to work out."""


def magnitude(expression: Expression) -> float:
    """About how large the value can be, as a float, taking every variable for one; `inf` past a float's range.

    Raises TooBigError where sympy would be asked for a number of more than `MAX_DIGITS` digits.
    """
    match expression:
        case Number(text):
            return float(text)
        case Symbol() | Applied():
            return 1.0
        case Constant(name):
            return {"pi": math.pi, "E": math.e}.get(name, 1.0)
        case Negative(operand):
            return magnitude(operand)
        case Operation(operator, left, right):
            return _combined(operator, magnitude(left), magnitude(right), constant=is_constant(left))
        case Call(function, arguments):
            return _called(function, [magnitude(argument) for argument in arguments])


def _combined(operator: str, left: float, right: float, *, constant: bool) -> float:
    if operator == "**":
        return _powered(left, right, constant=constant)
    return left + right if operator in "+-" else left * max(right, 1.0)


def _powered(base: float, exponent: float, *, constant: bool) -> float:
    if not constant and exponent > MAX_SYMBOLIC_EXPONENT:
        raise TooBigError
    digits = exponent * max(abs(math.log10(base or 1.0)), math.log10(2)) if base < math.inf else math.inf
    if digits > MAX_DIGITS:
        raise TooBigError
    return float(10.0**digits) if digits < 300 else math.inf


def _called(function: str, arguments: list[float]) -> float:
    largest = max(arguments, default=1.0)
    if function == "factorial":
        return _powered(10.0, math.lgamma(min(largest, 1e6) + 1) / math.log(10), constant=True)
    if function in {"exp", "sinh", "cosh", "gamma"}:
        return _powered(math.e, largest, constant=True)
    return largest if function in {"sqrt", "cbrt", "Abs"} else max(1.0, min(largest, 1e6))
