"""The tasks of one completed clause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from adapters.embedded.models.tutor.language.cues import (
    ALGEBRA_CUES, CHART_CUES, DEMANDS, EXTREMA_CUES, MONOTONY_CUES, SHAPE_CUES, STATISTICS_CUES, Cue,
)
from adapters.embedded.models.tutor.formulas.expression import (
    Applied, Constant, Expression, Number, Operation, Symbol, is_constant, substituted, symbols,
)
from adapters.embedded.models.tutor.planning.functions import Definitions, difference, function_of, unfolded
from adapters.embedded.models.tutor.formulas.grammar import Doubt
from adapters.embedded.models.tutor.planning.refusal import Reason, Refusal
from adapters.embedded.models.tutor.reading.clause import Clause
from adapters.embedded.models.tutor.formulas.statements import Bounds, Relation
from adapters.embedded.models.tutor.planning.tasks import (
    Arithmetic, Curvature, Derivative, Evaluate, Extrema, Extremum, Function, Inequality, Integral, Limit, Monotony,
    Plot, Rewrite, Rewriting, Shape, Solve, SolveSystem, Table, Tangent, Task, Trend,
)

_ORDERS: Final = {Cue.SECOND: 2, Cue.THIRD: 3, Cue.FOURTH: 4}
_SHAPES: Final = {Cue.CONCAVE: Shape.CONCAVE, Cue.CONVEX: Shape.CONVEX, Cue.INFLECTION: Shape.INFLECTION}
_REWRITINGS: Final = {Cue.SIMPLIFY: Rewriting.SIMPLIFY, Cue.EXPAND: Rewriting.EXPAND, Cue.FACTOR: Rewriting.FACTOR}
_TRENDS: Final = {Cue.INCREASING: Trend.INCREASING, Cue.DECREASING: Trend.DECREASING}
_EXTREMA: Final = {Cue.MAXIMUM: Extremum.MAXIMUM, Cue.MINIMUM: Extremum.MINIMUM}

_NEEDS_DEMAND: Final = {
    Cue.FIRST: {Cue.DERIVATIVE, Cue.PLOT}, Cue.SECOND: {Cue.DERIVATIVE, Cue.PLOT}, Cue.THIRD: {Cue.DERIVATIVE},
    Cue.FOURTH: {Cue.DERIVATIVE}, Cue.LEFT: {Cue.LIMIT}, Cue.RIGHT: {Cue.LIMIT},
    Cue.INTERVAL: SHAPE_CUES | MONOTONY_CUES | {Cue.PLOT, Cue.ROOTS}, Cue.SYSTEM: {Cue.SOLVE, Cue.FIND},
    Cue.LOCAL: EXTREMA_CUES, Cue.GREATEST: EXTREMA_CUES, Cue.DIFFERENTIAL: {Cue.INTEGRAL, Cue.DERIVATIVE},
    Cue.X_AXIS: {Cue.AREA, Cue.ROOTS}, Cue.Y_AXIS: {Cue.INTERCEPT}, Cue.APPROACHES: {Cue.LIMIT},
    Cue.STEP: {Cue.TABLE}, Cue.POINTS: {Cue.TABLE, Cue.INFLECTION, Cue.INTERSECTION, *EXTREMA_CUES},
}
"""Meanings that only make sense beside certain demands."""

_NOT_HERE: Final = STATISTICS_CUES | CHART_CUES | frozenset({
    Cue.UNABLE, Cue.POSITIVE, Cue.NEGATIVE, Cue.COMPLEX, Cue.NOT, Cue.WITHOUT, Cue.AGAINST, Cue.BY, Cue.OVER,
    Cue.COLUMN, Cue.FILE, Cue.ROWS, Cue.PLACES,
})


class ClausePlan:
    """Turns slots into tasks and keeps account of which slots were used."""

    def __init__(self, clause: Clause, before: Definitions, known: Definitions) -> None:
        self._clause = clause
        self._before = before
        self._known = known
        self._used: set[str] = set()

    def tasks(self) -> list[Task]:
        """In the order asked. Raises Refusal."""
        self._refuse_left_over_words()
        self._lift_primes()
        found: list[Task] = []
        for group in _grouped(self._clause.demands):
            found += self._planners()[group]()
        if not self._clause.demands and self._clause.has_matter:
            found += self._by_shape(asked=False)
        if found:
            self._refuse_left_over_slots()
        return found

    def _planners(self) -> dict[Cue, Callable[[], Sequence[Task]]]:
        return {
            Cue.PLOT: self._plot, Cue.DERIVATIVE: self._derivative, Cue.INTEGRAL: self._integral,
            Cue.AREA: self._integral, Cue.CURVATURE: self._curvature, Cue.MONOTONY: self._monotony,
            Cue.SOLVE: self._solve, Cue.ROOTS: self._roots, Cue.EVALUATE: self._evaluate, Cue.EXTREMA: self._extrema,
            Cue.LIMIT: self._limit, Cue.TABLE: self._table, Cue.SIMPLIFY: self._rewrite,
            Cue.INTERSECTION: self._intersection, Cue.INTERCEPT: self._intercept, Cue.TANGENT: self._tangent,
            Cue.ANALYSIS: self._analysis, Cue.FIND: lambda: self._by_shape(asked=True),
        }

    # -- one demand each

    def _plot(self) -> list[Task]:
        if self._clause.plots_result:
            return []
        functions = [family for function in self._functions(sides=True) for family in self._family(function)]
        self._refuse_parameters(functions)
        marks = self._points(functions[0])
        return [Plot(functions=tuple(functions), bounds=self._bounds(functions[0].variable), marks=tuple(marks))]

    def _derivative(self) -> list[Task]:
        order = next((order for cue, order in _ORDERS.items() if cue in self._clause.cues), 1)
        found: list[Task] = []
        for function in self._single_functions():
            found.append(Derivative(function=function, order=order, at=tuple(self._points(function))))
            if self._clause.plots_result:
                self._refuse_parameters([function])
                bounds = self._bounds(function.variable)
                found.append(Plot(functions=(function,), bounds=bounds, derivative_order=order, without_function=True))
        return found

    def _integral(self) -> list[Task]:
        area = Cue.AREA in self._clause.demands
        found: list[Task] = []
        for function in self._single_functions():
            bounds = self._bounds(function.variable)
            if area and bounds is None:
                raise Refusal(Reason.NO_RANGE)
            found.append(Integral(function=function, bounds=bounds, is_area=area))
        return found

    def _curvature(self) -> list[Task]:
        asked = [_SHAPES[cue] for cue in _SHAPES if cue in self._clause.demands]
        shape = asked[0] if len(asked) == 1 and Cue.CURVATURE not in self._clause.demands else Shape.CURVATURE
        functions = self._single_functions()
        self._refuse_parameters(functions)
        return [Curvature(function=each, asked=shape, bounds=self._bounds(each.variable)) for each in functions]

    def _monotony(self) -> list[Task]:
        asked = [_TRENDS[cue] for cue in _TRENDS if cue in self._clause.demands]
        trend = asked[0] if len(asked) == 1 and Cue.MONOTONY not in self._clause.demands else Trend.BOTH
        functions = self._single_functions()
        self._refuse_parameters(functions)
        return [Monotony(function=each, asked=trend, bounds=self._bounds(each.variable)) for each in functions]

    def _extrema(self) -> list[Task]:
        asked = [_EXTREMA[cue] for cue in _EXTREMA if cue in self._clause.demands]
        which = asked[0] if len(asked) == 1 and Cue.EXTREMA not in self._clause.demands else Extremum.BOTH
        functions = self._single_functions()
        self._refuse_parameters(functions)
        return [Extrema(function=each, asked=which, bounds=self._bounds(each.variable)) for each in functions]

    def _limit(self) -> list[Task]:
        towards = self._clause.towards
        functions = self._single_functions()
        points = [towards] if towards is not None else self._points(functions[0])
        if not points:
            raise Refusal(Reason.NO_POINT)
        self._used.add("towards")
        side = "-" if Cue.LEFT in self._clause.cues else "+" if Cue.RIGHT in self._clause.cues else self._clause.side
        return [Limit(function=function, towards=point, side=side) for function in functions for point in points]

    def _table(self) -> list[Task]:
        functions = [family for function in self._functions(sides=False) for family in self._family(function)]
        self._refuse_parameters(functions)
        bounds = self._bounds(functions[0].variable) or Bounds(Number("0"), Number("10"))
        self._used.add("numbers")
        return [Table(functions=tuple(functions), bounds=bounds, step=self._step(bounds))]

    def _step(self, bounds: Bounds) -> Expression:
        points = self._clause.numbers.get(Cue.POINTS)
        if points is None:
            return self._clause.numbers.get(Cue.STEP, Number("1"))
        return Operation("/", Operation("-", bounds.high, bounds.low), Operation("-", points, Number("1")))

    def _rewrite(self) -> list[Task]:
        ways = [_REWRITINGS[cue] for cue in self._clause.demands if cue in _REWRITINGS]
        found: list[Task] = []
        for relation in self._subjects():
            expression = relation.parts[-1] if relation.is_bare or relation.definition else None
            if expression is None:
                raise Refusal(Reason.LEFT_OVER, ("=",))
            found += [Rewrite(expression=unfolded(expression, self._known), how=how) for how in ways]
        return found

    def _tangent(self) -> list[Task]:
        function = self._single_functions()[0]
        points = self._points(function)
        if not points:
            raise Refusal(Reason.NO_POINT)
        return [Tangent(function=function, at=point) for point in points]

    def _intercept(self) -> list[Task]:
        return [Evaluate(function=function, at=Number("0")) for function in self._single_functions()]

    def _analysis(self) -> list[Task]:
        functions = self._single_functions()
        self._refuse_parameters(functions)
        function, bounds = functions[0], self._bounds(functions[0].variable)
        zero = Relation((function.expression, Number("0")), ("=",))
        return [
            Solve(equation=zero, unknown=function.variable, bounds=bounds, is_roots=True),
            Extrema(function=function, asked=Extremum.BOTH, bounds=bounds),
            Curvature(function=function, asked=Shape.CURVATURE, bounds=bounds),
            Plot(functions=(function,), bounds=bounds),
        ]

    # -- solving

    def _solve(self) -> list[Task]:
        return self._by_shape(asked=True, solving=True)

    def _roots(self) -> list[Task]:
        found: list[Task] = []
        for relation in self._subjects():
            function = self._function(relation)
            if function is None:
                found += self._solved(relation)
                continue
            zero = Relation((function.expression, Number("0")), ("=",))
            bounds = self._bounds(function.variable)
            found.append(Solve(equation=zero, unknown=function.variable, bounds=bounds, is_roots=True))
        return found

    def _intersection(self) -> list[Task]:
        functions = self._single_functions()
        if len(functions) != 2:
            raise Refusal(Reason.NO_SUBJECT)
        first, second = functions
        equation = Relation((first.expression, second.expression), ("=",))
        return [Solve(equation=equation, unknown=first.variable, bounds=self._bounds(first.variable))]

    def _evaluate(self) -> list[Task]:
        return self._by_shape(asked=True)

    def _by_shape(self, *, asked: bool, solving: bool = False) -> list[Task]:
        """What the form of the subjects asks for, where words do not say: equations are solved, numbers worked out."""
        subjects = self._subjects(required=asked or self._clause.has_matter)
        equations = [relation for relation in subjects if self._is_equation(relation)]
        if len(equations) > 1 and (Cue.SYSTEM in self._clause.cues or len(_letters(equations)) > 1):
            return [self._system(equations)]
        found: list[Task] = []
        for relation in subjects:
            found += self._shaped(relation, asked=asked, solving=solving)
        return found

    def _shaped(self, relation: Relation, *, asked: bool, solving: bool) -> list[Task]:
        if relation.is_inequality:
            return [self._inequality(relation)]
        if relation.is_bare and is_constant(self._unfolded(relation.parts[0])):
            self._refuse_log(relation)
            return [Arithmetic(expression=self._unfolded(relation.parts[0]))]
        function = self._function(relation)
        if function is None or self._is_equation(relation):
            return self._solved(relation)
        values = self._points(function)
        if values:
            self._refuse_log(relation)
            return [Evaluate(function=function, at=value) for value in values]
        if function.name and function.name in self._clause.values:
            return self._solved(relation)
        if solving and self._clause.unknowns:
            return self._solved(relation)
        if solving and relation.is_bare:
            return self._solved(Relation((relation.parts[0], Number("0")), ("=",), relation.doubts))
        if solving or (asked and Cue.EVALUATE in self._clause.demands):
            raise Refusal(Reason.NO_POINT)
        if asked:
            raise Refusal(Reason.NO_DEMAND)
        return []

    def _solved(self, relation: Relation) -> list[Task]:
        self._refuse_log(relation)
        if not relation.is_equation:
            raise Refusal(Reason.LEFT_OVER, relation.signs)
        equations = self._with_values(relation)
        return [Solve(equation=each, unknown=self._unknown(each), bounds=self._solve_bounds(each)) for each in equations]

    def _with_values(self, relation: Relation) -> list[Relation]:
        """The equation with each given value put in; one equation for each of several."""
        results = [Relation(tuple(self._unfolded(part) for part in relation.parts), relation.signs)]
        for name, values in self._clause.values.items():
            self._used.add("values")
            results = [
                Relation(tuple(substituted(part, {name: value}) for part in result.parts), result.signs)
                for result in results for value in values
            ]
        return results

    def _unknown(self, relation: Relation) -> str:
        wanted = [name for name in self._clause.unknowns if name in relation.letters]
        self._used.add("unknowns")
        if wanted:
            return wanted[0]
        if len(relation.letters) == 1:
            return relation.letters[0]
        if not relation.letters:
            raise Refusal(Reason.LEFT_OVER, ("=",))
        raise Refusal(Reason.SEVERAL_UNKNOWNS, relation.letters)

    def _solve_bounds(self, relation: Relation) -> Bounds | None:
        return self._bounds(self._unknown(relation))

    def _system(self, equations: Sequence[Relation]) -> SolveSystem:
        whole = [each for relation in equations for each in self._with_values(relation)]
        letters = _letters(whole)
        wanted = tuple(name for name in self._clause.unknowns if name in letters)
        self._used.add("unknowns")
        return SolveSystem(equations=tuple(whole), unknowns=wanted or letters)

    def _inequality(self, relation: Relation) -> Inequality:
        self._refuse_log(relation)
        parts = tuple(self._unfolded(part) for part in relation.parts)
        whole = Relation(parts, relation.signs)
        return Inequality(relation=whole, unknown=self._unknown(whole))

    # -- functions and their points

    def _subjects(self, *, required: bool = True) -> list[Relation]:
        subjects = list(self._clause.subjects)
        if not subjects and self._clause.conditions:
            self._used.add("conditions")
            subjects = list(self._clause.conditions)
        if not subjects and self._clause.values:
            self._used.add("values")
            subjects = [Relation((Symbol(name), value), ("=",))
                        for name, values in self._clause.values.items() for value in values]
        if not subjects and required:
            raise Refusal(Reason.NO_SUBJECT)
        return subjects

    def _function(self, relation: Relation) -> Function | None:
        if relation.is_bare and isinstance(relation.parts[0], Applied):
            return self._applied(relation.parts[0])
        function = function_of(relation, preferred=self._clause.unknowns, given=tuple(self._clause.values))
        if function is None:
            return None
        expression = self._unfolded(function.expression)
        return Function(name=function.name, variable=self._variable(function, expression), expression=expression)

    def _variable(self, function: Function, expression: Expression) -> str:
        letters = symbols(expression)
        return function.variable if function.variable in letters or len(letters) != 1 else letters[0]

    def _applied(self, applied: Applied) -> Function:
        known = self._known.get(applied.function)
        if known is not None and applied.argument == Symbol(known.variable):
            return known
        expression = self._unfolded(applied)
        letters = symbols(expression)
        return Function(name="", variable=letters[0] if letters else "x", expression=expression)

    def _functions(self, *, sides: bool) -> list[Function]:
        """Each subject as a function; with `sides`, an equation of one unknown gives its two sides."""
        found: list[Function] = []
        for relation in self._subjects():
            function = None if self._is_comparison(relation) else self._function(relation)
            if function is not None:
                found.append(function)
            elif sides and relation.is_equation and len(relation.letters) == 1:
                found += [Function(name="", variable=relation.letters[0], expression=self._unfolded(part))
                          for part in relation.parts]
            else:
                raise Refusal(Reason.LEFT_OVER, relation.signs)
        self._used.add("unknowns")
        return found

    def _single_functions(self) -> list[Function]:
        functions = [each for function in self._functions(sides=False) for each in self._family(function)]
        return functions

    def _family(self, function: Function) -> list[Function]:
        """The function with its parameters' values put in; one member for each of several values."""
        members = [function.expression]
        for name, values in self._clause.values.items():
            if name != function.variable and name in symbols(function.expression):
                self._used.add("values")
                members = [substituted(member, {name: value}) for member in members for value in values]
        name = function.name if len(members) == 1 else ""
        return [Function(name=name, variable=function.variable, expression=member) for member in members]

    def _points(self, function: Function) -> list[Expression]:
        values = self._clause.values.get(function.variable, ())
        if values:
            self._used.add("values")
        if self._clause.points:
            self._used.add("points")
        return [*values, *self._clause.points]

    def _bounds(self, variable: str) -> Bounds | None:
        """The range asked for; `x > 0` is one too."""
        self._used.add("bounds")
        if self._clause.bounds is not None or not self._clause.conditions:
            return self._clause.bounds
        self._used.add("conditions")
        low, high = Bounds(Constant("oo"), Constant("oo")), None
        del low, high
        return _as_bounds(self._clause.conditions, variable)

    def _unfolded(self, expression: Expression) -> Expression:
        return unfolded(expression, self._known)

    def _is_comparison(self, relation: Relation) -> bool:
        """`f(x) = 5` where f was defined before."""
        left = relation.parts[0]
        return (relation.is_equation and isinstance(left, Applied) and left.function in self._before
                and is_constant(relation.parts[1]))

    def _is_equation(self, relation: Relation) -> bool:
        return relation.is_equation and (function_of(relation) is None or self._is_comparison(relation))

    def _lift_primes(self) -> None:
        """`f'(2)` asks for the derivative at 2."""

    # -- what would be passed over

    def _refuse_left_over_words(self) -> None:
        cues, demands = self._clause.cues, set(self._clause.demands)
        left = [cue for cue in cues & _NOT_HERE]
        left += [cue for cue, needed in _NEEDS_DEMAND.items() if cue in cues and not demands & needed]
        if left:
            raise Refusal(Reason.UNABLE if Cue.UNABLE in left else Reason.LEFT_OVER, tuple(cue.name for cue in left))

    def _refuse_left_over_slots(self) -> None:
        clause = self._clause
        slots = {"values": clause.values, "points": clause.points, "bounds": clause.bounds,
                 "conditions": clause.conditions, "towards": clause.towards, "numbers": clause.numbers}
        left = [name for name, content in slots.items() if content and name not in self._used]
        if left:
            raise Refusal(Reason.LEFT_OVER, tuple(left))

    def _refuse_parameters(self, functions: Sequence[Function]) -> None:
        others = [name for each in functions for name in symbols(each.expression) if name != each.variable]
        if others:
            raise Refusal(Reason.PARAMETERS, tuple(dict.fromkeys(others)))

    def _refuse_log(self, relation: Relation) -> None:
        if Doubt.LOG in relation.doubts:
            raise Refusal(Reason.AMBIGUOUS, (Doubt.LOG,))


def _grouped(demands: Sequence[Cue]) -> list[Cue]:
    """One cue for each planner: concave and convex are one question, maximum and minimum another."""
    families = {**dict.fromkeys(SHAPE_CUES, Cue.CURVATURE), **dict.fromkeys(MONOTONY_CUES, Cue.MONOTONY),
                **dict.fromkeys(EXTREMA_CUES, Cue.EXTREMA), **dict.fromkeys(ALGEBRA_CUES, Cue.SIMPLIFY)}
    return list(dict.fromkeys(families.get(demand, demand) for demand in demands if demand in DEMANDS))


def _letters(relations: Sequence[Relation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for relation in relations for name in relation.letters))


def _as_bounds(conditions: Sequence[Relation], variable: str) -> Bounds:
    raise NotImplementedError
