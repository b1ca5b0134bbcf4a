"""Generated questions about an attached table."""

from __future__ import annotations

import random
import statistics

from tests.tutor.driver import Answered, Worker
from tests.tutor.judging import Verdict, bold, close, is_number, number, says, verdict
from tests.tutor.questions import Kind, Question, pick

FILE = "given.csv"


def drawn_table(rng: random.Random) -> tuple[dict[str, list[float]], list[str], str]:
    """Columns of numbers, a column of names, and the csv text."""
    count = rng.randint(8, 30)
    regions = [rng.choice(["north", "south", "west"]) for _ in range(count - 3)] + ["north", "south", "west"]
    columns = {
        "price": [round(rng.uniform(1, 50), 2) for _ in range(count)],
        "sales": [float(rng.randint(10, 900)) for _ in range(count)],
    }
    lines = ["date,region,price,sales"]
    lines += [
        f"2026-{1 + k // 28:02}-{1 + k % 28:02},{regions[k]},{columns['price'][k]},{columns['sales'][k]:.0f}"
        for k in range(count)
    ]
    return columns, regions, "\n".join(lines)


def figure(rng: random.Random) -> Question:
    """One figure of one column."""
    columns, _, text = drawn_table(rng)
    name = rng.choice(list(columns))
    english, german, expected = rng.choice(
        [
            ("mean", "Mittelwert", statistics.fmean(columns[name])),
            ("median", "Median", statistics.median(columns[name])),
            ("average", "Durchschnitt", statistics.fmean(columns[name])),
            ("maximum", "Maximum", max(columns[name])),
            ("standard deviation", "Standardabweichung", statistics.stdev(columns[name])),
            ("sum", "Summe", sum(columns[name])),
            ("minimum", "Minimum", min(columns[name])),
        ]
    )
    asked = pick(
        rng,
        [
            f"What is the {english} of {name}?",
            f"Calculate the {english} of the column {name}",
            f"{english} of {name} please",
        ],
        [f"Was ist der {german} von {name}?", f"{german} der Spalte {name}"],
    )
    return Question("figure", (asked,), is_number(expected), {FILE: text})


def figure_by_group(rng: random.Random) -> Question:
    """The mean of each group."""
    columns, regions, text = drawn_table(rng)
    expected = {
        group: statistics.fmean(sale for sale, region in zip(columns["sales"], regions, strict=True) if region == group)
        for group in sorted(set(regions))
    }
    asked = pick(
        rng,
        ["average sales by region", "What is the mean of sales for each region?", "mean sales per region"],
        ["Mittelwert von sales nach region", "Durchschnitt von sales pro region"],
    )

    async def judge(_: Worker, answered: Answered) -> Verdict:
        found = [number(part) for part in bold(answered)]
        right = len(found) == len(expected) and all(map(close, found, expected.values()))
        return verdict(answered, right=right)

    return Question("figure by group", (asked,), judge, {FILE: text})


def chart(rng: random.Random) -> Question:
    """A diagram with the right number of marks."""
    columns, regions, text = drawn_table(rng)
    count = len(columns["price"])
    asked, part, expected = rng.choice(
        [
            (
                pick(
                    rng,
                    ["Plot sales against price", "scatter plot of price and sales", "Plot sales vs price"],
                    ["Plotte sales gegen price", "Streudiagramm von price und sales"],
                ),
                "points",
                count,
            ),
            (
                pick(
                    rng,
                    ["bar chart of sales by region", "Draw a bar chart of the total sales per region"],
                    ["Balkendiagramm von sales nach region"],
                ),
                "patches",
                len(set(regions)),
            ),
            (
                pick(
                    rng,
                    [
                        "Plot price over time",
                        "line chart of price over date",
                        "Show me price over date as a line chart",
                    ],
                    ["Liniendiagramm von price über date"],
                ),
                "line",
                count,
            ),
            (
                pick(
                    rng,
                    ["Show a histogram of price", "Draw the distribution of price"],
                    ["Zeichne ein Histogramm von price"],
                ),
                "histogram",
                1,
            ),
        ]
    )

    async def judge(_: Worker, answered: Answered) -> Verdict:
        if len(answered.figures) != 1:
            return verdict(answered, right=False)
        axes, *lines = answered.figures[0]
        found = {
            "points": axes["points"],
            "patches": axes["patches"],
            "histogram": min(axes["patches"], 1),
            "line": len(lines[0]["x"]) if lines else 0,
        }[part]
        return verdict(answered, right=found == expected and bool(axes["title"]))

    return Question("chart", (asked,), judge, {FILE: text})


def trend(rng: random.Random) -> Question:
    """The line of least squares through points on a line."""
    slope, intercept = rng.choice([2, 3, -4]), rng.randint(-5, 9)
    lines = ["a,b", *(f"{k},{slope * k + intercept}" for k in range(12))]
    asked = pick(
        rng,
        [
            "Plot b against a with a trend line",
            "scatter plot of b against a with regression line",
            "What is the correlation between a and b?",
        ],
        ["Streudiagramm von b gegen a mit Trendlinie"],
    )
    sign = "1" if slope > 0 else "-1"
    return Question(
        "trend", (asked,), says(f"**{slope}** · a + **{intercept}**", f"r = {sign}"), {FILE: "\n".join(lines)}
    )


def leader(rng: random.Random) -> Question:
    """The group with the highest or lowest figure."""
    columns, regions, text = drawn_table(rng)
    sums = dict.fromkeys(set(regions), 0.0)
    for sale, region in zip(columns["sales"], regions, strict=True):
        sums[region] += sale
    asked, expected = rng.choice(
        [
            ("Which region has the most sales?", max(sums.values())),
            ("Which region has the lowest total sales?", min(sums.values())),
            ("Welche region hat die meisten sales?", max(sums.values())),
            ("Which region has the highest sales?", max(columns["sales"])),
        ]
    )
    return Question("leader", (asked,), is_number(expected, place=1), {FILE: text})


def by_month(rng: random.Random) -> Question:
    """Sums of each month of a column of dates."""
    columns, _, text = drawn_table(rng)
    sums = [sum(columns["sales"][:28]), sum(columns["sales"][28:])]
    asked = rng.choice(["sales per month", "total sales by month", "monthly sales", "Summe von sales pro Monat"])

    async def judge(_: Worker, answered: Answered) -> Verdict:
        found = [number(part) for part in bold(answered)]
        return verdict(answered, right=found == [each for each in sums if each])

    return Question("by month", (asked,), judge, {FILE: text})


def gaps(rng: random.Random) -> Question:
    """Cells without a value."""
    missing = rng.randint(1, 5)
    lines = ["day,price", *(f"{k}," if k < missing else f"{k},{k}.5" for k in range(12))]
    asked = rng.choice(["How many missing values are there?", "Wie viele Werte fehlen?", "missing values in price"])
    return Question("gaps", (asked,), says(f"**{missing} ", f"price: **{missing}**"), {FILE: "\n".join(lines)})


KINDS: list[Kind] = [figure, figure_by_group, chart, trend, leader, by_month, gaps]
