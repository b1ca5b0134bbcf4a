"""From a question to clauses: each statement is given its role by the word before it.

Left to right, one item after another. `from 0 to 3` is a range, `at 3` a point, `for x = 3` a value, `for x` the
unknown; everything else that is mathematics is a subject. A demand after a subject begins a new clause.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from adapters.embedded.models.tutor.reading.clause_builder import ClauseBuilder
from adapters.embedded.models.tutor.language.cues import DEMANDS, Cue, Word
from adapters.embedded.models.tutor.formulas.tokens import Token, TokenKind, tokens
from adapters.embedded.models.tutor.reading.clause import Clause, Question
from adapters.embedded.models.tutor.formulas.statements import Item, Mark, items
from adapters.embedded.models.tutor.language.vocabulary import Language, is_word, language_of, tagged, vocabulary

MAX_CHARACTERS: Final = 1500
MAX_TOKENS: Final = 400

_ABBREVIATIONS: Final = (
    (re.compile(r"\bw\.\s?r\.\s?t\.?", re.IGNORECASE), "wrt"),
    (re.compile(r"\b(?:e\.g\.|i\.e\.|z\.\s?B\.|d\.\s?h\.|bzw\.|etc\.|usw\.)", re.IGNORECASE), ","),
    (re.compile(r"\bvs\.", re.IGNORECASE), "vs"),
    (re.compile(r"\b([xy]) (axis|Achse|intercepts?|Achsenabschnitt)\b", re.IGNORECASE), r"\1-\2"),
)
_AMBIGUOUS_COMMA: Final = re.compile(r"(?<![\d,.\[({;])\b\d+,\d{1,2}(?![\d,])(?!\s*[\])}])|\b\d+,\d{4,}(?![\d,])")


def read(text: str, *, otherwise: Language, functions: frozenset[str] = frozenset()) -> Question:
    """The question's clauses; `otherwise` is the language of a text without words of either language."""
    if len(text) > MAX_CHARACTERS:
        return Question(language=otherwise, clauses=(), is_too_long=True)
    language = language_of(text, otherwise)
    for pattern, replacement in _ABBREVIATIONS:
        text = pattern.sub(replacement, text)
    german = language is Language.GERMAN
    found = _without_exclamation(tokens(text, is_word=is_word, decimal_comma=german))
    if len(found) > MAX_TOKENS:
        return Question(language=language, clauses=(), is_too_long=True)
    pieces = tagged(found, vocabulary(language))
    clauses = clauses_of(items(pieces, functions=functions))
    ambiguous = not german and _AMBIGUOUS_COMMA.search(text) is not None
    return Question(language=language, clauses=clauses, ambiguous_comma=ambiguous)


def _without_exclamation(found: list[Token]) -> list[Token]:
    """A last `!` is a factorial after a lone number (`What is 5!`), and an exclamation mark anywhere else."""
    if not found or found[-1].text != "!":
        return found
    signs = {TokenKind.OPERATOR, TokenKind.RELATION, TokenKind.LETTER, TokenKind.FUNCTION}
    lone = len(found) > 1 and found[-2].kind is TokenKind.NUMBER and not any(t.kind in signs for t in found[:-1])
    return found if lone else found[:-1]


def clauses_of(found: Sequence[Item]) -> tuple[Clause, ...]:
    """The items cut where a sentence ends or a new demand begins after a subject."""
    clauses: list[Clause] = []
    builder = ClauseBuilder(found, 0)
    for at, item in enumerate(found):
        if _ends_sentence(item) or (builder.is_complete and _demands(found, at)):
            clauses.append(builder.clause())
            builder = ClauseBuilder(found, at)
        builder.hear(at)
    clauses.append(builder.clause())
    return _assembled([clause for clause in clauses if not clause.is_idle or clause.cues or clause.strange])


def _ends_sentence(item: Item) -> bool:
    return isinstance(item, Mark) and item.kind is TokenKind.STOP and item.text in ".?"


def _demands(found: Sequence[Item], at: int) -> bool:
    """Whether a demand begins here; an `and` just before one belongs to it."""
    item = found[at]
    return isinstance(item, Word) and item.cue in DEMANDS | {Cue.AGAIN}


def _assembled(clauses: list[Clause]) -> tuple[Clause, ...]:
    """Demand and subject brought together where they stand in two sentences: `Solve this. 2x = 6`."""
    result: list[Clause] = []
    for clause in clauses:
        before = result[-1] if result else None
        asks_only = before is not None and before.demands and not before.subjects and not before.values
        if before is not None and asks_only and not clause.demands and clause.subjects:
            result[-1] = before.joined_with(clause)
        else:
            result.append(clause)
    return tuple(result)
