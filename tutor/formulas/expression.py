"""What a question's formula is once read: a small tree. Nothing here computes the user's mathematics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace


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


def with_real_cube_roots(expression: Expression) -> Expression:
    """The cube root by sign and absolute value: sympy's own is complex below zero."""
    inner = rebuilt(expression, with_real_cube_roots)
    if not (isinstance(inner, Call) and inner.function == "cbrt"):
        return inner
    [argument] = inner.arguments
    third = Operation("/", Number("1"), Number("3"))
    return Operation("*", Call("sign", (argument,)), Operation("**", Call("Abs", (argument,)), third))
