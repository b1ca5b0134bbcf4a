"""Functions in what the user wrote: which letter varies, which are parameters, what f(3) stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from adapters.embedded.models.tutor.formulas.expression import (
    Applied, Expression, Negative, Number, Operation, Symbol, is_constant, rebuilt, substituted, symbols, walk,
)
from adapters.embedded.models.tutor.planning.refusal import Reason, Refusal
from adapters.embedded.models.tutor.formulas.statements import Relation
from adapters.embedded.models.tutor.planning.tasks import Function

_USUAL_VARIABLES: Final = ("x", "t", "z", "theta", "y", "u", "v", "w", "s", "r", "n")
_LARGEST_TREE: Final = 500

Definitions = Mapping[str, Function]


def variable_of(expression: Expression, *, preferred: Sequence[str], given: Sequence[str]) -> str:
    """The letter that varies: one asked for, else the most usual one, else the first; not one that has a value."""
    letters = symbols(expression)
    free = [letter for letter in letters if letter not in given] or list(letters)
    for letter in (*preferred, *_USUAL_VARIABLES):
        if letter in free:
            return letter
    return free[0] if free else "x"


def function_of(relation: Relation, *, preferred: Sequence[str] = (), given: Sequence[str] = ()) -> Function | None:
    """The function that a statement is about; None for an equation that defines none."""
    if relation.is_bare and not isinstance(relation.parts[0], Applied):
        return _named("", relation.parts[0], preferred, given)
    if relation.definition is not None:
        name, variable = relation.definition
        return _named(name, relation.parts[1], [variable] if variable else preferred, given)
    if relation.is_equation and isinstance(relation.parts[1], Symbol):
        flipped = Relation((relation.parts[1], relation.parts[0]), ("=",))
        return function_of(flipped, preferred=preferred, given=given) if flipped.definition else None
    return None


def _named(name: str, expression: Expression, preferred: Sequence[str], given: Sequence[str]) -> Function:
    letter = variable_of(expression, preferred=preferred, given=given)
    if preferred and preferred[0] and is_constant(expression):
        letter = preferred[0]
    return Function(name=name, variable=letter, expression=expression)


def definitions_in(relations: Sequence[Relation], before: Definitions) -> dict[str, Function]:
    """The named functions after these statements; a repeated name takes its new meaning."""
    found = dict(before)
    for relation in relations:
        definition = relation.definition
        function = function_of(relation)
        if definition is None or function is None or (definition[1] and _compares(relation, found)):
            continue
        found[definition[0]] = Function(
            name=function.name, variable=function.variable, expression=unfolded(function.expression, found),
        )
    return found


def _compares(relation: Relation, known: Definitions) -> bool:
    """`f(x) = 5` where f is known asks where f takes that value."""
    left, right = relation.parts
    return isinstance(left, Applied) and left.function in known and is_constant(right)


def unfolded(expression: Expression, known: Definitions) -> Expression:
    """Every `f(...)` replaced by what f is. Raises Refusal for a function nobody defined."""
    result = _unfolded(expression, known, depth=0)
    if sum(1 for _ in walk(result)) > _LARGEST_TREE:
        raise Refusal(Reason.TOO_BIG)
    return result


def _unfolded(expression: Expression, known: Definitions, *, depth: int) -> Expression:
    inner = rebuilt(expression, lambda child: _unfolded(child, known, depth=depth))
    if not isinstance(inner, Applied):
        return inner
    function = known.get(inner.function)
    if function is None or depth > 4:
        raise Refusal(Reason.UNDEFINED, (inner.function,))
    if inner.primes:
        raise Refusal(Reason.LEFT_OVER, (f"{inner.function}{chr(39) * inner.primes}",))
    return substituted(function.expression, {function.variable: inner.argument})


def difference(relation: Relation) -> Expression:
    """Left side minus right side of an equation."""
    left, right = relation.parts
    if right in {Number("0"), Negative(Number("0"))}:
        return left
    return Operation("-", left, right)
