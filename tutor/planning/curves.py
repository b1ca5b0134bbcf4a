"""What can be asked of functions: graph, derivative, integral, shape, limit, table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tutor.formulas.expression import Number, Operation, is_constant
from tutor.formulas.statements import Bounds, Relation
from tutor.language.cues import (
    ALGEBRA_CUES,
    EXTREMA_CUES,
    MONOTONY_CUES,
    SHAPE_CUES,
    TRAIT_CUES,
    Cue,
)
from tutor.planning.function_traits import Trait, is_continuous
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import (
    AreaBetween,
    Curvature,
    CurveOfEquation,
    Derivative,
    Evaluate,
    Extrema,
    Extremum,
    Function,
    Integral,
    Intersection,
    Limit,
    Monotony,
    Plot,
    Rewrite,
    Rewriting,
    Roots,
    Shape,
    SolveSystem,
    Table,
    Tangent,
    Task,
    TraitOf,
    Trend,
)
from tutor.planning.view import ClauseView

_SHAPES: Final = {Cue.CONCAVE: Shape.CONCAVE, Cue.CONVEX: Shape.CONVEX, Cue.INFLECTION: Shape.INFLECTION}
_TRENDS: Final = {Cue.INCREASING: Trend.INCREASING, Cue.DECREASING: Trend.DECREASING}
_EXTREMA: Final = {Cue.MAXIMUM: Extremum.MAXIMUM, Cue.MINIMUM: Extremum.MINIMUM}
_REWRITINGS: Final = {Cue.SIMPLIFY: Rewriting.SIMPLIFY, Cue.EXPAND: Rewriting.EXPAND, Cue.FACTOR: Rewriting.FACTOR}
_TRAITS: Final = {
    Cue.DOMAIN: Trait.DOMAIN,
    Cue.VALUES_TAKEN: Trait.VALUES,
    Cue.PARITY: Trait.PARITY,
    Cue.INVERSE: Trait.INVERSE,
    Cue.ASYMPTOTES: Trait.ASYMPTOTES,
    Cue.PERIODIC: Trait.PERIOD,
}
_DEFAULT_TABLE: Final = Bounds(Number("0"), Number("10"))


def plot(view: ClauseView) -> list[Task]:
    """All subjects in one diagram; of a derivative, its formula too."""
    equations = _curves_of_equations(view)
    if equations:
        return [CurveOfEquation(equations=equations, bounds=view.bounds("x"))]
    functions = view.drawable(view.functions(sides=True))
    first = functions[0]
    bounds = view.bounds(first.variable)
    if bounds is not None and bounds.low == bounds.high:
        raise Refusal(Reason.NO_RANGE)
    if view.clause.of is Cue.TANGENT:
        points = view.points(first)
        if not points:
            raise Refusal(Reason.NO_POINT)
        lines: list[Task] = [Tangent(function=first, at=point) for point in points]
        return [*lines, *(Plot(functions=(first,), bounds=bounds, tangent_at=point) for point in points)]
    marks = () if Cue.EVALUATE in view.clause.demands else tuple(view.points(first))
    drawn = Plot(functions=tuple(functions), bounds=bounds, marks=marks)
    return [*(_formula(function) for function in functions if function.derived), drawn]


def _curves_of_equations(view: ClauseView) -> tuple[Relation, ...]:
    """The subjects, where one of them is no function of x: `x^2 + y^2 = 4`, `2x + 3y = 6`, `x = 3`."""
    subjects = view.subjects()
    plane = all(each.is_equation and set(each.letters) <= {"x", "y"} for each in subjects)
    if not plane or not any(each.is_vertical or _is_mixed(each) for each in subjects) or view.clause.of:
        return ()
    return tuple(subjects)


def _is_mixed(relation: Relation) -> bool:
    return "y" in relation.letters and relation.definition is None


def _formula(function: Function) -> Task:
    origin = replace(function, derived=0)
    return Derivative(function=origin, order=function.derived) if function.derived > 0 else Integral(function=origin)


def derivative(view: ClauseView) -> list[Task]:
    """Of each subject, and its value where points are given."""
    found: list[Task] = []
    for function in view.of_one_variable(view.functions()):
        order = view.order + max(function.derived, 0)
        found.append(Derivative(function=replace(function, derived=0), order=order, at=tuple(view.points(function))))
    return found


def integral(view: ClauseView) -> list[Task]:
    """Definite where a range is given; an area needs one."""
    is_area = Cue.AREA in view.clause.demands
    functions = view.of_one_variable(view.functions())
    if is_area and len(functions) == 2:
        first, second = view.drawable(functions)
        return [AreaBetween(first=first, second=second, bounds=view.bounds(first.variable))]
    found: list[Task] = []
    for function in functions:
        bounds = view.bounds(function.variable)
        if is_area and bounds is None and Cue.X_AXIS in view.clause.cues:
            [curve] = view.drawable([function])
            return [AreaBetween(first=curve, second=replace(curve, name="", expression=Number("0")))]
        if is_area and bounds is None:
            raise Refusal(Reason.NO_RANGE)
        if is_area:
            view.drawable([function])
        found.append(Integral(function=function, bounds=bounds, is_area=is_area))
    return found


def curvature(view: ClauseView) -> list[Task]:
    """Concave, convex or neither."""
    asked = [shape for cue, shape in _SHAPES.items() if cue in view.clause.demands]
    shape = asked[0] if len(asked) == 1 and Cue.CURVATURE not in view.clause.demands else Shape.CURVATURE
    functions = view.drawable(view.functions())
    return [Curvature(function=each, asked=shape, bounds=view.bounds(each.variable)) for each in functions]


def monotony(view: ClauseView) -> list[Task]:
    """Rising, falling or both."""
    asked = [trend for cue, trend in _TRENDS.items() if cue in view.clause.demands]
    trend = asked[0] if len(asked) == 1 and Cue.MONOTONY not in view.clause.demands else Trend.BOTH
    functions = view.drawable(view.functions())
    return [Monotony(function=each, asked=trend, bounds=view.bounds(each.variable)) for each in functions]


def extrema(view: ClauseView) -> list[Task]:
    """Maxima, minima or both."""
    asked = [extremum for cue, extremum in _EXTREMA.items() if cue in view.clause.demands]
    which = asked[0] if len(asked) == 1 and Cue.EXTREMA not in view.clause.demands else Extremum.BOTH
    functions = view.drawable(view.functions())
    return [Extrema(function=each, asked=which, bounds=view.bounds(each.variable)) for each in functions]


def roots(view: ClauseView) -> list[Task]:
    """Zeros of each function; an equation has solutions instead, which belong to another planner."""
    functions, is_complex = view.functions(), Cue.COMPLEX in view.clause.cues
    if any(is_constant(each.expression) for each in functions):
        raise Refusal(Reason.LEFT_OVER)
    return [
        Roots(function=each, bounds=view.solution_bounds(each.variable), is_complex=is_complex) for each in functions
    ]


def intersection(view: ClauseView) -> list[Task]:
    """Where two curves meet."""
    equations = _curves_of_equations(view)
    if len(equations) == 2:
        return [SolveSystem(equations=equations, unknowns=("x", "y"))]
    functions = view.drawable(view.functions(sides=True))
    if len(functions) != 2:
        raise Refusal(Reason.NO_SUBJECT)
    first, second = functions
    return [Intersection(first=first, second=second, bounds=view.bounds(first.variable))]


def intercept(view: ClauseView) -> list[Task]:
    """Where a curve crosses the y-axis."""
    return [Evaluate(function=function, at=Number("0")) for function in view.functions()]


def limit(view: ClauseView) -> list[Task]:
    """For a variable that approaches a point."""
    functions, clause = view.of_one_variable(view.functions()), view.clause
    points = [clause.towards] if clause.towards is not None else view.points(functions[0])
    if not points:
        raise Refusal(Reason.NO_POINT)
    view.use("towards")
    side = "-" if Cue.LEFT in clause.cues else "+" if Cue.RIGHT in clause.cues else clause.side
    return [Limit(function=function, towards=point, side=side) for function in functions for point in points]


def table(view: ClauseView) -> list[Task]:
    """Values at equal steps, or at the points listed."""
    functions = view.drawable(view.functions())
    bounds = view.bounds(functions[0].variable) or _DEFAULT_TABLE
    numbers = view.clause.numbers
    step = numbers.get(Cue.STEP, Number("1"))
    if Cue.POINTS in numbers:
        spans = Operation("-", numbers[Cue.POINTS], Number("1"))
        step = Operation("/", Operation("-", bounds.high, bounds.low), spans)
    elif Cue.INTERVAL in numbers:  # in 10 steps
        step = Operation("/", Operation("-", bounds.high, bounds.low), numbers[Cue.INTERVAL])
    return [Table(functions=tuple(functions), bounds=bounds, step=step)]


def tangent(view: ClauseView) -> list[Task]:
    """At each point given."""
    function = view.of_one_variable(view.functions())[0]
    points = view.points(function)
    if not points:
        raise Refusal(Reason.NO_POINT)
    is_normal = Cue.NORMAL in view.clause.demands
    return [Tangent(function=function, at=point, is_normal=is_normal) for point in points]


def traits(view: ClauseView) -> list[Task]:
    """Of each function. Raises Refusal for a number: whether 7 is odd is another question."""
    asked = [_TRAITS[cue] for cue in view.clause.demands if cue in _TRAITS]
    functions = view.drawable(view.functions())
    if any(is_constant(each.expression) or each.derived for each in functions):
        raise Refusal(Reason.LEFT_OVER)
    if not all(is_continuous(each.expression) for each in functions):
        raise Refusal(Reason.UNABLE)
    return [TraitOf(function=function, asked=trait) for function in functions for trait in asked]


def rewrite(view: ClauseView) -> list[Task]:
    """In each form asked for."""
    ways = [_REWRITINGS[cue] for cue in view.clause.demands if cue in _REWRITINGS]
    found: list[Task] = []
    for relation in view.subjects():
        function = view.function(relation)
        if function is None or function.derived or view.clause.of:
            raise Refusal(Reason.LEFT_OVER, relation.signs)
        found += [Rewrite(expression=function.expression, how=how) for how in ways]
    view.use("unknowns")
    return found


def analysis(view: ClauseView) -> list[Task]:
    """All that a curve is usually examined for."""
    found: list[Task] = []
    for function in view.drawable(view.functions()):
        bounds = view.bounds(function.variable)
        found += [
            Roots(function=function, bounds=bounds),
            Extrema(function=function, asked=Extremum.BOTH, bounds=bounds),
            Curvature(function=function, asked=Shape.CURVATURE, bounds=bounds),
            Plot(functions=(function,), bounds=bounds),
        ]
    return found


FAMILIES: Final[Mapping[Cue, Cue]] = {
    **dict.fromkeys(SHAPE_CUES, Cue.CURVATURE),
    **dict.fromkeys(MONOTONY_CUES, Cue.MONOTONY),
    **dict.fromkeys(EXTREMA_CUES, Cue.EXTREMA),
    **dict.fromkeys(ALGEBRA_CUES, Cue.SIMPLIFY),
    **dict.fromkeys(TRAIT_CUES, Cue.DOMAIN),
    Cue.AREA: Cue.INTEGRAL,
}
"""Demands that are sides of one question, such as maximum and minimum, by the one that stands for them."""

PLANNERS: Final[Mapping[Cue, Callable[[ClauseView], list[Task]]]] = {
    Cue.PLOT: plot,
    Cue.DERIVATIVE: derivative,
    Cue.INTEGRAL: integral,
    Cue.CURVATURE: curvature,
    Cue.MONOTONY: monotony,
    Cue.EXTREMA: extrema,
    Cue.INTERSECTION: intersection,
    Cue.INTERCEPT: intercept,
    Cue.LIMIT: limit,
    Cue.TABLE: table,
    Cue.TANGENT: tangent,
    Cue.NORMAL: tangent,
    Cue.DOMAIN: traits,
    Cue.SIMPLIFY: rewrite,
    Cue.ANALYSIS: analysis,
}
