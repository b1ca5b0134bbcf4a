"""What the tutor means to do with a question, before anything runs."""

from __future__ import annotations

import pytest

from tests.tutor.plans import refusal_of, tasks_of
from tutor.planning.refusal import Reason

READ = [
    (
        "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph.",
        ["Evaluate y = x² + 3, 3", "Plot y = x² + 3, 3"],
    ),
    ("Solve y = x^2 + 3 for y = 12", ["Solve 12 = x**2 + 3, x"]),
    ("What is f(g(2)) if f(x) = x^2 and g(x) = x + 1?", ["Evaluate f(x) = x², 2 + 1"]),
    ("If x + y = 5 and x = 2, what is y?", ["Solve 2 + y = 5, y"]),
    ("Solve for x: 2x + 3 = 7", ["Solve 2*x + 3 = 7, x"]),
    ("For which t is 3t - 6 = 0?", ["Solve 3*t - 6 = 0, t"]),
    ("x^2 = 9 for x > 0", ["Solve x**2 = 9, x, <0..oo<"]),
    ("Find the positive solution of x^2 = 9", ["Solve x**2 = 9, x, <0..oo<"]),
    ("Solve x + y = 3, x - y = 1 for x and y", ["SolveSystem x + y = 3 & x - y = 1, x & y"]),
    ("Solve x^2 = 4 and x^2 = 9", ["Solve x**2 = 4, x", "Solve x**2 = 9, x"]),
    ("solve a x^2 + b x + c = 0 for x", ["Solve a*x**2 + b*x + c = 0, x"]),
    ("x^2 - 4 > 0", ["Inequality x**2 - 4 > 0, x"]),
    ("where is x^2 - 4 positive?", ["Inequality x**2 - 4 > 0, x"]),
    ("Where does y = 2x - 6 cross the x axis?", ["Roots y = 2x − 6"]),
    ("Find the roots and extrema of x^3 - 3x", ["Roots x³ − 3x", "Extrema x³ − 3x, both"]),
    ("roots of the derivative of x^3", ["Roots d/dx (x³)"]),
    ("Where do y = x^2 and y = 4 meet?", ["Intersection y = x², y = 4"]),
    ("Plot sin(x) from -2pi to 2pi", ["Plot sin(x), -2*pi..2*pi"]),
    ("Plot x^2 for -1 <= x < 3", ["Plot x², -1..3<"]),
    ("For x from 0 to 10, plot x^2", ["Plot x², 0..10"]),
    ("Plot y = a x^2 for a = 1, 2 and 3", ["Plot x² & 2x² & 3x²"]),
    ("Plot a sine wave", ["Plot sin(x)"]),
    ("plot sin and cos", ["Plot sin(x) & cos(x)"]),
    ("show me a parabola", ["Plot y = x²"]),
    ("expand (x + 1)^2", ["Rewrite (x + 1)**2, expand"]),
    ("what is 3/4 divided by 2/5", ["Arithmetic 3/4/(2/5)"]),
    ("3/4 ÷ 2/5", ["Arithmetic 3/4/(2/5)"]),
    ("plot x^3 and its derivative", ["Plot x³ & d/dx (x³)", "Derivative x³"]),
    ("plot the derivative of x^3", ["Derivative x³", "Plot d/dx (x³)"]),
    ("plot the tangent of x^2 at x = 1", ["Tangent x², 1", "Plot x², 1"]),
    ("What does the graph of y = x^2 look like?", ["Plot y = x²"]),
    ("Differentiate x^2 y with respect to y", ["Derivative x²·y of y"]),
    ("Find f''(x) for f(x) = x sin x", ["Derivative f(x) = x·sin(x), 2"]),
    ("differentiate x^3 and evaluate it at x = 2", ["Derivative x³", "Derivative x³, 2"]),
    ("∫_0^1 x^2 dx", ["Integral x², 0..1"]),
    ("∫ x y dy", ["Integral x·y of y"]),
    ("What is the area under x^2 between 0 and 3?", ["Integral x², 0..3, !"]),
    ("Is f(x) = ln x concave on ]0, 5]?", ["Curvature f(x) = ln(x), concave, <0..5"]),
    ("Is x^2 concave or convex?", ["Curvature x², curvature"]),
    ("Is e^x increasing for x > 0?", ["Monotony e^x, increasing, <0..oo<"]),
    ("lim x->0+ sin(x)/x", ["Limit sin(x)/x, 0, +"]),
    ("limit of 1/x as x approaches 0 from the left", ["Limit 1/x, 0, -"]),
    ("table of x^2 for x from 0 to 5 in steps of 0.5 as csv", ["Table x², 0..5, 0.5"]),
    ("Simplify (x^2-1)/(x-1)", ["Rewrite (x**2 - 1)/(x - 1), simplify"]),
    ("a = 3, b = 4. What is sqrt(a^2 + b^2)?", ["Evaluate √(a² + 4²) of a, 3"]),
    ("Hello! I need help. Solve this: 2x = 6. Thanks!", ["Solve 2*x = 6, x"]),
    ("plot x^2 without an explanation", ["Plot x²"]),
]
GERMAN = [
    (
        "Löse die Gleichung y = x² + 3 für x = 3 und zeichne den Graphen der Funktion.",
        ["Evaluate y = x² + 3, 3", "Plot y = x² + 3, 3"],
    ),
    ("Leite f(x) = x^3 nach x ab", ["Derivative f(x) = x³"]),
    ("Ist 0,5x^2 auf [0;5] konkav?", ["Curvature 0.5x², concave, 0..5"]),
    ("Grenzwert von 1/x für x gegen unendlich", ["Limit 1/x, oo"]),
    ("Bestimme die Hoch- und Tiefpunkte von x^3 - 3x", ["Extrema x³ − 3x, both"]),
    ("Löse nach x auf: 3x + 2 = 11", ["Solve 3*x + 2 = 11, x"]),
    ("Wertetabelle von x^2 von 0 bis 2 in Schritten von 0,5", ["Table x², 0..2, 0.5"]),
    ("Wo schneidet y = 2x - 4 die x-Achse?", ["Roots y = 2x − 4"]),
    ("Wie viel ist 15 % von 80?", ["Arithmetic 15/100*80"]),
]


@pytest.mark.parametrize(("question", "tasks"), READ + GERMAN)
def test_a_question_is_read_as_these_tasks(question: str, tasks: list[str]) -> None:
    assert tasks_of(question) == tasks


FOLLOW_UPS = [
    (["Solve y = x^2 + 3 for x = 3", "Is this a concave function?"], ["Curvature y = x² + 3, concave"]),
    (["Plot x^2", "plot it from 0 to 10"], ["Plot x², 0..10"]),
    (["Plot x^2", "now from 0 to 10"], ["Plot x², 0..10"]),
    (["Solve y = x^2 + 3 for x = 3", "what about x = 5?"], ["Evaluate y = x² + 3, 5"]),
    (["What is the derivative of x^3?", "and at x = 2?"], ["Derivative x³, 2"]),
    (["What is the derivative of x^3?", "and of x^4?"], ["Derivative x⁴"]),
    (["Integrate x^2 from 0 to 3", "and x^3?"], ["Integral x³, 0..3"]),
    (["Is x^2 concave?", "And on [0, 1]?"], ["Curvature x², concave, 0..1"]),
    (["Plot x^2", "and x^3", "now both from -1 to 1"], ["Plot x² & x³, -1..1"]),
    (["f(x) = x^2 - 1", "what is f(3)?"], ["Evaluate f(x) = x² − 1, 3"]),
    (["Let g(t) = 2t.", "Is g convex?"], ["Curvature g(t) = 2t of t, convex"]),
    (["f(x)=x^2", "g(x)=x+2", "solve f(x) = g(x)"], ["Solve x**2 = x + 2, x"]),
    (["Plot sin(x)", "from 0 to pi", "What is the area under it?"], ["Integral sin(x), 0..pi, !"]),
    (["plot e^x", "and its derivative"], ["Plot e^x & d/dx (e^x)", "Derivative e^x"]),
    (["Plot x^2", "What is 2 + 3?", "Is it convex?"], ["Curvature x², convex"]),
    (["Zeichne x^2", "und die Ableitung?"], ["Plot x² & d/dx (x²)", "Derivative x²"]),
]


@pytest.mark.parametrize(("messages", "tasks"), FOLLOW_UPS)
def test_a_follow_up_takes_what_it_leaves_out_from_the_thread(messages: list[str], tasks: list[str]) -> None:
    assert tasks_of(*messages) == tasks


@pytest.mark.parametrize(
    ("before", "after", "tasks"),
    [
        ("derivative of x^3", "what is its value at 2?", ["Derivative x³, 2"]),  # 12, and not 8
        ("derivative of x^3", "evaluate it at 2", ["Derivative x³, 2"]),
        ("second derivative of x^3", "what is its value at 2?", ["Derivative x³, 2, 2"]),
        ("derivative of x^3", "evaluate the function at 2", ["Evaluate x³, 2"]),
        ("plot x^3", "what is its value at 2?", ["Evaluate x³, 2"]),
    ],
)
def test_its_value_is_that_of_what_was_found_last(before: str, after: str, tasks: list[str]) -> None:
    assert tasks_of(before, after) == tasks


@pytest.mark.parametrize("before", ["antiderivative of x^2", "integral of x^2 from 0 to 1", "tangent of x^2 at 1"])
def test_the_value_of_an_integral_or_a_tangent_is_refused_and_not_that_of_the_function(before: str) -> None:
    assert refusal_of(before, "what is its value at 3?") is Reason.FOLLOW_UP


def test_another_point_after_an_integral_is_refused() -> None:
    assert refusal_of("antiderivative of x^2", "and at 3?") is Reason.FOLLOW_UP
