"""What the form of the subjects asks for, where words do not say: equations are solved, numbers are worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutor.formulas.expression import (
    Applied,
    Number,
    Symbol,
    is_constant,
    substituted,
    walk,
)
from tutor.formulas.statements import Doubt, Relation
from tutor.language.cues import SIGN_CUES, Cue
from tutor.planning import curves
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import (
    Arithmetic,
    Derivative,
    Evaluate,
    Function,
    Inequality,
    Rewrite,
    Rewriting,
    Solve,
    SolveSystem,
    Task,
)
from tutor.planning.view import ClauseView


def by_shape(view: ClauseView) -> list[Task]:
    """Tasks for SOLVE, EVALUATE, FIND, or no demand at all."""
    subjects = view.subjects()
    equations = [relation for relation in subjects if view.is_equation(relation)]
    if _are_system(view, subjects, equations):
        return [_system(view, [each for each in subjects if each.is_equation])]
    spoken_of = {
        node.function for each in subjects if each.is_bare for node in walk(each.parts[0]) if isinstance(node, Applied)
    }
    return [task for relation in subjects if not _only_defines(relation, spoken_of) for task in _shaped(view, relation)]


def _only_defines(relation: Relation, spoken_of: set[str]) -> bool:
    """`f(3) for f(x) = x^2`: the second only says what f is."""
    return relation.definition is not None and relation.definition[0] in spoken_of


def _are_system(view: ClauseView, subjects: Sequence[Relation], equations: Sequence[Relation]) -> bool:
    """Several equations of several unknowns; `y = 2x + 1 and y = 4 - x` is one too where it is to be solved."""
    solving = bool({Cue.SOLVE, Cue.SYSTEM} & view.clause.cues)
    if solving and len(subjects) > 1 and all(each.is_equation for each in subjects) and not view.clause.values:
        equations = subjects
    letters = {name for relation in equations for name in relation.letters}
    return len(equations) > 1 and (Cue.SYSTEM in view.clause.cues or len(letters) > 1)


def _shaped(view: ClauseView, relation: Relation) -> list[Task]:
    if relation.is_inequality:
        return [_inequality(view, relation)]
    if relation.is_equation and view.is_equation(relation):
        return _solved(view, relation)
    if not (relation.is_bare or relation.is_equation):
        raise Refusal(Reason.LEFT_OVER, relation.signs)
    if relation.is_bare and is_constant_call(view, relation):
        return _number(view, relation)
    return _of_function(view, relation)


def is_constant_call(view: ClauseView, relation: Relation) -> bool:
    """`2 + 3`, `f(2)`, `f'(2)`: a number once the user's functions are put in."""
    expression = relation.parts[0]
    if isinstance(expression, Applied) and expression.primes:
        return is_constant(expression.argument)
    return is_constant(expression) or (isinstance(expression, Applied) and is_constant(view.unfolded(expression)))


def _number(view: ClauseView, relation: Relation) -> list[Task]:
    _refuse_log(relation)
    expression = relation.parts[0]
    if isinstance(expression, Applied):
        return [_applied(view, expression)]
    if isinstance(expression, Number) and len(view.clause.subjects) > 1:
        raise Refusal(Reason.LEFT_OVER)  # a lone number beside something else had another meaning
    if Cue.BE in view.clause.cues and not view.clause.demands:  # "is pi rational"
        raise Refusal(Reason.LEFT_OVER)
    return [Arithmetic(expression=view.unfolded(expression))]


def _applied(view: ClauseView, applied: Applied) -> Task:
    known = view.function(Relation((Symbol(applied.function),)))
    if known is None:
        raise Refusal(Reason.UNDEFINED, (applied.function,))
    point = view.unfolded(applied.argument)
    if applied.primes:
        return Derivative(function=known, order=applied.primes, at=(point,))
    return Evaluate(function=known, at=point)


def _of_function(view: ClauseView, relation: Relation) -> list[Task]:
    """What is asked of a function follows from what is given: points, a sign, an unknown, or nothing."""
    function = view.function(relation)
    if function is None:
        return _solved(view, relation)
    values = view.points(function)
    if function.derived:
        return [Derivative(function=replace(function, derived=0), order=function.derived, at=tuple(values))]
    if values:
        _refuse_log(relation)
        return [Evaluate(function=member, at=value) for member in view.family(function) for value in values]
    return _without_points(view, relation, function)


def _without_points(view: ClauseView, relation: Relation, function: Function) -> list[Task]:
    demands = view.clause.demands
    solving = Cue.SOLVE in demands
    if relation.is_bare and isinstance(relation.parts[0], Applied) and not function.name:  # f(g(x))
        return [Rewrite(expression=function.expression, how=Rewriting.EXPAND)]
    if view.clause.cues & SIGN_CUES and set(demands) <= {Cue.FIND}:  # "where is x^2 - 4 positive"
        relation = Relation((function.expression, Number("0")), (str(view.sign()),))
        return [Inequality(relation=relation, unknown=function.variable, bounds=view.bounds(function.variable))]
    if function.name in view.clause.values or (solving and view.clause.unknowns):
        return _solved(view, relation)
    if solving and relation.is_bare:
        _refuse_log(relation)
        return curves.roots(view)
    if demands:
        raise Refusal(Reason.NO_DEMAND if demands == (Cue.FIND,) else Reason.NO_POINT)
    return []


def roots(view: ClauseView) -> list[Task]:
    """Zeros of functions, solutions of equations."""
    found: list[Task] = []
    for relation in view.subjects():
        _refuse_log(relation)
        if view.function(relation) is None:
            found += _solved(view, relation)
    return found or curves.roots(view)


def _solved(view: ClauseView, relation: Relation) -> list[Task]:
    _refuse_log(relation)
    if not relation.is_equation or view.clause.of:
        raise Refusal(Reason.LEFT_OVER, relation.signs)
    found: list[Task] = []
    for equation in _with_values(view, relation):
        unknown = _unknown(view, equation)
        bounds, is_complex = view.solution_bounds(unknown), Cue.COMPLEX in view.clause.cues
        found.append(Solve(equation=equation, unknown=unknown, bounds=bounds, is_complex=is_complex))
    return found


def _with_values(view: ClauseView, relation: Relation) -> list[Relation]:
    """The equation with each given value put in; one equation for each of several."""
    results = [Relation(tuple(view.unfolded(part) for part in relation.parts), relation.signs)]
    for name, values in view.clause.values.items():
        if name in relation.letters and view.clause.subjects:
            view.use(f"value of {name}")
            results = [
                Relation(tuple(substituted(part, {name: value}) for part in result.parts), result.signs)
                for result in results
                for value in values
            ]
    return results


def _unknown(view: ClauseView, relation: Relation) -> str:
    wanted = [name for name in view.clause.unknowns if name in relation.letters]
    view.use("unknowns")
    if wanted or len(relation.letters) == 1:
        return wanted[0] if wanted else relation.letters[0]
    if not relation.letters:
        raise Refusal(Reason.LEFT_OVER, ("=",))
    raise Refusal(Reason.SEVERAL_UNKNOWNS, relation.letters)


def _system(view: ClauseView, equations: Sequence[Relation]) -> Task:
    whole = [each for relation in equations for each in _with_values(view, relation)]
    letters = tuple(dict.fromkeys(name for relation in whole for name in relation.letters))
    wanted = tuple(name for name in view.clause.unknowns if name in letters)
    view.use("unknowns")
    for relation in equations:
        _refuse_log(relation)
    return SolveSystem(equations=tuple(whole), unknowns=wanted or letters)


def _inequality(view: ClauseView, relation: Relation) -> Task:
    _refuse_log(relation)
    if Cue.OR in view.clause.cues:
        raise Refusal(Reason.LEFT_OVER, ("or",))
    [whole] = _with_values(view, relation)[:1]
    unknown = _unknown(view, whole)
    return Inequality(relation=whole, unknown=unknown, bounds=view.bounds(unknown))


def _refuse_log(relation: Relation) -> None:
    """`log` without a base: the number depends on which is meant, unlike the shape of a curve."""
    if Doubt.LOG in relation.doubts:
        raise Refusal(Reason.AMBIGUOUS, (Doubt.LOG,))
