"""What stands around an item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tutor.formulas.formula_tokens import TokenKind
from tutor.formulas.statements import Relation
from tutor.language.cues import Cue, Word
from tutor.reading.items import Item, Mark

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
