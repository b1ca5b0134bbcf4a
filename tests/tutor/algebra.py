"""Generated questions about numbers and equations."""

from __future__ import annotations

import math
import random

from tests.tutor.formulas import Style, joined, polynomial
from tests.tutor.judging import close
from tests.tutor.questions import Question, has_values, is_formula, is_number, pick, says, values_of, verdict


def arithmetic(rng: random.Random) -> Question:
    """Numbers only."""
    a, b, c = rng.randint(2, 30), rng.randint(2, 20), rng.randint(2, 9)
    times, minus = rng.choice("*×·"), rng.choice("-−")
    expression, value = rng.choice([
        (f"{a} + {b} {times} {c}", a + b * c), (f"({a} {minus} {b})/{c}", (a - b) / c), (f"{a}{times}{b} {minus} {c}", a * b - c),
        (f"{c}^3 + {a}", c**3 + a), (f"sqrt({a * a})", a), (f"√({b}) + {c}", math.sqrt(b) + c),
        (f"{c}! {minus} {a}", math.factorial(c) - a), (f"{a}/{b} + {b}/{c}", a / b + b / c), (f"2.5{times}{a} + 0.25", 2.5 * a + 0.25),
        (f"{b}% of {a}", a * b / 100), (f"{a} plus {b} times {c}", a + b * c), (f"the square root of {a * a}", a),
        (f"{c} to the power of 4", c**4), (f"sin(pi/6) + {a}", 0.5 + a), (f"ln(e^{c})", c), (f"log10(1000) * {c}", 3 * c),
        (f"{a} divided by {b}", a / b), (f"|{minus}{a}| + {b}", a + b), (f"{c} squared", c * c), (f"2^{b} {minus} 1", 2**b - 1),
    ])
    text = pick(rng, f"What is {expression}?", f"Calculate {expression}", f"{expression}", f"Compute {expression} please.",
                f"How much is {expression}?", f"Can you work out {expression} for me?")
    return Question("arithmetic", (text,), is_number(value))


def linear(rng: random.Random) -> Question:
    """One equation, one solution."""
    a, root, b, style = rng.randint(2, 9), rng.randint(-9, 9), rng.randint(-9, 9), Style.drawn(rng, letters="xxyzta")
    left = polynomial(a, b).write(style)
    equation = f"{left} = {str(a * root + b).replace('-', style.minus)}"
    if rng.random() < 0.3:
        equation = f"{polynomial(a + 2, b).write(style)} = {polynomial(2, a * root + b).write(style)}"
    x = style.letter
    text = pick(rng, f"Solve {equation}", f"Solve the equation {equation} for {x}.", f"Find {x}: {equation}", equation,
                f"What is {x} if {equation}?", f"For which {x} is {equation}?", f"Find {x} such that {equation}",
                f"Please solve this equation: {equation}", f"What is the solution of {equation}?")
    return Question("linear equation", (text,), has_values(x, [root]))


def quadratic(rng: random.Random) -> Question:
    """Two whole solutions, two irrational ones, one, or none."""
    style = Style.drawn(rng)
    kind = rng.choice(["whole", "whole", "irrational", "none"])
    if kind == "whole":
        first, second = rng.sample(range(-7, 8), 2)
        coefficients, solutions = (1, -(first + second), first * second), [float(first), float(second)]
    elif kind == "irrational":
        half, square = rng.randint(-4, 4), rng.choice([2, 3, 5, 7])
        coefficients = (1, -2 * half, half * half - square)
        solutions = [half - math.sqrt(square), half + math.sqrt(square)]
    else:
        coefficients, solutions = (1, rng.choice([0, 2]), rng.randint(2, 9)), []
    equation = f"{polynomial(*coefficients).write(style)} = 0"
    text = pick(rng, f"Solve {equation}", f"Solve the quadratic equation {equation}", f"What are the solutions of {equation}?",
                f"Find all solutions of {equation}", f"Solve for {style.letter}: {equation}")
    return Question("quadratic equation", (text,), has_values(style.letter, solutions) if solutions else says("no real solution"))


def roots(rng: random.Random) -> Question:
    """Zeros of a product of linear factors."""
    style, zeros = Style.drawn(rng), rng.sample(range(-4, 5), rng.choice([2, 3]))
    coefficients = [1]
    for zero in zeros:
        coefficients = [a - zero * b for a, b in zip([*coefficients, 0], [0, *coefficients], strict=True)]
    f, x = polynomial(*coefficients).write(style), style.letter
    text = pick(rng, f"What are the roots of {f}?", f"Find the zeros of f({x}) = {f}.", f"Where does y = {f} cross the x-axis?",
                f"Find the roots of the polynomial {f}", f"For which {x} is {f} equal to zero?", f"Where is {f} zero?")
    return Question("roots", (text,), has_values(x, [float(zero) for zero in zeros]))


def transcendental(rng: random.Random) -> Question:
    """Exponentials, roots, absolute values."""
    x, n = rng.choice("xxt"), rng.randint(2, 9)
    equation, solutions = rng.choice([
        (f"e^{x} = {n}", [math.log(n)]), (f"2^{x} = {2**n}", [float(n)]), (f"ln({x}) = {n}", [math.exp(n)]),
        (f"sqrt({x} + {n}) = {n}", [float(n * n - n)]), (f"|{x} - {n}| = 3", [n - 3.0, n + 3.0]),
        (f"{n}/{x} = 2", [n / 2]), (f"cos({x}) = {x}", [0.7390851332]), (f"{x}^3 = {n}", [n ** (1 / 3)]),
        (f"({x} + 1)/({x} - 1) = {n}", [(n + 1) / (n - 1)]), (f"e^(2{x}) = {n}", [math.log(n) / 2]),
    ])
    text = pick(rng, f"Solve {equation}", f"Solve {equation} for {x}", f"Find {x} such that {equation}", f"{equation}")
    return Question("other equation", (text,), has_values(x, solutions))


def system(rng: random.Random) -> Question:
    """Two linear equations."""
    style = Style.drawn(rng, letters="x")
    x, y = rng.randint(-6, 6), rng.randint(-6, 6)
    a, b, c, d = 1, rng.choice([1, 2, -1]), rng.choice([2, 3, -1]), rng.choice([1, -3])
    if a * d == b * c:
        d += 2
    first, second = (
        f"{joined([style.product(p, 'x'), style.product(q, 'y')], style.minus)} = {str(p * x + q * y).replace('-', style.minus)}"
        for p, q in ((a, b), (c, d))
    )
    text = pick(rng, f"Solve the system {first}, {second}", f"Solve {first} and {second}", f"Solve the system of equations {first} and {second}.",
                f"Solve {first}, {second} for x and y", f"Find x and y: {first}; {second}", f"Solve:\n{first}\n{second}")

    async def judge(_, answered):  # type: ignore[no-untyped-def]
        found = values_of(answered.text, "x"), values_of(answered.text, "y")
        right = all(len(each) == 1 for each in found) and close(found[0][0], x) and close(found[1][0], y)
        return verdict(answered, right=right)

    return Question("system", (text,), judge)


def inequality(rng: random.Random) -> Question:
    """Linear and quadratic."""
    style = Style.drawn(rng)
    x, a, c = style.letter, rng.randint(2, 5), rng.randint(-4, 4)
    if rng.random() < 0.5:
        sign = rng.choice([">", "<", ">=", "≤"])
        relation = f"{polynomial(a, 1).write(style)} {sign} {str(a * c + 1).replace('-', style.minus)}"
        shown = {">=": "≥"}.get(sign, sign)
        expected = [f"{x} {shown} {c}"]
    else:
        low, high = sorted(rng.sample(range(-5, 6), 2))
        inside = rng.random() < 0.5
        relation = f"{polynomial(1, -(low + high), low * high).write(style)} {'<' if inside else '>'} 0"
        expected = [f"{low} < {x} < {high}"] if inside else [f"{x} < {low} or {x} > {high}"]
    text = pick(rng, f"Solve {relation}", f"Solve the inequality {relation}", f"For which {x} is {relation}?", f"Find all {x} with {relation}")
    return Question("inequality", (text,), says(*expected))


def rewriting(rng: random.Random) -> Question:
    """Expand, factor, simplify."""
    style, a, b = Style.drawn(rng), rng.randint(1, 5), rng.randint(1, 5)
    x = style.letter
    exponent = rng.choice([2, 3])
    power = style.raised(f"({x} + {a})", exponent)
    expanded = polynomial(1, a + b, a * b).write(style)
    text, numpy = rng.choice([
        (f"Expand ({x} + {a})({x} + {b})", f"(x + {a})*(x + {b})"), (f"Expand {power}", f"(x + {a})**{exponent}"),
        (f"Factor {expanded}", f"(x + {a})*(x + {b})"), (f"Simplify ({x}^2 - {a * a})/({x} - {a})", f"x + {a}"),
        (f"Multiply out {a}({x} + {b})", f"{a}*(x + {b})"), (f"Please factorise {expanded}.", f"(x + {a})*(x + {b})"),
    ])
    return Question("rewriting", (text,), is_formula(numpy, x, 6, 9))


def intersection(rng: random.Random) -> Question:
    """A parabola and a line."""
    style, (p, q) = Style.drawn(rng, letters="x"), rng.sample(range(-4, 5), 2)
    line = polynomial(p + q, -p * q)
    square, other = polynomial(1, 0, 0).write(style), line.write(style)
    text = pick(rng, f"Where do y = {square} and y = {other} intersect?", f"Find the intersection points of {square} and {other}",
                f"At which points do the curves y = {square} and y = {other} meet?")
    return Question("intersection", (text,), says(f"({p}, {p * p})", f"({q}, {q * q})"))


KINDS = [arithmetic, linear, quadratic, roots, transcendental, system, inequality, rewriting, intersection]
