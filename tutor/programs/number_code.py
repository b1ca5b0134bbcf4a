"""Plain numbers: figures of a list, primes, divisors, percentages, diagrams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tutor.programs.result_keys import Key
from tutor.programs.script import BOTH, MARK, Script
from tutor.reading.number_tasks import NumberTask, OfNumbers, TypedChart, TypedData

PRIMES_SHOWN: Final = 100

_MEAN: Final = "sum(numbers) / len(numbers)"
_SQUARES: Final = f"sum((number - {_MEAN}) ** 2 for number in numbers)"
_VALUES: Final[Mapping[OfNumbers, str]] = {
    OfNumbers.MEAN: _MEAN,
    OfNumbers.MEDIAN: "(sorted(numbers)[(len(numbers) - 1) // 2] + sorted(numbers)[len(numbers) // 2]) / 2",
    OfNumbers.DEVIATION: f"sp.sqrt({_SQUARES} / len(numbers))",
    OfNumbers.VARIANCE: f"{_SQUARES} / len(numbers)",
    OfNumbers.TOTAL: "sum(numbers)",
    OfNumbers.PRODUCT: "sp.prod(numbers)",
    OfNumbers.MINIMUM: "min(numbers)",
    OfNumbers.MAXIMUM: "max(numbers)",
    OfNumbers.SPREAD: "max(numbers) - min(numbers)",
    OfNumbers.RANGE_TOTAL: "(numbers[0] + numbers[1]) * (numbers[1] - numbers[0] + 1) / 2",
    OfNumbers.DIVISOR: "sp.igcd(*numbers)",
    OfNumbers.MULTIPLE: "sp.ilcm(*numbers)",
    OfNumbers.REMAINDER: "numbers[0] % numbers[1] if numbers[1] else sp.nan",
    OfNumbers.CHOICES: "sp.binomial(*numbers)",
    OfNumbers.SHARE: "numbers[0] / numbers[1] * 100",
    OfNumbers.WHOLE: "numbers[0] / numbers[1] * 100",
    OfNumbers.PART: "numbers[0] / 100 * numbers[1]",
    OfNumbers.ORDERS: "sp.factorial(numbers[0])",
    OfNumbers.NEXT_PRIME: "sp.nextprime(numbers[0])",
    OfNumbers.CHANGE: "(numbers[1] - numbers[0]) / numbers[0] * 100",
    OfNumbers.RAISED: "numbers[0] * (1 + numbers[1] / 100)",
    OfNumbers.LOWERED: "numbers[0] * (1 - numbers[1] / 100)",
}
_AS_SAMPLE: Final[Mapping[OfNumbers, str]] = {
    OfNumbers.DEVIATION: f"sp.sqrt({_SQUARES} / (len(numbers) - 1))",
    OfNumbers.VARIANCE: f"{_SQUARES} / (len(numbers) - 1)",
}
"""Of numbers that stand for more than themselves: divided by one less."""

_LISTS: Final[Mapping[OfNumbers, str]] = {
    OfNumbers.IS_PRIME: "[[int(prime), power] for prime, power in sorted(sp.factorint(numbers[0]).items())]",
    OfNumbers.FACTORS: "[[int(prime), power] for prime, power in sorted(sp.factorint(numbers[0]).items())]",
    OfNumbers.DIVISORS: "[int(each) for each in sp.divisors(numbers[0])]",
    OfNumbers.PRIMES: "list(sp.primerange(numbers[0], numbers[1] + 1))",
    OfNumbers.MODE: "sorted(each for each in set(numbers) if numbers.count(each) == max(map(numbers.count, numbers)))",
}


def number(script: Script, task: NumberTask) -> None:
    """A value exactly and as a decimal, or a list."""
    script.uses("sp")
    script.section("The numbers, exactly.", f"numbers = [{', '.join(script.exact(each) for each in task.numbers)}]")
    if task.asked in _LISTS:
        _list(script, task.asked)
    else:
        _value(script, task.asked)


def _value(script: Script, asked: OfNumbers) -> None:
    script.helper(BOTH)
    as_sample = f', "{Key.SAMPLE}": both({_AS_SAMPLE[asked]})' if asked in _AS_SAMPLE else ""
    script.section(
        f"The {asked}.",
        f"""
        value = sp.nsimplify({_VALUES[asked]})
        print("Value:", value, "=", sp.N(value, 10))
        print("{MARK}", json.dumps({{**both(value){as_sample}}}))
    """,
    )


def _list(script: Script, asked: OfNumbers) -> None:
    script.section(
        f"The {asked}." if asked is not OfNumbers.IS_PRIME else "A prime has no factor but itself.",
        f"""
        found = {_LISTS[asked]}
        print("Found:", found)
        shown = [[str(part) for part in each] if isinstance(each, list) else str(each) for each in found]
        print("{MARK}", json.dumps({{"{Key.FOUND}": shown[:{PRIMES_SHOWN}], "{Key.COUNT}": len(found)}}))
    """,
    )


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
