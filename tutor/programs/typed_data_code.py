"""Diagrams of numbers that stand in the message."""

from __future__ import annotations

from typing import Final

from tutor.programs.result_keys import Key
from tutor.programs.script import MARK, Script
from tutor.reading.number_tasks import TypedChart, TypedData

_DRAWN: Final = {
    TypedChart.HISTOGRAM: "plt.hist(ys)",
    TypedChart.BARS: "plt.bar(xs, ys)",
    TypedChart.BOXES: "plt.boxplot(ys)",
    TypedChart.LINES: 'plt.plot(xs, ys, marker="o")',
    TypedChart.POINTS: "plt.scatter(xs, ys)",
}
_TITLES: Final = {
    TypedChart.HISTOGRAM: "Histogram",
    TypedChart.BARS: "Bar chart",
    TypedChart.BOXES: "Box plot",
    TypedChart.LINES: "Line chart",
    TypedChart.POINTS: "Points",
}
_LABELS: Final = {TypedChart.HISTOGRAM: ("value", "count"), TypedChart.BOXES: ("", "value")}


def typed_data(script: Script, task: TypedData) -> None:
    """The values, or points, and the straight line that fits them best."""
    script.uses("np", "plt", "sp")
    xs = ", ".join(f"float({script.text(each)})" for each in task.xs)
    script.section(
        "The numbers of the message.",
        f"ys = [{', '.join(f'float({script.text(each)})' for each in task.ys)}]\n"
        f"xs = {f'[{xs}]' if task.xs else 'list(range(1, len(ys) + 1))'}",
    )
    across, up = _LABELS.get(task.chart, ("x" if task.xs else "number", "y" if task.xs else "value"))
    script.section("Draw them.", f"plt.figure()\n{_DRAWN[task.chart]}")
    if task.fitted:
        script.section(
            "The straight line that fits best, by least squares; exactly, where it can be.",
            f"""
            fit = None
            if len(set(xs)) > 1:
                points = [{_pairs(script, task)}]
                x = sp.Symbol("x")
                count, across, up = len(points), sum(x_ for x_, _ in points), sum(y_ for _, y_ in points)
                products, squares = sum(x_ * y_ for x_, y_ in points), sum(x_ * x_ for x_, _ in points)
                slope = (count * products - across * up) / (count * squares - across**2)
                line = sp.nsimplify(slope * x + (up - slope * across) / count)
                ends = np.array([min(xs), max(xs)])
                heights = [float(line.subs(x, end)) for end in ends]
                plt.plot(ends, heights, color="black", label="y = " + str(sp.N(line, 4)))
                plt.legend()
                r = float(np.corrcoef(xs, ys)[0, 1]) if len(set(ys)) > 1 else None
                slopes = [float(slope), float((up - slope * across) / count)]
                fit = {{"{Key.LINE}": str(line), "{Key.SLOPE}": slopes[0], "{Key.INTERCEPT}": slopes[1], "{Key.R}": r}}
            """,
        )
    script.section(
        "Name the axes and show it.",
        f"""
        plt.title("{_TITLES[task.chart]}")
        plt.xlabel("{across}")
        plt.ylabel("{up}")
        plt.show()
        print("{MARK}", json.dumps({{"{Key.COUNT}": len(ys), "{Key.LOW}": min(ys), "{Key.HIGH}": max(ys),
                                   "{Key.MEDIAN}": float(np.median(ys)),
                                   "{Key.FIT}": {"fit" if task.fitted else "None"}}}))
        """,
    )


def _pairs(script: Script, task: TypedData) -> str:
    return ", ".join(f"({script.exact(x)}, {script.exact(y)})" for x, y in zip(task.xs, task.ys, strict=True))
