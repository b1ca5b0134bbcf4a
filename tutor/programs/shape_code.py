"""Where a curve bends, rises and turns: the signs of its first and second derivative."""

from __future__ import annotations

from tutor.formulas.expression import Call, walk
from tutor.planning.tasks import Curvature, Extrema, Function, Monotony
from tutor.programs.result_keys import Key
from tutor.programs.script import BOTH, MARK, PARTS, SIGNS, ZEROS, Script

_SHARED = (ZEROS, PARTS, SIGNS)


def curvature(script: Script, task: Curvature) -> None:
    """The sign of the second derivative between the points where it can change."""
    examine(script, task.function, script.domain(task.bounds), order=2)
    script.helper(BOTH)
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    script.section(
        "The result: convex where the sign is +1, concave where it is -1.",
        f"""
        print("Second derivative:", derivative)
        print("Signs:", rows)
        turns = [{{"{Key.X}": both(cut), "{Key.Y}": both({name}.subs({variable}, cut))}} for cut in cuts]
        print("{MARK}", json.dumps({{"{Key.DERIVATIVE}": str(derivative), "{Key.ROWS}": rows,
                                   "{Key.SURE}": sure, "{Key.WINDOW}": window,
                                   "{Key.KINKS}": bends, "{Key.TURNS}": turns}}))
    """,
    )


def monotony(script: Script, task: Monotony) -> None:
    """The sign of the first derivative."""
    examine(script, task.function, script.domain(task.bounds), order=1)
    script.section(
        "The result: rising where the sign is +1, falling where it is -1.",
        f"""
        print("First derivative:", derivative)
        print("Signs:", rows)
        print("{MARK}", json.dumps({{"{Key.DERIVATIVE}": str(derivative), "{Key.ROWS}": rows,
                                   "{Key.SURE}": sure, "{Key.WINDOW}": window}}))
    """,
    )


def extrema(script: Script, task: Extrema) -> None:
    """Where the first derivative changes its sign, and the ends of the range."""
    examine(script, task.function, script.domain(task.bounds), order=1)
    script.helper(BOTH)
    name, variable = script.function(task.function), script.symbol(task.function.variable)
    script.section(
        "Extrema lie where the sign changes, or at the ends of the range.",
        f"""
        points = [{{"{Key.X}": both(cut), "{Key.Y}": both(sp.simplify({name}.subs({variable}, cut)))}} for cut in cuts]
        ends = []
        for interval in intervals:
            low, high = (interval.inf, interval.left_open, "+"), (interval.sup, interval.right_open, "-")
            for end, is_open, side in (low, high):
                height = sp.limit({name}, {variable}, end, side) if is_open else {name}.subs({variable}, end)
                ends.append({{"{Key.X}": both(end), "{Key.Y}": both(height), "{Key.OPEN}": bool(is_open)}})
        print("Candidates:", [(point["x"]["exact"], point["y"]["exact"]) for point in points + ends])
        print("{MARK}", json.dumps({{"{Key.DERIVATIVE}": str(derivative), "{Key.ROWS}": rows,
                                   "{Key.SURE}": sure, "{Key.WINDOW}": window,
                                   "{Key.POINTS}": points, "{Key.ENDS}": ends}}))
    """,
    )


def examine(script: Script, function: Function, domain: str, *, order: int) -> None:
    """Gives `derivative`, `cuts`, `intervals`, `rows`, `sure`, `window` and `bends` to the section that follows."""
    script.uses("np", "brentq", "domain", "sp")
    script.helper(*_SHARED)
    name, variable = script.function(function), script.symbol(function.variable)
    which = f"sp.diff({name}, {variable}, 2)" if order == 2 else f"sp.diff({name}, {variable})"
    kinks = [
        script.text(node.arguments[0])
        for node in walk(function.expression)
        if isinstance(node, Call) and node.function == "Abs"
    ]
    flat = ".replace(sp.DiracDelta, lambda *_: sp.Integer(0))" if kinks else ""
    script.section(
        f"The sign of the {'second' if order == 2 else 'first'} derivative, piece by piece.",
        f"""
        derivative = sp.simplify({which}{flat})
        domain = continuous_domain({name}, {variable}, {domain})
        cuts, sure = zeros(derivative, {variable}, domain)
        intervals, window = parts(domain), False
        if not sure or not intervals:  # perhaps endlessly many: look at a part of the axis
            window = bool(domain.inf == -sp.oo or domain.sup == sp.oo)
            near = sp.Interval(-2 * sp.pi, 2 * sp.pi).intersect({domain})
            domain = continuous_domain({name}, {variable}, near if window else {domain})
            cuts, sure = zeros(derivative, {variable}, domain)
            intervals = parts(domain)
    """,
    )
    _kinks(script, function, kinks)
    script.section(
        "The sign between neighbouring cuts.",
        f"""
        rows = signs(derivative, {variable}, intervals, cuts)
    """,
    )


def _kinks(script: Script, function: Function, kinks: list[str]) -> None:
    if not kinks:
        script.section("There are no kinks.", "bends = []")
        return
    name, variable = script.function(function), script.symbol(function.variable)
    script.section(
        "Absolute values have kinks, where the slope may jump up or down.",
        f"""
        bends = []
        for inside in [{", ".join(kinks)}]:
            for kink in zeros(inside, {variable}, domain)[0]:
                before, after = (sp.limit(sp.diff({name}, {variable}), {variable}, kink, side) for side in "-+")
                bends.append(int(sp.sign(after - before)))
                cuts = sorted({{*cuts, kink}}, key=float)
    """,
    )
