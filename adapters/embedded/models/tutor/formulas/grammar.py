"""A small grammar of formulas: from tokens to an expression, stopping where the mathematics stops.

Precedence climbing, as in any textbook: sums, products (also unwritten: 2x, x sin x), signs, powers, postfixes. What
people write in more than one sense is either refused (`e^2x`) or read the usual way with a `Reading` that the answer
repeats (`1/2x`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from adapters.embedded.models.tutor.formulas.expression import (
    Applied, Call, Constant, Expression, Negative, Number, Operation, Symbol, is_constant, walk,
)
from adapters.embedded.models.tutor.formulas.tokens import Token, TokenKind

MAX_DEPTH: Final = 40
"""Parentheses within parentheses; deeper ones are not a question."""


class Doubt(StrEnum):
    """What can be read in more than one way."""

    POWER = "power"            # e^2x: e^(2x) or (e^2)x
    ARGUMENT = "argument"      # sin x/2, square root of x + 1
    INDEX = "index"            # x2: x^2 or x_2
    FRACTION = "fraction"      # 1/2x: (1/2)x or 1/(2x)
    LOG = "log"                # log: ln or log10
    DEGREES = "degrees"        # sin(30): radians or degrees
    COMMA = "comma"            # 1,5: one number or two


class NoFormulaError(ValueError):
    """No formula stands here."""


@dataclass(slots=True)
class Formula:
    """An expression, the index of the first token after it, and the doubts met on the way."""

    expression: Expression
    end: int
    doubts: set[Doubt]


def parse(tokens: Sequence[Token], start: int, *, functions: frozenset[str]) -> Formula:
    """The longest formula that begins at `start`; `functions` are the user's own: f, g and what is defined.

    Raises NoFormulaError where none begins.
    """
    parser = _Parser(tokens=tokens, at=start, functions=functions)
    expression = parser.sum()
    return Formula(expression, parser.at, parser.doubts)


@dataclass(slots=True)
class _Parser:
    tokens: Sequence[Token]
    at: int
    functions: frozenset[str]
    doubts: set[Doubt] = field(default_factory=set)
    depth: int = 0
    bars: int = 0
    _exponent_is_bare: bool = False   # of the last power: e^2, not e^(2)

    # -- sums and products

    def sum(self) -> Expression:
        left = self.product()
        while self._operator("+", "-"):
            here, operator = self.at, self.tokens[self.at].text
            self.at += 1
            right = self._attempt(here)
            if right is None:
                break
            left = Operation(operator, left, right)
        return left

    def _attempt(self, back_to: int) -> Expression | None:
        """A product after an operator; without one the operator is left where it stands."""
        try:
            return self.product()
        except NoFormulaError:
            self.at = back_to
            return None

    def product(self) -> Expression:
        if self._operator("-"):
            self._deeper()
            self.at += 1
            return Negative(self.product())
        left = self.signed()
        while True:
            here = self.at
            if self._operator("*", "/"):
                operator = self.tokens[self.at].text
                self.at += 1
                right = self._factor_or_back(here)
                if right is None:
                    return left
            elif self._multiplies_unwritten():
                self._doubt_unwritten(left)
                operator, right = "*", self.power()
            else:
                return left
            left = Operation(operator, left, right)

    def _factor_or_back(self, here: int) -> Expression | None:
        try:
            return self.signed()
        except NoFormulaError:
            self.at = here
            return None

    def _doubt_unwritten(self, left: Expression) -> None:
        """`1/2x` and `e^2x`, where the letter could belong to the number before it."""
        if isinstance(left, Operation) and left.operator == "/" and self.tokens[self.at - 1].kind is not TokenKind.CLOSE:
            self.doubts.add(Doubt.FRACTION)
        last = left.right if isinstance(left, Operation) and left.operator == "*" else left
        power_of_number = isinstance(last, Operation) and last.operator == "**" and is_constant(last.left)
        if power_of_number and self._exponent_is_bare and not self.tokens[self.at].spaced:
            self.doubts.add(Doubt.POWER)

    def _multiplies_unwritten(self) -> bool:
        """Whether the next token is a factor with no sign before it: `2x`, `x (x+1)`, `x sin x`, never `x 2`."""
        token = self._peek()
        if token is None:
            return False
        match token.kind:
            case TokenKind.LETTER | TokenKind.FUNCTION:
                return True
            case TokenKind.CONSTANT:
                return token.text == "pi"
            case TokenKind.OPEN:
                return token.text == "(" and not self._lists(self.at)
            case TokenKind.BAR:
                return self.bars == 0
            case _:
                return False

    # -- signs, powers, postfixes

    def signed(self) -> Expression:
        if not self._operator("-", "+"):
            return self.power()
        self._deeper()
        negative = self.tokens[self.at].text == "-"
        self.at += 1
        operand = self.signed()
        return Negative(operand) if negative else operand

    def power(self) -> Expression:
        base = self.postfixed()
        if not self._operator("**"):
            return base
        here = self.at
        self._deeper()
        self.at += 1
        try:
            exponent = self._exponent()
        except NoFormulaError:
            self.at = here
            return base
        return Operation("**", base, exponent)

    def _exponent(self) -> Expression:
        if self._operator("-", "+"):
            negative = self.tokens[self.at].text == "-"
            self._deeper()
            self.at += 1
            exponent = self._exponent()
            return Negative(exponent) if negative else exponent
        first = self._peek()
        exponent = self.power()
        self._exponent_is_bare = first is not None and first.kind is TokenKind.NUMBER
        return exponent

    def postfixed(self) -> Expression:
        expression = self.primary()
        while self._operator("!", "%", "°") and not self.tokens[self.at].spaced:
            mark = self.tokens[self.at].text
            if mark == "%" and self._begins_operand(self.at + 1):
                break
            self.at += 1
            expression = _POSTFIX[mark](expression)
        return expression

    # -- the smallest parts

    def primary(self) -> Expression:
        token = self._peek()
        if token is None:
            raise NoFormulaError
        match token.kind:
            case TokenKind.NUMBER:
                return self._number(token)
            case TokenKind.CONSTANT:
                self.at += 1
                return Constant(token.text)
            case TokenKind.LETTER:
                return self._letter(token)
            case TokenKind.FUNCTION:
                return self._function(token)
            case TokenKind.OPEN if token.text in "([":
                return self._grouped(closing=TokenKind.CLOSE)
            case TokenKind.BAR:
                return self._absolute()
            case _:
                raise NoFormulaError

    def _number(self, token: Token) -> Expression:
        if len(token.text) > 40:
            raise NoFormulaError
        self.at += 1
        return Number(token.text)

    def _letter(self, token: Token) -> Expression:
        self.at += 1
        after = self._peek()
        if token.text in self.functions and after is not None and after.kind in {TokenKind.OPEN, TokenKind.PRIME}:
            return self._applied(token.text)
        if after is not None and after.kind is TokenKind.NUMBER and not after.spaced:
            self.at += 1
            self.doubts.add(Doubt.INDEX)
            return Symbol(f"{token.text}_{after.text}")
        return Constant("E") if token.text == "e" else Symbol(token.text)

    def _applied(self, name: str) -> Expression:
        primes = 0
        while (token := self._peek()) is not None and token.kind is TokenKind.PRIME:
            primes += 1
            self.at += 1
        if token is None or token.text != "(" or token.spaced:
            return Symbol(name) if not primes else Applied(name, Symbol(""), primes)
        return Applied(name, self._grouped(closing=TokenKind.CLOSE), primes)

    def _grouped(self, *, closing: TokenKind) -> Expression:
        self._deeper()
        self.at += 1
        bars, self.bars = self.bars, 0
        inside = self.sum()
        self.bars = bars
        self._expect(closing)
        self.depth -= 1
        return inside

    def _absolute(self) -> Expression:
        self._deeper()
        self.at += 1
        self.bars += 1
        inside = self.sum()
        self._expect(TokenKind.BAR)
        self.bars -= 1
        self.depth -= 1
        return Call("Abs", (inside,))

    # -- functions

    def _function(self, token: Token) -> Expression:
        self.at += 1
        exponent = self._function_exponent()
        name = token.text
        if exponent == Negative(Number("1")):
            name, exponent = {"sin": "asin", "cos": "acos", "tan": "atan"}.get(name, ""), None
            if not name:
                raise NoFormulaError
        call = self._call(name.removesuffix(" of"), self._argument(name))
        return call if exponent is None else Operation("**", call, exponent)

    def _function_exponent(self) -> Expression | None:
        """The exponent of `sin^2 x`, `sin²(x)`, `sin^-1 x`; a power of anything else is not one of the function's."""
        if not self._operator("**"):
            return None
        self.at += 1
        return self._exponent_of_function()

    def _exponent_of_function(self) -> Expression:
        if self._operator("-"):
            self.at += 1
            return Negative(self._exponent_of_function())
        token = self._peek()
        if token is not None and token.text == "(":
            return self._grouped(closing=TokenKind.CLOSE)
        if token is None or token.kind is not TokenKind.NUMBER:
            raise NoFormulaError
        return self._number(token)

    def _argument(self, name: str) -> Expression:
        token = self._peek()
        if token is None:
            raise NoFormulaError
        if token.text == "(":
            return self._grouped(closing=TokenKind.CLOSE)
        argument = self._bare_argument(name)
        if name.endswith(" of") and self._operator("+", "-", "*", "**"):
            self.doubts.add(Doubt.ARGUMENT)
        return argument

    def _bare_argument(self, name: str) -> Expression:
        """`sin 2x`, `ln x^2`, `sin pi/4`, `√2`: unwritten factors, up to the next sign or function."""
        argument = self._signed_power()
        if self._multiplies_unwritten() and name in {"sqrt", "cbrt"}:
            self.doubts.add(Doubt.ARGUMENT)
        while self._multiplies_unwritten() and self.tokens[self.at].kind in {TokenKind.LETTER, TokenKind.CONSTANT}:
            if self.tokens[self.at].text in self.functions:
                break
            argument = Operation("*", argument, self.power())
        if self._operator("/"):
            argument = self._divided_argument(argument)
        return argument

    def _signed_power(self) -> Expression:
        if self._operator("-"):
            self.at += 1
            return Negative(self._signed_power())
        return self.power()

    def _divided_argument(self, argument: Expression) -> Expression:
        if Constant("pi") not in walk(argument) or not is_constant(argument):
            self.doubts.add(Doubt.ARGUMENT)
            return argument
        self.at += 1
        return Operation("/", argument, self.power())

    def _call(self, name: str, argument: Expression) -> Expression:
        if name == "log":
            self.doubts.add(Doubt.LOG)
        if name in {"sin", "cos", "tan"} and isinstance(argument, Number) and float(argument.text) >= 10:
            self.doubts.add(Doubt.DEGREES)
        base = {"log10": Number("10"), "log2": Number("2")}.get(name)
        if base is not None:
            return Call("log", (argument, base))
        return Call("log" if name == "ln" else name, (argument,))

    # -- tokens

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NoFormulaError

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _operator(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind is TokenKind.OPERATOR and token.text in texts

    def _begins_operand(self, at: int) -> bool:
        return at < len(self.tokens) and self.tokens[at].kind in {
            TokenKind.NUMBER, TokenKind.LETTER, TokenKind.FUNCTION, TokenKind.OPEN,
        }

    def _lists(self, at: int) -> bool:
        """Whether the parenthesis at `at` holds a comma: a pair or an interval, no factor."""
        depth = 0
        for token in self.tokens[at:]:
            depth += (token.kind is TokenKind.OPEN) - (token.kind is TokenKind.CLOSE)
            if depth == 0:
                return False
            if depth == 1 and token.kind in {TokenKind.COMMA, TokenKind.SEMICOLON}:
                return True
        return False

    def _expect(self, kind: TokenKind) -> None:
        token = self._peek()
        if token is None or token.kind is not kind:
            raise NoFormulaError
        self.at += 1


_POSTFIX: Final = {
    "!": lambda operand: Call("factorial", (operand,)),
    "%": lambda operand: Operation("/", operand, Number("100")),
    "°": lambda operand: Operation("*", operand, Operation("/", Constant("pi"), Number("180"))),
}
