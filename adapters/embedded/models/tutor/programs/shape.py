"""Where a curve bends up or down."""

from __future__ import annotations

from adapters.embedded.models.tutor.programs.script import MARK, Script
from adapters.embedded.models.tutor.formulas.statements import Bounds
from adapters.embedded.models.tutor.planning.tasks import Curvature


def domain(script: Script, bounds: Bounds | None) -> str:
    """The set of reals asked about."""
    if bounds is None:
        return "sp.S.Reals"
    opened = ", ".join(str(each) for each in (bounds.open_low, bounds.open_high))
    ends = "" if opened == "False, False" else f", {opened}"
    return f"sp.Interval({script.text(bounds.low)}, {script.text(bounds.high)}{ends})"


def curvature(script: Script, task: Curvature) -> None:
    """The sign of the second derivative between the points where it can change."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    script.section("A curve is convex where its second derivative is >= 0 and concave where it is <= 0.", f"""
        second = sp.simplify(sp.diff({name}, {variable}, 2))
        domain = sp.calculus.util.continuous_domain({name}, {variable}, {domain(script, task.bounds)})
        convex = sp.solveset(second >= 0, {variable}, domain)
        concave = sp.solveset(second <= 0, {variable}, domain)
        print("Second derivative:", second)
        print("Convex on", convex, "and concave on", concave)
        print("{MARK}", json.dumps({{
            "second": str(second), "domain": str(domain), "convex": str(convex), "concave": str(concave),
            "is_convex": domain.is_subset(convex), "is_concave": domain.is_subset(concave),
        }}))
    """)
