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
    Plot,
    Rewrite,
    Roots,
    Solve,
    SolveSystem,
    Table,
    Tangent,
    Task,
    TraitOf,
)
from tutor.programs import (
    calculus_code,
    number_code,
    plot_code,
    shape_code,
    solving_code,
    trait_code,
    value_code,
)
from tutor.programs.script import Script
from tutor.reading.number_tasks import NumberTask, TypedData

_WRITERS: Final[Mapping[type, Callable[[Script, Any], None]]] = {
    NumberTask: number_code.number,
    Arithmetic: value_code.arithmetic,
    Evaluate: value_code.evaluate,
    Rewrite: value_code.rewrite,
    Derivative: calculus_code.derivative,
    Integral: calculus_code.integral,
    AreaBetween: calculus_code.area_between,
    Limit: calculus_code.limit,
    Tangent: calculus_code.tangent,
    TraitOf: trait_code.trait,
    Curvature: shape_code.curvature,
    Monotony: shape_code.monotony,
    Extrema: shape_code.extrema,
    Solve: solving_code.solve,
    Roots: solving_code.roots,
    Intersection: solving_code.intersection,
    SolveSystem: solving_code.system,
    Inequality: solving_code.inequality,
    Plot: plot_code.plot,
    CurveOfEquation: plot_code.curve_of_equation,
    Table: value_code.table,
    TypedData: number_code.typed_data,
}


def program(tasks: Sequence[Task]) -> str:
    """The Python that does the tasks in order and prints one result line for each."""
    script = Script()
    for task in tasks:
        _WRITERS[type(task)](script, task)
    return script.source()
