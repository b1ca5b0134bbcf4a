"""What words can mean to the tutor. Each language's vocabulary maps its phrases to these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Cue(Enum):
    """The meaning of a word or phrase."""

    # what is asked for
    PLOT = auto()
    DERIVATIVE = auto()
    INTEGRAL = auto()
    AREA = auto()
    CONCAVE = auto()
    CONVEX = auto()
    CURVATURE = auto()
    INFLECTION = auto()
    INCREASING = auto()
    DECREASING = auto()
    MONOTONY = auto()
    SOLVE = auto()
    ROOTS = auto()
    EVALUATE = auto()
    MAXIMUM = auto()
    MINIMUM = auto()
    EXTREMA = auto()
    LIMIT = auto()
    TABLE = auto()
    SIMPLIFY = auto()
    EXPAND = auto()
    FACTOR = auto()
    INTERSECTION = auto()
    INTERCEPT = auto()
    TANGENT = auto()
    ANALYSIS = auto()
    NORMAL = auto()  # the line
    DOMAIN = auto()
    VALUES_TAKEN = auto()  # the range of a function
    PARITY = auto()
    INVERSE = auto()
    ASYMPTOTES = auto()
    PERIODIC = auto()
    FIND = auto()  # find, calculate, what is: asks for something named elsewhere

    # of a file's columns
    MEAN = auto()
    MEDIAN = auto()
    DEVIATION = auto()
    VARIANCE = auto()
    TOTAL = auto()
    COUNT = auto()
    CORRELATION = auto()
    DESCRIBE = auto()
    HISTOGRAM = auto()
    SCATTER = auto()
    BARS = auto()
    LINES = auto()
    BOXES = auto()
    PIE = auto()
    TREND = auto()
    AGAINST = auto()
    BY = auto()
    OVER = auto()
    COLUMN = auto()
    FILE = auto()
    ROWS = auto()
    MISSING = auto()
    PERIOD = auto()  # month, year: its words say which
    BINS = auto()
    HIGHEST = auto()
    LOWEST = auto()
    DISTINCT = auto()  # different values
    SHARE = auto()  # of a column's sum

    # how the parts of the sentence hang together
    AND = auto()
    OR = auto()
    FROM = auto()
    TO = auto()
    BETWEEN = auto()
    FOR = auto()
    AT = auto()
    ON = auto()
    OF = auto()
    BE = auto()  # is, are: opens a yes-or-no question
    RESPECT = auto()  # with respect to
    UNKNOWN = auto()  # variable, unknown, parameter
    APPROACHES = auto()
    THEN = auto()
    ALSO = auto()  # adds to what was drawn

    # nearer descriptions
    FIRST = auto()
    SECOND = auto()
    THIRD = auto()
    FOURTH = auto()
    LEFT = auto()
    RIGHT = auto()
    INTERVAL = auto()
    STEP = auto()
    POINTS = auto()
    SYSTEM = auto()
    POSITIVE = auto()
    NEGATIVE = auto()
    REAL = auto()
    COMPLEX = auto()
    GREATEST = auto()
    LOCAL = auto()
    DIFFERENTIAL = auto()  # dx
    PLACES = auto()
    X_AXIS = auto()
    Y_AXIS = auto()
    WITHOUT = auto()
    NOT = auto()

    # what is talked about
    PRONOUN = auto()  # this, its
    IT = auto()  # it, them: what was talked about, as an object
    BOTH = auto()
    FUNCTION = auto()  # function, curve
    GRAPH = auto()  # a noun, like function, or the verb
    EQUATION = auto()
    EXPLAIN = auto()
    AGAIN = auto()  # what about, and for

    # no mathematics
    FILLER = auto()
    HELLO = auto()
    THANKS = auto()
    HELP = auto()
    GOODBYE = auto()
    UNABLE = auto()  # mathematics the tutor knows by name only


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word or phrase of the question with its meaning; None where the vocabulary has none."""

    text: str
    cue: Cue | None


SHAPE_CUES: Final = frozenset({Cue.CONCAVE, Cue.CONVEX, Cue.CURVATURE, Cue.INFLECTION})
MONOTONY_CUES: Final = frozenset({Cue.INCREASING, Cue.DECREASING, Cue.MONOTONY})
EXTREMA_CUES: Final = frozenset({Cue.MAXIMUM, Cue.MINIMUM, Cue.EXTREMA})
ALGEBRA_CUES: Final = frozenset({Cue.SIMPLIFY, Cue.EXPAND, Cue.FACTOR})
STATISTICS_CUES: Final = frozenset(
    {
        Cue.MEAN,
        Cue.MEDIAN,
        Cue.DEVIATION,
        Cue.VARIANCE,
        Cue.TOTAL,
        Cue.COUNT,
        Cue.CORRELATION,
        Cue.DESCRIBE,
    }
)
CHART_CUES: Final = frozenset({Cue.HISTOGRAM, Cue.SCATTER, Cue.BARS, Cue.LINES, Cue.BOXES, Cue.PIE, Cue.TREND})
TRAIT_CUES: Final = frozenset(
    {Cue.DOMAIN, Cue.VALUES_TAKEN, Cue.PARITY, Cue.INVERSE, Cue.ASYMPTOTES, Cue.PERIODIC}
)  # fmt: skip
SIGN_CUES: Final = frozenset({Cue.POSITIVE, Cue.NEGATIVE})
DEMANDS: Final = (
    SHAPE_CUES
    | MONOTONY_CUES
    | EXTREMA_CUES
    | ALGEBRA_CUES
    | TRAIT_CUES
    | frozenset(
        {
            Cue.PLOT,
            Cue.DERIVATIVE,
            Cue.INTEGRAL,
            Cue.AREA,
            Cue.SOLVE,
            Cue.ROOTS,
            Cue.EVALUATE,
            Cue.LIMIT,
            Cue.TABLE,
            Cue.INTERSECTION,
            Cue.INTERCEPT,
            Cue.TANGENT,
            Cue.NORMAL,
            Cue.ANALYSIS,
            Cue.FIND,
        }
    )
)
