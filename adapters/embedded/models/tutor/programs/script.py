"""A program in the making: imports, symbols and functions once at the top, then one section a task."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent
from typing import Final

from adapters.embedded.models.tutor.formulas.expression import Constant, Expression, Negative, Number, code, symbols
from adapters.embedded.models.tutor.planning.tasks import Function

MARK: Final = "RESULT"
"""What the line begins with that the tutor reads back; JSON follows."""

_IMPORTS: Final = {
    "json": "import json", "plt": "import matplotlib.pyplot as plt", "np": "import numpy as np",
    "pd": "import pandas as pd", "sp": "import sympy as sp",
}
_NAMES: Final = ("f", "g", "h", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12")


class Script:
    """Collects sections; names functions f, g, h in the order they come up."""

    def __init__(self) -> None:
        self._imports = {"json"}
        self._symbols: list[str] = []
        self._functions: dict[tuple[str, Expression], str] = {}
        self._names: list[str] = []
        self._definitions: list[str] = []
        self._sections: list[str] = []

    def uses(self, *modules: str) -> None:
        """Import `plt`, `np`, `pd` or `sp`."""
        self._imports.update(modules)

    def section(self, comment: str, body: str) -> None:
        """A piece of the program under a comment that says what it does."""
        self._sections.append(f"# {comment}\n{dedent(body).strip()}")

    def text(self, expression: Expression) -> str:
        """Python that gives the expression: a plain number, or sympy reading the text."""
        if isinstance(expression, Number) and expression.text.isdigit():
            return str(int(expression.text))
        if isinstance(expression, Negative) and isinstance(expression.operand, Number):
            inner = self.text(expression.operand)
            return f"-{inner}" if inner.isdigit() else self._sympified(expression)
        if isinstance(expression, Constant):
            return f"sp.{expression.name}"
        return self._sympified(expression)

    def _sympified(self, expression: Expression) -> str:
        self.uses("sp")
        names = [self.symbol(name) for name in symbols(expression)]
        reading = f', locals={{{", ".join(f"{chr(34)}{name}{chr(34)}: {name}" for name in names)}}}' if names else ""
        return f'sp.sympify("{code(renamed(expression))}"{reading}, rational=True)'

    def symbol(self, name: str) -> str:
        """The Python name of a variable, declared at the top."""
        self.uses("sp")
        spelled = _spelled(name)
        if spelled not in self._symbols:
            self._symbols.append(spelled)
        return spelled

    def function(self, function: Function) -> str:
        """The Python name of a function, defined at the top."""
        self.symbol(function.variable)
        key = (function.variable, function.expression)
        if key not in self._functions:
            text = self._sympified(function.expression)
            name = self._free_name(function)
            self._functions[key] = name
            self._names.append(name)
            self._definitions.append(f"{name} = {text}")
        return self._functions[key]

    def _free_name(self, function: Function) -> str:
        wanted = [function.name] if function.name in {"f", "g", "h"} else []
        taken = {*self._symbols, *self._names}
        return next(name for name in [*wanted, *_NAMES] if name not in taken)

    def source(self) -> str:
        """The whole program."""
        imports = [_IMPORTS[name] for name in sorted(self._imports, key=list(_IMPORTS).index)]
        top = [imports[0], "", *imports[1:]] if len(imports) > 1 else imports
        parts = ["\n".join(top)]
        if self._symbols:
            parts.append(_declared(self._symbols))
        if self._definitions:
            parts.append("\n".join(self._definitions))
        return "\n\n".join([*parts, *self._sections]) + "\n"


def _declared(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f'{names[0]} = sp.Symbol("{names[0]}", real=True)'
    return f'{", ".join(names)} = sp.symbols("{" ".join(names)}", real=True)'


def _spelled(name: str) -> str:
    """`lambda` is a word of Python's own; sympy spells the letter so."""
    return "lamda" if name == "lambda" else name


def renamed(expression: Expression) -> Expression:
    """The expression with every variable spelled as Python allows."""
    from adapters.embedded.models.tutor.formulas.expression import Symbol, substituted

    return substituted(expression, {name: Symbol(_spelled(name)) for name in symbols(expression)})
