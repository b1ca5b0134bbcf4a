"""Derivatives, integrals, limits, tangents."""

from __future__ import annotations

from adapters.embedded.models.tutor.formulas.expression import code
from adapters.embedded.models.tutor.programs.script import MARK, Script
from adapters.embedded.models.tutor.planning.tasks import Derivative, Integral, Limit, Tangent


def derivative(script: Script, task: Derivative) -> None:
    """The derivative, and its value at the points asked for."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    order = f", {task.order}" if task.order > 1 else ""
    points = ", ".join(script.text(point) for point in task.at)
    script.section("Differentiate.", f"""
        derivative = sp.simplify(sp.diff({name}, {variable}{order}))
        values = [sp.simplify(derivative.subs({variable}, point)) for point in [{points}]]
        print("Derivative:", derivative)
        print("{MARK}", json.dumps({{
            "exact": str(derivative),
            "values": [{{"exact": str(value), "decimal": str(value.evalf(15))}} for value in values],
        }}))
    """)


def integral(script: Script, task: Integral) -> None:
    """The antiderivative, or the number between bounds."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    if task.bounds is None:
        script.section("Find an antiderivative and check it by differentiating.", f"""
            antiderivative = sp.integrate({name}, {variable})
            check = sp.simplify(sp.diff(antiderivative, {variable}) - {name}) == 0
            print("Antiderivative:", antiderivative, "- derivative gives the function again:", check)
            print("{MARK}", json.dumps({{"exact": str(antiderivative), "check": bool(check)}}))
        """)
        return
    integrand = f"sp.Abs({name})" if task.is_area else name
    low, high = script.text(task.bounds.low), script.text(task.bounds.high)
    script.section(f"Integrate from {code(task.bounds.low)} to {code(task.bounds.high)}.", f"""
        integral = sp.simplify(sp.integrate({integrand}, ({variable}, {low}, {high})))
        print("Integral:", integral, "=", integral.evalf(10))
        print("{MARK}", json.dumps({{"exact": str(integral), "decimal": str(integral.evalf(15))}}))
    """)


def limit(script: Script, task: Limit) -> None:
    """From one side, or from both, which must agree."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    towards = script.text(task.towards)
    side = task.side if len(task.side) == 1 else "+-"
    script.section(f"The limit for {variable} -> {code(task.towards)}.", f"""
        left, right = (sp.limit({name}, {variable}, {towards}, side) for side in "-+")
        print("From the left:", left, "from the right:", right)
        print("{MARK}", json.dumps({{"left": str(left), "right": str(right), "side": "{side}"}}))
    """)


def tangent(script: Script, task: Tangent) -> None:
    """The line through the point with the slope there."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    script.section("The tangent has the slope of the curve and goes through its point.", f"""
        point = {script.text(task.at)}
        slope = sp.diff({name}, {variable}).subs({variable}, point)
        tangent = sp.expand(slope * ({variable} - point) + {name}.subs({variable}, point))
        print("Tangent: y =", tangent)
        print("{MARK}", json.dumps({{"exact": str(tangent), "slope": str(slope)}}))
    """)
