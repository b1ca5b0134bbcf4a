"""What two demands in a row mean: `roots of the derivative` is one, `roots and extrema` are two."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from tutor.language.cues import (
    EXTREMA_CUES,
    MONOTONY_CUES,
    SHAPE_CUES,
    Cue,
)

OF_DERIVATIVE: Final = (
    EXTREMA_CUES
    | MONOTONY_CUES
    | SHAPE_CUES
    | frozenset(
        {
            Cue.ROOTS,
            Cue.LIMIT,
            Cue.TABLE,
            Cue.INTERCEPT,
            Cue.INTEGRAL,
            Cue.AREA,
            Cue.PLOT,
        }
    )
)
"""What can be asked of a derivative as of any function."""

_FAMILIES: Final = (
    EXTREMA_CUES,
    MONOTONY_CUES,
    SHAPE_CUES,
    frozenset({Cue.INTEGRAL, Cue.AREA}),
    frozenset({Cue.DOMAIN, Cue.VALUES_TAKEN}),
)
_GENERAL: Final = frozenset({Cue.EVALUATE, Cue.SOLVE, Cue.ANALYSIS})
"""Words that add nothing to the demand beside them: `evaluate the integral`."""


class Pair(Enum):
    """How a demand goes with the one right before it."""

    BOTH = auto()  # two sides of one question: concave or convex
    LATER_ALONE = auto()  # evaluate the integral
    EARLIER_ALONE = auto()  # the derivative's value
    EARLIER_OF_LATER = auto()  # plot the derivative
    LATER_OF_EARLIER = auto()  # is the derivative increasing
    UNCLEAR = auto()


def pair_of(earlier: Cue, later: Cue) -> Pair:
    """The meaning of two demands with no `and` between them."""
    meanings = {
        Pair.BOTH: any(earlier in family and later in family for family in _FAMILIES),
        Pair.LATER_ALONE: earlier in _GENERAL,
        Pair.EARLIER_ALONE: later in _GENERAL,
        Pair.EARLIER_OF_LATER: (later is Cue.DERIVATIVE and earlier in OF_DERIVATIVE)
        or (earlier is Cue.PLOT and later in {Cue.INTEGRAL, Cue.TANGENT}),
        Pair.LATER_OF_EARLIER: earlier is Cue.DERIVATIVE and later in OF_DERIVATIVE,
    }
    drawn = Cue.PLOT in {earlier, later} and (earlier, later) != (Cue.PLOT, Cue.INVERSE)
    otherwise = Pair.BOTH if drawn else Pair.UNCLEAR
    return next((pair for pair, holds in meanings.items() if holds), otherwise)
