"""From tasks to one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tutor.planning.tasks import (
    AreaBetween,
    Arithmetic,
    Curvature,
    CurveOfEquation,
    Derivative,
    Evaluate,
    Extrema,
    Inequality,
    Integral,
    Intersection,
    Limit,
    Monotony,
    NumberTask,
    Plot,
    Rewrite,
    Roots,
    Solve,
    SolveSystem,
    Table,
    Tangent,
    Task,
    TraitOf,
    TypedData,
)
from tutor.programs import (
    areas,
    calculus,
    numbers,
    planes,
    plotting,
    shape,
    solving,
    tables,
    traits,
    typed_data,
    values,
)
from tutor.programs.script import Script

_WRITERS: Final[Mapping[type, Callable[[Script, Any], None]]] = {
    NumberTask: numbers.number,
    Arithmetic: values.arithmetic,
    Evaluate: values.evaluate,
    Rewrite: values.rewrite,
    Derivative: calculus.derivative,
    Integral: calculus.integral,
    AreaBetween: areas.area_between,
    Limit: calculus.limit,
    Tangent: calculus.tangent,
    TraitOf: traits.trait,
    Curvature: shape.curvature,
    Monotony: shape.monotony,
    Extrema: shape.extrema,
    Solve: solving.solve,
    Roots: solving.roots,
    Intersection: solving.intersection,
    SolveSystem: solving.system,
    Inequality: solving.inequality,
    Plot: plotting.plot,
    CurveOfEquation: planes.curve_of_equation,
    Table: tables.table,
    TypedData: typed_data.typed_data,
}


def program(tasks: Sequence[Task]) -> str:
    """The Python that does the tasks in order and prints one result line for each."""
    script = Script()
    for task in tasks:
        _WRITERS[type(task)](script, task)
    return script.source()
