"""From tagged pieces to items: words, formulas, equations and inequalities, intervals, lists, marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.embedded.models.tutor.language.cues import Word
from adapters.embedded.models.tutor.formulas.expression import Applied, Expression, Symbol, is_constant, symbols
from adapters.embedded.models.tutor.formulas.grammar import Doubt, NoFormulaError, parse
from adapters.embedded.models.tutor.formulas.tokens import Token, TokenKind
from adapters.embedded.models.tutor.language.vocabulary import Piece


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
    def definition(self) -> tuple[str, str] | None:
        """Name and variable of `f(x) = ...`; the variable is empty in `y = ...`."""
        if not self.is_equation:
            return None
        left, right = self.parts
        if isinstance(left, Applied) and isinstance(left.argument, Symbol) and not left.primes:
            return (left.function, left.argument.name)
        named = isinstance(left, Symbol) and left.name not in symbols(right) and not is_constant(right)
        return (left.name, "") if named and isinstance(left, Symbol) else None


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


@dataclass(frozen=True, slots=True)
class Mark:
    """A comma, a full stop, or a sign that belongs to no formula."""

    kind: TokenKind
    text: str


Item = Word | Relation | Bounds | Values | Mark
_OWN_FUNCTIONS: Final = frozenset("fghFGH")
_STARTS: Final = frozenset({TokenKind.NUMBER, TokenKind.LETTER, TokenKind.CONSTANT, TokenKind.FUNCTION, TokenKind.OPEN,
                            TokenKind.BAR})


def items(pieces: Sequence[Piece], *, functions: frozenset[str]) -> list[Item]:
    """The question as words and statements; `functions` are names defined earlier in the thread."""
    reader = _Reader(pieces, functions | _OWN_FUNCTIONS | _defined(pieces))
    found: list[Item] = []
    while reader.at < len(pieces):
        found.append(reader.item())
    return found


def _defined(pieces: Sequence[Piece]) -> frozenset[str]:
    """Names in `name ( letter ) =`."""
    shapes = [piece.text if isinstance(piece, Token) else " " for piece in pieces]
    letters = [isinstance(piece, Token) and piece.kind is TokenKind.LETTER for piece in pieces]
    return frozenset(
        shapes[at] for at in range(len(shapes) - 4)
        if letters[at] and letters[at + 2] and shapes[at + 1] == "(" and shapes[at + 3:at + 5] == [")", "="]
        and shapes[at] != shapes[at + 2]
    )


class _Reader:
    def __init__(self, pieces: Sequence[Piece], functions: frozenset[str]) -> None:
        self.pieces = pieces
        self.functions = functions
        self.at = 0

    def item(self) -> Item:
        piece = self.pieces[self.at]
        if isinstance(piece, Word):
            self.at += 1
            return piece
        statement = self._listed(piece) or self._statement(piece)
        if statement is not None:
            return statement
        self.at += 1
        return Mark(piece.kind, piece.text)

    def _statement(self, piece: Token) -> Relation | None:
        if piece.kind not in _STARTS and piece.text not in {"-", "+"}:
            return None
        doubts: set[Doubt] = set()
        try:
            parts = [self._expression(doubts)]
        except NoFormulaError:
            return None
        signs: list[str] = []
        while (sign := self._relation_sign()) is not None:
            here = self.at
            self.at += 1
            try:
                parts.append(self._expression(doubts))
            except NoFormulaError:
                self.at = here
                break
            signs.append(sign)
        return Relation(tuple(parts), tuple(signs), frozenset(doubts))

    def _expression(self, doubts: set[Doubt]) -> Expression:
        formula = parse(self._run(), self.at - self._run_start, functions=self.functions)
        self.at = self._run_start + formula.end
        doubts |= formula.doubts
        return formula.expression

    def _run(self) -> list[Token]:
        """The tokens from here to the next word."""
        self._run_start = self.at
        run: list[Token] = []
        for piece in self.pieces[self.at:]:
            if isinstance(piece, Word):
                break
            run.append(piece)
        return run

    _run_start: int = 0

    def _relation_sign(self) -> str | None:
        piece = self.pieces[self.at] if self.at < len(self.pieces) else None
        return piece.text if isinstance(piece, Token) and piece.kind is TokenKind.RELATION else None

    def _listed(self, piece: Token) -> Bounds | Values | None:
        """`[a, b]`, `(a, b)`, `]a, b[`, `{a, b, c}`; None, with nothing consumed, where it is something else."""
        if piece.text not in {"[", "(", "{", "]"}:
            return None
        here = self.at
        self.at += 1
        listed = self._separated()
        closing = self.pieces[self.at] if self.at < len(self.pieces) else None
        if not isinstance(closing, Token) or closing.text not in {")", "]", "}", "["} or not listed:
            self.at = here
            return None
        self.at += 1
        if piece.text == "{":
            return Values(tuple(listed))
        if len(listed) != 2:
            self.at = here
            return None
        return Bounds(*listed, open_low=piece.text in "(]", open_high=closing.text in ")[")

    def _separated(self) -> list[Expression]:
        listed: list[Expression] = []
        try:
            while True:
                listed.append(self._expression(set()))
                piece = self.pieces[self.at] if self.at < len(self.pieces) else None
                if not isinstance(piece, Token) or piece.kind not in {TokenKind.COMMA, TokenKind.SEMICOLON}:
                    return listed
                self.at += 1
        except NoFormulaError:
            return []
