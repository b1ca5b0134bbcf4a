"""Curves in a diagram with title, labels, legend and grid."""

from __future__ import annotations

from adapters.embedded.models.tutor.programs.script import MARK, Script
from adapters.embedded.models.tutor.planning.tasks import Plot
from adapters.embedded.models.tutor.answers.notation import named, pretty_expression


def plot(script: Script, task: Plot) -> None:
    """Every curve over one range."""
    first = task.functions[0]
    variable = script.symbol(first.variable)
    script.uses("np", "plt", "sp")
    curves = "".join(
        f'    ("{named(function)}", {script.function(function)}),\n' for function in task.functions
    )
    low, high = ("-5", "5") if task.bounds is None else (script.text(task.bounds.low), script.text(task.bounds.high))
    body = f"""
left, right = float({low}), float({high})
points = np.linspace(left, right, 801)
curves = [
{curves}]
plt.figure(figsize=(8, 5))
for label, expression in curves:
    curve = sp.lambdify({variable}, expression, "numpy")
    with np.errstate(all="ignore"):
        plt.plot(points, curve(points) + 0 * points, label=label)
"""
    for mark in task.marks:
        at = script.text(mark)
        body += f"plt.plot([float({at})], [float({script.function(first)}.subs({variable}, {at}))], \"o\")\n"
    title = " and ".join(named(function) for function in task.functions)
    body += f"""
plt.title("{title}")
plt.xlabel("{first.variable}")
plt.ylabel("{first.name or 'y'}")
plt.legend()
plt.grid(True)
plt.show()
print("{MARK}", json.dumps({{"left": left, "right": right}}))
"""
    script.section("Draw the graph: many points, joined to a smooth line.", body)
