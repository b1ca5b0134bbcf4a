"""What the tutor can do: one class a kind. A question becomes a list of these, and each becomes a piece of Python."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tutor.formulas.expression import Expression
from tutor.formulas.formula_text import pretty_expression
from tutor.formulas.statements import Bounds, Relation
from tutor.planning.function_traits import Trait
from tutor.reading.number_tasks import NumberTask, TypedData


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of one variable; `name` is what the user calls it: `y`, `f`, or empty.

    `is_called` tells `f(x) = ...` from `y = ...`. `derived` counts derivatives taken of the expression; -1 is an
    antiderivative. They are worked out in the sandbox.
    """

    name: str
    variable: str
    expression: Expression
    derived: int = 0
    is_called: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """A number to work out."""

    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """The value of a function at one point, given by its variable's value."""

    function: Function
    at: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Solve:
    """One equation of one unknown; other letters are parameters."""

    equation: Relation
    unknown: str
    bounds: Bounds | None = None
    is_complex: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """Where a function is zero."""

    function: Function
    bounds: Bounds | None = None
    is_complex: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intersection:
    """Where two curves meet."""

    first: Function
    second: Function
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveSystem:
    """Several equations of several unknowns."""

    equations: tuple[Relation, ...]
    unknowns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inequality:
    """One inequality, perhaps chained, of one unknown."""

    relation: Relation
    unknown: str
    bounds: Bounds | None = None


class Extremum(StrEnum):
    """Which extrema were asked for."""

    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotLooks:
    """What a plot looks like, beside its curves. Lengths and ranges are multiples of the usual ones."""

    colours: tuple[str, ...] = ()  # matplotlib's names in the order of the curves; empty for the usual one
    title: str = ""  # empty for the curves' formulas
    grid: bool = True
    legend: bool | None = None  # None: where there are several curves
    pi_ticks: bool | None = None  # marks on the axis at multiples of π; None: where the range is given in them
    scale: float = 1.0  # of the picture
    zoom: float = 1.0  # of the range


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Curves in one diagram. `marks` are values of the variable whose points are shown on the first curve."""

    functions: tuple[Function, ...]
    bounds: Bounds | None = None
    marks: tuple[Expression, ...] = ()
    tangent_at: Expression | None = None  # also draws the tangent of the first curve there
    normal_at: Expression | None = None
    turns: Extremum | None = None  # to be marked, as the Extrema task right before it found them
    looks: PlotLooks = PlotLooks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivative:
    """The derivative of an order, and its value where points are given."""

    function: Function
    order: int = 1
    at: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Integral:
    """Definite with bounds, else indefinite; `is_area` counts what lies below the axis as positive."""

    function: Function
    bounds: Bounds | None = None
    is_area: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveOfEquation:
    """The points of the plane that satisfy equations of x and y: circles, lines in any form; x = 3."""

    equations: tuple[Relation, ...]
    bounds: Bounds | None = None  # of x
    looks: PlotLooks = PlotLooks()


class Shape(StrEnum):
    """What was asked about the bend of a curve."""

    CONCAVE = "concave"
    CONVEX = "convex"
    CURVATURE = "curvature"
    INFLECTION = "inflection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curvature:
    """Concave, convex or neither, everywhere or on an interval."""

    function: Function
    asked: Shape
    bounds: Bounds | None = None


class Trend(StrEnum):
    """What was asked about rise and fall."""

    INCREASING = "increasing"
    DECREASING = "decreasing"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monotony:
    """Where a function rises and falls."""

    function: Function
    asked: Trend
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extrema:
    """Local and global extrema."""

    function: Function
    asked: Extremum
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit from one side, `+` or `-`, or both."""

    function: Function
    towards: Expression
    side: str = "+-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Values of functions at equal steps, also as a csv file."""

    functions: tuple[Function, ...]
    bounds: Bounds
    step: Expression


class Rewriting(StrEnum):
    """How an expression is rewritten."""

    SIMPLIFY = "simplify"
    EXPAND = "expand"
    FACTOR = "factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """An expression in another form."""

    expression: Expression
    how: Rewriting


@dataclass(frozen=True, slots=True, kw_only=True)
class Tangent:
    """The tangent at a point, or the normal: the line that crosses the tangent there at a right angle."""

    function: Function
    at: Expression
    is_normal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitOf:
    """A trait of a whole function."""

    function: Function
    asked: Trait


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaBetween:
    """What two curves enclose: between their intersections, or over a range."""

    first: Function
    second: Function
    bounds: Bounds | None = None


Task = (
    NumberTask
    | AreaBetween
    | CurveOfEquation
    | TypedData
    | Arithmetic
    | Evaluate
    | Rewrite
    | Table
    | Plot
    | Solve
    | Roots
    | Intersection
    | SolveSystem
    | Inequality
    | Derivative
    | Integral
    | Limit
    | Tangent
    | TraitOf
    | Curvature
    | Monotony
    | Extrema
)


def written(relation: Relation) -> str:
    """`x² + y² = 4`."""
    parts = [pretty_expression(part) for part in relation.parts]
    return parts[0] + "".join(f" {sign} {part}" for sign, part in zip(relation.signs, parts[1:], strict=True))


def head(function: Function) -> str:
    """`y`, `f(x)`, or the formula where the user gave no name."""
    if not function.name:
        return pretty_expression(function.expression)
    return f"{function.name}({function.variable})" if function.is_called else function.name


def label(function: Function) -> str:
    """`y = x² + 3`, `f(x) = ...`, or just the formula; of a derivative, `d/dx (x² + 3)`."""
    formula, variable = pretty_expression(function.expression), function.variable
    if function.derived < 0:
        return f"∫ ({formula}) d{variable}"
    if function.derived:
        order = "" if function.derived == 1 else "²³⁴⁵⁶⁷⁸⁹"[function.derived - 2]
        return f"d{order}/d{variable}{order} ({formula})"
    return f"{head(function)} = {formula}" if function.name else formula
