"""Curves in a diagram with title, labels, legend and grid, over a range that shows what matters."""

from __future__ import annotations

import json
from typing import Final

from adapters.embedded.models.tutor.formulas.expression import Expression
from adapters.embedded.models.tutor.planning.labels import label
from adapters.embedded.models.tutor.planning.tasks import Plot
from adapters.embedded.models.tutor.programs.script import MARK, Script

RANGE: Final = '''
def good_range(curves, marks):
    """A range that shows the zeros, the turning points and the marked points, if there are not too many."""
    wide = np.linspace(-1000, 1000, 20001)
    special, defined = [], []
    with np.errstate(all="ignore"):
        for curve in curves:
            heights = curve(wide) + 0 * wide
            defined += list(wide[np.isfinite(heights)])
            for values in (heights, np.diff(heights)):
                known = np.flatnonzero(np.isfinite(values) & (values != 0))
                change = np.flatnonzero(np.diff(np.sign(values[known])))
                special += list(wide[known[change]])
    center = round(min(special) + max(special)) / 2 if special else 0
    reach = max([1.6 * abs(point - center) for point in special + marks], default=0)
    reach = 5 if reach < 1 else max(2, np.ceil(reach))
    left, right = (-2 * np.pi, 2 * np.pi) if len(special) > 24 else (center - reach, center + reach)
    if defined and min(defined) < right and left < max(defined):
        left, right = max(left, min(defined) - 0.5), min(right, max(defined) + 0.5)
    return left, right
'''

CURVE: Final = '''
def broken_at_poles(heights):
    """Values with gaps where the curve jumps, so that no line is drawn across a pole."""
    heights = np.array(heights, dtype=float)
    finite = heights[np.isfinite(heights)]
    if len(finite) > 2:
        jumps = np.abs(np.diff(heights)) > (finite.max() - finite.min()) / 2
        heights[:-1][jumps & (np.sign(heights[:-1]) != np.sign(heights[1:]))] = np.nan
    return heights
'''


def plot(script: Script, task: Plot) -> None:
    """Every curve over one range."""
    script.uses("np", "plt", "sp")
    script.helper(CURVE)
    variable = script.symbol(task.functions[0].variable)
    labels = [label(function) for function in task.functions]
    curves = [f"({json.dumps(text, ensure_ascii=False)}, {script.real_function(each)})"
              for text, each in zip(labels, task.functions, strict=True)]
    curves += _tangent(script, task)
    script.section("The curves, as functions of numbers.", _curves(variable, curves))
    script.section("The range to draw.", _range(script, task))
    script.section("Draw: many points, joined to a smooth line.", _drawing(script, task, variable, labels))


def _tangent(script: Script, task: Plot) -> list[str]:
    if task.tangent_at is None:
        return []
    name, variable = script.real_function(task.functions[0]), script.symbol(task.functions[0].variable)
    at = script.exact(task.tangent_at)
    slope = f"sp.diff({name}, {variable}).subs({variable}, {at})"
    return [f'("tangent", {slope} * ({variable} - {at}) + {name}.subs({variable}, {at}))']


def _curves(variable: str, curves: list[str]) -> str:
    listed = "".join(f"    {curve},\n" for curve in curves)
    return (
        f"curves = [\n{listed}]\n"
        f'curves = [(label, sp.lambdify({variable}, formula, ["scipy", "numpy"])) for label, formula in curves]'
    )


def _range(script: Script, task: Plot) -> str:
    marks = [f"float({script.text(mark)})" for mark in _marks(task)]
    if task.bounds is not None and "oo" not in (low := script.text(task.bounds.low)) + (
        high := script.text(task.bounds.high)
    ):
        return f"left, right = sorted([float({low}), float({high})])"
    script.helper(RANGE)
    text = f"left, right = good_range([curve for _, curve in curves], [{', '.join(marks)}])"
    if task.bounds is not None:
        text += f"\nleft, right = max(left, float({script.text(task.bounds.low)})), min(right, float({script.text(task.bounds.high)}))"
    return text


def _marks(task: Plot) -> list[Expression]:
    return [*task.marks, *([task.tangent_at] if task.tangent_at is not None else [])]


def _drawing(script: Script, task: Plot, variable: str, labels: list[str]) -> str:
    first = script.real_function(task.functions[0])
    marks = ", ".join(f"float({script.text(mark)})" for mark in dict.fromkeys(_marks(task)))
    vertical = task.functions[0].name if len({each.name for each in task.functions}) == 1 else ""
    title = json.dumps(", ".join(labels)[:90], ensure_ascii=False)
    marked = f"""
for at in [{marks}]:
    height = float({first}.subs({variable}, at))
    plt.plot([at], [height], "o", color="black")
    plt.annotate(f"({{at:.4g}}, {{height:.4g}})", (at, height), textcoords="offset points", xytext=(6, 8))
""" if marks else ""
    return f"""points = np.linspace(left, right, 1001)
plt.figure(figsize=(8, 5))
with np.errstate(all="ignore"):
    drawn = [broken_at_poles(curve(points) + 0 * points) for _, curve in curves]
for (label, _), heights in zip(curves, drawn):
    plt.plot(points, heights, label=label)
{marked}seen = np.concatenate([heights[np.isfinite(heights)] for heights in drawn])
if len(seen) and any(np.isnan(heights).any() for heights in drawn):
    low, high = np.percentile(seen, [4, 96])  # near a pole the curve leaves the picture
    plt.ylim(max(seen.min(), low - 0.5 * (high - low)) - 0.3, min(seen.max(), high + 0.5 * (high - low)) + 0.3)
plt.axhline(0, color="gray", linewidth=0.8)
plt.axvline(0, color="gray", linewidth=0.8) if left <= 0 <= right else None
plt.xlim(left, right)
plt.title({title})
plt.xlabel("{task.functions[0].variable}")
plt.ylabel("{_ylabel(vertical, task.functions[0].variable)}")
plt.legend()
plt.grid(True)
plt.show()
print("Drawn from", left, "to", right)
print("{MARK}", json.dumps({{"left": float(left), "right": float(right), "seen": len(seen)}}))"""


def _ylabel(name: str, variable: str) -> str:
    return "y" if name in {"", "y"} else f"{name}({variable})"


