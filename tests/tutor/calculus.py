"""Generated questions about functions: values, graphs, derivatives, integrals, shape, limits."""

from __future__ import annotations

import math
import random
import re
import types

from tests.tutor.formulas import Fn, Style, drawn_function, drawn_polynomial, polynomial
from tests.tutor.questions import Question, all_of, draws, has_values, is_formula, is_number, pick, says

STEP = 1e-5


def value_at(function: Fn, at: float) -> float:
    """By Python's own mathematics; the formulas use nothing but these of numpy."""
    names = {name: getattr(math, name) for name in ("sin", "cos", "exp", "log", "sqrt", "tan")}
    return float(eval(function.numpy, {"np": types.SimpleNamespace(**names, abs=abs), "x": at}))  # noqa: S307  (ours)


def slope_at(function: Fn, at: float) -> float:
    """The derivative by differences."""
    return (value_at(function, at + STEP) - value_at(function, at - STEP)) / (2 * STEP)


def area(function: Fn, low: float, high: float, strips: int = 4000) -> float:
    """The integral by Simpson's rule."""
    width = (high - low) / strips
    weights = (1 if k in {0, strips} else 4 if k % 2 else 2 for k in range(strips + 1))
    return sum(w * value_at(function, low + k * width) for k, w in enumerate(weights)) * width / 3


def derived(function: Fn) -> str:
    """numpy for the derivative, by differences."""
    plus, minus = (re.sub(r"\bx\b", f"(x {sign} {STEP})", function.numpy) for sign in "+-")
    return f"(({plus}) - ({minus})) / {2 * STEP}"


def evaluate(rng: random.Random) -> Question:
    """The article's first kind."""
    function, style = drawn_function(rng), Style.drawn(rng)
    at = rng.randint(1, 4) if "log" in function.numpy or "sqrt" in function.numpy else rng.randint(-3, 4)
    f, x, a = function.write(style), style.letter, str(at).replace("-", style.minus)
    text = pick(
        rng, f"Solve the equation y = {f} for {x} = {a}.", f"Evaluate {f} at {x} = {a}", f"What is {f} for {x} = {a}?",
        f"Calculate y = {f} when {x} is {a}", f"f({x}) = {f}. What is f({a})?", f"Let f({x}) = {f}. Find f({a}).",
        f"Please compute the value of f({x}) = {f} at {x} = {a}.", f"If {x} = {a}, what is {f}?",
        f"Find y if y = {f} and {x} = {a}", f"What does {f} give for {x} = {a}?",
    )
    return Question("evaluate", (text,), is_number(value_at(function, at)))


def plot(rng: random.Random) -> Question:
    """One curve, with or without a range."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x = function.write(style), style.letter
    if rng.random() < 0.5:
        text = pick(rng, f"Plot {f}", f"Draw the graph of y = {f}", f"Please sketch f({x}) = {f} for me.",
                    f"Can you plot the function {f}?", f"Show me the graph of {f}", f"graph y = {f}",
                    f"I would like to see the graph of {f}.", f"plot f({x})={f}, please")
        return Question("plot", (text,), draws([function]))
    low, high = sorted(rng.sample([-6, -3, -2, 0, 1, 4, 5, 8], 2))
    if function.low >= 0:
        low, high = 1, 5
    a, b = (str(end).replace("-", style.minus) for end in (low, high))
    text = pick(rng, f"Plot {f} from {a} to {b}", f"Plot {f} for {x} from {a} to {b}.",
                f"Draw y = {f} between {x} = {a} and {x} = {b}", f"Sketch the curve {f} on [{a}, {b}]",
                f"Plot {f} for {a} <= {x} <= {b}", f"graph {f} on the interval [{a}, {b}]",
                f"Plot {f} for {x} between {a} and {b}")
    return Question("plot range", (text,), draws([function], low=low, high=high))


def plot_several(rng: random.Random) -> Question:
    """Two or three curves in one diagram."""
    style = Style.drawn(rng, letters="xxt")
    functions = [drawn_function(rng) for _ in range(rng.choice([2, 2, 3]))]
    texts = [each.write(style) for each in functions]
    *first, last = texts
    listed = f"{', '.join(first)} and {last}"
    text = pick(rng, f"Plot {listed} in one diagram", f"Draw the graphs of {listed}.", f"Plot {listed} together",
                f"Please plot the functions {listed} from -3 to 3 with a legend",
                "Plot " + " and ".join(f"y = {each}" for each in texts))
    ranged = "from -3" in text
    return Question("plot several", (text,), draws(functions, low=-3 if ranged else None, high=3 if ranged else None))


def derivative(rng: random.Random) -> Question:
    """The formula."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x = function.write(style), style.letter
    text = pick(rng, f"Differentiate {f}", f"What is the derivative of {f}?", f"Find the derivative of f({x}) = {f}.",
                f"d/d{x} ({f})", f"Find f'({x}) for f({x}) = {f}", f"Derivative of y = {f} with respect to {x}",
                f"Compute the first derivative of {f}, please", f"differentiate y = {f} wrt {x}")
    return Question("derivative", (text,), is_formula(derived(function), x, max(function.low, 0.4), function.high))


def derivative_at(rng: random.Random) -> Question:
    """A slope."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x, at = function.write(style), style.letter, rng.randint(1, 3)
    text = pick(rng, f"What is the slope of {f} at {x} = {at}?", f"Find the derivative of {f} at {x} = {at}",
                f"Derivative of y = {f} at the point {x} = {at}", f"What is the rate of change of {f} at {x} = {at}?",
                f"f({x}) = {f}. What is f'({at})?")
    expected = slope_at(function, at)

    async def judge(worker: object, answered: object) -> object:
        raise NotImplementedError

    del judge
    return Question("derivative at", (text,), _last_bold_is(expected))


def _last_bold_is(expected: float):  # type: ignore[no-untyped-def]
    from tests.tutor.judging import BOLD, close
    from tests.tutor.questions import last_number, point_decimals, verdict

    async def judge(_, answered):  # type: ignore[no-untyped-def]
        text = point_decimals(answered.text).split("**How the code")[0].split("**Wie der Code")[0]
        parts = BOLD.findall(text)
        return verdict(answered, right=bool(parts) and close(last_number(parts[-1]), expected))

    return judge


def integral(rng: random.Random) -> Question:
    """A definite one."""
    function, style = drawn_function(rng), Style.drawn(rng)
    low, high = (1, rng.randint(2, 4)) if function.low > -1 else (rng.randint(-2, 0), rng.randint(1, 2))
    f, x, a = function.write(style), style.letter, str(low).replace("-", style.minus)
    text = pick(rng, f"Integrate {f} from {a} to {high}", f"What is the integral of {f} from {a} to {high}?",
                f"Compute the definite integral of {f} between {a} and {high}.",
                f"Integrate f({x}) = {f} over [{a}, {high}]", f"∫ {f} d{x} from {a} to {high}",
                f"Find the integral of y = {f} from {x} = {a} to {x} = {high}")
    return Question("integral", (text,), is_number(area(function, low, high)))


def antiderivative(rng: random.Random) -> Question:
    """Judged by differentiating."""
    function, style = drawn_polynomial(rng, rng.randint(1, 3)), Style.drawn(rng)
    f, x = function.write(style), style.letter
    text = pick(rng, f"Find an antiderivative of {f}", f"Integrate {f}", f"What is the indefinite integral of {f}?",
                f"∫ ({f}) d{x}")
    from tests.tutor.judging import BOLD, formula
    from tests.tutor.questions import _same_curve, point_decimals, verdict

    async def judge(worker, answered):  # type: ignore[no-untyped-def]
        parts = BOLD.findall(point_decimals(answered.text))
        found = Fn(lambda _: "", formula(parts[0], x)) if parts else None
        right = found is not None and await _same_curve(worker, derived(found), function.numpy, [0.3, 1.1, 2.7])
        return verdict(answered, right=right)

    return Question("antiderivative", (text,), judge)


SHAPES = [
    (polynomial(1, 0, 3), "convex"), (polynomial(-1, 2, 0), "concave"), (polynomial(1, 0, 0, 0), "neither"),
    (Fn(lambda s: f"e^{s.letter}", "np.exp(x)"), "convex"), (Fn(lambda s: f"ln({s.letter})", "np.log(x)"), "concave"),
    (Fn(lambda s: f"sin({s.letter})", "np.sin(x)"), "neither"), (polynomial(1, 0, 0, 0, 0), "convex"),
    (Fn(lambda s: f"sqrt({s.letter})", "np.sqrt(x)"), "concave"), (Fn(lambda s: f"|{s.letter}|", "abs(x)"), "convex"),
    (Fn(lambda s: f"e^(-{s.letter}^2)", "np.exp(-x**2)"), "neither"), (polynomial(2, 1), "both"),
    (Fn(lambda s: f"{s.letter} ln({s.letter})", "x*np.log(x)"), "convex"), (polynomial(1, 0, -6, 0, 1), "neither"),
]


def shape(rng: random.Random) -> Question:
    """Concave or convex, also as a follow-up."""
    function, found = rng.choice(SHAPES)
    style = Style.drawn(rng)
    f, x = function.write(style), style.letter
    asked = rng.choice(["concave", "convex"])
    messages: tuple[str, ...] = rng.choice([
        (f"Is {f} {asked}?",), (f"Is the function f({x}) = {f} {asked}?",), (f"Is y = {f} concave or convex?",),
        (f"Plot y = {f}", f"Is this a {asked} function?"), (f"Draw the graph of {f}.", f"Is it {asked}?"),
        (f"Tell me whether {f} is {asked}",), (f"Check if f({x}) = {f} is a {asked} function.",),
    ])
    return Question("shape", messages, says(*_shape_words(found, asked, both="concave or convex" in messages[-1])))


def _shape_words(found: str, asked: str, *, both: bool) -> tuple[str, ...]:
    words = {"both": "both convex and concave", "neither": "neither convex nor concave"}.get(found, found)
    if both:
        return (words,)
    return (words, "**yes**" if found in {asked, "both"} else "**no**")


def extrema(rng: random.Random) -> Question:
    """Of a parabola, whose vertex is known."""
    a, h, k = rng.choice([1, 2, -1, -3]), rng.randint(-4, 4), rng.randint(-9, 9)
    function, style = polynomial(a, -2 * a * h, a * h * h + k), Style.drawn(rng)
    f = function.write(style)
    name = "minimum" if a > 0 else "maximum"
    text = pick(rng, f"Find the {name} of {f}", f"What is the {name} of y = {f}?", f"Find the extrema of {f}",
                f"Where is the vertex of {f}?", f"Where does {f} have its {name}?", f"Find the turning point of y = {f}")
    return Question("extrema", (text,), says(f"({h}, {k})"))


def limit(rng: random.Random) -> Question:
    """Known limits."""
    x, minus = rng.choice("xxth"), rng.choice("-−")
    f, at, expected = rng.choice([
        (f"sin({x})/{x}", "0", "1"), (f"({x}^2 {minus} 9)/({x} {minus} 3)", "3", "6"),
        (f"(1 + 1/{x})^{x}", "infinity", "e"), (f"(e^{x} {minus} 1)/{x}", "0", "1"),
        (f"(3{x}^2 + 1)/({x}^2 + 5)", "infinity", "3"), (f"(1 {minus} cos({x}))/{x}^2", "0", "1/2"),
        (f"{x}^2 + 3", "2", "7"), (f"ln({x})/{x}", "infinity", "0"), (f"1/{x}^2", "0", "∞"),
    ])
    text = pick(rng, f"What is the limit of {f} as {x} approaches {at}?", f"limit of {f} as {x} -> {at}",
                f"Find the limit of {f} for {x} → {at}", f"lim {x}->{at} {f}",
                f"Compute the limit of {f} when {x} goes to {at}", f"What does {f} tend to as {x} tends to {at}?")
    return Question("limit", (text,), says(f"is **{expected}**"))


def monotony(rng: random.Random) -> Question:
    """Of a cubic with known turning points."""
    a, b = sorted(rng.sample(range(-4, 5), 2))
    if (a + b) % 2:
        b += 1
    function, style = polynomial(2, -3 * (a + b), 6 * a * b, rng.randint(-3, 3)), Style.drawn(rng)
    f, x = function.write(style), style.letter
    text = pick(rng, f"Where is {f} increasing?", f"Where is y = {f} increasing and where is it decreasing?",
                f"On which intervals is {f} decreasing?", f"Find the intervals where f({x}) = {f} is increasing")
    return Question("monotony", (text,), says(f"{x} < {a} and {x} > {b}", f"{a} < {x} < {b}"))


def table(rng: random.Random) -> Question:
    """A csv file whose rows are right."""
    function, style = drawn_polynomial(rng, 2), Style.drawn(rng)
    f, x, low, high = function.write(style), style.letter, rng.randint(-3, 1), rng.randint(3, 6)
    step = rng.choice(["1", "0.5"])
    stepped = "" if step == "1" else pick(rng, f" in steps of {step}", f" with a step of {step}", f", step {step}")
    text = pick(rng, f"Make a table of values of {f} for {x} from {low} to {high}{stepped}",
                f"Tabulate {f} from {low} to {high}{stepped}",
                f"Give me a table of y = {f} for {x} = {low} to {high}{stepped} as csv")
    from tests.tutor.judging import close
    from tests.tutor.questions import verdict

    async def judge(_, answered):  # type: ignore[no-untyped-def]
        rows = [line.split(",") for content in answered.files.values() for line in content.splitlines()[1:]]
        count = round((high - low) / float(step)) + 1
        right = len(rows) == count and all(close(float(y), value_at(function, float(a))) for a, y in rows)
        return verdict(answered, right=right)

    return Question("table", (text,), judge)


def tangent(rng: random.Random) -> Question:
    """The line through a point of a parabola."""
    function, style, at = drawn_polynomial(rng, 2), Style.drawn(rng, letters="x"), rng.randint(-3, 3)
    slope, height = slope_at(function, at), value_at(function, at)
    text = pick(rng, f"Find the tangent line to {function.write(style)} at x = {at}",
                f"What is the equation of the tangent to y = {function.write(style)} at x = {at}?")
    return Question("tangent", (text,), is_formula(f"{slope}*(x - {at}) + {height}", "x", -3, 3))


def article(rng: random.Random) -> Question:
    """The article's own question with other functions: two tasks in one sentence."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x, at = function.write(style), style.letter, rng.randint(1, 4)
    text = pick(rng, f"Solve the equation y = {f} for {x} = {at} and plot the function graph.",
                f"Evaluate y = {f} for {x} = {at} and plot it", f"What is {f} at {x} = {at}? Plot the function too.",
                f"Calculate f({at}) for f({x}) = {f} and draw the graph", f"Solve y = {f} at {x} = {at}, then plot the graph.")
    return Question("value and plot", (text,), all_of(is_number(value_at(function, at)), draws([function])))


def follow_up(rng: random.Random) -> Question:
    """The function is only named in an earlier message."""
    function, style = drawn_polynomial(rng, rng.choice([2, 3])), Style.drawn(rng)
    f, x, at = function.write(style), style.letter, rng.randint(-3, 4)
    opening = pick(rng, f"Plot {f}", f"Solve the equation y = {f} for {x} = 1", f"Is f({x}) = {f} concave?")
    return rng.choice([
        Question("follow-up", (opening, pick(rng, "and its derivative?", "What is its derivative?", "Differentiate it.")),
                 is_formula(derived(function), x, -3, 3)),
        Question("follow-up", (opening, pick(rng, f"What about {x} = {at}?", f"and for {x} = {at}?",
                                             f"What is its value at {x} = {at}?", f"Evaluate it at {at}")),
                 is_number(value_at(function, at))),
        Question("follow-up", (opening, pick(rng, "Plot it from 0 to 10", "Now plot this function from 0 to 10",
                                             "Show me the graph of it for 0 <= x <= 10".replace("x <", f"{x} <"))),
                 draws([function], low=0, high=10)),
        Question("follow-up", (opening, "Integrate it from 0 to 2"), is_number(area(function, 0, 2))),
    ])


def family(rng: random.Random) -> Question:
    """A parameter with values."""
    style, letter = Style.drawn(rng, letters="x"), rng.choice("ak")
    square = style.raised("x", 2)
    values = rng.sample([1, 2, 3, 5], 2)
    text = pick(rng, f"Plot {letter}*{square} for {letter} = {values[0]} and {letter} = {values[1]}",
                f"Plot y = {letter} {square} for {letter} = {values[0]}, {values[1]}")
    return Question("parameters", (text,), draws([polynomial(value, 0, 0) for value in values]))


KINDS = [evaluate, plot, plot_several, derivative, derivative_at, integral, antiderivative, shape, extrema, limit, monotony,
         table, tangent, article, follow_up, family]
_ = has_values
