"""What the tutor's plots show: ranges, poles, jumps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from service.settings.table import default_sandbox_python
from tests.tutor.driver import Chat, worker

pytestmark = pytest.mark.skipif(
    not default_sandbox_python().exists(),
    reason="needs the sandbox's own Python environment, which `make` installs",
)


async def test_a_pole_leaves_the_picture_and_the_rest_of_the_curve_fills_it(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for question, low, high in (
            ("Plot 1/x^2 from -2 to 2", -1, 30),
            ("Plot tan(x) from -pi to pi", -10, 10),
            ("Plot 1/x", -5, 5),
        ):
            [[axes, *_]] = (await Chat(sandbox).ask(question)).figures
            assert low < axes["ylim"][0] < axes["ylim"][1] < high, question


async def test_what_is_wanted_in_a_plot_or_as_a_graph_is_drawn(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for question in ("Solve x^2 - 5x + 6 = 0 and show the roots in a plot", "Show x^2 and 2x + 3 as a graph"):
            assert (await Chat(sandbox).ask(question)).figures, question


async def test_no_line_joins_the_two_sides_of_a_pole_or_jump(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for question in (
            "Plot 1/x + 1000",
            "Plot floor(x) from 0.5 to 1.5",
            "Plot |x|/x from -1 to 1.3",
            "Plot tan(x) from 1 to 2",
        ):
            [[_, curve, *_]] = (await Chat(sandbox).ask(question)).figures
            assert any(math.isnan(height) for height in curve["y"]), question


async def test_an_equation_of_x_and_y_is_drawn_where_it_holds(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for question, reach in (
            ("Plot x^2 + y^2 = 4", 3),
            ("Plot 2x + 3y = 6", 5),
            ("Zeichne x² + y² = 25 und y = x + 1", 7),
            ("Plot x = 3", 5),
        ):
            answered = await Chat(sandbox).ask(question)
            [[axes, *_]] = answered.figures
            assert axes["points"], question  # contours
            assert axes["xlim"] == [-reach, reach], question


async def test_an_equation_that_no_point_satisfies_is_said_to_have_none(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        assert "nothing to see" in (await Chat(sandbox).ask("Plot x^2 + y^2 = -1")).text


async def test_a_range_of_its_own_shows_what_matters(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for question, shown, widest in (
            ("Plot e^(-x^2)", (-2, 2), 12),
            ("Plot -½x + 3", (0, 6), 20),
            ("Plot x^2 - 100x", (0, 50, 100), 200),
            ("Plot sin(100x)", (0,), 2),
            ("Plot x^x", (0.4,), 6),
            ("Normal to x^3 at x = 2 and plot it", (0, 2), 15),
            ("Plot e^(x^2)", (0,), 5),
            ("Solve 2x + 3 = 7x - 12 and plot both sides", (3,), 15),
            ("Plot 1/(1 + 100x^2)", (0,), 20),
        ):
            [[axes, curve, *_]] = (await Chat(sandbox).ask(question)).figures
            left, right = axes["xlim"]
            assert all(left < place < right for place in shown), question
            assert right - left < widest, question
            assert axes["ylim"][1] > 0.9 * max(filter(math.isfinite, curve["y"])), question


async def test_extrema_asked_for_with_the_plot_are_marked_where_they_are(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for question, marked in (
            ("Plot x^2 - 6x + 5 and mark the vertex", [(3, -4)]),
            ("Find the extrema of x^3 - 3x and plot it", [(-1, 2), (1, -2)]),
            ("Plot sin x from 0 to 10 and mark the maxima", [(math.pi / 2, 1), (5 * math.pi / 2, 1)]),
            ("Plot x^3 and its extrema", []),
        ):
            [[_, *lines]] = (await Chat(sandbox).ask(question)).figures
            points = [(line["x"][0], line["y"][0]) for line in lines if len(line["x"]) == 1]
            assert [tuple(map(pytest.approx, point)) for point in marked] == points, question


async def test_a_normal_asked_for_with_the_plot_is_drawn(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for question, height_at_right in (
            ("Plot x^2 and its normal at x = 1", -1),
            ("Plot x^2 and its normal at x = 0", None),
        ):
            [[_, *lines]] = (await Chat(sandbox).ask(question)).figures
            [normal] = [line for line in lines if line["label"] == "normal"]
            seen = [height for height in normal["y"] if math.isfinite(height)]
            assert (round(seen[-1]) if seen else None) == height_at_right, question


async def test_a_range_in_pi_has_marks_in_pi_and_is_told_in_pi(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        for thread, marks, words in (
            (("Plot sin(x) from -2π to 2π",), ("−2π", "−3π/2", "π/2", "2π"), "from x = −2π to 2π"),
            (("Plot sin x from 0 to pi/2",), ("0", "π/4", "π/2"), "from x = 0 to π/2"),
            (("Plot cos(x)",), ("−2π", "π", "2π"), "from x = −2π to 2π"),
            (("plot sin(x) from 0 to 10 with pi ticks",), ("0", "π/2", "3π"), "from x = 0 to 10"),
            (("plot x^2", "show pi ticks"), ("0",), ""),
            (("Zeichne sin(x) von 0 bis 8 mit Vielfachen von π",), ("π", "2π"), "bis 8"),
            (("Plot sin(x) from -π to π", "without pi ticks"), ("0", "2"), ""),
            (("Plot x^2 from 0 to 3",), ("1.0", "2.0"), "from x = 0 to 3"),
        ):
            chat = Chat(sandbox)
            answered = [await chat.ask(message) for message in thread][-1]
            [[axes, *_]] = answered.figures
            assert set(marks) <= set(axes["xticks"]), (thread, axes["xticks"])
            assert words in answered.text, thread


async def test_one_curve_needs_no_legend_and_several_have_one(tmp_path: Path) -> None:
    async with worker(tmp_path) as sandbox:
        chat = Chat(sandbox)
        for message, shown in (
            ("plot x^2", False),
            ("add a legend", True),
            ("also plot x^3", True),
            ("remove the legend", False),
        ):
            [[axes, *_]] = (await chat.ask(message)).figures
            assert axes["legend"] is shown, message
        [[axes, *_]] = (await Chat(sandbox).ask("plot x^2 and its tangent at x = 1")).figures
        assert axes["legend"] is True
