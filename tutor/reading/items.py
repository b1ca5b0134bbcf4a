"""The question as a row of items: words, formulas and equations, intervals and lists, marks; and what is beside one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tutor.formulas.expression import Expression
from tutor.formulas.formula_parser import NoFormulaError, parse
from tutor.formulas.formula_tokens import Token, TokenKind
from tutor.formulas.statements import Bounds, Doubt, Relation, Values
from tutor.language.cues import Cue, Word
from tutor.language.tagging import Piece


@dataclass(frozen=True, slots=True)
class Mark:
    """A comma, a full stop, or a sign that belongs to no formula."""

    kind: TokenKind
    text: str


Item = Word | Relation | Bounds | Values | Mark

_OWN_FUNCTIONS: Final = frozenset("fghFGH")
_STARTS: Final = frozenset(
    {
        TokenKind.NUMBER,
        TokenKind.LETTER,
        TokenKind.CONSTANT,
        TokenKind.FUNCTION,
        TokenKind.OPEN,
        TokenKind.BAR,
    }
)


def items(pieces: Sequence[Piece], *, functions: frozenset[str]) -> list[Item]:
    """The question as words and statements; `functions` are names defined earlier in the thread."""
    reader = _Reader(pieces, functions | _OWN_FUNCTIONS | _defined(pieces))
    found: list[Item] = []
    while reader.at < len(pieces):
        found.append(reader.item())
    return found


def _defined(pieces: Sequence[Piece]) -> frozenset[str]:
    """Names in `name ( letter ) =`."""
    texts = [piece.text if isinstance(piece, Token) else "" for piece in pieces]
    letters = [isinstance(piece, Token) and piece.kind is TokenKind.LETTER for piece in pieces]
    return frozenset(
        texts[at]
        for at in range(len(texts) - 4)
        if letters[at]
        and letters[at + 2]
        and texts[at + 1] == "("
        and texts[at + 3 : at + 5] == [")", "="]
        and texts[at] != texts[at + 2]
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
        run = self._run()
        formula = parse(run, 0, functions=self.functions)
        self.at += formula.end
        doubts |= formula.doubts
        return formula.expression

    def _run(self) -> list[Token]:
        """The tokens from here to the next word."""
        run: list[Token] = []
        for piece in self.pieces[self.at :]:
            if isinstance(piece, Word):
                break
            run.append(piece)
        return run

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
        closed = isinstance(closing, Token) and closing.text in {")", "]", "}", "["}
        if not closed or not listed or (len(listed) == 1 and piece.text != "{"):
            self.at = here
            return None
        self.at += 1
        if len(listed) != 2 or piece.text == "{":
            return Values(tuple(listed))
        low, high = listed
        return Bounds(low, high, open_low=piece.text in "(]", open_high=closing is not None and closing.text in ")[")

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


_PASSED_OVER: Final = frozenset(
    {Cue.FILLER, Cue.FUNCTION, Cue.GRAPH, Cue.EQUATION, Cue.THEN, Cue.ALSO, Cue.PRONOUN, Cue.IT, Cue.REAL}
)

_ORDINALS: Final = frozenset({Cue.FIRST, Cue.SECOND, Cue.THIRD, Cue.FOURTH})

_ARTICLES: Final = frozenset({"the", "a", "an", "its", "this", "that", "of", "der", "ein"})


def following_cue(items: Sequence[Item], at: int) -> Cue | None:
    """The meaning of the next word that matters; None at the next statement or the end."""
    for item in items[at + 1 : at + 4]:
        if isinstance(item, Mark):
            return Cue.APPROACHES if item.kind is TokenKind.ARROW else None
        if not isinstance(item, Word):
            return None
        if item.cue not in _PASSED_OVER:
            return item.cue
    return None


def in_words(items: Sequence[Item], at: int) -> bool:
    """Whether a word follows."""
    return at + 1 < len(items) and isinstance(items[at + 1], Word)


def starts_with(items: Sequence[Item], cue: Cue) -> bool:
    """Whether the first item is a word of this meaning."""
    first = items[0] if items else None
    return isinstance(first, Word) and first.cue is cue


def preceded_by(items: Sequence[Item], at: int, cue: Cue) -> bool:
    """Whether the last word before `at` that matters has this meaning."""
    for item in reversed(items[:at]):
        if not isinstance(item, Word):
            return False
        if item.cue not in _PASSED_OVER and item.cue not in _ORDINALS:
            return item.cue is cue
    return False


def is_verb(items: Sequence[Item], at: int) -> bool:
    """Whether `graph` asks for one: `graph x^2`, and not `the graph y = x^2`."""
    before = items[at - 1] if at else None
    word = items[at]
    noun = not isinstance(word, Word) or word.text != "graph"
    article = isinstance(before, Word) and before.text in _ARTICLES
    return not noun and not article and at + 1 < len(items) and isinstance(items[at + 1], Relation)


def meaning(items: Sequence[Item], at: int) -> Cue | None:
    """What the word at `at` means where it stands; None for anything else."""
    item = items[at]
    if not isinstance(item, Word):
        return None
    return Cue.PLOT if item.cue is Cue.GRAPH and is_verb(items, at) else item.cue
