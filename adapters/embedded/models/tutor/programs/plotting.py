"""Curves in a diagram with title, labels, legend and grid, over a range that shows what matters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from adapters.embedded.models.tutor.formulas.expression import (
    Call,
    Constant,
    Expression,
    Negative,
    Number,
    Operation,
    is_constant,
    walk,
)
from adapters.embedded.models.tutor.formulas.statements import Bounds
from adapters.embedded.models.tutor.planning.labels import head, label
from adapters.embedded.models.tutor.planning.tasks import Function, Plot
from adapters.embedded.models.tutor.programs.script import MARK, Script

RANGE: Final = '''
def good_range(curves, marks):
    """A range that shows the zeros, the turning points and the marked points, if they are not too many."""
    wide = np.linspace(-1000, 1000, 20001)
    special = []
    for curve in curves:
        heights = curve(wide) + 0 * wide
        for values in (heights, np.diff(heights)):  # where the curve, or its slope, changes its sign
            known = np.flatnonzero(np.isfinite(values) & (np.abs(values) > 1e-100))
            special += list(wide[known[np.flatnonzero(np.diff(np.sign(values[known])))]])
    if len(special) > 24:
        return -2 * np.pi, 2 * np.pi
    center = round(min(special) + max(special)) / 2 if special else 0
    reach = max([1.6 * abs(point - center) for point in special + marks], default=0)
    reach = 5 if reach < 1 else max(2, np.ceil(reach))
    return center - reach, center + reach
'''
DEFINED: Final = '''
def where_defined(curves, left, right):
    """The part of a range where there is something to see."""
    wide = np.linspace(-1000, 1000, 20001)
    defined = np.concatenate([wide[np.isfinite(curve(wide) + 0 * wide)] for curve in curves])
    if len(defined) == 0 or defined.min() > right or defined.max() < left:
        return left, right
    return max(left, defined.min() - 0.5), min(right, defined.max() + 0.5)
'''
GAPS: Final = '''
def with_gaps(heights):
    """No line is drawn where the curve jumps from one side of a pole to the other."""
    low, high = np.nanpercentile(np.where(np.isfinite(heights), heights, np.nan), [10, 90])
    jumps = (np.abs(np.diff(heights)) > 4 * (high - low)) & (np.sign(heights[:-1]) != np.sign(heights[1:]))
    heights[:-1][jumps] = np.nan
    return heights
'''
_WITH_POLES: Final = frozenset({"tan", "cot", "sec", "csc", "coth"})
_NOT_EVERYWHERE: Final = frozenset({"log", "sqrt", "asin", "acos", "acosh", "atanh", "factorial"})
_MANY_CURVES: Final = 90


def plot(script: Script, task: Plot) -> None:
    """Every curve over one range."""
    script.uses("np", "plt", "sp")
    variable = script.symbol(task.functions[0].variable)
    formulas = [each.expression for each in task.functions]
    poles = has_poles(formulas)
    partial = poles or is_partial(formulas)
    quiet = partial or not is_polynomial(formulas)
    script.section("The curves, as functions of numbers.", _curves(script, task, variable, quiet=quiet))
    script.section("The range to draw.", _range(script, task, partial=partial))
    script.section("Draw: many points, joined to a smooth line.", _drawing(script, task, poles=poles))


def has_poles(formulas: Iterable[Expression]) -> bool:
    """Whether a curve may run off to infinity between two points."""
    return any(
        _divides(node) or (isinstance(node, Call) and node.function in _WITH_POLES)
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


def _range(script: Script, task: Plot, *, partial: bool) -> str:
    bounds = task.bounds
    if bounds is not None and Constant("oo") not in (*walk(bounds.low), *walk(bounds.high)):
        return f"left, right = sorted([float({script.text(bounds.low)}), float({script.text(bounds.high)})])"
    script.helper(RANGE)
    text = f"left, right = good_range(curves.values(), [{', '.join(_marks(script, task))}])"
    if bounds is not None:
        text += "\n" + _cut(script, bounds)
    if partial:
        script.helper(DEFINED)
        text += "\nleft, right = where_defined(curves.values(), left, right)"
    return text


def _cut(script: Script, bounds: Bounds) -> str:
    low, high = script.exact(bounds.low), script.exact(bounds.high)
    return (
        f"low, high = float({low}), float({high})\n"
        "left, right = max(left, low), min(right, high)\n"
        "if left >= right:\n"
        "    left, right = (low, low + 10) if np.isfinite(low) else (high - 10, high)"
    )


def _marks(script: Script, task: Plot) -> Sequence[str]:
    marks = [*task.marks, *([task.tangent_at] if task.tangent_at is not None else [])]
    return [f"float({script.text(mark)})" for mark in dict.fromkeys(marks)]


def _drawing(script: Script, task: Plot, *, poles: bool) -> str:
    heights = "curve(points) + 0 * points"
    if poles:
        script.helper(GAPS)
        heights = f"with_gaps({heights})"
    title = json.dumps(", ".join(label(each) for each in task.functions)[:_MANY_CURVES], ensure_ascii=False)
    first = task.functions[0]
    same_name = first.name and all(each.name == first.name and not each.derived for each in task.functions)
    vertical = head(first) if same_name else "y"
    return f"""points = np.linspace(left, right, 1001)
drawn = {{label: {heights} for label, curve in curves.items()}}
plt.figure(figsize=(8, 5))
for label, heights in drawn.items():
    plt.plot(points, heights, label=label)
{_marked(script, task)}{_NEAR_POLES if poles else ""}plt.axhline(0, color="gray", linewidth=0.8)
plt.xlim(left, right)
plt.title({title})
plt.xlabel("{first.variable}")
plt.ylabel("{vertical}")
plt.legend()
plt.grid(True)
plt.show()
seen = sum(int(np.isfinite(heights).sum()) for heights in drawn.values())
print("Drawn from", left, "to", right)
print("{MARK}", json.dumps({{"left": float(left), "right": float(right), "seen": seen}}))"""


_NEAR_POLES: Final = """seen = np.concatenate([heights[np.isfinite(heights)] for heights in drawn.values()])
if len(seen):  # near a pole the curve leaves the picture
    low, high = np.percentile(seen, [4, 96])
    plt.ylim(max(seen.min(), low - 0.5 * (high - low)) - 0.3, min(seen.max(), high + 0.5 * (high - low)) + 0.3)
"""


def _marked(script: Script, task: Plot) -> str:
    marks = _marks(script, task)
    if not marks:
        return ""
    name, variable = script.real_function(task.functions[0]), script.symbol(task.functions[0].variable)
    return f"""for at in [{", ".join(marks)}]:
    height = float({name}.subs({variable}, at))
    plt.plot(at, height, "o", color="black")
    plt.annotate(f"({{at:.4g}}, {{height:.4g}})", (at, height), textcoords="offset points", xytext=(6, 8))
"""
