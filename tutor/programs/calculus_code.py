"""Derivatives, integrals, areas, limits, tangents."""

from __future__ import annotations

from typing import Final

from tutor.formulas.expression import Call, Expression, symbols, walk
from tutor.formulas.formula_text import code
from tutor.formulas.statements import Bounds
from tutor.planning.tasks import AreaBetween, Derivative, Function, Integral, Limit, Tangent
from tutor.programs.result_keys import Key
from tutor.programs.script import BOTH, MARK, ZEROS, Script

ABSOLUTE: Final = '''
def with_absolute_values(antiderivative, function, symbol):
    """ln|x| instead of ln(x), where the function has values and the shorter form has none; checked with slopes."""
    if not antiderivative.has(sp.log) or antiderivative.has(sp.Integral) or antiderivative.free_symbols != {symbol}:
        return antiderivative
    wider = antiderivative.replace(sp.log, lambda inside: sp.log(sp.Abs(inside)))
    places, step = np.linspace(-8, 8, 321) + 0.0123, 1e-5
    try:
        short, wide, heights = (sp.lambdify(symbol, each, ["scipy", "numpy"])
                                for each in (antiderivative, wider, function))
        with np.errstate(all="ignore"):
            slopes = (wide(places + step) - wide(places - step)) / (2 * step)
            there, missing = heights(places) + 0 * places, ~np.isfinite(short(places) + 0 * places)
        defined = np.isfinite(there)
        fits = (defined & missing).any() and (
            np.isclose(slopes[defined], there[defined], rtol=1e-3, atol=1e-3).mean() > 0.97)  # not beside poles
    except (NameError, TypeError):
        return antiderivative
    return wider if fits else antiderivative
'''


def derivative(script: Script, task: Derivative) -> None:
    """The derivative, and its value at the points asked for, where the function is smooth."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    order = f", {task.order}" if task.order > 1 else ""
    script.section(
        "Differentiate.",
        f"""
        plain = sp.diff({name}, {variable}{order})
        derivative = min(sp.simplify(plain), sp.factor(plain), key=sp.count_ops)
        if isinstance(derivative, sp.Piecewise) and isinstance(derivative.args[0].cond, sp.Eq):
            derivative = derivative.args[1].expr  # the first piece is a single place, where there is no slope
        print("Derivative:", derivative)
        values = []
    """,
    )
    for point in task.at:
        _slope(script, task, point)
    script.section(
        "The result.",
        f"""
        print("{MARK}", json.dumps({{"{Key.EXACT}": str(derivative), "{Key.VALUES}": values}}))
    """,
    )


def _slope(script: Script, task: Derivative, point: Expression) -> None:
    script.helper(BOTH)
    name, variable, at = script.function(task.function), script.symbol(task.function.variable), script.text(point)
    constant = not symbols(point) and symbols(task.function.expression) == (task.function.variable,)
    defined = f"{name}.subs({variable}, {at}).is_real" if constant else "True"
    kinked = _is_kinked(task.function)
    slopes = (
        f"{{sp.limit(({name} - {name}.subs({variable}, {at})) / ({variable} - {at}), {variable}, {at}, side)"
        f' for side in "-+"}}'
    )
    smooth = f"len({slopes}) == 1" if kinked and constant else "True"
    script.section(
        f"Its value at {variable} = {code(point)}.",
        f"""
        value = sp.simplify(derivative.subs({variable}, {at})) if {defined} and {smooth} else sp.nan
        print("At {variable} = {code(point)} it is", value)
        values.append(both(value))
    """,
    )


def _is_kinked(function: Function) -> bool:
    return any(
        isinstance(node, Call) and node.function in {"Abs", "sign", "floor", "ceiling"}
        for node in walk(function.expression)
    )


def integral(script: Script, task: Integral) -> None:
    """The antiderivative, or the number between bounds."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    if task.bounds is None:
        script.uses("np")
        script.helper(ABSOLUTE)
        script.section(
            "Find an antiderivative and check it by differentiating.",
            f"""
            antiderivative = sp.integrate({name}, {variable})
            check = sp.simplify(sp.diff(antiderivative, {variable}) - {name}) == 0
            antiderivative = with_absolute_values(antiderivative, {name}, {variable})
            print("Antiderivative:", antiderivative)
            print("Its derivative is the function again:", check)
            print("{MARK}", json.dumps({{
                "{Key.EXACT}": str(antiderivative), "{Key.FOUND}": not antiderivative.has(sp.Integral),
                "{Key.CHECK}": bool(check),
            }}))
        """,
        )
    else:
        _definite(script, task, f"sp.Abs({name})" if task.is_area else name, variable)


def _definite(script: Script, task: Integral, integrand: str, variable: str) -> None:
    if task.bounds is None:
        return
    low, high = script.text(task.bounds.low), script.text(task.bounds.high)
    script.helper(BOTH)
    script.section(
        f"Integrate from {code(task.bounds.low)} to {code(task.bounds.high)}.",
        f"""
        integrand = {integrand}
        integral = sp.simplify(sp.integrate(integrand, ({variable}, {low}, {high})))
        print("Integral:", integral, "=", sp.N(integral, 10))
    """,
    )
    parameters = {*symbols(task.function.expression), *symbols(task.bounds.low), *symbols(task.bounds.high)}
    if parameters - {task.function.variable}:
        script.section(
            "The result.",
            f"""
            print("{MARK}", json.dumps({{"{Key.EXACT}": str(integral), "{Key.PARAMETERS}": True}}))
        """,
        )
        return
    script.uses("quad", "np")
    script.section(
        "Check it with many thin strips.",
        f"""
        height = sp.lambdify({variable}, integrand, ["scipy", "numpy"])
        with np.errstate(all="ignore"):
            strips, error = quad(lambda place: height(np.float64(place)), float({low}), float({high}),
                                 limit=500, full_output=True)[:2]
        print("Numerically:", strips, "+/-", error)
        print("{MARK}", json.dumps({{**both(integral), "{Key.STRIPS}": str(strips), "{Key.ERROR}": str(error)}}))
    """,
    )


def limit(script: Script, task: Limit) -> None:
    """From one side, or from both, which must agree."""
    name, variable, towards = script.function(task.function), script.symbol(task.function.variable), task.towards
    point = script.text(towards)
    numeric = symbols(task.function.expression) == (task.function.variable,) and not symbols(towards)
    script.section(
        f"The limit for {variable} -> {code(towards)}.",
        f"""
        left, right = (sp.limit({name}, {variable}, {point}, side) for side in "-+")
        print("From the left:", left, "from the right:", right)
    """,
    )
    near = _near(script, task.function, point) if numeric else ""
    script.section(
        "Look at values near the point, as a check." if near else "The result.",
        f"""
        {near or "near = {}"}
        print("Nearby:", near)
        print("{MARK}", json.dumps({{"{Key.LEFT}": str(left), "{Key.RIGHT}": str(right), "{Key.NEAR}": near}}))
    """,
    )


def _near(script: Script, function: Function, point: str) -> str:
    """Values on both sides, worked out with decimals: exact ones would take for ever in (1 + 1/x)^x."""
    name, variable = script.function(function), script.symbol(function.variable)
    places = {"sp.oo": "1e6, 1e6", "-sp.oo": "-1e6, -1e6"}.get(point, f"{point} - 1e-6, {point} + 1e-6")
    return (
        f"near = {{side: str({name}.evalf(15, subs={{{variable}: sp.N(place)}}))\n"
        f'                for side, place in zip(["left", "right"], [{places}])}}'
    )


def tangent(script: Script, task: Tangent) -> None:
    """The line through the point with the slope there; none at a kink, where the slopes of both sides differ."""
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    kinked = _is_kinked(task.function) and not symbols(task.at)
    smooth = "len(beside) == 1" if kinked else "True"
    quotient = f"({name} - height) / ({variable} - point)"
    beside = f'beside = {{sp.limit({quotient}, {variable}, point, side) for side in "-+"}}' if kinked else ""
    script.section(
        "The tangent has the slope of the curve and goes through its point."
        + (" The normal crosses it at a right angle." if task.is_normal else ""),
        f"""
        point = {script.exact(task.at)}
        slope = sp.simplify({"-1 / " if task.is_normal else ""}sp.diff({name}, {variable}).subs({variable}, point))
        height = sp.simplify({name}.subs({variable}, point))
        tangent = sp.expand(slope * ({variable} - point) + height)
        print("Line: y =", tangent)
        {beside}
        print("{MARK}", json.dumps({{
            "{Key.VERTICAL}": {"slope.is_infinite and height.is_real" if task.is_normal else "False"},
            "{Key.EXACT}": str(tangent), "{Key.SLOPE}": str(slope),
            "{Key.IS_REAL}": {smooth} and slope.is_finite is not False and not False in (slope.is_real, height.is_real),
        }}))
    """,
    )


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
