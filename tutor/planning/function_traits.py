"""What a function is like as a whole: where it is defined, which values it takes, symmetry, inverse, asymptotes."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from tutor.formulas.expression import (
    Call,
    Expression,
    Negative,
    Number,
    Operation,
    is_constant,
    walk,
)


class Trait(StrEnum):
    """What was asked about."""

    DOMAIN = "domain"
    VALUES = "values"  # the range of a function
    PARITY = "parity"  # even or odd
    INVERSE = "inverse"
    ASYMPTOTES = "asymptotes"
    PERIOD = "period"


Condition = tuple[Expression, str]
"""An expression and how it must compare with 0: `!=`, `>` or `>=`."""

_ONE: Final = Number("1")
_SMOOTH: Final = frozenset(
    {"sin", "cos", "sinh", "cosh", "tanh", "exp", "Abs", "atan", "asinh", "tan", "sec", "cot", "csc", "log", "sqrt",
      "asin", "acos", "acosh", "atanh"}
)  # fmt: skip


def is_continuous(expression: Expression) -> bool:
    """Whether all functions in it are continuous where they are defined, and everybody agrees where that is.

    People differ about odd roots of negative numbers: x^(1/3) has real values there, or none.
    """
    return all(
        node.function in _SMOOTH if isinstance(node, Call) else not _is_odd_root(node) for node in walk(expression)
    )


def _is_odd_root(node: Expression) -> bool:
    match node:
        case Operation("**", base, Operation("/", _, Number(root))):
            return not is_constant(base) and root.isdigit() and int(root) % 2 == 1
        case _:
            return False


def conditions_of(expression: Expression) -> tuple[Condition, ...]:
    """What must hold for the formula, as it was written, to have a real value; `(x - 1)/(x - 1)` keeps its gap."""
    return tuple(dict.fromkeys(each for node in walk(expression) for each in _conditions(node)))


def _conditions(node: Expression) -> Iterator[Condition]:
    match node:
        case Operation("/", _, below) if not is_constant(below):
            yield below, "!="
        case Operation("**", base, power) if not is_constant(base):
            yield from _of_power(base, power)
        case Call(function, arguments):
            for argument in arguments:
                if not is_constant(argument):
                    yield from _of_call(function, argument)
        case _:
            return


def _of_power(base: Expression, power: Expression) -> Iterator[Condition]:
    """Whole exponents ask for nothing but a base that is not 0 below the line; others for a base from 0 on."""
    is_negative = isinstance(power, Negative)
    size = power.operand if isinstance(power, Negative) else power
    if isinstance(size, Number) and size.text.isdigit():
        if is_negative:
            yield base, "!="
    elif isinstance(size, Number) or (isinstance(size, Operation) and is_constant(size) and not is_negative):
        yield base, ">" if is_negative else ">="
    else:
        yield base, ">"


def _of_call(function: str, argument: Expression) -> Iterator[Condition]:
    within = Operation("-", _ONE, Operation("**", argument, Number("2")))
    match function:
        case "log":
            yield argument, ">"
        case "sqrt":
            yield argument, ">="
        case "asin" | "acos":
            yield within, ">="
        case "atanh":
            yield within, ">"
        case "acosh":
            yield Operation("-", argument, _ONE), ">="
        case "tan" | "sec":
            yield Call("cos", (argument,)), "!="
        case "cot" | "csc":
            yield Call("sin", (argument,)), "!="
        case _:
            return
