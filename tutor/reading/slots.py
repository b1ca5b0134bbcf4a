"""The slots of a clause while it is heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tutor.formulas.expression import Expression, Symbol, is_constant
from tutor.formulas.statements import Bounds, Relation
from tutor.language.cues import Cue
from tutor.reading.clause import UNCLEAR, Clause
from tutor.reading.demands import Pair, pair_of

_CURVES: Final = frozenset({Cue.PLOT, Cue.INTERSECTION, Cue.AREA})


@dataclass(slots=True, kw_only=True)
class Slots:
    """Filled one after the other, then made a Clause."""

    demands: list[Cue] = field(default_factory=list)
    cues: set[Cue] = field(default_factory=set)
    of: Cue | None = None
    declined: set[Cue] = field(default_factory=set)
    subjects: list[Relation] = field(default_factory=list)
    values: dict[str, tuple[Expression, ...]] = field(default_factory=dict)
    points: list[Expression] = field(default_factory=list)
    conditions: list[Relation] = field(default_factory=list)
    bounds: Bounds | None = None
    unknowns: list[str] = field(default_factory=list)
    towards: Expression | None = None
    side: str = "+-"
    numbers: dict[Cue, Expression] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    @property
    def last_demand(self) -> Cue | None:
        """The last thing asked for by name."""
        return next((demand for demand in reversed(self.demands) if demand is not Cue.FIND), None)

    def add_demand(self, later: Cue) -> None:
        """A demand right after another, with no `and` between them."""
        earlier = self.last_demand
        if earlier is None or earlier is later or later is Cue.FIND:
            self.demands.append(later)
            return
        others = [demand for demand in self.demands if demand is not earlier]
        match pair_of(earlier, later):
            case Pair.BOTH:
                self.demands.append(later)
            case Pair.LATER_ALONE:
                self.demands = [*others, later]
            case Pair.EARLIER_ALONE:
                pass
            case Pair.EARLIER_OF_LATER:
                self.of = later
            case Pair.LATER_OF_EARLIER:
                self.of, self.demands = earlier, [*others, later]
            case Pair.UNCLEAR:
                self.strange.append(UNCLEAR)

    def asks_about_parameter(self) -> bool:
        """Whether a letter beside the unknowns is in an equation: `for which k has x^2 + kx + 4 = 0 solutions`."""
        return bool(self.unknowns) and any(set(each.letters) - set(self.unknowns) for each in self.subjects)

    def set_bounds(self, bounds: Bounds) -> None:
        """A clause has one range; a second one would silently replace the first."""
        if self.bounds is not None:
            self.strange.append(UNCLEAR)
        self.bounds = bounds

    def add_value(self, name: str, value: Expression) -> None:
        """One more value of a letter."""
        self.values[name] = (*self.values.get(name, ()), value)

    def add_values(self, variable: str, values: tuple[Expression, ...]) -> None:
        """`{1, 2, 3}`, of the letter before it or of the variable that is not named."""
        if variable:
            self.values[variable] = values
        elif all(is_constant(value) for value in values):
            self.points += values
        else:
            self.strange.append("{ }")

    def clause(self, *, joined: bool) -> Clause:
        """What was heard."""
        self._lift_level_lines()
        demands = tuple(dict.fromkeys(map(self._with_axis, self.demands)))
        if Cue.TABLE in demands:  # "a csv file with the values of sin(x)"
            demands = tuple(demand for demand in demands if demand is not Cue.EVALUATE)
        return Clause(
            demands=self._implied() or tuple(each for each in demands if each is not Cue.FIND) or demands,
            cues=frozenset(self.cues),
            of=self.of,
            declined=frozenset(self.declined),
            subjects=tuple(self.subjects),
            values=self.values,
            points=tuple(self.points),
            conditions=tuple(self.conditions),
            bounds=self.bounds,
            unknowns=tuple(dict.fromkeys(self.unknowns)),
            towards=self.towards,
            side=self.side,
            numbers=self.numbers,
            joined=joined,
            strange=tuple(self.strange),
        )

    def _implied(self) -> tuple[Cue, ...]:
        """What is asked for without its name: a limit by an arrow, a plot by `can you show me the graph of x^2`."""
        if self.last_demand is not None:
            return ()
        if self.towards is not None:
            return (Cue.LIMIT,)
        return (Cue.PLOT,) if Cue.GRAPH in self.cues and self.subjects else ()

    def _with_axis(self, demand: Cue) -> Cue:
        """Curves that cross an axis have zeros or an intercept."""
        axis = Cue.ROOTS if Cue.X_AXIS in self.cues else Cue.INTERCEPT if Cue.Y_AXIS in self.cues else demand
        return axis if demand is Cue.INTERSECTION else demand

    def _lift_level_lines(self) -> None:
        """`plot y = 3`: a curve, not a value."""
        if _CURVES & set(self.demands):
            self.subjects += [Relation((Symbol("y"), value), ("=",)) for value in self.values.pop("y", ())]
