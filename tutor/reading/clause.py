"""What one clause of a question says, in slots: what is asked, of what, where. A question is a list of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tutor.formulas.expression import Expression
from tutor.formulas.statements import Bounds, Doubt, Relation
from tutor.language.cues import Cue
from tutor.language.vocabulary import Language

UNCLEAR: Final = "…"
"""Stands among the strange words for a connection that is not clear, though each word is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One demand, or several of one subject, with all that belongs to it."""

    demands: tuple[Cue, ...] = ()  # in the order asked, FIND left out where something else is asked
    cues: frozenset[Cue] = frozenset()  # every meaning met, so that none is passed over
    of: Cue | None = None  # "plot the derivative": the demands are about this of the subject
    declined: frozenset[Cue] = frozenset()  # "without a plot"
    subjects: tuple[Relation, ...] = ()
    values: Mapping[str, tuple[Expression, ...]] = field(default_factory=dict)  # x = 1, 2
    points: tuple[Expression, ...] = ()  # "at 3", of the variable that is not named
    conditions: tuple[Relation, ...] = ()  # x > 0
    bounds: Bounds | None = None
    unknowns: tuple[str, ...] = ()  # "for x", "with respect to x"
    towards: Expression | None = None  # of a limit
    side: str = "+-"  # of a limit
    numbers: Mapping[Cue, Expression] = field(default_factory=dict)  # STEP, POINTS, PLACES
    joined: bool = False  # begins with "and"
    strange: tuple[str, ...] = ()  # words and signs that were not understood

    @property
    def is_empty(self) -> bool:
        """True where nothing was heard but words that mean nothing here."""
        return not (self.demands or self.has_matter or self.cues or self.strange)

    @property
    def has_matter(self) -> bool:
        """True where some mathematics stands in the clause."""
        return bool(
            self.subjects
            or self.values
            or self.points
            or self.conditions
            or self.bounds
            or self.unknowns
            or self.towards
        )

    def joined_with(self, later: Clause) -> Clause:
        """Both as one: for `Solve this: 2x = 6`, where demand and subject stand apart."""
        return replace(
            later,
            demands=self.demands + later.demands,
            cues=self.cues | later.cues,
            of=self.of or later.of,
            declined=self.declined | later.declined,
            subjects=self.subjects + later.subjects,
            values={**self.values, **later.values},
            points=self.points + later.points,
            conditions=self.conditions + later.conditions,
            bounds=later.bounds or self.bounds,
            unknowns=self.unknowns + later.unknowns,
            towards=later.towards or self.towards,
            side=later.side if later.towards else self.side,
            numbers={**self.numbers, **later.numbers},
            joined=self.joined,
            strange=self.strange + later.strange,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One message of the user's as read."""

    language: Language
    clauses: tuple[Clause, ...]
    is_too_long: bool = False
    has_ambiguous_comma: bool = False
    doubts: frozenset[Doubt] = frozenset()  # beside those of its formulas

    @property
    def cues(self) -> frozenset[Cue]:
        """The meanings in all clauses."""
        return frozenset[Cue]().union(*(clause.cues for clause in self.clauses))
