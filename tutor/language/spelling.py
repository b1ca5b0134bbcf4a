"""Misspelt words: each is read as the vocabulary's word next to it, where there is exactly one."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Final

from tutor.formulas.formula_tokens import FUNCTIONS, is_glued_formula
from tutor.language.cues import Cue
from tutor.language.vocabulary import Language, is_word, vocabulary

_WORD: Final = re.compile(r"(?<![\w^*/_'-])[^\W\d_]{4,24}(?![\w^*/_'(-])")
_LONG_WORD_CHARS: Final = 8  # from here on two slips are forgiven
_SLIP: Final = 3
_SWAP: Final = 2  # `slove` is solve rather than slope
_POLITE: Final = frozenset({"please", "could", "would", "bitte", "kannst", "könntest"})


def corrected(text: str, language: Language, names: Collection[str] = ()) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The text with its misspelt words put right, and each of them as (written, read).

    `names` are words to know beside the language's own, such as the columns of a table. A word with several neighbours
    stays as it is, and so does one whose only neighbour says nothing: reading `mode` as `more` would drop it.
    """
    found: dict[str, str] = {}

    def put_right(match: re.Match[str]) -> str:
        written = match[0].lower()
        if is_word(written) or written in FUNCTIONS or written in names or is_glued_formula(written):
            return match[0]
        read = _only_neighbour(written, _words(language) | frozenset(names))
        if read is None or not (read in names or read in _meaningful(language)):
            return match[0]
        found[match[0]] = read
        return read

    return _WORD.sub(put_right, text), tuple(found.items())


@cache
def _words(language: Language) -> frozenset[str]:
    return frozenset(word for word in vocabulary(language).words() if len(word) >= 3)


@cache
def _meaningful(language: Language) -> frozenset[str]:
    table = vocabulary(language)
    phrases = [phrase for phrase, cue in table.cues.items() if cue not in {Cue.FILLER, Cue.WITHOUT, Cue.NOT}]
    others = [*table.operators, *table.prefixes, *table.postfixes, *table.formulas]
    return frozenset(word for phrase in (*phrases, *others) for word in phrase.split()) | _POLITE


def _only_neighbour(written: str, words: Collection[str]) -> str | None:
    """The word at the smallest distance, if it has the same first letter and no rival."""
    farthest = _SLIP * (2 if len(written) >= _LONG_WORD_CHARS else 1)
    near: dict[int, list[str]] = {}
    for word in words:
        if abs(len(word) - len(written)) * _SLIP <= farthest and word[0] == written[0]:
            near.setdefault(_distance(written, word), []).append(word)
    closest = min(near, default=farthest + 1)
    return near[closest][0] if closest <= farthest and len(near[closest]) == 1 else None


def _distance(first: str, second: str) -> int:
    """What it takes to type one for the other: letters added, left out, mistaken, or swapped with their neighbour."""
    before: list[int] = []
    row = [_SLIP * j for j in range(len(second) + 1)]
    for i, a in enumerate(first, start=1):
        two_before, before = before, row
        row = [_SLIP * i]
        for j, b in enumerate(second, start=1):
            costs = [before[j] + _SLIP, row[j - 1] + _SLIP, before[j - 1] + _SLIP * (a != b)]
            if i > 1 and j > 1 and (a, first[i - 2]) == (second[j - 2], b):
                costs.append(two_before[j - 2] + _SWAP)
            row.append(min(costs))
    return row[-1]
