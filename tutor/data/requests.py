"""What can be asked of a file's columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ColumnKind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    DATE = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by its name in the file."""

    name: str
    kind: ColumnKind
    dates: str = ""  # the column of dates that this one is made of: its month, its year
    period: str = ""  # pandas' letter of that period: M, Y
    values: tuple[str, ...] = ()  # of a column of text, where they are few
    mentioned: tuple[str, ...] = ()  # of a column of text with many values: those that stand in the questions
    low: str = ""  # the smallest value of a column of numbers or dates
    high: str = ""
    missing: int = 0
    is_grouping: bool = False  # of numbers: few values, each in many rows, such as a rating
    formula: tuple[Column | str, ...] = ()  # of a column made of others: columns, numbers, signs and parentheses
    is_ratio: bool = False  # its formula divides by a column


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of a column of text: `Tea`, or every other one: `without Tea`."""

    column: Column
    value: str
    is_excluded: bool = False


class Comparison(StrEnum):
    """How a number is compared, as Python writes it."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    EQUAL = "=="
    OTHER = "!="


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """`price < 5`."""

    column: Column
    comparison: Comparison
    value: str  # a decimal number with a point


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """From one date to another; either may be open."""

    column: Column
    start: str = ""  # ISO 8601
    end: str = ""  # the day after the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """These months of every year, counted from 1."""

    column: Column
    months: tuple[int, ...]


Condition = Cell | Bound | Days | Months


class Chart(StrEnum):
    """A diagram."""

    HISTOGRAM = "histogram"
    SCATTER = "scatter"
    BARS = "bars"
    LINES = "lines"
    BOXES = "boxes"
    PIE = "pie"


class Statistic(StrEnum):
    """A figure of a column."""

    MEAN = "mean"
    MEDIAN = "median"
    DEVIATION = "deviation"
    VARIANCE = "variance"
    TOTAL = "total"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    COUNT = "count"
    TOGETHER = "together"  # of a ratio: the sums divided by each other


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLooks:
    """What a chart looks like, beside its columns."""

    title: str = ""  # empty for the one that names the columns
    colour: str = ""  # matplotlib's name; empty for the usual one
    grid: bool | None = None  # None: as the style has it
    legend: bool | None = None
    scale: float = 1.0  # of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowChart:
    """One diagram of columns: `ys` over `x`, or by the groups of `by`."""

    chart: Chart
    ys: tuple[Column, ...]
    x: Column | None = None
    by: Column | None = None
    bins: int | None = None  # of a histogram
    statistic: Statistic | None = None  # of each group, in a bar chart; of rows that share a place, in a line chart
    trend: bool = False
    top: int | None = None  # how many groups are shown, the highest first
    is_lowest: bool = False  # the lowest first instead
    only: tuple[Condition, ...] = ()
    looks: ChartLooks = ChartLooks()


@dataclass(frozen=True, slots=True, kw_only=True)
class TellStatistics:
    """Figures of columns, perhaps by group."""

    statistics: tuple[Statistic, ...]
    columns: tuple[Column, ...]
    by: Column | None = None
    only: tuple[Condition, ...] = ()  # of these rows


@dataclass(frozen=True, slots=True, kw_only=True)
class TellCorrelation:
    """How closely two columns go together, and the straight line through them."""

    first: Column
    second: Column
    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """The key figures of every column, or of those named."""

    columns: tuple[Column, ...]
    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the file holds, its first rows, and what could be asked."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindTop:
    """The first or last few by a figure: rows, or groups by their sum."""

    column: Column
    count: int
    is_lowest: bool
    by: Column | None = None
    statistic: Statistic = Statistic.TOTAL
    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TellShare:
    """What part of a column's sum, or of the rows, each group has, or one of them."""

    by: Column
    column: Column | None
    group: str = ""  # the share of this one only
    top: int | None = None  # the largest only
    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRows:
    """How many rows the file has, or how many of them fulfil these conditions."""

    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountValues:
    """How many different values a column has, and which."""

    column: Column
    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountMissing:
    """How many values are missing in every column, or in those named."""

    columns: tuple[Column, ...]
    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRows:
    """The first rows, or the last; of those that fulfil the conditions."""

    count: int
    is_last: bool = False
    only: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListColumns:
    """The columns' names."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindGroup:
    """The group with the highest or lowest figure."""

    by: Column
    column: Column
    statistic: Statistic
    is_lowest: bool
    only: tuple[Condition, ...] = ()
    with_totals: bool = False  # `highest sales` of a region can mean the highest single row, or all added up


DataTask = (
    ShowChart
    | TellStatistics
    | TellCorrelation
    | Describe
    | CountRows
    | CountValues
    | CountMissing
    | ShowRows
    | ListColumns
    | FindGroup
    | FindTop
    | TellShare
    | Overview
)
