"""The words of each language, by meaning, and the language of a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from tutor.formulas.formula_tokens import FUNCTIONS
from tutor.language import dutch_words, english_words, german_words
from tutor.language.cues import Cue


class Language(StrEnum):
    """A language the tutor reads and answers in."""

    ENGLISH = "en"
    GERMAN = "de"
    DUTCH = "nl"

    @property
    def has_decimal_comma(self) -> bool:
        """Whether `1,5` is one number."""
        return self is not Language.ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """One language's phrases, keyed by their words with single blanks between."""

    cues: Mapping[str, Cue]
    operators: Mapping[str, str]  # between two formulas
    postfixes: Mapping[str, str]  # after a formula
    prefixes: Mapping[str, str]  # before a formula
    formulas: Mapping[str, str]  # functions known by a name
    numbers: Mapping[str, str]
    articles: frozenset[str]  # single letters that are words here

    def words(self) -> frozenset[str]:
        """Every single word of every phrase."""
        tables = (self.cues, self.operators, self.postfixes, self.prefixes, self.formulas, self.numbers)
        return frozenset(word for table in tables for phrase in table for word in phrase.split())


@cache
def vocabulary(language: Language) -> Vocabulary:
    """The tables of one language."""
    match language:
        case Language.ENGLISH:
            return Vocabulary(
                cues=_by_phrase(english_words.CUES),
                operators=english_words.OPERATORS,
                postfixes=english_words.POSTFIXES,
                prefixes=english_words.PREFIXES,
                formulas=english_words.FORMULAS,
                numbers=english_words.NUMBERS,
                articles=frozenset({"a", "i"}),
            )
        case Language.GERMAN:
            return Vocabulary(
                cues=_by_phrase(german_words.CUES),
                operators=german_words.OPERATORS,
                postfixes=german_words.POSTFIXES,
                prefixes=german_words.PREFIXES,
                formulas=german_words.FORMULAS,
                numbers=german_words.NUMBERS,
                articles=frozenset(),
            )
        case Language.DUTCH:
            return Vocabulary(
                cues=_by_phrase(dutch_words.CUES),
                operators=dutch_words.OPERATORS,
                postfixes=dutch_words.POSTFIXES,
                prefixes=dutch_words.PREFIXES,
                formulas=dutch_words.FORMULAS,
                numbers=dutch_words.NUMBERS,
                articles=frozenset(),
            )


def _by_phrase(lines: Mapping[Cue, str]) -> Mapping[str, Cue]:
    return {phrase.strip(): cue for cue, line in lines.items() for phrase in line.split("|")}


@cache
def _words(language: Language) -> frozenset[str]:
    return vocabulary(language).words()


def is_word(text: str) -> bool:
    """Whether some language's vocabulary holds the word."""
    return any(text in _words(language) for language in Language)


def is_phrase(text: str) -> bool:
    """Whether some language's vocabulary gives these words a meaning as they stand; `unit` has one only in a phrase."""
    tables = (
        table
        for each in map(vocabulary, Language)
        for table in (each.cues, each.operators, each.postfixes, each.prefixes, each.formulas, each.numbers)
    )
    return any(text in table for table in tables)


_WORDS: Final = re.compile(r"[^\W\d_]{3,}")  # "es" and "de" are Spanish too


_UMLAUT: Final = re.compile("[äöüß]")
_MONTHS: Final = {
    Language.ENGLISH: frozenset({"january", "february", "march", "june", "july", "october", "december"}),
    Language.GERMAN: frozenset({"januar", "februar", "märz", "mai", "juni", "juli", "oktober", "dezember"}),
    Language.DUTCH: frozenset({"januari", "februari", "maart", "mei", "juni", "juli", "augustus", "oktober"}),
}
"""Months whose names differ; a question about a table may hold no other word of its language."""


def language_of(text: str, otherwise: Language) -> Language:
    """The language whose vocabulary knows most of the words; `otherwise` where it knows as many as any other."""
    shouts = text == text.upper()
    spoken = [word for word in _WORDS.findall(text) if shouts or word != word.upper()]  # IT and HR are names
    words = [word.lower() for word in spoken if word.lower() not in FUNCTIONS]
    known = {
        language: sum(word in _words(language) or word in _MONTHS[language] for word in words) for language in Language
    }
    if not any(known.values()) and any(_UMLAUT.search(word) for word in words):
        return Language.GERMAN
    return max(known, key=lambda language: (known[language], language is otherwise))
