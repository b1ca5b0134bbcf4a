"""Tokens made words with a meaning: the longest phrase of the language that fits, words of mathematics made signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tutor.formulas.formula_parser import WORDED
from tutor.formulas.formula_tokens import Token, TokenKind, tokens
from tutor.language.cues import Cue, Word
from tutor.language.vocabulary import Vocabulary, is_word

Piece = Token | Word

_MAX_PHRASE_WORDS: Final = 7
_OPERANDS: Final = frozenset({TokenKind.NUMBER, TokenKind.LETTER, TokenKind.CONSTANT, TokenKind.BAR})
_SIGNS: Final = frozenset({TokenKind.OPERATOR, TokenKind.FUNCTION, TokenKind.RELATION})
_COPULAS: Final = frozenset({"is", "are", "be", "ist", "sind", "sei", "gleich", "has the value", "den wert hat"})
_NEGATIVES: Final = frozenset({"negative", "minus"})
_SHARE_OF: Final = frozenset({"of", "von", "van"})
_AFTER_VARIABLE: Final = frozenset(
    {
        Cue.FOR,
        Cue.AND,
        Cue.FROM,
        Cue.TO,
        Cue.BE,
        Cue.ON,
        Cue.BETWEEN,
        Cue.AT,
        Cue.APPROACHES,
    }
)


def tagged(found: Sequence[Token], table: Vocabulary) -> list[Piece]:
    """Each token kept as mathematics or replaced by the word it is, each phrase of words by one."""
    tagger = _Tagger(found, table)
    while tagger.at < len(found):
        tagger.step()
    return tagger.pieces


class _Tagger:
    def __init__(self, found: Sequence[Token], table: Vocabulary) -> None:
        self.found = found
        self.table = table
        self.at = 0
        self.pieces: list[Piece] = []

    def step(self) -> None:
        """Take the longest phrase that begins here, else the one token."""
        if self._is_article():
            self.pieces.append(Word(text=self.found[self.at].text, cue=Cue.FILLER))
        elif self._take_phrase():
            return
        else:
            token = self.found[self.at]
            self.pieces.append(Word(text=token.text, cue=None) if token.kind is TokenKind.WORD else token)
        self.at += 1

    def _take_phrase(self) -> bool:
        for length in range(min(_MAX_PHRASE_WORDS, len(self.found) - self.at), 0, -1):
            phrase = self._phrase(self.at, length)
            taken = None if phrase is None else self._meaning(phrase, self.at + length)
            if taken is not None:
                self.pieces += taken
                self.at += length
                return True
        return False

    def _meaning(self, phrase: str, after: int) -> list[Piece] | None:
        """The phrase as mathematics if mathematics stands where it needs it, else as a word."""
        signs = self._signs(phrase, after)
        if signs is not None:
            return list(signs)
        return [Word(text=phrase, cue=self.table.cues[phrase])] if phrase in self.table.cues else None

    def _signs(self, phrase: str, after: int) -> list[Token] | None:
        table = self.table
        if phrase in table.prefixes and self._begins_operand(after):
            return [Token(kind=TokenKind.FUNCTION, text=table.prefixes[phrase] + WORDED, spaced=True)]
        if phrase in table.postfixes and self._ends_operand():
            first, *rest = tokens(table.postfixes[phrase], is_word=is_word)
            return [replace(first, spaced=False), *rest]
        texts = (
            (table.formulas.get(phrase), not self._begins_operand(after)),
            (table.operators.get(phrase), self._joins(phrase, after)),
            (table.numbers.get(phrase), self._beside_mathematics(after)),
            ("-" if phrase in _NEGATIVES else None, self._is_sign(after)),
            ("*" if phrase in _SHARE_OF else None, self._is_share_of(after)),
        )
        text = next((text for text, fits in texts if text is not None and fits), None)
        return None if text is None else tokens(text, is_word=is_word)

    def _phrase(self, start: int, length: int) -> str | None:
        """The words from `start` on, or None where something else than a word stands among them."""
        part = self.found[start : start + length]
        kinds = {TokenKind.WORD, TokenKind.LETTER, TokenKind.FUNCTION, TokenKind.CONSTANT}
        if len(part) < length or any(token.kind not in kinds for token in part):
            return None
        if all(token.kind is not TokenKind.WORD for token in part):
            return None
        return " ".join(token.text.lower() for token in part)

    # -- single letters that are words

    def _is_article(self) -> bool:
        """Whether the letter here is the article `a` or the pronoun `I`, and no variable."""
        token = self.found[self.at]
        if token.kind is not TokenKind.LETTER or token.text.lower() not in self.table.articles:
            return False
        following = self.found[self.at + 1] if self.at + 1 < len(self.found) else None
        if following is not None and following.kind is TokenKind.RELATION:
            return False  # I = U/R
        if following is None or token.text == "I":
            return token.text == "I"
        if following.kind is TokenKind.FUNCTION:
            return any(self._phrase(self.at + 1, length) in self.table.formulas for length in (2, 3))
        return following.kind is TokenKind.WORD and self._cue_at(self.at + 1) not in _AFTER_VARIABLE

    def _cue_at(self, start: int) -> Cue | None:
        for length in range(min(_MAX_PHRASE_WORDS, len(self.found) - start), 0, -1):
            phrase = self._phrase(start, length)
            if phrase is not None and phrase in self.table.operators:
                return Cue.BE
            if phrase is not None and phrase in self.table.cues:
                return self.table.cues[phrase]
        return None

    # -- where mathematics stands

    def _joins(self, phrase: str, after: int) -> bool:
        """Whether the phrase stands between two formulas."""
        if phrase in _COPULAS:
            number = after < len(self.found) and (
                self.found[after].kind is TokenKind.NUMBER or self.found[after].text == "-"
            )
            return number and self._gives_value()
        return self._ends_operand() and self._begins_operand(after)

    def _is_sign(self, after: int) -> bool:
        """`negative 2`, `minus 2` where no number stands before it."""
        number = after < len(self.found) and self.found[after].kind is TokenKind.NUMBER
        return number and not self._ends_operand()

    def _is_share_of(self, after: int) -> bool:
        """`15% of x`; `2/3 of 90`, where the integral `from 0 to 1/2 of x^2` is none."""
        last = [piece.text if isinstance(piece, Token) else "" for piece in self.pieces[-2:]]
        if last[-1:] == ["%"]:
            return self._begins_operand(after)
        number = after < len(self.found) and self.found[after].kind is TokenKind.NUMBER
        return number and last[:1] == ["/"] and last[-1].isdigit()

    def _ends_operand(self) -> bool:
        last = self.pieces[-1] if self.pieces else None
        if not isinstance(last, Token):
            return False
        return last.kind in _OPERANDS or last.kind is TokenKind.CLOSE or last.text in {"!", "%", "°"}

    def _gives_value(self) -> bool:
        """`when x is 3` gives x a value; `for which x is 2x = 6` does not."""
        last, before = self.pieces[-1:], self.pieces[-2:-1]
        letter = any(isinstance(piece, Token) and piece.kind is TokenKind.LETTER for piece in last)
        return letter and any(isinstance(piece, Word) and piece.cue in {Cue.FOR, Cue.AND} for piece in before)

    def _begins_operand(self, at: int) -> bool:
        if at >= len(self.found):
            return False
        token = self.found[at]
        if token.kind in _OPERANDS or token.kind is TokenKind.FUNCTION or token.text in {"(", "-"}:
            return True
        if token.text.lower() in _NEGATIVES:
            return at + 1 < len(self.found) and self.found[at + 1].kind is TokenKind.NUMBER
        return self._has_phrase(at, {**self.table.prefixes, **self.table.numbers})

    def _beside_mathematics(self, after: int) -> bool:
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, Token) and last.kind in _SIGNS:
            return True
        over = self._cue_at(after) is Cue.OVER
        return not over and self._has_phrase(after, {**self.table.operators, **self.table.postfixes})

    def _has_phrase(self, at: int, table: dict[str, str]) -> bool:
        return any(self._phrase(at, length) in table for length in range(1, 5))
