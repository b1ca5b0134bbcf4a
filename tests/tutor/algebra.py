"""Generated questions about numbers and equations."""

from __future__ import annotations

import math
import random

from tests.tutor.formulas import Style, polynomial
from tests.tutor.judging import has_values, is_formula, is_number, says
from tests.tutor.questions import Kind, Question, pick


def arithmetic(rng: random.Random) -> Question:
    """Numbers only."""
    a, b, c = rng.randint(2, 30), rng.randint(2, 20), rng.randint(2, 9)
    times, minus = rng.choice("*×·"), rng.choice("-−")
    expression, value = rng.choice(
        [
            (f"{a} + {b} {times} {c}", a + b * c),
            (f"({a} {minus} {b})/{c}", (a - b) / c),
            (f"{a}{times}{b} {minus} {c}", a * b - c),
            (f"{c}^3 + {a}", c**3 + a),
            (f"sqrt({a * a})", a),
            (f"√({b}) + {c}", math.sqrt(b) + c),
            (f"{c}! {minus} {a}", math.factorial(c) - a),
            (f"sin(pi/6) + {a}", 0.5 + a),
            (f"{a}/{b} + {b}/{c}", a / b + b / c),
            (f"2^{b} {minus} 1", 2**b - 1),
            (f"ln(e^{c})", c),
            (f"log10(1000) * {c}", 3 * c),
            (f"|{minus}{a}| + {b}", a + b),
            (f"{a}² + {b}²", a * a + b * b),
        ]
    )
    spoken, spoken_value = rng.choice(
        [
            (f"{b}% of {a}", a * b / 100),
            (f"{a} plus {b} times {c}", a + b * c),
            (f"the square root of {a * a}", a),
            (f"{c} to the power of 4", c**4),
            (f"{a} divided by {b}", a / b),
            (f"{c} squared", c * c),
            (f"2.5{times}{a} + 0.25", 2.5 * a + 0.25),
            (f"the sum of {a} and {b}", a + b),
        ]
    )
    gesprochen, wert = rng.choice(
        [
            (f"{b} % von {a}", a * b / 100),
            (f"{a} plus {b} mal {c}", a + b * c),
            (f"Wurzel aus {a * a}", a),
            (f"{c} hoch 4", c**4),
            (f"{a} geteilt durch {b}", a / b),
            (f"2,5{times}{a} + 0,25", 2.5 * a + 0.25),
        ]
    )
    text, number = rng.choice(
        [
            (f"What is {expression}?", value),
            (f"Calculate {expression}", value),
            (expression, value),
            (f"What is {spoken}?", spoken_value),
            (f"Compute {spoken} please.", spoken_value),
            (f"Can you work out {expression} for me?", value),
            (f"How much is {spoken}?", spoken_value),
            (f"Was ist {gesprochen}?", wert),
            (f"Berechne {gesprochen}", wert),
            (f"Wie viel ist {gesprochen}?", wert),
        ]
    )
    return Question("arithmetic", (text,), is_number(number))


def linear(rng: random.Random) -> Question:
    """One equation, one solution."""
    a, root, b, style = rng.randint(2, 9), rng.randint(-9, 9), rng.randint(-9, 9), Style.drawn(rng, letters="xxyzta")
    equation = f"{polynomial(a, b).write(style)} = {style.number(a * root + b)}"
    if rng.random() < 0.3:
        equation = f"{polynomial(a + 2, b).write(style)} = {polynomial(2, a * root + b).write(style)}"
    x = style.letter
    text = pick(
        rng,
        [
            f"Solve {equation}",
            f"Solve the equation {equation} for {x}.",
            f"Find {x}: {equation}",
            equation,
            f"What is {x} if {equation}?",
            f"For which {x} is {equation}?",
            f"Find {x} such that {equation}",
            f"Please solve this equation: {equation}",
            f"What is the solution of {equation}?",
        ],
        [
            f"Löse {equation}",
            f"Löse die Gleichung {equation} nach {x} auf.",
            f"Für welches {x} gilt {equation}?",
            f"Bestimme {x}: {equation}",
            f"Was ist die Lösung von {equation}?",
        ],
    )
    return Question("linear equation", (text,), has_values(**{x: [root]}))


def quadratic(rng: random.Random) -> Question:
    """Two whole solutions, two irrational ones, or none."""
    style, kind = Style.drawn(rng), rng.choice(["whole", "whole", "irrational", "none"])
    half, square = rng.randint(-4, 4), rng.choice([2, 3, 5, 7])
    first, second = rng.sample(range(-7, 8), 2)
    drawn: dict[str, tuple[tuple[int, ...], list[float]]] = {
        "whole": ((1, -(first + second), first * second), [first, second]),
        "irrational": ((1, -2 * half, half * half - square), [half - math.sqrt(square), half + math.sqrt(square)]),
        "none": ((1, rng.choice([0, 2]), rng.randint(2, 9)), []),
    }
    coefficients, solutions = drawn[kind]
    equation = f"{polynomial(*coefficients).write(style)} = 0"
    text = pick(
        rng,
        [
            f"Solve {equation}",
            f"Solve the quadratic equation {equation}",
            f"What are the solutions of {equation}?",
            f"Find all solutions of {equation}",
            f"Solve for {style.letter}: {equation}",
        ],
        [f"Löse {equation}", f"Löse die quadratische Gleichung {equation}", f"Bestimme die Lösungen von {equation}"],
    )
    judge = has_values(**{style.letter: solutions}) if solutions else says("no real solution|keine reelle Lösung")
    return Question("quadratic equation", (text,), judge)


def roots(rng: random.Random) -> Question:
    """Zeros of a product of linear factors."""
    style, zeros = Style.drawn(rng), rng.sample(range(-4, 5), rng.choice([2, 3]))
    coefficients = [1]
    for zero in zeros:
        coefficients = [a - zero * b for a, b in zip([*coefficients, 0], [0, *coefficients], strict=True)]
    f, x = polynomial(*coefficients).write(style), style.letter
    text = pick(
        rng,
        [
            f"What are the roots of {f}?",
            f"Find the zeros of f({x}) = {f}.",
            f"Where does y = {f} cross the x-axis?",
            f"Find the roots of the polynomial {f}",
            f"For which {x} is {f} equal to zero?",
            f"Where is {f} zero?",
        ],
        [f"Bestimme die Nullstellen von f({x}) = {f}", f"Wo schneidet y = {f} die x-Achse?"],
    )
    return Question("roots", (text,), has_values(**{x: zeros}))


def transcendental(rng: random.Random) -> Question:
    """Exponentials, roots, absolute values."""
    x, n = rng.choice("xxt"), rng.randint(2, 9)
    equation, solutions = rng.choice(
        [
            (f"e^{x} = {n}", [math.log(n)]),
            (f"2^{x} = {2**n}", [float(n)]),
            (f"ln({x}) = {n}", [math.exp(n)]),
            (f"sqrt({x} + {n}) = {n}", [float(n * n - n)]),
            (f"|{x} - {n}| = 3", [n - 3.0, n + 3.0]),
            (f"{n}/{x} = 2", [n / 2]),
            (f"cos({x}) = {x}", [0.7390851332]),
            (f"{x}^3 = {n}", [n ** (1 / 3)]),
            (f"({x} + 1)/({x} - 1) = {n}", [(n + 1) / (n - 1)]),
            (f"e^(2{x}) = {n}", [math.log(n) / 2]),
        ]
    )
    text = pick(
        rng,
        [f"Solve {equation}", f"Solve {equation} for {x}", f"Find {x} such that {equation}", equation],
        [f"Löse {equation}", f"Löse die Gleichung {equation} nach {x} auf"],
    )
    return Question("other equation", (text,), has_values(**{x: solutions}))


def system(rng: random.Random) -> Question:
    """Two linear equations."""
    style, x, y = Style.drawn(rng, letters="x"), rng.randint(-6, 6), rng.randint(-6, 6)
    a, b, c, d = 1, rng.choice([1, 2, -1]), rng.choice([2, 3, -1]), rng.choice([1, -3])
    d += 2 * (a * d == b * c)
    first, second = (
        f"{style.joined([style.product(p, 'x'), style.product(q, 'y')])} = {style.number(p * x + q * y)}"
        for p, q in ((a, b), (c, d))
    )
    text = pick(
        rng,
        [
            f"Solve the system {first}, {second}",
            f"Solve {first} and {second}",
            f"Find x and y: {first}; {second}",
            f"Solve the system of equations {first} and {second}.",
            f"Solve {first}, {second} for x and y",
            f"Solve:\n{first}\n{second}",
        ],
        [f"Löse das Gleichungssystem {first}, {second}", f"Löse {first} und {second}"],
    )
    return Question("system", (text,), has_values(x=[x], y=[y]))


def inequality(rng: random.Random) -> Question:
    """Linear and quadratic."""
    style, a, c = Style.drawn(rng), rng.randint(2, 5), rng.randint(-4, 4)
    x = style.letter
    low, high = sorted(rng.sample(range(-5, 6), 2))
    sign = rng.choice([">", "<", ">=", "≤"])
    quadratic_left = polynomial(1, -(low + high), low * high).write(style)
    relation, expected = rng.choice(
        [
            (f"{polynomial(a, 1).write(style)} {sign} {style.number(a * c + 1)}", f"{x} {sign.replace('>=', '≥')} {c}"),
            (f"{quadratic_left} < 0", f"{low} < {x} < {high}"),
            (f"{quadratic_left} > 0", f"{x} < {low} or {x} > {high}|{x} < {low} oder {x} > {high}"),
        ]
    )
    text = pick(
        rng,
        [
            f"Solve {relation}",
            f"Solve the inequality {relation}",
            f"For which {x} is {relation}?",
            f"Find all {x} with {relation}",
        ],
        [f"Löse die Ungleichung {relation}", f"Für welche {x} gilt {relation}?"],
    )
    return Question("inequality", (text,), says(expected))


def rewriting(rng: random.Random) -> Question:
    """Expand, factor, simplify."""
    style, a, b, exponent = Style.drawn(rng), rng.randint(1, 5), rng.randint(1, 5), rng.choice([2, 3])
    x = style.letter
    power, expanded = style.raised(f"({x} + {a})", exponent), polynomial(1, a + b, a * b).write(style)
    text, numpy = rng.choice(
        [
            (f"Expand ({x} + {a})({x} + {b})", f"(x + {a})*(x + {b})"),
            (f"Expand {power}", f"(x + {a})**{exponent}"),
            (f"Factor {expanded}", f"(x + {a})*(x + {b})"),
            (f"Simplify ({x}^2 - {a * a})/({x} - {a})", f"x + {a}"),
            (f"Multiply out {a}({x} + {b})", f"{a}*(x + {b})"),
            (f"Please factorise {expanded}.", f"(x + {a})*(x + {b})"),
            (f"Vereinfache ({x}^2 - {a * a})/({x} - {a})", f"x + {a}"),
            (f"Multipliziere {power} aus", f"(x + {a})**{exponent}"),
            (f"Faktorisiere {expanded}", f"(x + {a})*(x + {b})"),
        ]
    )
    return Question("rewriting", (text,), is_formula(numpy, x, 6, 9))


def intersection(rng: random.Random) -> Question:
    """A parabola and a line."""
    style, (p, q) = Style.drawn(rng, letters="x"), rng.sample(range(-4, 5), 2)
    square, other = polynomial(1, 0, 0).write(style), polynomial(p + q, -p * q).write(style)
    text = pick(
        rng,
        [
            f"Where do y = {square} and y = {other} intersect?",
            f"Find the intersection points of {square} and y = {other}",
            f"At which points do the curves y = {square} and y = {other} meet?",
        ],
        [f"Wo schneiden sich y = {square} und y = {other}?"],
    )
    return Question("intersection", (text,), says(f"({p}, {p * p})", f"({q}, {q * q})"))


KINDS: list[Kind] = [arithmetic, linear, quadratic, roots, transcendental, system, inequality, rewriting, intersection]
