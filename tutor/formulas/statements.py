"""What stands between the words of a question: formulas, equations and inequalities, intervals, lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tutor.formulas.expression import Applied, Expression, Symbol, is_constant, symbols


class Doubt(StrEnum):
    """A notation with two meanings."""

    POWER = "power"  # e^2x: e^(2x) or (e^2)x
    ARGUMENT = "argument"  # sin x/2, square root of x + 1
    INDEX = "index"  # x2: x^2 or x_2
    FRACTION = "fraction"  # 1/2x: (1/2)x or 1/(2x)
    LOG = "log"  # log: ln or log10
    PERCENT = "percent"  # 100 + 10%: 110 or 100.1
    DEGREES = "degrees"  # sin(30): radians or degrees
    COMMA = "comma"  # 1,5: one number or two
    SPACE = "space"  # 1 000 2 500: two numbers or four
    EXCLAMATION = "exclamation"  # x = 9!: a factorial, or the end of a sentence


ASKED_BACK: Final = frozenset({Doubt.POWER, Doubt.ARGUMENT, Doubt.INDEX, Doubt.COMMA, Doubt.SPACE, Doubt.PERCENT})
"""Doubts that are asked about; the others are read the usual way, and the answer says so."""


@dataclass(frozen=True, slots=True)
class Relation:
    """`left = right`, also chained: `0 <= x <= 5`; a single part with no sign is a bare expression."""

    parts: tuple[Expression, ...]
    signs: tuple[str, ...] = ()
    doubts: frozenset[Doubt] = field(default_factory=frozenset, compare=False)

    @property
    def is_bare(self) -> bool:
        """True for an expression with no relation sign."""
        return not self.signs

    @property
    def is_equation(self) -> bool:
        """True for one equals sign."""
        return self.signs == ("=",)

    @property
    def is_inequality(self) -> bool:
        """True where the signs order their sides."""
        return bool(self.signs) and set(self.signs) <= {"<", ">", "<=", ">="}

    @property
    def letters(self) -> tuple[str, ...]:
        """The variables of all parts, in order."""
        return tuple(dict.fromkeys(name for part in self.parts for name in symbols(part)))

    @property
    def is_assignment(self) -> bool:
        """True for `x = 3`."""
        return self.is_equation and isinstance(self.parts[0], Symbol) and is_constant(self.parts[1])

    @property
    def is_vertical(self) -> bool:
        """True for `x = 3`, taken as a line in the plane."""
        return self.is_assignment and self.parts[0] == Symbol("x")

    @property
    def definition(self) -> tuple[str, str] | None:
        """Name and variable of `f(x) = ...`; the variable is empty in `y = ...`."""
        if not self.is_equation:
            return None
        left, right = self.parts
        if isinstance(left, Applied) and isinstance(left.argument, Symbol) and left.argument.name and not left.primes:
            return (left.function, left.argument.name)
        named = isinstance(left, Symbol) and left.name not in symbols(right)
        if isinstance(left, Symbol) and named and (left.name == "y" or not is_constant(right)):
            return (left.name, "")
        return None


@dataclass(frozen=True, slots=True)
class Bounds:
    """`[a, b]`, `]a, b[`, `(a, b)`; in round parentheses it may also be a point."""

    low: Expression
    high: Expression
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """`{1, 2, 3}`."""

    values: tuple[Expression, ...]
