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
    low: str = ""  # the smallest value of a column of numbers or dates
    high: str = ""
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of a column of text: `Tea`."""

    column: Column
    value: str


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
    only: tuple[Cell, ...] = ()
    looks: ChartLooks = ChartLooks()


@dataclass(frozen=True, slots=True, kw_only=True)
class TellStatistics:
    """Figures of columns, perhaps by group."""

    statistics: tuple[Statistic, ...]
    columns: tuple[Column, ...]
    by: Column | None = None
    only: tuple[Cell, ...] = ()  # of the rows with these values


@dataclass(frozen=True, slots=True, kw_only=True)
class TellCorrelation:
    """How closely two columns go together, and the straight line through them."""

    first: Column
    second: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """The key figures of every column, or of those named."""

    columns: tuple[Column, ...]


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
    only: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TellShare:
    """What part of a column's sum, or of the rows, each group has, or one of them."""

    by: Column
    column: Column | None
    only: str = ""
    top: int | None = None  # the largest only


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRows:
    """How many rows the file has, or how many have these values."""

    only: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountValues:
    """How many different values a column has, and which."""

    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class CountMissing:
    """How many values are missing in every column, or in those named."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRows:
    """The first rows, or the last."""

    count: int
    is_last: bool


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
    only: tuple[Cell, ...] = ()
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
