"""Generated questions about whole functions: domain, range, symmetry, inverse, asymptotes, period."""

from __future__ import annotations

import random

from tests.tutor.judging import is_number, says
from tests.tutor.questions import Kind, Question, pick


def domain(rng: random.Random) -> Question:
    """Of a root, a logarithm, a fraction."""
    a = rng.randint(1, 9)
    formula, expected = rng.choice(
        [
            (f"sqrt(x - {a})", f"**x ≥ {a}**"),
            (f"ln(x + {a})", f"**x > -{a}**"),
            (f"1/(x - {a})", f"x = {a}**"),
            (f"sqrt({a * a} - x²)", f"**-{a} ≤ x ≤ {a}**"),
            (f"(x - {a})/(x - {a})", f"x = {a}**"),
        ]
    )
    text = pick(
        rng,
        [f"What is the domain of {formula}?", f"domain of {formula}", f"where is {formula} defined"],
        [f"Bestimme den Definitionsbereich von {formula}", f"Definitionsmenge von f(x) = {formula}?"],
    )
    return Question("domain", (text,), says(expected))


def values_taken(rng: random.Random) -> Question:
    """Of parabolas, waves, fractions."""
    a, b = rng.randint(1, 5), rng.randint(1, 9)
    formula, expected = rng.choice(
        [
            (f"{a + 1}x^2 + {b}", f"≥ {b}**"),
            (f"{b} - {a + 1}x^2", f"≤ {b}**"),
            (f"{a + 1} sin({b + 1}x)", f"**-{a + 1} ≤ y ≤ {a + 1}**"),
            (f"1/(x - {a}) + {b}", f"**y < {b} or y > {b}**|**y < {b} oder y > {b}**"),
            (f"x^3 - {b}x", "every real value|jeden reellen wert"),
        ]
    )
    if rng.random() < 0.5:
        return Question("range", (f"plot {formula}", "what is its range?"), says(expected))
    text = pick(
        rng, [f"range of {formula}", f"What are the domain and range of {formula}?"], [f"Wertebereich von {formula}"]
    )
    return Question("range", (text,), says(expected))


def parity(rng: random.Random) -> Question:
    """Of polynomials and waves."""
    a = rng.randint(2, 9)
    formula, english, german = rng.choice(
        [
            (f"x^4 - {a}x^2", "**even**", "**gerade**"),
            (f"{a}x^3 - x", "**odd**", "**ungerade**"),
            (f"x^2 + {a}x", "**neither even nor odd**", "**weder gerade noch ungerade**"),
            (f"x sin({a}x)", "**even**", "**gerade**"),
            ("sqrt(x)", "**neither even nor odd**", "**weder gerade noch ungerade**"),
        ]
    )
    text = pick(
        rng,
        [f"Is {formula} even or odd?", f"is f(x) = {formula} even, odd or neither?", f"symmetry of {formula}"],
        [f"Ist {formula} gerade oder ungerade?", f"Symmetrie von {formula}"],
    )
    return Question("parity", (text,), says(f"{english}|{german}"))


def inverse(rng: random.Random) -> Question:
    """Of a line, a fraction, a parabola."""
    a, b = rng.randint(2, 6), rng.randint(1, 9)
    formula, expected = rng.choice(
        [
            (f"{a}x + {a * b}", f"y = x/{a} - {b}**"),
            (f"1/x + {b}", f"y = 1/(x - {b})**"),
            (f"x^2 + {b}", "no inverse|keine umkehrfunktion"),
            (f"cos({a}x)", "no inverse|keine umkehrfunktion"),
        ]
    )
    text = pick(
        rng,
        [f"inverse of {formula}", f"Does {formula} have an inverse?", f"find the inverse function of f(x) = {formula}"],
        [f"Umkehrfunktion von {formula}"],
    )
    return Question("inverse", (text,), says(expected))


def asymptotes(rng: random.Random) -> Question:
    """Vertical, horizontal and slant ones."""
    a, b = rng.randint(1, 6), rng.randint(2, 9)
    formula, expected = rng.choice(
        [
            (f"{b}/(x - {a})", (f"**x = {a}**", "**y = 0**")),
            (f"({b}x + 1)/(x - {a})", (f"**x = {a}**", f"**y = {b}**")),
            (f"x + {b}/x", ("**x = 0**", "**y = x**")),
            (f"ln(x - {a})", (f"**x = {a}**",)),
            (f"x^2 - {a}", ("no asymptotes|keine asymptoten",)),
        ]
    )
    text = pick(rng, [f"asymptotes of {formula}", f"Find the asymptotes of {formula}"], [f"Asymptoten von {formula}"])
    return Question("asymptotes", (text,), says(*expected))


def period(rng: random.Random) -> Question:
    """Of a wave."""
    a = rng.randint(2, 9)
    return Question(
        "period", (pick(rng, [f"period of sin({a}x)"], [f"Periode von cos({a}x)"]),), is_number(6.283185 / a)
    )


KINDS: list[Kind] = [domain, values_taken, parity, inverse, asymptotes, period]
