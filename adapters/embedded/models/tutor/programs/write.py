"""From tasks to one program."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.embedded.models.tutor.programs import calculus, plotting, shape, solving, values
from adapters.embedded.models.tutor.programs.script import Script
from adapters.embedded.models.tutor.planning.tasks import (
    Arithmetic, Curvature, Derivative, Evaluate, Integral, Limit, Plot, Rewrite, Solve, Tangent, Task,
)


def program(tasks: Sequence[Task]) -> str:
    """The Python that does the tasks in order and prints one result line for each."""
    script = Script()
    for task in tasks:
        _add(script, task)
    return script.source()


def _add(script: Script, task: Task) -> None:
    match task:
        case Arithmetic():
            values.arithmetic(script, task)
        case Evaluate():
            values.evaluate(script, task)
        case Rewrite():
            values.rewrite(script, task)
        case Derivative():
            calculus.derivative(script, task)
        case Integral():
            calculus.integral(script, task)
        case Limit():
            calculus.limit(script, task)
        case Tangent():
            calculus.tangent(script, task)
        case Curvature():
            shape.curvature(script, task)
        case Solve():
            solving.solve(script, task)
        case Plot():
            plotting.plot(script, task)
        case _:
            raise NotImplementedError
