"""Why a question is not answered. Each reason has its sentence in every language."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """What stands in the way."""

    STRANGE = "strange"  # words or signs that were not understood
    TOO_LONG = "too_long"
    NO_MATHEMATICS = "no_mathematics"
    NO_SUBJECT = "no_subject"  # "plot it", and nothing was talked about
    NO_DEMAND = "no_demand"  # a function, and no word about what to do with it
    NO_POINT = "no_point"  # "evaluate", "tangent": where?
    NO_RANGE = "no_range"
    LEFT_OVER = "left_over"  # understood, but not what to do with it
    UNABLE = "unable"  # known by name only
    AMBIGUOUS = "ambiguous"  # details: the doubt
    TOO_BIG = "too_big"
    PARAMETERS = "parameters"  # letters without a value
    UNDEFINED = "undefined"  # f(3), and nobody said what f is
    SEVERAL_UNKNOWNS = "several_unknowns"
    NO_TOOL = "no_tool"
    FOLLOW_UP = "follow_up"  # "and 5?", and it is not clear what about 5
    NO_RADIUS = "no_radius"  # "draw a circle"
    NO_PLOT = "no_plot"  # "make it red", and nothing was drawn
    NO_TITLE = "no_title"  # "add a title": which?
    PLOT_CHANGE = "plot_change"  # a wish about the plot that it does not know
    WHICH_CURVE = "which_curve"  # details: the curves there are
    ONLY_CURVE = "only_curve"  # "remove x^2", and nothing else is drawn
    BOTH = "both"  # "plot both", and only one is known
    WHICH_NUMBERS = "which_numbers"  # details: the columns of numbers there are
    WHICH_DATES = "which_dates"  # details: the columns of dates there are
    STRANGE_IN_TABLE = "strange_in_table"  # details: words; choices: the columns
    NO_PIE = "no_pie"  # a pie of means
    CHART_CHANGE = "chart_change"  # a wish about a chart of columns that it does not know
    NO_FILE = "no_file"
    NO_TABLE_FILE = "no_table_file"  # details: the files that are no tables
    EMPTY_FILE = "empty_file"
    ZIPPED = "zipped"  # details: how many tables are in the zip file
    RAGGED = "ragged"  # details: how many cells a line has; choices: the line's number
    MANY_COLUMNS = "many_columns"  # details: how many there are
    NO_ROWS = "no_rows"  # details: the columns there are
    NO_COLUMN = "no_column"  # details: the columns there are
    NOT_NUMERIC = "not_numeric"


@dataclass(frozen=True, slots=True)
class Refusal(Exception):  # noqa: N818  (a refusal is an answer, not an error)
    """The question is declined; `details` are the words, letters or names that the sentence repeats."""

    reason: Reason
    details: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()  # what there is instead
