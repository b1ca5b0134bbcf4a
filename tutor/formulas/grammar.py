"""A small grammar of formulas: from tokens to an expression, stopping where the mathematics stops.

Here stand the functions, whose arguments need no parentheses; the rest is in `parser`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tutor.formulas.doubts import Doubt
from tutor.formulas.expression import (
    Call,
    Constant,
    Expression,
    Negative,
    Number,
    Operation,
    is_constant,
    walk,
)
from tutor.formulas.formula_parser import Parser
from tutor.formulas.formula_token_stream import NoFormulaError, TokenStream
from tutor.formulas.formula_tokens import Token, TokenKind

WORDED: Final = " of"
"""Ends the name of a function that stood in words: `square root of`, where the argument's end is less clear."""

_INVERSES: Final = {"sin": "asin", "cos": "acos", "tan": "atan", "sinh": "asinh", "cosh": "acosh", "tanh": "atanh"}


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression, the index of the first token after it, and the doubts met on the way."""

    expression: Expression
    end: int
    doubts: frozenset[Doubt]


def parse(tokens: Sequence[Token], start: int, *, functions: frozenset[str]) -> Formula:
    """The longest formula that begins at `start`; `functions` are the user's own: f, g and what is defined.

    Raises NoFormulaError where none begins.
    """
    parser = _FormulaParser(TokenStream(tokens, start), functions)
    expression = parser.sum()
    return Formula(expression, parser.stream.at, frozenset(parser.doubts))


class _FormulaParser(Parser):
    def _function(self, token: Token) -> Expression:
        self.stream.at += 1
        exponent = None
        if self.stream.operator("**"):
            self.stream.at += 1
            exponent = self._function_exponent()
        name = token.text.removesuffix(WORDED)
        if exponent == Negative(Number("1")):
            if name not in _INVERSES:
                raise NoFormulaError
            name, exponent = _INVERSES[name], None
        call = self._with_base(name) or self._call(name, self._argument(token.text))
        return call if exponent is None else Operation("**", call, exponent)

    def _with_base(self, name: str) -> Expression | None:
        """`log(x, 2)`; None, with nothing consumed, where no base is named."""
        here, token = self.stream.at, self.stream.peek()
        if name != "log" or token is None or token.text != "(":
            return None
        self.stream.deeper()
        self.stream.at += 1
        argument = self.sum()
        if not (self.stream.here_is(TokenKind.COMMA) or self.stream.here_is(TokenKind.SEMICOLON)):
            self.stream.at = here
            return None
        self.stream.at += 1
        base = self.sum()
        _refuse_base(base)
        self.stream.expect(TokenKind.CLOSE)
        return Call("log", (argument, base))

    def _function_exponent(self) -> Expression:
        """The exponent of `sin^2 x`, `sin²(x)`, `sin^-1 x`."""
        if self.stream.operator("-"):
            return self._sign_before(self._function_exponent)
        token = self.stream.peek()
        if token is not None and token.text == "(":
            return self._grouped(token)
        if token is None or token.kind is not TokenKind.NUMBER:
            raise NoFormulaError
        return self._number(token)

    def _argument(self, name: str) -> Expression:
        token = self.stream.peek()
        if token is not None and token.text == "(":
            return self._grouped(token)
        argument = self._bare_argument(name)
        if self.stream.operator("+", "-", "*", "**") and (name.endswith(WORDED) or self._joins_root(name)):
            self.doubts.add(Doubt.ARGUMENT)
        return argument

    def _joins_root(self, name: str) -> bool:
        """`sqrt x+1`, written close together."""
        return name == "sqrt" and not self.stream.tokens[self.stream.at].spaced

    def _bare_argument(self, name: str) -> Expression:
        """`sin 2x`, `ln x^2`, `sin pi/4`, `√2`: unwritten factors, up to the next sign or function."""
        argument = self._signed()
        if self._multiplies_unwritten() and name.removesuffix(WORDED) in {"sqrt", "cbrt"}:
            self.doubts.add(Doubt.ARGUMENT)
        while self._multiplies_unwritten() and self._continues_argument():
            argument = Operation("*", argument, self._power())
        return self._divided(argument) if self.stream.operator("/") else argument

    def _continues_argument(self) -> bool:
        token = self.stream.tokens[self.stream.at]
        return token.kind in {TokenKind.LETTER, TokenKind.CONSTANT} and token.text not in self.functions

    def _divided(self, argument: Expression) -> Expression:
        """`sin pi/4` is read as sin(pi/4), `sin x / x` as a fraction; `sin x/2` could be either."""
        if self.stream.tokens[self.stream.at].spaced:
            return argument
        if Constant("pi") not in walk(argument) or not is_constant(argument):
            self.doubts.add(Doubt.ARGUMENT)
            return argument
        self.stream.at += 1
        return Operation("/", argument, self._power())

    def _call(self, name: str, argument: Expression) -> Expression:
        if name == "log":
            self.doubts.add(Doubt.LOG)
        if name in {"sin", "cos", "tan"} and isinstance(argument, Number) and float(argument.text) >= 10:
            self.doubts.add(Doubt.DEGREES)
        base = name.removeprefix("log")
        if base.isdigit():
            _refuse_base(Number(base))
            return Call("log", (argument, Number(base)))
        return Call("log" if name == "ln" else name, (argument,))


def _refuse_base(base: Expression) -> None:
    """No logarithm has the base 0 or 1. Raises NoFormulaError."""
    if isinstance(base, Number) and float(base.text) in {0.0, 1.0}:
        raise NoFormulaError
