"""A place in a list of tokens, and the questions a grammar asks there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tutor.formulas.formula_tokens import Token, TokenKind

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
