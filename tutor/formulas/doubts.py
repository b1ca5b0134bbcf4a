"""What can be read in more than one way."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Doubt(StrEnum):
    """A notation with two meanings."""

    POWER = "power"  # e^2x: e^(2x) or (e^2)x
    ARGUMENT = "argument"  # sin x/2, square root of x + 1
    INDEX = "index"  # x2: x^2 or x_2
    FRACTION = "fraction"  # 1/2x: (1/2)x or 1/(2x)
    LOG = "log"  # log: ln or log10
    PERCENT = "percent"  # 100 + 10%: 110 or 100.1
    DEGREES = "degrees"  # sin(30): radians or degrees
    COMMA = "comma"  # 1,5: one number or two


ASKED_BACK: Final = frozenset({Doubt.POWER, Doubt.ARGUMENT, Doubt.INDEX, Doubt.COMMA, Doubt.PERCENT})
"""Doubts that are asked about; the others are read the usual way, and the answer says so."""
