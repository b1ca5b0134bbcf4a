"""Generated questions about plain numbers and the areas between curves."""

from __future__ import annotations

import math
import random
import statistics

from tests.tutor.judging import is_number, says
from tests.tutor.questions import Kind, Question, pick


def figure(rng: random.Random) -> Question:
    """Mean, median, deviation and the like of a list."""
    numbers = [rng.randint(1, 40) for _ in range(rng.randint(3, 8))]
    name, german, value = rng.choice(
        [
            ("mean", "Mittelwert", statistics.fmean(numbers)),
            ("average", "Durchschnitt", statistics.fmean(numbers)),
            ("median", "Median", float(statistics.median(numbers))),
            ("standard deviation", "Standardabweichung", statistics.pstdev(numbers)),
            ("variance", "Varianz", statistics.pvariance(numbers)),
            ("sum", "Summe", float(sum(numbers))),
            ("range", "Spannweite", float(max(numbers) - min(numbers))),
        ]
    )
    listed = ", ".join(map(str, numbers[:-1]))
    english_list = rng.choice(
        [f"{listed} and {numbers[-1]}", f"{listed}, {numbers[-1]}", f"the numbers {listed}, {numbers[-1]}"]
    )
    text = pick(
        rng,
        [
            f"What is the {name} of {english_list}?",
            f"{name} of {english_list}",
            f"Calculate the {name} of {english_list} please",
        ],
        [f"Was ist die {german} von {listed} und {numbers[-1]}?", f"Berechne {german} von {listed} und {numbers[-1]}"],
    )
    return Question("figure of numbers", (text,), is_number(value))


def follow_up(rng: random.Random) -> Question:
    """Another figure of the same numbers."""
    numbers = [rng.randint(1, 20) for _ in range(5)]
    listed = ", ".join(map(str, numbers))
    messages = rng.choice([(f"mean of {listed}", "and the median?"), (f"Summe von {listed}", "und der Median?")])
    return Question("figure again", messages, is_number(float(statistics.median(numbers))))


def divisibility(rng: random.Random) -> Question:
    """Primes, factors, common divisors and multiples, remainders."""
    a, b = rng.randint(6, 90), rng.randint(6, 90)
    is_prime = all(a % each for each in range(2, a))
    low, high = min(a, b), max(a, b)
    text, judge = rng.choice(
        [
            (f"Is {a} prime?", says("is **prime**" if is_prime else "not prime")),
            (f"Ist {a} eine Primzahl?", says("ist eine **primzahl**" if is_prime else "keine primzahl")),
            (f"gcd of {a} and {b}", is_number(math.gcd(a, b))),
            (f"Was ist der ggT von {a} und {b}?", is_number(math.gcd(a, b))),
            (f"What is the least common multiple of {a} and {b}?", is_number(math.lcm(a, b))),
            (f"What is the remainder when {high} is divided by {low}?", is_number(high % low)),
            (f"{high} mod {low}", is_number(high % low)),
            (f"{low} choose 3", is_number(math.comb(low, 3))),
            (f"Factorize {2 * 2 * 3 * 5}", says("2²·3·5")),
        ]
    )
    return Question("divisibility", (text,), judge)


def percentage(rng: random.Random) -> Question:
    """Shares, changes, more and less by a percentage."""
    whole, percent = rng.randrange(20, 400, 20), rng.randrange(5, 95, 5)
    part = whole * percent / 100
    shown = f"{part:g}"
    text, judge = rng.choice(
        [
            (f"What percent of {whole} is {shown}?", says(f"**{percent} %**")),
            (f"{shown} is what percentage of {whole}?", says(f"**{percent} %**")),
            (f"What is {whole} increased by {percent}%?", is_number(whole + part)),
            (f"Reduce {whole} by {percent} percent", is_number(whole - part)),
            (f"{percent}% off {whole}", is_number(whole - part)),
            (f"Erhöhe {whole} um {percent} %", is_number(whole + part)),
            (f"Wie viel sind {percent} % von {whole}?", is_number(part)),
        ]
    )
    return Question("percentage", (text,), judge)


def area_between(rng: random.Random) -> Question:
    """Between a parabola and a line through the origin; a cubic and its chord, whose parts must not cancel."""
    a = rng.randint(1, 6)
    text, value = rng.choice(
        [
            (f"area between y = x^2 and y = {a}x", a**3 / 6),
            (f"Find the area enclosed by x² and {a * a}", 4 * a**3 / 3),
            (f"What is the area between x^3 and {a * a}x?", a**4 / 2),
            (f"Berechne die Fläche zwischen x^2 und {a}x", a**3 / 6),
            (f"area between x^2 and {a} + x^2 from 0 to 3", 3.0 * a),
        ]
    )
    return Question("area between", (text,), is_number(value))


def logarithm(rng: random.Random) -> Question:
    """To any base."""
    base, power = rng.randint(2, 9), rng.randint(1, 5)
    number = base**power
    text = pick(
        rng,
        [f"log base {base} of {number}", f"log_{base}({number})", f"What is log({number}, {base})?"],
        [f"Was ist der Logarithmus von {number} zur Basis {base}?"],
    )
    return Question("logarithm", (text,), is_number(power))


KINDS: tuple[Kind, ...] = (figure, follow_up, divisibility, percentage, area_between, logarithm)
