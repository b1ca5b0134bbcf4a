"""A completed clause as planners see it: subjects as functions, points, ranges; and an account of what was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tutor.formulas.expression import (
    Applied,
    Constant,
    Expression,
    Negative,
    Number,
    Symbol,
    is_constant,
    substituted,
    symbols,
)
from tutor.formulas.formula_parser import WHOLE
from tutor.formulas.statements import Bounds, Relation
from tutor.language.cues import SIGN_CUES, Cue
from tutor.planning.function_plans import (
    Definitions,
    function_of,
    is_comparison,
    unfolded,
)
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import Function
from tutor.reading.clause import Clause

_ORDERS: Final = {Cue.SECOND: 2, Cue.THIRD: 3, Cue.FOURTH: 4}
_OWN_FUNCTIONS: Final = frozenset("fghFGH")
_VARIABLES: Final = frozenset({"x", "y", "z", "u", "v", "w"})
_INFINITE: Final = Constant("oo")


class ClauseView:
    """Hands out a clause's slots and remembers which were asked for, so that none is passed over."""

    def __init__(self, clause: Clause, *, before: Definitions, known: Definitions) -> None:
        self.clause = clause
        self._before = before
        self._known = known
        self._used: set[str] = set()

    # -- subjects

    def subjects(self) -> list[Relation]:
        """What is talked about; conditions or values where nothing else is. Raises Refusal where nothing is said."""
        clause = self.clause
        if clause.subjects:
            return list(clause.subjects)
        if clause.conditions:
            self.use("conditions")
            return list(clause.conditions)
        if clause.values:
            self.use(*map(_value_slot, clause.values))
            return [Relation((Symbol(name), value), ("=",)) for name, each in clause.values.items() for value in each]
        raise Refusal(Reason.NO_SUBJECT)

    def is_equation(self, relation: Relation) -> bool:
        """Whether an equation is to be solved, rather than defining a function."""
        return relation.is_equation and (function_of(relation) is None or is_comparison(relation, self._before))

    def unfolded(self, expression: Expression) -> Expression:
        """The expression with what the user's functions stand for."""
        return unfolded(expression, self._known)

    def function(self, relation: Relation) -> Function | None:
        """The function a subject is about; None for an equation to be solved."""
        if is_comparison(relation, self._before):
            return None
        named = self._named(relation.parts[0]) if relation.is_bare else None
        if named is not None:
            return named
        function = function_of(relation, preferred=self.clause.unknowns, given=tuple(self.clause.values))
        if function is None:
            return None
        expression = self.unfolded(function.expression)
        letters = symbols(expression)
        variable = letters[0] if len(letters) == 1 else function.variable
        return replace(function, variable=variable, expression=expression)

    def _named(self, expression: Expression) -> Function | None:
        """`f`, `f(x)`, `f'`, `f(x^2)`, or `y` where it has been given a meaning."""
        if isinstance(expression, Applied):
            return self._applied(expression)
        if not isinstance(expression, Symbol):
            return None
        if expression.name in _OWN_FUNCTIONS and expression.name not in self._known:
            raise Refusal(Reason.UNDEFINED, (expression.name,))
        return self._known.get(expression.name)

    def _applied(self, applied: Applied) -> Function:
        known = self._known.get(applied.function)
        if known is None:
            raise Refusal(Reason.UNDEFINED, (applied.function,))
        if applied.argument in {WHOLE, Symbol(known.variable)}:
            return replace(known, derived=applied.primes)
        expression = self.unfolded(applied)
        letters = symbols(expression)
        return Function(name="", variable=letters[0] if letters else "x", expression=expression)

    def functions(self, *, sides: bool = False) -> list[Function]:
        """Each subject as a function, parameters with their values; with `sides`, an equation gives its two sides."""
        found: list[Function] = []
        for relation in self.subjects():
            function = self.function(relation)
            if function is not None:
                found += self.family(self._of(function))
            elif relation.is_equation and len(relation.letters) == 1 and Number("0") in relation.parts and not sides:
                [side] = [part for part in relation.parts if part != Number("0")][:1] or [Number("0")]
                found += self.family(self._of(self._side(side, relation.letters[0])))
            elif sides and len(relation.parts) == 2 and len(relation.letters) == 1:
                found += [self._side(part, relation.letters[0]) for part in relation.parts]
            else:
                raise Refusal(Reason.LEFT_OVER, relation.signs)
        self.use("unknowns")
        numbers = [relation for relation in self.subjects() if relation.is_bare and is_constant(relation.parts[0])]
        level = {Cue.INTERSECTION, Cue.AREA} & set(self.clause.demands)  # x^2 and 4: a curve and a level line
        if numbers and len(numbers) < len(found) and not level:  # a lone number beside functions had another meaning
            raise Refusal(Reason.LEFT_OVER)
        return list(dict.fromkeys(found))

    def _side(self, part: Expression, variable: str) -> Function:
        return Function(name="", variable=variable, expression=self.unfolded(part))

    def _of(self, function: Function) -> Function:
        """The derivative or antiderivative, where the clause asks about that."""
        derived = {Cue.DERIVATIVE: self.order, Cue.INTEGRAL: -1}.get(self.clause.of or Cue.FILLER, 0)
        return replace(function, derived=function.derived + derived)

    def family(self, function: Function) -> list[Function]:
        """The function with its parameters' values put in; one member for each of several values."""
        members = [function.expression]
        for name, values in self.clause.values.items():
            if name != function.variable and name in symbols(function.expression):
                self.use(_value_slot(name))
                members = [substituted(member, {name: value}) for member in members for value in values]
        name = function.name if len(members) == 1 else ""
        return [replace(function, name=name, expression=member) for member in members]

    def of_one_variable(self, functions: Sequence[Function]) -> list[Function]:
        """The functions, if it is clear which letter varies. Raises Refusal for `the derivative of x^2 + y^2`."""
        for function in functions:
            variables = [name for name in symbols(function.expression) if name in _VARIABLES]
            if len(variables) > 1 and not function.is_called and function.variable not in self.clause.unknowns:
                raise Refusal(Reason.SEVERAL_UNKNOWNS, tuple(variables))
        return list(functions)

    def drawable(self, functions: Sequence[Function]) -> list[Function]:
        """The functions, if each has one variable only. Raises Refusal where a parameter has no value."""
        others = [name for each in functions for name in symbols(each.expression) if name != each.variable]
        if others:
            raise Refusal(Reason.PARAMETERS, tuple(dict.fromkeys(others)))
        if len({each.variable for each in functions if symbols(each.expression)}) > 1:
            raise Refusal(Reason.SEVERAL_UNKNOWNS, tuple(dict.fromkeys(each.variable for each in functions)))
        variable = next((each.variable for each in functions if symbols(each.expression)), functions[0].variable)
        return [each if symbols(each.expression) else replace(each, variable=variable) for each in functions]

    # -- points and ranges

    @property
    def order(self) -> int:
        """Of the derivative asked for."""
        return next((order for cue, order in _ORDERS.items() if cue in self.clause.cues), 1)

    def points(self, function: Function) -> list[Expression]:
        """Values of the function's variable: `for x = 3`, `at 3`."""
        values = self.clause.values.get(function.variable, ())
        self.use("points", _value_slot(function.variable))
        return [*values, *self.clause.points]

    def bounds(self, variable: str) -> Bounds | None:
        """The range asked for; `x > 0` is one too. Raises Refusal where it is said of another letter."""
        self.use("bounds")
        bounds, conditions = self.clause.bounds, self.clause.conditions
        if bounds is None and len(conditions) == 1 and self.clause.subjects:
            self.use("conditions")
            bounds = _as_bounds(conditions[0], variable)
        if bounds is not None and not (is_constant(bounds.low) and is_constant(bounds.high)):
            raise Refusal(Reason.LEFT_OVER, symbols(bounds.low) + symbols(bounds.high))
        return bounds

    def sign(self) -> str | None:
        """`>` for positive, `<` for negative, where one of them was said. Raises Refusal for both."""
        self.use("sign")
        if self.clause.cues >= SIGN_CUES:
            raise Refusal(Reason.LEFT_OVER)
        return ">" if Cue.POSITIVE in self.clause.cues else "<" if Cue.NEGATIVE in self.clause.cues else None

    def solution_bounds(self, variable: str) -> Bounds | None:
        """The range for solutions: `the positive solution` is one too."""
        bounds, sign = self.bounds(variable), self.sign()
        if sign is None:
            return bounds
        if bounds is not None:
            raise Refusal(Reason.LEFT_OVER)
        if sign == ">":
            return Bounds(Number("0"), _INFINITE, open_low=True, open_high=True)
        return Bounds(Negative(_INFINITE), Number("0"), open_low=True, open_high=True)

    def use(self, *slots: str) -> None:
        """Note that these slots have been taken account of."""
        self._used.update(slots)

    def unused(self) -> tuple[str, ...]:
        """Slots with content that no planner asked for."""
        clause = self.clause
        slots = {
            **{_value_slot(name): values for name, values in clause.values.items()},
            "points": clause.points,
            "bounds": clause.bounds,
            "conditions": clause.conditions,
            "towards": clause.towards,
            "sign": clause.cues & SIGN_CUES,
        }
        return tuple(name for name, content in slots.items() if content and name not in self._used)


def _as_bounds(condition: Relation, variable: str) -> Bounds:
    """`x > 0` and `0 <= x < 5` as ranges."""
    if condition.letters != (variable,):
        raise Refusal(Reason.LEFT_OVER, condition.letters)
    parts, signs = condition.parts, condition.signs
    if signs[0] in {">", ">="}:
        parts, signs = parts[::-1], tuple(sign.replace(">", "<") for sign in signs[::-1])
    if any(sign not in {"<", "<="} for sign in signs):
        raise Refusal(Reason.LEFT_OVER, signs)
    at = parts.index(Symbol(variable))
    low = parts[at - 1] if at else Negative(_INFINITE)
    high = parts[at + 1] if at + 1 < len(parts) else _INFINITE
    return Bounds(low, high, open_low=not at or signs[at - 1] == "<", open_high=at == len(signs) or signs[at] == "<")


def _value_slot(name: str) -> str:
    return f"value of {name}"
