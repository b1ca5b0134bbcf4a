"""Curves in a diagram with title, labels and legend, over a range that shows what matters.

How it looks is the sandbox's style, not the program's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from tutor.formulas.expression import (
    Call,
    Constant,
    Expression,
    Negative,
    Number,
    Operation,
    is_constant,
    walk,
)
from tutor.formulas.statements import Bounds
from tutor.planning.tasks import CurveOfEquation, Extremum, Function, Plot, PlotLooks, head, label, written
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK, Script

JOINED: Final = '''
def joined(heights):
    """Points alone, such as those of x^x at -1, -2, -3, are no curve."""
    finite = np.append(np.insert(np.isfinite(heights), 0, False), False)
    return np.where(finite[:-2] | finite[2:], heights, np.nan)
'''
RANGE: Final = '''
def good_range(curves, marks, least):
    """A range that shows zeros, turning points, where curves meet, and the marked points, if they are not too many."""
    wide = np.linspace(-1000, 1000, 20001)
    drawn = [joined(curve(wide) + 0 * wide) for curve in curves]
    special = list(marks)
    for values in [*drawn, *map(np.diff, drawn), *(heights - drawn[0] for heights in drawn[1:])]:
        known = np.flatnonzero(np.isfinite(values) & (np.abs(values) > 1e-100))
        special += list(wide[known[np.flatnonzero(np.diff(np.sign(values[known])))]])  # where the sign changes
    if len(special) > 24:
        near = np.linspace(-2 * np.pi, 2 * np.pi, 20001)
        waves = min(np.nansum(np.abs(np.diff(np.sign(np.diff(curve(near) + 0 * near)))) > 0) for curve in curves)
        reach = 2 * np.pi * min(1, 16 / max(waves, 1))
        return -reach, reach
    if all(abs(place) < 50 for place in special):
        special.append(0)  # the vertical axis
    center = round(min(special) + max(special)) / 2 if special else 0
    reach = max([1.6 * abs(place - center) for place in special], default=0)
    reach = 5 if reach < 1 else max(least, np.ceil(reach))
    return center - reach, center + reach
'''
DEFINED: Final = '''
def where_defined(curves, left, right):
    """The part of a range where there is something to see."""
    wide = np.linspace(-1000, 1000, 20001)
    defined = np.concatenate([wide[np.isfinite(joined(curve(wide) + 0 * wide))] for curve in curves])
    if len(defined) == 0 or defined.min() > right or defined.max() < left:
        return left, right
    return max(left, defined.min() - 0.5), min(right, defined.max() + 0.5)
'''
CLOSER: Final = '''
def closer(curves, left, right, places):
    """Less of the axis where the ends tower over all the rest, as those of e^(x^2) do; the places stay in sight."""
    center, reach = (left + right) / 2, (right - left) / 2
    least = max([1, *(1.3 * abs(place - center) for place in places)])
    while reach > least:
        points = np.linspace(center - reach, center + reach, 401)
        heights = np.abs(np.concatenate([curve(points) + 0 * points for curve in curves]))
        heights = heights[np.isfinite(heights)]
        if heights.max(initial=0) <= 40 * max(1, np.median(heights)):
            break
        reach = max(least, round(reach - 0.5, 1))
    return center - reach, center + reach
'''
GAPS: Final = '''
def with_gaps(heights):
    """No line is drawn across a pole or a jump: one step turns back, or is far larger than those beside it."""
    low, high = np.nanpercentile(np.where(np.isfinite(heights), heights, np.nan), [10, 90])
    steps = np.diff(heights)
    before, after = np.append(0, steps[:-1]), np.append(steps[1:], 0)
    back = (np.sign(steps) != np.sign(before)) & (np.sign(steps) != np.sign(after)) & (np.abs(steps) > 4 * (high - low))
    beside = np.maximum(np.abs(before), np.abs(after))
    heights[:-1][back | (np.abs(steps) > 50 * beside + 0.01 * (high - low))] = np.nan
    return heights


def has_pole(curve, left, right):
    """Whether the curve grows without bound: the closer one looks, the higher it gets."""
    coarse, fine = (np.abs(curve(places) + 0 * places) for places in
                    (left + (right - left) * (np.arange(count) + 0.37) / count for count in (1000, 20000)))
    return np.max(fine[np.isfinite(fine)], initial=0) > 3 * np.max(coarse[np.isfinite(coarse)], initial=0)
'''
PI_TICKS: Final = '''
def pi_ticks(left, right):
    """Marks at multiples of pi, no more than nine, and what they are called: -3π/2, -π, 0."""
    steps = [sp.Rational(*step) for step in ((1, 12), (1, 6), (1, 4), (1, 2), (1, 1), (2, 1), (5, 1), (10, 1), (20, 1))]
    step = next((step for step in steps if right - left <= 8.001 * float(step * sp.pi)), sp.Integer(50))
    first, last = (end / float(step * sp.pi) for end in (left, right))
    multiples = [number * step for number in range(int(np.ceil(first - 1e-9)), int(np.floor(last + 1e-9)) + 1)]
    return [float(each * sp.pi) for each in multiples], [pi_name(each) for each in multiples]


def pi_name(multiple):
    times = "" if abs(multiple.p) == 1 else abs(multiple.p)
    name = f"{times}π" if multiple.q == 1 else f"{times}π/{multiple.q}"
    return "0" if not multiple else f"−{name}" if multiple < 0 else name
'''
_PERIODIC: Final = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_WITH_GAPS: Final = frozenset({"tan", "cot", "sec", "csc", "coth", "floor", "ceiling", "sign", "gamma"})
_NOT_EVERYWHERE: Final = frozenset({"log", "sqrt", "asin", "acos", "acosh", "atanh", "factorial"})
_HIGH_POWER: Final = 4
_MANY_CURVES: Final = 90


def plot(script: Script, task: Plot) -> None:
    """Every curve over one range."""
    script.uses("np", "plt", "sp")
    variable = script.symbol(task.functions[0].variable)
    formulas = [each.expression for each in task.functions]
    poles = has_poles(formulas)
    partial = poles or is_partial(formulas)
    quiet = partial or not is_polynomial(formulas)
    if task.turns is not None:
        script.section("The turning points, to be marked: where the sign changes.", _turns(task.turns))
    script.section("The curves, as functions of numbers.", _curves(script, task, variable, quiet=quiet))
    script.section("The range to draw.", _range(script, task, partial=partial, poles=poles))
    script.section("Draw: many points, joined to a smooth line.", _drawing(script, task, poles=poles))


def _turns(asked: Extremum) -> str:
    changes = {Extremum.MAXIMUM: "[(1, -1)]", Extremum.MINIMUM: "[(-1, 1)]", Extremum.BOTH: "[(1, -1), (-1, 1)]"}
    return f"""before, after = ({{row[end]: row["sign"] for row in rows}} for end in ("high", "low"))
turns = [float(cut) for cut in cuts if (before.get(str(cut)), after.get(str(cut))) in {changes[asked]}][:12]"""


def has_poles(formulas: Iterable[Expression]) -> bool:
    """Whether a curve may run off to infinity, or jump, between two points."""
    return any(
        _divides(node) or (isinstance(node, Call) and node.function in _WITH_GAPS)
        for formula in formulas
        for node in walk(formula)
    )


def _divides(node: Expression) -> bool:
    match node:
        case Operation("/", _, below):
            return not is_constant(below)
        case Operation("**", base, Negative()):
            return not is_constant(base)
        case _:
            return False


def is_partial(formulas: Iterable[Expression]) -> bool:
    """Whether a curve may be missing on a part of the axis."""
    return any(
        (isinstance(node, Call) and node.function in _NOT_EVERYWHERE)
        or (
            isinstance(node, Operation)
            and node.operator == "**"
            and not isinstance(node.right, Number)
            and not is_constant(node.left)
        )
        for formula in formulas
        for node in walk(formula)
    )


def is_polynomial(formulas: Iterable[Expression]) -> bool:
    """Whether there are neither functions nor variable exponents, so that nothing can overflow."""
    return not any(
        isinstance(node, Call)
        or (isinstance(node, Operation) and node.operator == "**" and not is_constant(node.right))
        for formula in formulas
        for node in walk(formula)
    )


def _curves(script: Script, task: Plot, variable: str, *, quiet: bool) -> str:
    named = [(label(each), script.real_function(each)) for each in task.functions]
    if task.tangent_at is not None:
        named.append(("tangent", _tangent(script, task.functions[0], task.tangent_at)))
    if task.normal_at is not None:
        named.append(("normal", _normal(script, task.functions[0], task.normal_at)))
    special = any(
        isinstance(node, Call) and node.function == "factorial"
        for each in task.functions
        for node in walk(each.expression)
    )
    modules = '["scipy", "numpy"]' if special else '"numpy"'
    lines = [
        f"    {json.dumps(text, ensure_ascii=False)}: sp.lambdify({variable}, {formula}, {modules}),\n"
        for text, formula in named
    ]
    silence = 'np.seterr(all="ignore")  # where a curve is not defined, nothing is drawn\n' if quiet else ""
    return f"{silence}curves = {{\n{''.join(lines)}}}"


def _tangent(script: Script, function: Function, at: Expression) -> str:
    name, variable, point = script.function(function), script.symbol(function.variable), script.exact(at)
    slope = f"sp.diff({name}, {variable}).subs({variable}, {point})"
    return f"{name}.subs({variable}, {point}) + {slope} * ({variable} - {point})"


def _normal(script: Script, function: Function, at: Expression) -> str:
    """Nothing where it is vertical."""
    name, variable, point = script.function(function), script.symbol(function.variable), script.exact(at)
    slope = f"sp.diff({name}, {variable}).subs({variable}, {point})"
    line = f"{name}.subs({variable}, {point}) - ({variable} - {point}) / {slope}"
    return f"{line} if {slope} else sp.nan"


def _range(script: Script, task: Plot, *, partial: bool, poles: bool) -> str:
    text = _shown_range(script, task, partial=partial, poles=poles)
    return text if task.looks.zoom == 1 else f"{text}\n{zoomed(task.looks.zoom)}"


def zoomed(factor: float) -> str:
    """The same middle, with this much of the range around it."""
    return (
        f"center, reach = (left + right) / 2, {factor:g} * (right - left) / 2\n"
        "left, right = center - reach, center + reach"
    )


def _shown_range(script: Script, task: Plot, *, partial: bool, poles: bool) -> str:
    bounds = task.bounds
    if bounds is not None and Constant("oo") not in (*walk(bounds.low), *walk(bounds.high)):
        return f"left, right = sorted([float({script.text(bounds.low)}), float({script.text(bounds.high)})])"
    has_line = task.tangent_at is not None or task.normal_at is not None  # where that is zero does not matter
    ruling = f"list(curves.values())[:{len(task.functions)}]" if has_line else "curves.values()"
    script.helper(JOINED, RANGE)
    text = f"left, right = good_range({ruling}, [{', '.join(_marks(script, task))}], {5 if poles else 3})"
    if not poles and _is_steep(task):
        script.helper(CLOSER)
        text += f"\nleft, right = closer({ruling}, left, right, [{', '.join(_marks(script, task))}])"
    if bounds is not None:
        text += "\n" + _cut(script, bounds)
    if partial:
        script.helper(JOINED, DEFINED)
        text += "\nleft, right = where_defined(curves.values(), left, right)"
    return text


def _is_steep(task: Plot) -> bool:
    """Whether the ends of a curve may tower over its middle: exponentials, high powers."""
    formulas = [each.expression for each in task.functions]
    powers = [
        node.right for each in formulas for node in walk(each) if isinstance(node, Operation) and node.operator == "**"
    ]
    high = any(isinstance(power, Number) and float(power.text) > _HIGH_POWER for power in powers)
    return high or not is_polynomial(formulas)


def _cut(script: Script, bounds: Bounds) -> str:
    low, high = script.exact(bounds.low), script.exact(bounds.high)
    return (
        f"low, high = float({low}), float({high})\n"
        "left, right = max(left, low), min(right, high)\n"
        "if left >= right:\n"
        "    left, right = (low, low + 10) if np.isfinite(low) else (high - 10, high)"
    )


def _marks(script: Script, task: Plot) -> Sequence[str]:
    marks = [*task.marks, *(at for at in (task.tangent_at, task.normal_at) if at is not None)]
    given = [f"float({script.text(mark)})" for mark in dict.fromkeys(marks)]
    return [*given, "*turns"] if task.turns is not None else given


def _drawing(script: Script, task: Plot, *, poles: bool) -> str:
    heights = "curve(points) + 0 * points"
    if poles:
        script.helper(GAPS)
        heights = f"with_gaps({heights})"
    title = json.dumps(", ".join(label(each) for each in task.functions)[:_MANY_CURVES], ensure_ascii=False)
    first = task.functions[0]
    same_name = first.name and all(each.name == first.name and not each.derived for each in task.functions)
    vertical = head(first) if same_name else "y"
    looks = task.looks
    title = json.dumps(looks.title.replace("$", r"\$"), ensure_ascii=False) if looks.title else title
    coloured = {label(each): name for each, name in zip(task.functions, looks.colours, strict=False) if name}
    colours = f"colours = {json.dumps(coloured, ensure_ascii=False)}\n" if coloured else ""
    return f"""points = np.linspace(left, right, 1001)
drawn = {{label: {heights} for label, curve in curves.items()}}
{colours}{opened(looks)}
for label, heights in drawn.items():
    plt.plot(points, heights, label=label{", color=colours.get(label)" if coloured else ""})
{_marked(script, task)}{_NEAR_POLES if poles else ""}plt.axhline(0, color="gray", linewidth=0.8)
plt.xlim(left, right)
plt.title({title})
plt.xlabel("{first.variable}")
plt.ylabel("{vertical}")
{_pi_axis(script, task)}{finished(looks)}plt.show()
unseen = [label for label, heights in drawn.items() if not np.isfinite(heights).any()]
print("Drawn from", left, "to", right)
print("{MARK}", json.dumps({{"{Key.LEFT}": float(left), "{Key.RIGHT}": float(right),
                           "{Key.SEEN}": len(drawn) - len(unseen), "{Key.UNSEEN}": unseen}}))"""


def opened(looks: PlotLooks) -> str:
    """A new figure, larger or smaller than usual where that was asked for."""
    if looks.scale == 1:
        return "plt.figure()"
    return f'plt.figure(figsize={looks.scale:g} * np.array(plt.rcParams["figure.figsize"]))'


def finished(looks: PlotLooks, curves: str = "drawn") -> str:
    """The legend, where several curves need one or it was asked for, and no grid where none was wanted."""
    legend = {None: f"if len({curves}) > 1:\n    plt.legend()\n", True: "plt.legend()\n", False: ""}[looks.legend]
    return legend if looks.grid else f"{legend}plt.grid(False)\n"


def _pi_axis(script: Script, task: Plot) -> str:
    """Marks at multiples of pi: where they were asked for, and where the range is one of them."""
    asked, bounds = task.looks.pi_ticks, task.bounds
    formulas = [node for each in task.functions for node in walk(each.expression)]
    in_pi = bounds is not None and Constant("pi") in (*walk(bounds.low), *walk(bounds.high))
    periodic = bounds is None and any(isinstance(node, Call) and node.function in _PERIODIC for node in formulas)
    if asked is False or not (asked or in_pi or periodic):
        return ""
    script.helper(PI_TICKS)
    ticks = "plt.xticks(*pi_ticks(left, right))\n"
    # A range that the program chose is told by its numbers unless it turned out to be one of whole waves.
    return ticks if asked or in_pi else f"if np.isclose(right % np.pi, 0):\n    {ticks}"


_NEAR_POLES: Final = """if any(has_pole(curve, left, right) for curve in curves.values()):
    seen = np.concatenate([heights[np.isfinite(heights)] for heights in drawn.values()])
    low, high = np.percentile(seen, [15, 85])  # near a pole the curve leaves the picture
    plt.ylim(max(seen.min(), 2 * low - high) - 0.3, min(seen.max(), 2 * high - low) + 0.3)
"""


def _marked(script: Script, task: Plot) -> str:
    marks = _marks(script, task)
    if not marks:
        return ""
    name, variable = script.real_function(task.functions[0]), script.symbol(task.functions[0].variable)
    return f"""for at in [at for at in [{", ".join(marks)}] if left <= at <= right]:
    height = float({name}.subs({variable}, at))
    plt.plot(at, height, "o", color="black")
    words = f"({{at:.4g}}, {{height:.4g}})".replace("-", "−")
    plt.annotate(words, (at, height), textcoords="offset points", xytext=(6, 8))
"""


WINDOW: Final = '''
def window(surfaces):
    """How far the curves reach; of endless ones, the places where they cross the axes."""
    wide = np.linspace(-50.05, 50.05, 1002)
    across, up = np.meshgrid(wide, 1.0137 * wide)  # so that no straight line runs along the grid
    reaches = [1.0]
    for surface in surfaces:
        signs = np.sign(surface(across, up) + 0 * across)
        rows, columns = np.nonzero((signs[1:, 1:] * signs[:-1, 1:] < 0) | (signs[1:, 1:] * signs[1:, :-1] < 0))
        reach = np.abs(wide[np.concatenate([rows, columns])]).max(initial=0)
        if reach > 49:
            crossings = [wide[1:][np.diff(np.sign(heights)) != 0]
                         for heights in (surface(wide, 0 * wide) + 0 * wide, surface(0 * wide, wide) + 0 * wide)]
            reach = max(3.5, *(min(np.abs(places).max(initial=0), 30) for places in crossings))
        reaches.append(reach)
    return np.ceil(1.3 * max(reaches))
'''


def curve_of_equation(script: Script, task: CurveOfEquation) -> None:
    """Where the two sides of each equation are equal, in a diagram with the same scale on both axes."""
    script.uses("np", "plt", "sp")
    for letter in ("x", "y"):
        script.symbol(letter)
    script.helper(WINDOW)
    surfaces = "".join(
        f"    {json.dumps(written(each), ensure_ascii=False)}:"
        f' sp.lambdify((x, y), {script.exact(Operation("-", *each.parts))}, "numpy"),\n'
        for each in task.equations
    )
    looks = task.looks
    title = looks.title.replace("$", r"\$") or ", ".join(map(written, task.equations))[:90]
    script.section(
        "Left side less right side: zero on the curve.",
        f'np.seterr(all="ignore")  # where a side is not defined, nothing is drawn\nsurfaces = {{\n{surfaces}}}',
    )
    zoom = "" if looks.zoom == 1 else f"\n{zoomed(looks.zoom)}\nlow, high = {looks.zoom:g} * low, {looks.zoom:g} * high"
    script.section("The part of the plane to draw.", _plane_range(script, task.bounds) + zoom)
    colours = f"{json.dumps(looks.colours)}[number] or " if looks.colours else ""
    script.section(
        "Draw where each difference is zero.",
        f"""across, up = np.meshgrid(np.linspace(left, right, 800), np.linspace(low, high, 800))
plt.figure(figsize=({5 * looks.scale:g}, {5 * looks.scale:g}))
seen = 0
for number, (label, surface) in enumerate(surfaces.items()):
    color = {colours}f"C{{number}}"
    curve = plt.contour(across, up, surface(across, up) + 0 * across, levels=[0], colors=[color])
    seen += sum(len(part) for part in curve.allsegs[0])
    plt.plot([], [], color=color, label=label)
plt.axhline(0, color="gray", linewidth=0.8)
plt.axvline(0, color="gray", linewidth=0.8)
plt.gca().set_aspect("equal")
plt.title({json.dumps(title, ensure_ascii=False)})
plt.xlabel("x")
plt.ylabel("y")
{finished(looks, "surfaces")}plt.show()
print("{MARK}", json.dumps({{"{Key.LEFT}": float(left), "{Key.RIGHT}": float(right), "{Key.SEEN}": seen}}))""",
    )


def _plane_range(script: Script, bounds: Bounds | None) -> str:
    if bounds is None or any(Constant("oo") in walk(end) for end in (bounds.low, bounds.high)):
        return "reach = window(surfaces.values())\nleft, right, low, high = -reach, reach, -reach, reach"
    return (
        f"left, right = sorted([float({script.text(bounds.low)}), float({script.text(bounds.high)})])\n"
        "low, high = -(right - left) / 2, (right - left) / 2"
    )
