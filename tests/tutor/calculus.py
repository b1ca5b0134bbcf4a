"""Generated questions about functions: values, graphs, derivatives, integrals, shape, limits."""

from __future__ import annotations

import random

from tests.tutor.formulas import Fn, Style, drawn_function, drawn_polynomial, polynomial
from tests.tutor.judging import (
    all_of,
    draws,
    is_antiderivative,
    is_formula,
    is_number,
    saves_table,
    says,
)
from tests.tutor.questions import Kind, Question, pick


def evaluate(rng: random.Random) -> Question:
    """The article's first kind."""
    function, style = drawn_function(rng), Style.drawn(rng)
    at = rng.randint(1, 4) if function.low >= 0 else rng.randint(-3, 4)
    f, x, a = function.write(style), style.letter, style.number(at)
    text = pick(
        rng,
        [
            f"Solve the equation y = {f} for {x} = {a}.",
            f"Evaluate {f} at {x} = {a}",
            f"What is {f} for {x} = {a}?",
            f"Calculate y = {f} when {x} is {a}",
            f"f({x}) = {f}. What is f({a})?",
            f"Let f({x}) = {f}. Find f({a}).",
            f"Please compute the value of f({x}) = {f} at {x} = {a}.",
            f"If {x} = {a}, what is {f}?",
            f"Find y if y = {f} and {x} = {a}",
            f"What does {f} give for {x} = {a}?",
        ],
        [
            f"Löse die Gleichung y = {f} für {x} = {a}.",
            f"Berechne {f} für {x} = {a}",
            f"Was ist {f} für {x} = {a}?",
            f"Bestimme den Funktionswert von f({x}) = {f} an der Stelle {x} = {a}",
            f"f({x}) = {f}. Wie groß ist f({a})?",
        ],
    )
    return Question("evaluate", (text,), is_number(function.at(at)))


def plot(rng: random.Random) -> Question:
    """One curve."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x = function.write(style), style.letter
    text = pick(
        rng,
        [
            f"Plot {f}",
            f"Draw the graph of y = {f}",
            f"Please sketch f({x}) = {f} for me.",
            f"graph y = {f}",
            f"Can you plot the function {f}?",
            f"Show me the graph of {f}",
            f"plot f({x})={f}, please",
            f"I would like to see the graph of {f}.",
        ],
        [
            f"Zeichne den Graphen von {f}",
            f"Plotte y = {f}",
            f"Bitte zeichne f({x}) = {f}",
            f"Skizziere die Funktion {f}",
            f"Stelle f({x}) = {f} grafisch dar.",
            f"Kannst du mir den Graphen von {f} zeigen?",
        ],
    )
    return Question("plot", (text,), draws([function]))


def plot_range(rng: random.Random) -> Question:
    """One curve over a range."""
    function, style = drawn_function(rng), Style.drawn(rng)
    low, high = sorted(rng.sample([-6, -3, -2, 0, 1, 4, 5, 8], 2))
    if function.low >= 0:
        low, high = 1, 5
    f, x, a, b = function.write(style), style.letter, style.number(low), style.number(high)
    text = pick(
        rng,
        [
            f"Plot {f} from {a} to {b}",
            f"Plot {f} for {x} from {a} to {b}.",
            f"graph {f} on the interval [{a}, {b}]",
            f"Draw y = {f} between {x} = {a} and {x} = {b}",
            f"Sketch the curve {f} on [{a}, {b}]",
            f"Plot {f} for {a} <= {x} <= {b}",
            f"Plot {f} for {x} between {a} and {b}",
        ],
        [
            f"Zeichne {f} von {a} bis {b}",
            f"Plotte y = {f} für {x} zwischen {a} und {b}",
            f"Zeichne f({x}) = {f} im Intervall [{a}; {b}]",
            f"Skizziere {f} für {a} ≤ {x} ≤ {b}",
        ],
    )
    return Question("plot range", (text,), draws([function], low=low, high=high))


def plot_several(rng: random.Random) -> Question:
    """Two or three curves in one diagram."""
    style = Style.drawn(rng, letters="xxt")
    functions = list(
        {each.numpy: each for each in (drawn_function(rng) for _ in range(rng.choice([2, 2, 3])))}.values()
    )
    *first, last = [each.write(style) for each in functions]
    listed, named = " and ".join([", ".join(first), last]) if first else last, " and y = ".join([*first, last])
    text = pick(
        rng,
        [
            f"Plot {listed} in one diagram",
            f"Draw the graphs of {listed}.",
            f"Plot {listed} together",
            f"Plot y = {named}",
            f"Please plot the functions {listed} from -3 to 3 with a legend",
        ],
        [
            f"Zeichne {listed.replace(' and ', ' und ')} in ein Diagramm",
            f"Plotte y = {named.replace(' and ', ' und ')} gemeinsam",
        ],
    )
    ranged = "from -3" in text
    return Question("plot several", (text,), draws(functions, low=-3 if ranged else None, high=3 if ranged else None))


def derivative(rng: random.Random) -> Question:
    """The formula."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x = function.write(style), style.letter
    text = pick(
        rng,
        [
            f"Differentiate {f}",
            f"What is the derivative of {f}?",
            f"Find the derivative of f({x}) = {f}.",
            f"d/d{x} ({f})",
            f"Find f'({x}) for f({x}) = {f}",
            f"Derivative of y = {f} with respect to {x}",
            f"Compute the first derivative of {f}, please",
            f"differentiate y = {f} wrt {x}",
        ],
        [
            f"Leite f({x}) = {f} ab",
            f"Was ist die Ableitung von {f}?",
            f"Bestimme die erste Ableitung von y = {f}.",
            f"Leite {f} nach {x} ab",
        ],
    )
    return Question("derivative", (text,), is_formula(function.slope, x, max(function.low, 0.4), function.high))


def derivative_at(rng: random.Random) -> Question:
    """A slope."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x, at = function.write(style), style.letter, rng.randint(1, 3)
    text = pick(
        rng,
        [
            f"What is the slope of {f} at {x} = {at}?",
            f"Find the derivative of {f} at {x} = {at}",
            f"Derivative of y = {f} at the point {x} = {at}",
            f"What is the rate of change of {f} at {x} = {at}?",
            f"f({x}) = {f}. What is f'({at})?",
            f"Differentiate {f} and evaluate it at {x} = {at}",
        ],
        [
            f"Wie groß ist die Steigung von {f} an der Stelle {x} = {at}?",
            f"Berechne die Ableitung von {f} bei {x} = {at}",
        ],
    )
    return Question("derivative at", (text,), is_number(function.slope_at(at), place=-1))


def integral(rng: random.Random) -> Question:
    """A definite one."""
    function, style = drawn_function(rng), Style.drawn(rng)
    low, high = (1, rng.randint(2, 4)) if function.low > -1 else (rng.randint(-2, 0), rng.randint(1, 2))
    f, x, a = function.write(style), style.letter, style.number(low)
    text = pick(
        rng,
        [
            f"Integrate {f} from {a} to {high}",
            f"What is the integral of {f} from {a} to {high}?",
            f"Compute the definite integral of {f} between {a} and {high}.",
            f"∫ {f} d{x} from {a} to {high}",
            f"Integrate f({x}) = {f} over [{a}, {high}]",
            f"Find the integral of y = {f} from {x} = {a} to {x} = {high}",
        ],
        [
            f"Integriere {f} von {a} bis {high}",
            f"Berechne das Integral von {f} von {a} bis {high}.",
            f"Wie groß ist das bestimmte Integral von y = {f} zwischen {a} und {high}?",
        ],
    )
    return Question("integral", (text,), is_number(function.area(low, high)))


def antiderivative(rng: random.Random) -> Question:
    """Judged by differentiating."""
    function, style = drawn_polynomial(rng, rng.randint(1, 3)), Style.drawn(rng)
    f, x = function.write(style), style.letter
    text = pick(
        rng,
        [
            f"Find an antiderivative of {f}",
            f"Integrate {f}",
            f"What is the indefinite integral of {f}?",
            f"∫ ({f}) d{x}",
        ],
        [f"Bestimme eine Stammfunktion von {f}", f"Integriere {f}"],
    )
    return Question("antiderivative", (text,), is_antiderivative(function, x))


SHAPES = [
    (polynomial(1, 0, 3), "convex"),
    (polynomial(-1, 2, 0), "concave"),
    (polynomial(1, 0, 0, 0), "neither"),
    (Fn(lambda s: f"e^{s.letter}", "np.exp(x)"), "convex"),
    (Fn(lambda s: f"ln({s.letter})", "np.log(x)"), "concave"),
    (Fn(lambda s: f"sin({s.letter})", "np.sin(x)"), "neither"),
    (polynomial(1, 0, 0, 0, 0), "convex"),
    (Fn(lambda s: f"sqrt({s.letter})", "np.sqrt(x)"), "concave"),
    (Fn(lambda s: f"|{s.letter}|", "abs(x)"), "convex"),
    (Fn(lambda s: f"e^(-{s.letter}^2)", "np.exp(-x**2)"), "neither"),
    (polynomial(2, 1), "both"),
    (Fn(lambda s: f"{s.letter} ln({s.letter})", "x*np.log(x)"), "convex"),
    (polynomial(1, 0, -6, 0, 1), "neither"),
]
GERMAN = {"concave": "konkav", "convex": "konvex"}
FOUND = {
    "both": "both convex and concave|sowohl konvex als auch konkav",
    "neither": "neither convex|weder konvex",
    "convex": "convex|konvex",
    "concave": "concave|konkav",
}


def shape(rng: random.Random) -> Question:
    """Concave or convex, also as a follow-up."""
    function, found = rng.choice(SHAPES)
    style, asked = Style.drawn(rng), rng.choice(["concave", "convex"])
    f, x, gefragt = function.write(style), style.letter, GERMAN[asked]
    messages: tuple[str, ...] = rng.choice(
        [
            (f"Is {f} {asked}?",),
            (f"Is the function f({x}) = {f} {asked}?",),
            (f"Is y = {f} concave or convex?",),
            (f"Plot y = {f}", f"Is this a {asked} function?"),
            (f"Draw the graph of {f}.", f"Is it {asked}?"),
            (f"Tell me whether {f} is {asked}",),
            (f"Check if f({x}) = {f} is a {asked} function.",),
            (f"Ist {f} {gefragt}?",),
            (f"Zeichne y = {f}", f"Ist das eine {gefragt}e Funktion?"),
            (f"Ist f({x}) = {f} konkav oder konvex?",),
        ]
    )
    open_question = " or convex" in messages[-1] or "oder konvex" in messages[-1]
    answer = () if open_question else ("**yes**|**ja**" if found in {asked, "both"} else "**no**|**nein**",)
    return Question("shape", messages, says(FOUND[found], *answer))


def extrema(rng: random.Random) -> Question:
    """Of a parabola, whose vertex is known."""
    a, h, k = rng.choice([1, 2, -1, -3]), rng.randint(-4, 4), rng.randint(-9, 9)
    f = polynomial(a, -2 * a * h, a * h * h + k).write(Style.drawn(rng))
    name = "minimum" if a > 0 else "maximum"
    text = pick(
        rng,
        [
            f"Find the {name} of {f}",
            f"What is the {name} of y = {f}?",
            f"Find the extrema of {f}",
            f"Where is the vertex of {f}?",
            f"Where does {f} have its {name}?",
            f"Find the turning point of y = {f}",
        ],
        [
            f"Bestimme das {name.capitalize()} von {f}",
            f"Wo liegt der Scheitelpunkt von y = {f}?",
            f"Bestimme die Extrempunkte von {f}",
        ],
    )
    return Question("extrema", (text,), says(f"({h}, {k})"))


LIMITS = [
    ("sin({x})/{x}", "0", "1"),
    ("({x}^2 - 9)/({x} - 3)", "3", "6"),
    ("(1 + 1/{x})^{x}", "infinity", "e"),
    ("(e^{x} - 1)/{x}", "0", "1"),
    ("(3{x}^2 + 1)/({x}^2 + 5)", "infinity", "3"),
    ("(1 - cos({x}))/{x}^2", "0", "1/2"),
    ("{x}^2 + 3", "2", "7"),
    ("ln({x})/{x}", "infinity", "0"),
    ("1/{x}^2", "0", "∞"),
]


def limit(rng: random.Random) -> Question:
    """Known limits."""
    x, (shape_, at, expected) = rng.choice("xxth"), rng.choice(LIMITS)
    f = shape_.format(x=x).replace("-", rng.choice("-−"))
    text = pick(
        rng,
        [
            f"What is the limit of {f} as {x} approaches {at}?",
            f"limit of {f} as {x} -> {at}",
            f"lim {x}->{at} {f}",
            f"Find the limit of {f} for {x} → {at}",
            f"Compute the limit of {f} when {x} goes to {at}",
            f"What does {f} tend to as {x} tends to {at}?",
        ],
        [
            f"Was ist der Grenzwert von {f} für {x} gegen {at.replace('infinity', 'unendlich')}?",
            f"Bestimme den Grenzwert von {f} für {x} → {at.replace('infinity', '∞')}",
        ],
    )
    return Question("limit", (text,), says(f"is **{expected}**|ist **{expected}**"))


def monotony(rng: random.Random) -> Question:
    """Of a cubic with known turning points."""
    a = rng.randint(-4, 2)
    b = a + rng.choice([2, 4])
    f, x = polynomial(2, -3 * (a + b), 6 * a * b, rng.randint(-3, 3)).write(style := Style.drawn(rng)), style.letter
    text = pick(
        rng,
        [
            f"Where is {f} increasing?",
            f"Where is y = {f} increasing and where is it decreasing?",
            f"On which intervals is {f} decreasing?",
            f"Find the intervals where f({x}) = {f} is increasing",
        ],
        [
            f"Wo ist {f} steigend?",
            f"Untersuche das Monotonieverhalten von f({x}) = {f}",
            f"Wo ist y = {f} monoton fallend?",
        ],
    )
    return Question("monotony", (text,), says(f"{x} < {a} and {x} > {b}|{x} < {a} und {x} > {b}", f"{a} < {x} < {b}"))


def table(rng: random.Random) -> Question:
    """A csv file whose rows are right."""
    function, style = drawn_polynomial(rng, 2), Style.drawn(rng)
    f, x, low, high = function.write(style), style.letter, rng.randint(-3, 1), rng.randint(3, 6)
    step = rng.choice([1, 0.5])
    stepped, gestuft = (
        (
            rng.choice([f" in steps of {step}", f" with a step of {step}", f", step {step}"]),
            f" in Schritten von {step}".replace(".", ","),
        )
        if step != 1
        else ("", "")
    )
    text = pick(
        rng,
        [
            f"Make a table of values of {f} for {x} from {low} to {high}{stepped}",
            f"Tabulate {f} from {low} to {high}{stepped}",
            f"Give me a table of y = {f} for {x} = {low} to {high}{stepped} as csv",
        ],
        [f"Erstelle eine Wertetabelle von {f} von {low} bis {high}{gestuft}"],
    )
    return Question("table", (text,), saves_table(function, round((high - low) / step) + 1))


def tangent(rng: random.Random) -> Question:
    """The line through a point of a parabola."""
    function, style, at = drawn_polynomial(rng, 2), Style.drawn(rng, letters="x"), rng.randint(-3, 3)
    f = function.write(style)
    text = pick(
        rng,
        [
            f"Find the tangent line to {f} at x = {at}",
            f"What is the equation of the tangent to y = {f} at x = {at}?",
        ],
        [f"Bestimme die Tangente an y = {f} an der Stelle x = {at}"],
    )
    line = f"{function.slope_at(at)}*(x - {at}) + {function.at(at)}"
    return Question("tangent", (text,), is_formula(line, "x", -3, 3))


def article(rng: random.Random) -> Question:
    """The article's own question with other functions: two tasks in one sentence."""
    function, style = drawn_function(rng), Style.drawn(rng)
    f, x, at = function.write(style), style.letter, rng.randint(1, 4)
    text = pick(
        rng,
        [
            f"Solve the equation y = {f} for {x} = {at} and plot the function graph.",
            f"Evaluate y = {f} for {x} = {at} and plot it",
            f"What is {f} at {x} = {at}? Plot the function too.",
            f"Calculate f({at}) for f({x}) = {f} and draw the graph",
            f"Solve y = {f} at {x} = {at}, then plot the graph.",
        ],
        [
            f"Löse die Gleichung y = {f} für {x} = {at} und zeichne den Graphen der Funktion.",
            f"Berechne {f} für {x} = {at} und plotte die Funktion",
        ],
    )
    return Question("value and plot", (text,), all_of(is_number(function.at(at)), draws([function])))


def follow_up(rng: random.Random) -> Question:
    """The function is only named in an earlier message."""
    function, style = drawn_polynomial(rng, rng.choice([2, 3])), Style.drawn(rng)
    f, x, at = function.write(style), style.letter, rng.randint(-3, 4)
    opening = rng.choice([f"Plot {f}", f"Solve the equation y = {f} for {x} = 1", f"Is f({x}) = {f} concave?"])
    asked, judge = rng.choice(
        [
            (
                rng.choice(["and its derivative?", "What is its derivative?", "Differentiate it."]),
                is_formula(function.slope, x, -3, 3),
            ),
            (
                rng.choice(
                    [
                        f"What about {x} = {at}?",
                        f"and for {x} = {at}?",
                        f"What is its value at {x} = {at}?",
                        f"Evaluate it at {at}",
                    ]
                ),
                is_number(function.at(at)),
            ),
            (
                rng.choice(
                    [
                        "Plot it from 0 to 10",
                        "Now plot this function from 0 to 10",
                        f"Show me the graph of it for 0 <= {x} <= 10",
                    ]
                ),
                draws([function], low=0, high=10),
            ),
            ("Integrate it from 0 to 2", is_number(function.area(0, 2))),
        ]
    )
    return Question("follow-up", (opening, asked), judge)


def family(rng: random.Random) -> Question:
    """A parameter with values."""
    style, letter, values = Style.drawn(rng, letters="x"), rng.choice("ak"), rng.sample([1, 2, 3, 5], 2)
    square = style.raised("x", 2)
    text = pick(
        rng,
        [
            f"Plot {letter}*{square} for {letter} = {values[0]} and {letter} = {values[1]}",
            f"Plot y = {letter} {square} for {letter} = {values[0]}, {values[1]}",
        ],
        [f"Zeichne {letter}*{square} für {letter} = {values[0]} und {letter} = {values[1]}"],
    )
    return Question("parameters", (text,), draws([polynomial(value, 0, 0) for value in values]))


KINDS: list[Kind] = [
    evaluate,
    plot,
    plot_range,
    plot_several,
    derivative,
    derivative_at,
    integral,
    antiderivative,
    shape,
    extrema,
    limit,
    monotony,
    table,
    tangent,
    article,
    follow_up,
    family,
]
