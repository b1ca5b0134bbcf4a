"""What a question's formula is once read: a small tree, written out again as text that sympy reads inside the sandbox.

Nothing here computes the user's mathematics. `magnitude` only estimates how large a number could become, with floats,
so that a tower of powers is refused before anybody tries to work it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

MAX_DIGITS: Final = 2000
"""A number that could have more digits than this is not worked out."""

MAX_SYMBOLIC_EXPONENT: Final = 60
"""x**60 is still drawn and solved in a moment; x**60000 is not."""


class TooBigError(ValueError):
    """The expression holds a power or factorial that would take more than a moment to work out."""


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number as written, with a point: `12`, `0.5`, `1e-3`."""

    text: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable or parameter: `x`, `theta`, `x_1`."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """`pi`, `E` or `oo`, in sympy's spelling."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus the operand."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and one of `+ - * / **`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function of sympy's, by its name there, with its arguments: `sin`, `log`, `sqrt`, `Abs`, `factorial`."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """A function of the user's own with its argument: `f(3)`; `primes` counts the strokes of `f''(3)`."""

    function: str
    argument: Expression
    primes: int = 0


Expression = Number | Symbol | Constant | Negative | Operation | Call | Applied

_BINDING: Final[Mapping[str, int]] = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}


def children(expression: Expression) -> tuple[Expression, ...]:
    """The operands or arguments, left to right."""
    match expression:
        case Number() | Symbol() | Constant():
            return ()
        case Negative(operand):
            return (operand,)
        case Operation(_, left, right):
            return (left, right)
        case Call(_, arguments):
            return arguments
        case Applied(_, argument):
            return (argument,)


def rebuilt(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The same node over changed operands."""
    match expression:
        case Number() | Symbol() | Constant():
            return expression
        case Negative(operand):
            return Negative(change(operand))
        case Operation(operator, left, right):
            return Operation(operator, change(left), change(right))
        case Call(function, arguments):
            return Call(function, tuple(change(argument) for argument in arguments))
        case Applied():
            return replace(expression, argument=change(expression.argument))


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node, the root first."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def symbols(expression: Expression) -> tuple[str, ...]:
    """Names of the variables, in order of appearance, each once."""
    return tuple(dict.fromkeys(node.name for node in walk(expression) if isinstance(node, Symbol)))


def is_constant(expression: Expression) -> bool:
    """True where no variable and no function of the user's is left."""
    return not any(isinstance(node, Symbol | Applied) for node in walk(expression))


def substituted(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """Each variable named in `values` replaced, all at once."""
    if isinstance(expression, Symbol):
        return values.get(expression.name, expression)
    return rebuilt(expression, lambda child: substituted(child, values))


def code(expression: Expression) -> str:
    """The text sympy reads, with no more parentheses than needed: `2*x**2 - 1/(x + 1)`."""
    return _code(expression, 0)


def _code(expression: Expression, outside: int) -> str:
    match expression:
        case Number(text):
            return text
        case Symbol(name) | Constant(name):
            return name
        case Negative(operand):
            return _wrapped("-" + _code(operand, _BINDING["*"]), inside=_BINDING["-"], outside=outside)
        case Operation():
            return _operation(expression, outside)
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
