"""A small grammar of formulas: from tokens to an expression, stopping where the mathematics stops.

Sums, products, powers and calls are read by precedence climbing. A notation with more than one meaning leaves a
Doubt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tutor.formulas.expression import (
    Applied,
    Call,
    Constant,
    Expression,
    Negative,
    Number,
    Operation,
    Symbol,
    is_constant,
    walk,
)
from tutor.formulas.formula_tokens import Token, TokenKind
from tutor.formulas.statements import Doubt

MAX_DEPTH: Final = 40
"""Parentheses, signs and powers within one another; deeper ones are not a question."""


class NoFormulaError(ValueError):
    """No formula stands here."""


class TokenStream:
    """Moves forward; the grammar moves it back where it had read too far."""

    def __init__(self, tokens: Sequence[Token], at: int) -> None:
        self.tokens = tokens
        self.at = at
        self._depth = 0

    def peek(self) -> Token | None:
        """The token here; None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def here_is(self, kind: TokenKind) -> bool:
        """Whether the token here is of the kind."""
        token = self.peek()
        return token is not None and token.kind is kind

    def operator(self, *texts: str) -> bool:
        """Whether one of these operators stands here."""
        token = self.peek()
        return token is not None and token.kind is TokenKind.OPERATOR and token.text in texts

    def expect(self, kind: TokenKind) -> None:
        """Step over a token of the kind. Raises NoFormulaError where another stands."""
        if not self.here_is(kind):
            raise NoFormulaError
        self.at += 1

    def deeper(self) -> None:
        """Count one more nesting. Raises NoFormulaError past MAX_DEPTH."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NoFormulaError

    def begins_operand(self, at: int) -> bool:
        """Whether a number, letter, function or parenthesis stands at `at`."""
        kinds = {TokenKind.NUMBER, TokenKind.LETTER, TokenKind.FUNCTION, TokenKind.OPEN}
        return at < len(self.tokens) and self.tokens[at].kind in kinds

    def holds_list(self, at: int) -> bool:
        """Whether the parenthesis at `at` holds a comma: a pair or an interval, no factor."""
        depth = 0
        for token in self.tokens[at:]:
            depth += (token.kind is TokenKind.OPEN) - (token.kind is TokenKind.CLOSE)
            if depth == 0:
                return False
            if depth == 1 and token.kind in {TokenKind.COMMA, TokenKind.SEMICOLON}:
                return True
        return False


MAX_NUMBER_CHARS: Final = 40

WHOLE: Final = Symbol("")
"""The argument of `f'`, which is the function itself."""

_POSTFIX: Final[Mapping[str, Callable[[Expression], Expression]]] = {
    "!": lambda operand: Call("factorial", (operand,)),
    "%": lambda operand: Operation("/", operand, Number("100")),
    "°": lambda operand: Operation("*", operand, Operation("/", Constant("pi"), Number("180"))),
}


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


class _FormulaParser:
    """Reads one formula from where the stream stands."""

    def __init__(self, stream: TokenStream, functions: frozenset[str]) -> None:
        self.stream = stream
        self.functions = functions
        self.doubts: set[Doubt] = set()
        self._bars = 0
        self._exponent_is_bare = False  # of the last power: e^2, not e^(2)

    # -- sums and products

    def sum(self) -> Expression:
        """Terms with signs between them. Raises NoFormulaError where no formula begins."""
        left = self._product()
        while self.stream.operator("+", "-"):
            sign, of_percent = self.stream.tokens[self.stream.at].text, self._after_percent()
            right = self._after_operator(self._product)
            if right is None:
                break
            if self._after_percent() and not of_percent:
                self.doubts.add(Doubt.PERCENT)
            left = Operation(sign, left, right)
        return left

    def _after_percent(self) -> bool:
        return self.stream.at > 0 and self.stream.tokens[self.stream.at - 1].text == "%"

    def _after_operator(self, operand: Callable[[], Expression]) -> Expression | None:
        """The operand after the operator here; without one, the operator is left where it stands."""
        here = self.stream.at
        self.stream.at += 1
        try:
            return operand()
        except NoFormulaError:
            self.stream.at = here
            return None

    def _product(self) -> Expression:
        if self.stream.operator("-"):
            self.stream.deeper()
            self.stream.at += 1
            return Negative(self._product())
        left = self._signed()
        while True:
            factor = self._next_factor(left)
            if factor is None:
                return left
            left = Operation(factor[0], left, factor[1])

    def _next_factor(self, left: Expression) -> tuple[str, Expression] | None:
        if self.stream.operator("*", "/"):
            operator = self.stream.tokens[self.stream.at].text
            right = self._after_operator(self._signed)
            return None if right is None else (operator, right)
        if self._multiplies_unwritten():
            self._doubt_unwritten(left)
            return ("*", self._power())
        return None

    def _doubt_unwritten(self, left: Expression) -> None:
        """`1/2x` and `e^2x`, where the letter could belong to the number before it."""
        stream = self.stream
        divided = isinstance(left, Operation) and left.operator == "/"
        if divided and stream.tokens[stream.at - 1].kind is not TokenKind.CLOSE:
            self.doubts.add(Doubt.FRACTION)
        last = left.right if isinstance(left, Operation) and left.operator == "*" else left
        power_of_number = isinstance(last, Operation) and last.operator == "**" and is_constant(last.left)
        if power_of_number and self._exponent_is_bare and not stream.tokens[stream.at].spaced:
            self.doubts.add(Doubt.POWER)

    def _multiplies_unwritten(self) -> bool:
        """Whether the next token is a factor with no sign before it: `2x`, `x (x+1)`, `x sin x`, never `x 2`."""
        token = self.stream.peek()
        if token is None:
            return False
        match token.kind:
            case TokenKind.LETTER | TokenKind.FUNCTION:
                return True
            case TokenKind.CONSTANT:
                return token.text == "pi"
            case TokenKind.OPEN:
                is_bracket = token.text == "(" or (token.text == "[" and not token.spaced)
                return is_bracket and not self.stream.holds_list(self.stream.at)
            case TokenKind.BAR:
                return self._bars == 0
            case _:
                return False

    # -- signs, powers, postfixes

    def _signed(self) -> Expression:
        if not self.stream.operator("-", "+"):
            return self._power()
        return self._sign_before(self._signed)

    def _sign_before(self, operand: Callable[[], Expression]) -> Expression:
        self.stream.deeper()
        negative = self.stream.operator("-")
        self.stream.at += 1
        return Negative(operand()) if negative else operand()

    def _power(self) -> Expression:
        base = self._postfixed()
        if not self.stream.operator("**"):
            return base
        self.stream.deeper()
        exponent = self._after_operator(self._exponent)
        return base if exponent is None else Operation("**", base, exponent)

    def _exponent(self) -> Expression:
        if self.stream.operator("-", "+"):
            return self._sign_before(self._exponent)
        bare = self.stream.here_is(TokenKind.NUMBER)
        exponent = self._power()
        self._exponent_is_bare = bare
        if bare and self._fraction_follows():
            self.doubts.add(Doubt.POWER)
        return exponent

    def _fraction_follows(self) -> bool:
        """Whether it is `x^1/2` without blanks: half of x, or its root. Nobody means a root by `x^2/4` or `x^2/9`."""
        sign, below = self.stream.tokens[self.stream.at : self.stream.at + 1], self.stream.tokens[self.stream.at + 1 :]
        return (
            bool(sign and below)
            and sign[0].text == "/"
            and not sign[0].spaced
            and below[0].kind is TokenKind.NUMBER
            and not below[0].spaced
            and _may_be_exponent(self.stream.tokens[self.stream.at - 1].text, below[0].text)
        )

    def _postfixed(self) -> Expression:
        expression = self._primary()
        while self.stream.operator("!", "%", "°"):
            mark = self.stream.tokens[self.stream.at]
            modulo = mark.text == "%" and self.stream.begins_operand(self.stream.at + 1)
            if modulo or (mark.spaced and mark.text == "!"):
                break
            self.stream.at += 1
            expression = _POSTFIX[mark.text](expression)
        return expression

    # -- the smallest parts

    def _primary(self) -> Expression:
        token = self.stream.peek()
        reader = None if token is None else self._readers().get(token.kind)
        if token is None or reader is None:
            raise NoFormulaError
        return reader(token)

    def _readers(self) -> Mapping[TokenKind, Callable[[Token], Expression]]:
        return {
            TokenKind.NUMBER: self._number,
            TokenKind.CONSTANT: self._constant,
            TokenKind.LETTER: self._letter,
            TokenKind.FUNCTION: self._function,
            TokenKind.OPEN: self._grouped,
            TokenKind.BAR: self._absolute,
        }

    def _number(self, token: Token) -> Expression:
        if len(token.text) > MAX_NUMBER_CHARS:
            raise NoFormulaError
        self.stream.at += 1
        return Number(token.text)

    def _constant(self, token: Token) -> Expression:
        self.stream.at += 1
        return Constant(token.text)

    def _letter(self, token: Token) -> Expression:
        self.stream.at += 1
        after = self.stream.peek()
        if token.text in self.functions and after is not None and after.kind in {TokenKind.OPEN, TokenKind.PRIME}:
            return self._applied(token.text)
        if after is not None and after.kind is TokenKind.NUMBER and not after.spaced:
            self.stream.at += 1
            self.doubts.add(Doubt.INDEX)
            return Symbol(f"{token.text}_{after.text.replace('.', '_')}")
        return Constant("E") if token.text == "e" else Symbol(token.text)

    def _applied(self, name: str) -> Expression:
        primes = 0
        while self.stream.here_is(TokenKind.PRIME):
            primes += 1
            self.stream.at += 1
        token = self.stream.peek()
        if token is None or token.text != "(" or token.spaced:
            return Applied(name, WHOLE, primes) if primes else Symbol(name)
        return Applied(name, self._grouped(token), primes)

    def _grouped(self, token: Token) -> Expression:
        if token.text == "{":
            raise NoFormulaError
        self.stream.deeper()
        self.stream.at += 1
        bars, self._bars = self._bars, 0
        inside = self.sum()
        self._bars = bars
        self.stream.expect(TokenKind.CLOSE)
        return inside

    def _absolute(self, _: Token) -> Expression:
        self.stream.deeper()
        self.stream.at += 1
        self._bars += 1
        inside = self.sum()
        self.stream.expect(TokenKind.BAR)
        self._bars -= 1
        return Call("Abs", (inside,))

    # -- functions, whose arguments need no parentheses

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


def _may_be_exponent(top: str, bottom: str) -> bool:
    """Whether a fraction is one that roots are written with: 1/2, 2/3, 3/4."""
    if not (top.isdigit() and bottom.isdigit()):
        return True
    return top == "1" or (int(bottom) <= 4 and math.gcd(int(top), int(bottom)) == 1)


def _refuse_base(base: Expression) -> None:
    """No logarithm has the base 0 or 1. Raises NoFormulaError."""
    if isinstance(base, Number) and float(base.text) in {0.0, 1.0}:
        raise NoFormulaError
