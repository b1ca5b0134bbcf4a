"""A program in the making: imports, symbols and functions once at the top, then one section a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import dedent
from typing import Final

from tutor.formulas.expression import (
    Constant,
    Expression,
    Negative,
    Number,
    symbols,
    with_real_cube_roots,
)
from tutor.formulas.formula_text import code, spelled
from tutor.formulas.statements import Bounds
from tutor.planning.tasks import Function
from tutor.programs.result_keys import Key

MARK: Final = "RESULT"
"""What the line begins with that the tutor reads back; JSON follows."""

_IMPORTS: Final = {
    "json": "import json",
    "plt": "import matplotlib.pyplot as plt",
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "sp": "import sympy as sp",
    "brentq": "from scipy.optimize import brentq",
    "quad": "from scipy.integrate import quad",
    "domain": "from sympy.calculus.util import continuous_domain",
}
_NAMES: Final = ("f", "g", "h", *(f"f{number}" for number in range(4, 40)))


class Script:
    """Collects sections; names functions f, g, h in the order they come up."""

    def __init__(self) -> None:
        self._imports = {"json"}
        self._symbols: list[str] = []
        self._functions: dict[tuple[str, Expression, int], str] = {}
        self._definitions: list[str] = []
        self._helpers: list[str] = []
        self._sections: list[str] = []

    def uses(self, *modules: str) -> None:
        """Import these: `plt`, `np`, `pd`, `sp`, `brentq`, `quad`, `domain`."""
        self._imports.update(modules)

    def helper(self, *sources: str) -> None:
        """Define these functions above the sections."""
        self._helpers += [source.strip() for source in sources if source.strip() not in self._helpers]

    def section(self, comment: str, body: str) -> None:
        """A piece of the program under a comment that says what it does."""
        self._sections.append(f"# {comment}\n{dedent(body).strip()}")

    # -- mathematics as Python

    def text(self, expression: Expression) -> str:
        """Python that gives the expression: a plain number, or sympy reading the text."""
        self.uses("sp")
        match expression:
            case Number(text) if text.isdigit() and text.isascii():
                return str(int(text))
            case Negative(Number(text)) if text.isdigit() and text.isascii():
                return f"-{int(text)}"
            case Constant(name):
                return f"sp.{name}"
            case Negative(Constant(name)):
                return f"-sp.{name}"
            case _:
                return self._sympified(expression)

    def exact(self, expression: Expression) -> str:
        """Like `text`, but always an object of sympy's."""
        text = self.text(expression)
        return text if text.startswith(("sp.", "-sp.")) else f"sp.Integer({text})"

    def _sympified(self, expression: Expression) -> str:
        self.uses("sp")
        names = ", ".join(f'"{name}": {name}' for name in map(self.symbol, symbols(expression)))
        known = f", locals={{{names}}}" if names else ""
        return f'sp.sympify("{code(expression)}"{known}, rational=True)'

    def symbol(self, name: str) -> str:
        """The Python name of a variable, declared at the top."""
        self.uses("sp")
        written = spelled(name)
        if written not in self._symbols:
            self._symbols.append(written)
        return written

    def function(self, function: Function) -> str:
        """The Python name of a function, defined at the top."""
        variable = self.symbol(function.variable)
        key = (function.variable, function.expression, function.derived)
        if key in self._functions:
            return self._functions[key]
        name = self._free_name(function)
        if function.derived:
            self._define(name, _derived(self.function(replace(function, derived=0)), variable, function.derived))
        else:
            self._define(name, self._sympified(function.expression))
        self._functions[key] = name
        return name

    def real_function(self, function: Function) -> str:
        """Like `function`, for numbers: cube roots of negative numbers are real."""
        return self.function(replace(function, expression=with_real_cube_roots(function.expression)))

    def _define(self, name: str, text: str) -> None:
        self._definitions.append(f"{name} = {text}")

    def _free_name(self, function: Function) -> str:
        if function.derived:
            origin = self.function(replace(function, derived=0))
            return f"{origin}_integral" if function.derived < 0 else f"{origin}_{'d' * min(function.derived, 9)}"
        wanted = [function.name] if function.name in {"f", "g", "h"} else []
        taken = {*self._symbols, *self._functions.values()}
        return next(name for name in [*wanted, *_NAMES] if name not in taken)

    def domain(self, bounds: Bounds | None) -> str:
        """The set of reals asked about."""
        self.uses("sp")
        if bounds is None:
            return "sp.S.Reals"
        ends = f", {bounds.open_low}, {bounds.open_high}" if bounds.open_low or bounds.open_high else ""
        return f"sp.Interval({self.text(bounds.low)}, {self.text(bounds.high)}{ends})"

    # -- the whole

    def source(self) -> str:
        """The program's text."""
        parts = ["\n".join(self._import_lines())]
        if self._symbols:
            parts.append(_declared(self._symbols))
        if self._definitions:
            parts.append("\n".join(self._definitions))
        return "\n\n".join([*parts, *self._helpers, *self._sections]) + "\n"

    def _import_lines(self) -> list[str]:
        lines = [_IMPORTS[name] for name in _IMPORTS if name in self._imports]
        return [lines[0], "", *lines[1:]] if len(lines) > 1 else lines


def _derived(origin: str, variable: str, order: int) -> str:
    if order < 0:
        return f"sp.integrate({origin}, {variable})"
    return f"sp.diff({origin}, {variable})" if order == 1 else f"sp.diff({origin}, {variable}, {order})"


def _declared(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f'{names[0]} = sp.Symbol("{names[0]}", real=True)'
    return f'{", ".join(names)} = sp.symbols("{" ".join(names)}", real=True)'


BOTH: Final = f'''
def both(value):
    """A number exactly and as a decimal."""
    return {{"{Key.EXACT}": str(value), "{Key.DECIMAL}": str(sp.N(value, 15))}}
'''

ZEROS: Final = '''
def zeros(expression, symbol, domain):
    """Where an expression is zero in a domain, and whether we can be sure that these are all."""
    top, bottom = sp.together(expression).as_numer_denom()
    if top == 0:
        return [], True
    if top.is_polynomial(symbol) and all(number.is_rational for number in sp.Poly(top, symbol).coeffs()):
        roots = [root for root, _ in sp.real_roots(sp.Poly(top, symbol), multiple=False)]
        roots = [root for root in roots if bottom.subs(symbol, root) != 0]
        return [root for root in roots if True in (domain.contains(root), domain.contains(root.evalf(30)))], True
    exact = sp.solveset(expression, symbol, domain)
    found = sorted(exact, key=float) if isinstance(exact, sp.FiniteSet) else []
    found = [root for root in found if abs(expression.subs(symbol, root).evalf()) < 1e-9]
    # Look at many points as well: a change of sign shows a zero that has no formula.
    curve = sp.lambdify(symbol, expression, ["scipy", "numpy"])
    grid = np.linspace(max(float(domain.inf), -20.0), min(float(domain.sup), 20.0), 4003)
    with np.errstate(all="ignore"):
        heights = np.real_if_close(curve(grid) + 0 * grid)
        new = [
            brentq(curve, left, right) for left, right, low, high in zip(grid, grid[1:], heights, heights[1:])
            if low <= 0 < high or high <= 0 < low
        ]
        new = [root for root in new if abs(curve(root)) < 1e-6 and domain.contains(root) == True]
    new = [sp.Float(root) for root in new if all(abs(root - float(other)) > 1e-6 for other in found)]
    return sorted(found + new, key=float), (exact == sp.S.EmptySet or isinstance(exact, sp.FiniteSet)) and not new
'''

PARTS: Final = '''
def parts(domain):
    """The intervals a domain consists of, from left to right; none if it is more complicated."""
    pieces = list(domain.args) if isinstance(domain, sp.Union) else [domain]
    pieces = [sp.Interval(-sp.oo, sp.oo) if piece == sp.S.Reals else piece for piece in pieces]
    simple = all(isinstance(piece, sp.Interval) for piece in pieces)
    return sorted(pieces, key=lambda piece: float(piece.inf)) if simple else []
'''

SIGNS: Final = f'''
def signs(expression, symbol, intervals, cuts):
    """The sign of an expression between neighbouring cuts, tested at several points of each piece."""
    rows = []
    for number, interval in enumerate(intervals):
        ends = [interval.inf, *(cut for cut in cuts if interval.inf < cut < interval.sup), interval.sup]
        for low, high in zip(ends, ends[1:]):
            left = low if low.is_finite else (high if high.is_finite else sp.Integer(3)) - 6
            right = high if high.is_finite else left + 6
            places = [left + (right - left) * sp.Rational(number, 11) for number in range(1, 11)]
            tests = [expression.subs(symbol, place).evalf() for place in places]
            found = {{int(sp.sign(test)) if test.is_real else None for test in tests}}
            rows.append({{"{Key.PART}": number, "{Key.LOW}": str(low), "{Key.HIGH}": str(high),
                         "{Key.SIGN}": found.pop() if len(found) == 1 else None}})
    return rows
'''
