"""What a diagram shows."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from tutor.answers.results import Result, texts_of
from tutor.answers.say import Say, Told
from tutor.answers.sentence_catalogue import Sentence
from tutor.planning.tasks import CurveOfEquation, Plot, label, written
from tutor.programs.result_keys import Key

_MAX_PART_OF_PI: Final = 12
_IS_PI: Final = 1e-9


def plot(told: Told, task: Plot, result: Result) -> None:
    """Which curves, over which range, with which points marked."""
    say, variable = told.say, task.functions[0].variable
    left, right = result.get(Key.LEFT), result.get(Key.RIGHT)
    what = say.listed([told.say.label(function) for function in task.functions])
    if result.get(Key.SEEN) == 0 or not (isinstance(left, float) and isinstance(right, float)):
        told.line(Sentence.NOTHING_TO_DRAW, what=what)
    else:
        ends = {"left": _end(say, left), "right": _end(say, right)}
        told.line(
            Sentence.PLOTTED if len(task.functions) == 1 else Sentence.PLOTTED_SEVERAL,
            what=what,
            variable=variable,
            **ends,
        )
        unseen = [name for name in texts_of(result, Key.UNSEEN) if name in map(label, task.functions)]
        if unseen:
            told.line(Sentence.CURVE_UNSEEN, what=say.listed([say.localised(name) for name in unseen]))
    marks = list(dict.fromkeys(say.formula(mark) for mark in task.marks))
    if marks:
        told.line(
            Sentence.MARKED if len(marks) == 1 else Sentence.SEVERAL_MARKED, at=say.listed(marks), variable=variable
        )
    told.step(Sentence.HOW_PLOT)
    told.reason(Sentence.WHY_PLOT)


def _end(say: Say, end: float) -> str:
    """The end of a range; a multiple of π as one, for nobody recognises 6.28319."""
    multiple = Fraction(end / math.pi).limit_denominator(_MAX_PART_OF_PI)
    if not multiple or abs(end - multiple * math.pi) > _IS_PI:
        return say.decimal(end)
    times = "" if abs(multiple.numerator) == 1 else str(abs(multiple.numerator))
    sign = "−" if multiple < 0 else ""
    return f"{sign}{times}π" + (f"/{multiple.denominator}" if multiple.denominator > 1 else "")


def curve_of_equation(told: Told, task: CurveOfEquation, result: Result) -> None:
    """Which equations, over which range of x."""
    say, left, right = told.say, result.get(Key.LEFT), result.get(Key.RIGHT)
    what = say.listed([say.localised(written(each)) for each in task.equations])
    if not result.get(Key.SEEN) or not (isinstance(left, float) and isinstance(right, float)):
        told.line(Sentence.NOTHING_TO_DRAW, what=what)
    else:
        told.line(Sentence.CURVE_DRAWN, what=what, left=say.decimal(left), right=say.decimal(right))
    told.step(Sentence.HOW_CURVE)
    told.reason(Sentence.WHY_PLOT)
