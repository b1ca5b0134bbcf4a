"""Functions to ask about, written in the many ways people write them, each with its numpy twin."""

from __future__ import annotations

import math
import random
import re
import types
from collections.abc import Callable
from dataclasses import dataclass

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
STEP = 1e-5


@dataclass(frozen=True)
class Style:
    """One person's way of writing."""

    letter: str
    power: str  # ^ ** or superscript
    times: str  # nothing, * or ·
    minus: str
    bare_call: bool  # sin x rather than sin(x)

    @classmethod
    def drawn(cls, rng: random.Random, *, letters: str = "xxxxxtz") -> Style:
        """A way of writing, drawn at random."""
        return cls(
            letter=rng.choice(letters),
            power=rng.choice(["^", "^", "**", "²"]),
            times=rng.choice(["", "", "*", "·", " "]),
            minus=rng.choice(["-", "-", "−"]),
            bare_call=rng.random() < 0.3,
        )

    def number(self, value: float) -> str:
        """A number with this person's minus."""
        return str(value).replace("-", self.minus)

    def raised(self, base: str, exponent: int) -> str:
        """A power."""
        if exponent == 1:
            return base
        return base + str(exponent).translate(SUPERSCRIPTS) if self.power == "²" else f"{base}{self.power}{exponent}"

    def product(self, factor: int, rest: str) -> str:
        """A whole number times something."""
        if factor == 1:
            return rest
        if factor == -1:
            return f"{self.minus}{rest}"
        return f"{self.number(factor)}{self.times}{rest}"

    def call(self, name: str, inside: str) -> str:
        """A function of something."""
        simple = inside.replace(self.letter, "x").lstrip("23456789") == "x"
        return f"{name} {inside}" if self.bare_call and simple else f"{name}({inside})"

    def joined(self, terms: list[str]) -> str:
        """A sum of terms with their signs."""
        text = terms[0]
        for term in terms[1:]:
            text += f" {self.minus} {term[1:]}" if term.startswith(("-", "−")) else f" + {term}"
        return text


@dataclass(frozen=True)
class Fn:
    """A function: how a person writes it, and numpy."""

    write: Callable[[Style], str]
    numpy: str
    low: float = -4.0  # a stretch where it is defined and tame
    high: float = 4.0

    def at(self, place: float) -> float:
        """Its value, by Python's own mathematics."""
        names = {name: getattr(math, name) for name in ("sin", "cos", "exp", "log", "sqrt", "tan")}
        numbers = types.SimpleNamespace(**names, abs=abs)
        return float(eval(self.numpy, {"np": numbers, "x": place}))  # noqa: S307  (written here)

    def slope_at(self, place: float) -> float:
        """Its derivative, by differences."""
        return (self.at(place + STEP) - self.at(place - STEP)) / (2 * STEP)

    @property
    def slope(self) -> str:
        """numpy for the derivative, by differences."""
        plus, minus = (re.sub(r"\bx\b", f"(x {sign} {STEP})", self.numpy) for sign in "+-")
        return f"(({plus}) - ({minus})) / {2 * STEP}"

    def area(self, low: float, high: float, strips: int = 4000) -> float:
        """Its integral, by Simpson's rule."""
        width = (high - low) / strips
        weights = (1 if k in {0, strips} else 4 if k % 2 else 2 for k in range(strips + 1))
        return sum(weight * self.at(low + k * width) for k, weight in enumerate(weights)) * width / 3


def polynomial(*coefficients: int) -> Fn:
    """By coefficients, the highest power first."""
    powers = range(len(coefficients) - 1, -1, -1)

    def write(style: Style) -> str:
        terms = [
            style.product(factor, style.raised(style.letter, power)) if power else style.number(factor)
            for power, factor in zip(powers, coefficients, strict=True)
            if factor
        ]
        return style.joined(terms or ["0"])

    terms = (f"({factor})*x**{power}" for power, factor in zip(powers, coefficients, strict=True))
    return Fn(write, " + ".join(terms))


def drawn_polynomial(rng: random.Random, degree: int, *, size: int = 6) -> Fn:
    """With whole coefficients, the first not zero."""
    first = rng.choice([-2, -1, 1, 1, 1, 2, 3])
    return polynomial(first, *(rng.randint(-size, size) for _ in range(degree)))


def drawn_function(rng: random.Random) -> Fn:
    """One of many families."""
    families: list[Callable[[random.Random], Fn]] = [
        lambda r: drawn_polynomial(r, 1),
        lambda r: drawn_polynomial(r, 2),
        lambda r: drawn_polynomial(r, 3),
        trigonometric,
        exponential,
        logarithm,
        root,
        quotient,
        product,
        shifted,
    ]
    return rng.choice(families)(rng)


def trigonometric(rng: random.Random) -> Fn:
    """a sin(kx)."""
    name, factor, inner = rng.choice(["sin", "cos"]), rng.choice([1, 2, 3, -1]), rng.choice([1, 1, 2, 3])
    return Fn(lambda s: s.product(factor, s.call(name, s.product(inner, s.letter))), f"{factor}*np.{name}({inner}*x)")


def exponential(rng: random.Random) -> Fn:
    """e^(kx), written as a power or with exp."""
    factor, inner, as_power = rng.choice([1, 2, 3]), rng.choice([1, -1, 2]), rng.random() < 0.6

    def write(style: Style) -> str:
        inside = style.product(inner, style.letter)
        base = f"e^{inside}" if inner == 1 else f"e^({inside})"
        return style.product(factor, base if as_power else f"exp({inside})")

    return Fn(write, f"{factor}*np.exp({inner}*x)", -2.0, 2.0)


def logarithm(rng: random.Random) -> Fn:
    """a ln(x) + b."""
    factor, rest = rng.choice([1, 2, -1]), rng.choice([0, 3, -2])

    def write(style: Style) -> str:
        first = style.product(factor, style.call("ln", style.letter))
        return style.joined([first, style.number(rest)] if rest else [first])

    return Fn(write, f"{factor}*np.log(x) + {rest}", 0.5, 6.0)


def root(rng: random.Random) -> Fn:
    """sqrt(x + a), √(x + a)."""
    inside, sign = rng.choice([1, 2, 4]), rng.choice(["sqrt", "√"])
    return Fn(lambda s: f"{sign}({s.letter} + {inside})", f"np.sqrt(x + {inside})", 0.0, 6.0)


def quotient(rng: random.Random) -> Fn:
    """(x + a)/(x + b)."""
    above, below = rng.choice([-1, 1, 2]), rng.choice([5, 6, 7])
    return Fn(
        lambda s: f"({s.joined([s.letter, s.number(above)])})/({s.letter} + {below})", f"(x + {above})/(x + {below})"
    )


def product(rng: random.Random) -> Fn:
    """x² sin(x), x exp(x)."""
    power, name = rng.choice([1, 2, 3]), rng.choice(["sin", "cos", "exp"])
    return Fn(
        lambda s: f"{s.raised(s.letter, power)}{s.times or ' '}{name}({s.letter})",
        f"x**{power}*np.{name}(x)",
        -2.0,
        2.0,
    )


def shifted(rng: random.Random) -> Fn:
    """(x - a)^n + b."""
    shift, power, rest = rng.randint(1, 5), rng.choice([2, 2, 3]), rng.randint(1, 9)
    return Fn(
        lambda s: f"{s.raised(f'({s.letter} {s.minus} {shift})', power)} + {rest}", f"(x - {shift})**{power} + {rest}"
    )
