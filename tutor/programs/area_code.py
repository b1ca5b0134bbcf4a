"""The area that two curves enclose."""

from __future__ import annotations

from tutor.formulas.statements import Bounds
from tutor.planning.tasks import AreaBetween
from tutor.programs.helpers import BOTH, ZEROS
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK, Script


def area_between(script: Script, task: AreaBetween) -> None:
    """Piece by piece between the places where the curves meet, checked by many thin strips."""
    script.uses("np", "quad", "brentq")
    script.helper(ZEROS, BOTH)
    first, second = script.function(task.first), script.function(task.second)
    variable = script.symbol(task.first.variable)
    script.section(
        "Where do the curves meet? There one goes below the other.",
        f"""
        difference = sp.simplify({first} - {second})
        meetings, complete = zeros(difference, {variable}, {script.domain(task.bounds)})
        {_ends(script, task.bounds)}
        print("The curves meet at", meetings)
    """,
    )
    script.section(
        "Add up the pieces, each counted as positive.",
        f"""
        pieces = [sp.Abs(sp.integrate(difference, ({variable}, low, high))) for low, high in zip(ends, ends[1:])]
        area = sp.simplify(sum(pieces))
        gap = sp.lambdify({variable}, difference, ["scipy", "numpy"])
        strips = 0.0
        for low, high in zip(ends, ends[1:]):
            strips += abs(quad(lambda place: gap(np.float64(place)), float(low), float(high), limit=500)[0])
        print("Area:", area, "=", sp.N(area, 10), "numerically:", strips)
        print("{MARK}", json.dumps({{
            **both(area), "{Key.STRIPS}": str(strips), "{Key.ENDS}": [str(end) for end in ends],
            "{Key.COMPLETE}": complete,
        }}))
    """,
    )


def _ends(script: Script, bounds: Bounds | None) -> str:
    if bounds is None:
        return "ends = meetings"
    low, high = script.exact(bounds.low), script.exact(bounds.high)
    return f"ends = [{low}, *(place for place in meetings if {low} < place < {high}), {high}]"
