"""What can be asked of numbers that stand in the message itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tutor.formulas.expression import Expression


class OfNumbers(StrEnum):
    """What can be asked of plain numbers; the numbers' roles stand behind each kind."""

    MEAN = "mean"
    MEDIAN = "median"
    DEVIATION = "deviation"
    VARIANCE = "variance"
    TOTAL = "total"
    PRODUCT = "product"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    SPREAD = "spread"  # greatest less smallest
    MODE = "mode"
    RANGE_TOTAL = "range total"  # first and last of consecutive whole numbers
    IS_PRIME = "is prime"
    FACTORS = "factors"
    DIVISORS = "divisors"
    PRIMES = "primes"  # lowest and highest
    DIVISOR = "divisor"  # the greatest common one
    MULTIPLE = "multiple"  # the least common one
    REMAINDER = "remainder"  # dividend, divisor
    CHOICES = "choices"  # how many there are, how many are taken
    SHARE = "share"  # part, whole
    WHOLE = "whole"  # part, percent
    PART = "part"  # percent, whole
    ORDERS = "orders"  # how many things
    NEXT_PRIME = "next prime"
    CHANGE = "change"  # before, after
    RAISED = "raised"  # base, percent
    LOWERED = "lowered"  # base, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTask:
    """A question about plain numbers."""

    asked: OfNumbers
    numbers: tuple[Expression, ...]


class TypedChart(StrEnum):
    """A diagram of numbers that stand in the message."""

    HISTOGRAM = "histogram"
    BARS = "bars"
    BOXES = "boxes"
    LINES = "lines"
    POINTS = "points"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedData:
    """Numbers that stand in the message, drawn; `xs` is empty where they are counted from 1."""

    chart: TypedChart
    ys: tuple[Expression, ...]
    xs: tuple[Expression, ...] = ()
    fitted: bool = False  # with the straight line that fits best
