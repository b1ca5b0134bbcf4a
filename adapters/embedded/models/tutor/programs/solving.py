"""Equations."""

from __future__ import annotations

from adapters.embedded.models.tutor.formulas.expression import symbols
from adapters.embedded.models.tutor.programs.script import MARK, Script
from adapters.embedded.models.tutor.programs.shape import domain
from adapters.embedded.models.tutor.planning.tasks import Solve


def solve(script: Script, task: Solve) -> None:
    """Real solutions."""
    variable = script.symbol(task.unknown)
    left, right = (script.text(part) for part in task.equation.parts)
    script.section(f"Solve for {variable}.", f"""
        equation = sp.Eq({left}, {right})
        solutions = sp.solveset(equation, {variable}, {domain(script, task.bounds)})
        print("Solutions:", solutions)
        finite = sorted(solutions, key=lambda s: float(s)) if isinstance(solutions, sp.FiniteSet) else []
        print("{MARK}", json.dumps({{
            "set": str(solutions), "kind": type(solutions).__name__,
            "solutions": [{{"exact": str(value), "decimal": str(value.evalf(15))}} for value in finite],
        }}))
    """)
