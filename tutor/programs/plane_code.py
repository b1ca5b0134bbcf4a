"""Curves that an equation of x and y describes."""

from __future__ import annotations

import json
from typing import Final

from tutor.formulas.expression import Constant, Operation, walk
from tutor.formulas.statements import Bounds
from tutor.planning.labels import written
from tutor.planning.tasks import CurveOfEquation
from tutor.programs.plot_code import finished, zoomed
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK, Script

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
    script.section("The part of the plane to draw.", _range(script, task.bounds) + zoom)
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


def _range(script: Script, bounds: Bounds | None) -> str:
    if bounds is None or any(Constant("oo") in walk(end) for end in (bounds.low, bounds.high)):
        return "reach = window(surfaces.values())\nleft, right, low, high = -reach, reach, -reach, reach"
    return (
        f"left, right = sorted([float({script.text(bounds.low)}), float({script.text(bounds.high)})])\n"
        "low, high = -(right - left) / 2, (right - left) / 2"
    )
