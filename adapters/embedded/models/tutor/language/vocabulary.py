"""Words to meanings: the longest phrase of the language that fits, and words that are mathematics made signs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from adapters.embedded.models.tutor.language import english, german
from adapters.embedded.models.tutor.language.cues import Cue, Word
from adapters.embedded.models.tutor.formulas.tokens import Token, TokenKind, tokens


class Language(StrEnum):
    """A language the tutor reads and answers in."""

    ENGLISH = "en"
    GERMAN = "de"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """One language's phrases, keyed by their words with single blanks between."""

    cues: Mapping[str, Cue]
    operators: Mapping[str, str]
    postfixes: Mapping[str, str]
    prefixes: Mapping[str, str]
    formulas: Mapping[str, str]
    numbers: Mapping[str, str]
    articles: frozenset[str]

    def knows(self, phrase: str) -> bool:
        """Whether any table has the phrase."""
        return any(phrase in table for table in (
            self.cues, self.operators, self.postfixes, self.prefixes, self.formulas, self.numbers,
        ))


@cache
def vocabulary(language: Language) -> Vocabulary:
    """The tables of one language."""
    source = english if language is Language.ENGLISH else german
    phrases = english.ENGLISH if language is Language.ENGLISH else german.GERMAN
    return Vocabulary(
        cues={phrase.strip(): cue for cue, line in phrases.items() for phrase in line.split("|")},
        operators=source.OPERATORS, postfixes=source.POSTFIXES, prefixes=source.PREFIXES, formulas=source.FORMULAS,
        numbers=source.NUMBERS, articles=frozenset({"a", "i"}) if language is Language.ENGLISH else frozenset(),
    )


@cache
def _all_words() -> frozenset[str]:
    tables = [vocabulary(language) for language in Language]
    phrases = (phrase for table in tables for phrase in (*table.cues, *table.operators, *table.prefixes))
    return frozenset(word for phrase in phrases for word in phrase.split())


def is_word(text: str) -> bool:
    """Whether some language's vocabulary holds the word."""
    return text in _all_words()


_WORDS: Final = re.compile(r"[^\W\d_]{2,}")


def language_of(text: str, otherwise: Language) -> Language:
    """The language whose vocabulary knows more of the words; `otherwise` where both know as many."""
    words = [word.lower() for word in _WORDS.findall(text)]
    known = {language: sum(word in _single_words(language) for word in words) for language in Language}
    if known[Language.ENGLISH] == known[Language.GERMAN]:
        return otherwise
    return max(Language, key=lambda language: known[language])


@cache
def _single_words(language: Language) -> frozenset[str]:
    table = vocabulary(language)
    phrases = (*table.cues, *table.operators, *table.prefixes, *table.postfixes, *table.numbers, *table.formulas)
    return frozenset(word for phrase in phrases for word in phrase.split())


_LONGEST_PHRASE: Final = 7
_ENDS_OPERAND: Final = frozenset({TokenKind.NUMBER, TokenKind.LETTER, TokenKind.CONSTANT, TokenKind.CLOSE,
                                  TokenKind.BAR})
_BEGINS_OPERAND: Final = frozenset({TokenKind.NUMBER, TokenKind.LETTER, TokenKind.CONSTANT, TokenKind.FUNCTION,
                                    TokenKind.OPEN, TokenKind.BAR})

Piece = Token | Word


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
        if self._article() or not self._any_phrase():
            token = self.found[self.at]
            word = token.kind is TokenKind.WORD or self._article()
            cue = Cue.FILLER if self._article() else None
            self.pieces.append(Word(text=token.text, cue=cue) if word else token)
            self.at += 1

    def _any_phrase(self) -> bool:
        for length in range(min(_LONGEST_PHRASE, len(self.found) - self.at), 0, -1):
            phrase = self._phrase(self.at, length)
            if phrase is not None and self._take(phrase, length):
                return True
        return False

    def _take(self, phrase: str, length: int) -> bool:
        taken = self._as_mathematics(phrase, length)
        if taken is not None:
            self.pieces.extend(taken)
        elif phrase in self.table.cues:
            self.pieces.append(Word(text=phrase, cue=self.table.cues[phrase]))
        else:
            return False
        self.at += length
        return True

    def _as_mathematics(self, phrase: str, length: int) -> list[Token] | None:
        after, table = self.at + length, self.table
        if phrase in table.formulas and not self._begins_operand(after):
            return _signs(table.formulas[phrase])
        if phrase in table.prefixes and self._begins_operand(after):
            return [Token(kind=TokenKind.FUNCTION, text=f"{table.prefixes[phrase]} of", spaced=True)]
        if phrase in table.operators and self._ends_operand(phrase) and self._begins_operand(after):
            return _signs(table.operators[phrase])
        if phrase in table.postfixes and self._ends_operand(phrase):
            return _signs(table.postfixes[phrase])
        if phrase in table.numbers and self._beside_mathematics(after):
            return _signs(table.numbers[phrase])
        return None

    def _phrase(self, start: int, length: int) -> str | None:
        """The words from `start` on, or None where something else than a word stands among them."""
        part = self.found[start:start + length]
        kinds = {TokenKind.WORD, TokenKind.LETTER, TokenKind.FUNCTION, TokenKind.CONSTANT}
        if any(token.kind not in kinds for token in part):
            return None
        if length == 1 and part[0].kind is not TokenKind.WORD:
            return None
        return " ".join(token.text.lower() for token in part)

    def _article(self) -> bool:
        """Whether the letter here is the article `a` or the pronoun `I`, and no variable."""
        token = self.found[self.at]
        if token.kind is not TokenKind.LETTER or token.text.lower() not in self.table.articles:
            return False
        if token.text == "I":
            return True
        following = self.found[self.at + 1] if self.at + 1 < len(self.found) else None
        if following is None or following.kind is TokenKind.FUNCTION:
            return following is not None and self._formula_at(self.at + 1)
        return following.kind is TokenKind.WORD and self._cue_at(self.at + 1) not in _AFTER_VARIABLE

    def _formula_at(self, start: int) -> bool:
        return any(self._phrase(start, length) in self.table.formulas for length in (2, 3))

    def _cue_at(self, start: int) -> Cue | None:
        for length in range(min(_LONGEST_PHRASE, len(self.found) - start), 0, -1):
            phrase = self._phrase(start, length)
            if phrase is not None and (phrase in self.table.operators or phrase in self.table.cues):
                return self.table.cues.get(phrase, Cue.BE)
        return None

    def _ends_operand(self, phrase: str) -> bool:
        last = self.pieces[-1] if self.pieces else None
        if not isinstance(last, Token):
            return False
        if phrase in _COPULAS:
            return last.kind is TokenKind.LETTER and self._given_letter() or last.kind is TokenKind.CLOSE
        return last.kind in _ENDS_OPERAND or (last.kind is TokenKind.OPERATOR and last.text in "!%°")

    def _given_letter(self) -> bool:
        """`when x is 3` gives x a value; `for which x is 2x = 6` does not."""
        before = self.pieces[-2] if len(self.pieces) > 1 else None
        return isinstance(before, Word) and before.cue in {Cue.FOR, Cue.AND}

    def _begins_operand(self, at: int) -> bool:
        if at >= len(self.found):
            return False
        token = self.found[at]
        if token.kind in _BEGINS_OPERAND:
            return token.text not in "[{"
        if token.kind is TokenKind.OPERATOR:
            return token.text == "-"
        return any(
            phrase in self.table.prefixes or phrase in self.table.numbers
            for length in range(1, 5) if (phrase := self._phrase(at, length)) is not None
        )

    def _beside_mathematics(self, after: int) -> bool:
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, Token) and last.kind in {TokenKind.OPERATOR, TokenKind.FUNCTION, TokenKind.RELATION}:
            return True
        return any(
            phrase in self.table.operators or phrase in self.table.postfixes
            for length in range(1, 5)
            if after + length <= len(self.found) and (phrase := self._phrase(after, length)) is not None
        ) and self._cue_at(after) is not Cue.OVER


_COPULAS: Final = frozenset({"is", "are", "be", "ist", "sind", "sei"})
_AFTER_VARIABLE: Final = frozenset({
    Cue.FOR, Cue.AND, Cue.FROM, Cue.TO, Cue.BE, Cue.ON, Cue.BETWEEN, Cue.AT, Cue.APPROACHES,
})


def _signs(text: str) -> list[Token]:
    return tokens(text, is_word=is_word)
