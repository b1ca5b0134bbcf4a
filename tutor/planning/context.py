"""What a thread has been about, and how a question that leaves something out takes it from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tutor.formulas.expression import Applied, Constant, Expression, Negative, Number, Operation, Symbol, is_constant
from tutor.formulas.statements import Relation
from tutor.language.cues import EXTREMA_CUES, MONOTONY_CUES, SHAPE_CUES, SIGN_CUES, Cue
from tutor.planning.function_plans import Definitions
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import CurveOfEquation, Function, Plot
from tutor.reading.clause import Clause
from tutor.reading.number_wording import NumbersBefore

_OF_POINTS: Final = frozenset({Cue.SOLVE, Cue.EVALUATE, Cue.DERIVATIVE, Cue.TANGENT, Cue.FIND, Cue.LIMIT})
_OF_RANGES: Final = (
    SHAPE_CUES
    | MONOTONY_CUES
    | EXTREMA_CUES
    | frozenset(
        {
            Cue.PLOT,
            Cue.INTEGRAL,
            Cue.AREA,
            Cue.TABLE,
            Cue.ROOTS,
            Cue.ANALYSIS,
            Cue.INTERSECTION,
        }
    )
)
_HAS_OWN_VALUES: Final = frozenset({Cue.INTEGRAL, Cue.AREA, Cue.TANGENT, Cue.NORMAL})
_ORDINALS: Final = frozenset({Cue.SECOND, Cue.THIRD, Cue.FOURTH})
_PARAMETERS: Final = frozenset("abcdkmnpqr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The last clause that was acted on, completed, and the functions named so far."""

    last: Clause | None = None
    earlier: Clause | None = None  # the one before it that had other subjects
    definitions: Definitions = field(default_factory=dict)
    numbers: NumbersBefore = field(default_factory=NumbersBefore)
    plot: Plot | CurveOfEquation | None = None  # the last one
    plotted: tuple[Relation, ...] = ()  # its subjects
    mentioned: tuple[Function, ...] = ()  # what the last answers were about, the latest last


def completed(  # noqa: C901 - one case a kind of gap
    clause: Clause, context: Context, *, opens: bool
) -> Clause:
    """The clause with what it leaves out taken from the one before: `plot it`, `and from 0 to 10?`, `and x^3?`.

    `opens` is true for the first clause of a message.
    """
    last = context.last
    if Cue.ALSO in clause.cues and not clause.demands and "y" in clause.values and context.plot is not None:
        lines = tuple(Relation((Symbol("y"), value), ("=",)) for value in clause.values["y"])  # "add the line y = 3"
        clause = replace(clause, demands=(Cue.PLOT,), subjects=(*clause.subjects, *lines), values={})
    if _is_lone_number(clause) and (clause.joined or Cue.AGAIN in clause.cues):
        return _at_number(clause, context)
    if last is None:
        return clause
    if Cue.BOTH in clause.cues and not clause.subjects and _is_of_own_functions(last) and len(context.definitions) == 2:
        last = replace(last, subjects=tuple(Relation((Symbol(name),)) for name in context.definitions))
    elif Cue.BOTH in clause.cues and not clause.subjects and len(last.subjects) == 1 and context.earlier is not None:
        last = replace(last, subjects=context.earlier.subjects + last.subjects)
    if not clause.subjects and clause.cues & SIGN_CUES and set(clause.demands) <= {Cue.FIND}:
        return replace(clause, subjects=last.subjects)  # "where is it negative?"
    if clause.demands and clause.demands != (Cue.FIND,):
        return clause if clause.subjects else _demanded(clause, last, opens=opens)
    if clause.subjects:
        varies = any(relation.letters for relation in clause.subjects)
        again = varies and (bool({Cue.AGAIN, Cue.ALSO} & clause.cues) or (opens and clause.joined))
        return _same_for(clause, last) if again else clause
    return _elsewhere(clause, last)


def _is_lone_number(clause: Clause) -> bool:
    """`and 5?`, `and 20%?`: nothing but a number, which means something only beside the question before."""
    if clause.demands not in {(), (Cue.FIND,)} or len(clause.subjects) != 1 or not clause.subjects[0].is_bare:
        return False
    number = clause.subjects[0].parts[0]
    if isinstance(number, Negative):
        number = number.operand
    return isinstance(number, Number | Constant) or (isinstance(number, Operation) and number.right == Number("100"))


def _at_number(clause: Clause, context: Context) -> Clause:
    """Another point, where the last question named one. Raises Refusal elsewhere."""
    last, [subject] = context.last, clause.subjects
    if last is None or Cue.ALSO in clause.cues:
        raise Refusal(Reason.FOLLOW_UP)
    if last.towards is not None:
        return replace(clause, demands=(Cue.LIMIT,), subjects=last.subjects, towards=subject.parts[0], side="+-")
    if last.points or any(map(_is_value_of_own, last.subjects)):
        return _at_other_point(replace(clause, demands=(), subjects=(), points=subject.parts), last)
    if len(last.values) == 1:
        [name] = last.values
        return _at_other_point(replace(clause, demands=(), subjects=(), values={name: subject.parts}), last)
    raise Refusal(Reason.FOLLOW_UP)


def _is_value_of_own(relation: Relation) -> bool:
    """`f(3)`."""
    value = relation.parts[0]
    return relation.is_bare and isinstance(value, Applied) and not value.primes and is_constant(value.argument)


def _function_itself(relation: Relation) -> Relation:
    """`f` for `f(3)`, whose place another point takes."""
    value = relation.parts[0]
    return (
        Relation((Symbol(value.function),)) if isinstance(value, Applied) and _is_value_of_own(relation) else relation
    )


def _is_of_own_functions(clause: Clause) -> bool:
    """Whether it was about `f(2)` or `f(g(x))`, so that `both` are the functions themselves."""
    return all(isinstance(part, Applied) for subject in clause.subjects for part in subject.parts)


def _demanded(clause: Clause, last: Clause, *, opens: bool) -> Clause:
    """Another demand of what was talked about; `evaluate it at 2` after a derivative means the derivative.

    Raises Refusal for the value of an integral or a tangent, which has no task: the function's would be wrong.
    """
    if clause.demands == (Cue.EVALUATE,) and clause.of is None and Cue.FUNCTION not in clause.cues:
        if Cue.DERIVATIVE in last.demands:
            return replace(clause, demands=(Cue.DERIVATIVE,), cues=clause.cues | last.cues, subjects=last.subjects)
        if _HAS_OWN_VALUES & set(last.demands):
            raise Refusal(Reason.FOLLOW_UP)
    if clause.demands == (Cue.PLOT,) and Cue.ALSO in clause.cues:  # "plot that too": what the last answer was about
        of = next((each for each in (Cue.TANGENT, Cue.DERIVATIVE) if each in last.demands), clause.of)
        clause = replace(clause, of=of, cues=clause.cues | (last.cues & _ORDINALS))
    lines = {Cue.TANGENT, Cue.NORMAL}
    drawn = bool(lines & {clause.of, *clause.demands} and lines & set(last.demands))
    if drawn and not (clause.values or clause.points):  # "draw the tangent": the one of before
        clause = replace(clause, values=last.values, points=last.points)
    bounds = clause.bounds or (last.bounds if clause.demands == (Cue.AREA,) else None)
    return replace(clause, subjects=last.subjects, bounds=bounds)


def _elsewhere(clause: Clause, last: Clause) -> Clause:
    """The same asked of another point, over another range, or for another unknown."""
    if clause.values or clause.points:
        return _at_other_point(clause, last)
    if clause.bounds or clause.conditions:
        demands = tuple(demand for demand in last.demands if demand in _OF_RANGES) or (Cue.PLOT,)
        solves = set(last.demands) <= {Cue.SOLVE, Cue.FIND} and any(
            each.is_equation and each.definition is None for each in last.subjects
        )
        demands = (Cue.SOLVE,) if solves else demands
        return replace(clause, demands=demands, subjects=last.subjects, of=last.of)
    if clause.towards:
        return replace(clause, demands=(Cue.LIMIT,), subjects=last.subjects)
    if clause.unknowns:
        return replace(clause, demands=last.demands, subjects=last.subjects, values=last.values)
    return clause


def _same_for(clause: Clause, last: Clause) -> Clause:
    """The demand of before, of another subject."""
    return replace(
        clause,
        demands=last.demands,
        of=last.of,
        cues=clause.cues | last.cues,
        values=clause.values or last.values,
        bounds=clause.bounds or last.bounds,
        points=clause.points or last.points,
        towards=clause.towards or last.towards,
        side=last.side,
        numbers=clause.numbers or last.numbers,
    )


def _at_other_point(clause: Clause, last: Clause) -> Clause:
    """The same asked of another point; after a plot or a question of shape, the value there."""
    pointwise = bool(last.demands) and set(last.demands) <= _OF_POINTS
    if not pointwise and {Cue.INTEGRAL, Cue.AREA} & set(last.demands):
        raise Refusal(Reason.FOLLOW_UP)  # the value of the antiderivative, not of the function
    demands = last.demands if pointwise else (Cue.EVALUATE,)
    cues = clause.cues | last.cues if pointwise else clause.cues
    values = {**_parameters(last.values, clause), **clause.values}
    return replace(
        clause,
        demands=demands,
        of=last.of if pointwise else None,
        cues=cues,
        subjects=tuple(map(_function_itself, last.subjects)),
        values=values,
    )


def _parameters(before: Mapping[str, tuple[Expression, ...]], clause: Clause) -> Mapping[str, tuple[Expression, ...]]:
    """Values of before that go on: parameters, where the new value is another letter's."""
    kept = _PARAMETERS - set(clause.values)
    return {name: values for name, values in before.items() if name in kept and clause.values}
