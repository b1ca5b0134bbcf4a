"""Functions in what the user wrote: which letter varies, which are parameters, what f(3) stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tutor.formulas.expression import (
    Applied,
    Expression,
    Symbol,
    is_constant,
    rebuilt,
    substituted,
    symbols,
    walk,
)
from tutor.formulas.statements import Relation
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import Function

_USUAL_VARIABLES: Final = ("x", "t", "z", "theta", "y", "u", "v", "w", "s", "r", "n")
_MAX_TREE: Final = 500

Definitions = Mapping[str, Function]


def variable_of(expression: Expression, *, preferred: Sequence[str], given: Sequence[str]) -> str:
    """The letter that varies: one asked for, else the most usual one, else the first; one without a value if it can."""
    letters = symbols(expression)
    if any(name in letters for name in preferred):
        return next(name for name in preferred if name in letters)
    free = [letter for letter in letters if letter not in given] or list(letters)
    usual = (letter for letter in _USUAL_VARIABLES if letter in free)
    return next(usual, free[0] if free else "x")


def function_of(relation: Relation, *, preferred: Sequence[str] = (), given: Sequence[str] = ()) -> Function | None:
    """The function that a statement is about; None for an equation that defines none."""
    if relation.is_bare:
        return _named("", relation.parts[0], preferred, given)
    if relation.definition is not None:
        name, variable = relation.definition
        if variable and is_constant(relation.parts[1]):
            return Function(name=name, variable=variable, expression=relation.parts[1], is_called=True)
        function = _named(name, relation.parts[1], [variable] if variable else preferred, given)
        return replace(function, is_called=bool(variable))
    if relation.is_equation and isinstance(relation.parts[1], Symbol):
        flipped = Relation((relation.parts[1], relation.parts[0]), ("=",), relation.doubts)
        return function_of(flipped, preferred=preferred, given=given) if flipped.definition else None
    return None


def _named(name: str, expression: Expression, preferred: Sequence[str], given: Sequence[str]) -> Function:
    variable = variable_of(expression, preferred=preferred, given=given)
    return Function(name=name, variable=variable, expression=expression)


def as_relation(function: Function) -> Relation:
    """The function as a statement; of a derivative, the function that it is taken of."""
    if not function.name:
        return Relation((function.expression,))
    named: Expression = Symbol(function.name)
    if function.is_called:
        named = Applied(function.name, Symbol(function.variable))
    return Relation((named, function.expression), ("=",))


def is_comparison(relation: Relation, known: Definitions) -> bool:
    """`f(x) = 5` or `f(x) = g(x)`, where f is known, asks where f takes that value."""
    if not relation.is_equation:
        return False
    left, right = relation.parts
    speaks_of_others = any(isinstance(node, Applied) and node.function in known for node in walk(right))
    return isinstance(left, Applied) and left.function in known and (is_constant(right) or speaks_of_others)


def definitions_in(relations: Sequence[Relation], before: Definitions) -> Definitions:
    """The named functions after these statements; a repeated name takes its new meaning. Raises Refusal."""
    found = dict(before)
    for relation in relations:
        function = function_of(relation)
        if function is None or not function.name or is_comparison(relation, found):
            continue
        expression = unfolded(function.expression, found)
        varies = variable_of(expression, preferred=[function.variable], given=())
        found[function.name] = replace(function, variable=varies, expression=expression)
    return found


def unfolded(expression: Expression, known: Definitions) -> Expression:
    """Every `f(...)` replaced by what f is. Raises Refusal for a function nobody defined."""
    result = _unfolded(expression, known)
    if sum(1 for _ in walk(result)) > _MAX_TREE:
        raise Refusal(Reason.TOO_BIG)
    return result


def _unfolded(expression: Expression, known: Definitions) -> Expression:
    if isinstance(expression, Symbol) and expression.name in known and known[expression.name].is_called:
        return known[expression.name].expression  # f + g
    inner = rebuilt(expression, lambda child: _unfolded(child, known))
    if not isinstance(inner, Applied):
        return inner
    function = known.get(inner.function)
    if function is None:
        raise Refusal(Reason.UNDEFINED, (inner.function,))
    if inner.primes:
        raise Refusal(Reason.LEFT_OVER, (inner.function + "'" * inner.primes,))
    return substituted(function.expression, {function.variable: inner.argument})
