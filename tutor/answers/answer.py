"""The answer: results first, then how the code works, then why there was code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tutor.answers import calculus, drawing, extrema, numbers, shape, solving, traits, typed_data, values
from tutor.answers.results import Result
from tutor.answers.say import Say
from tutor.answers.told import Explanation, Told
from tutor.formulas.doubts import Doubt
from tutor.planning.tasks import (
    AreaBetween,
    Arithmetic,
    Curvature,
    CurveOfEquation,
    Derivative,
    Evaluate,
    Extrema,
    Inequality,
    Integral,
    Intersection,
    Limit,
    Monotony,
    NumberTask,
    Plot,
    Rewrite,
    Roots,
    Solve,
    SolveSystem,
    Table,
    Tangent,
    Task,
    TraitOf,
    TypedData,
)

_TELLERS: Final[Mapping[type, Callable[[Told, Any, Result], None]]] = {
    NumberTask: numbers.number,
    Arithmetic: values.arithmetic,
    Evaluate: values.evaluate,
    Rewrite: values.rewrite,
    Table: values.table,
    Derivative: calculus.derivative,
    Integral: calculus.integral,
    AreaBetween: calculus.area_between,
    Limit: calculus.limit,
    Tangent: calculus.tangent,
    TraitOf: traits.trait,
    Curvature: shape.curvature,
    Monotony: shape.monotony,
    Extrema: extrema.extrema,
    Solve: solving.solve,
    Roots: solving.roots,
    Intersection: solving.intersection,
    SolveSystem: solving.system,
    Inequality: solving.inequality,
    Plot: drawing.plot,
    TypedData: typed_data.typed_data,
    CurveOfEquation: drawing.curve_of_equation,
}
_NOTED: Final = frozenset({Doubt.FRACTION, Doubt.LOG, Doubt.DEGREES})


def answer(  # noqa: PLR0913 - all that one answer is made of
    say: Say,
    tasks: Sequence[Task],
    results: Sequence[Result],
    *,
    doubts: frozenset[Doubt],
    explanation: Explanation,
    trouble: str,
    corrections: Sequence[tuple[str, str]] = (),
) -> str:
    """The answer to all tasks that have a result; `trouble` says what kept the code from the others."""
    told = Told(say=say)
    for task, result in zip(tasks, results, strict=False):
        _TELLERS[type(task)](told, task, result)
    paragraphs = list(dict.fromkeys(told.lines))
    if len(results) < len(tasks):
        paragraphs.append(say("only part", reason=trouble))
    paragraphs += [say(f"note {doubt}") for doubt in sorted(doubts & _NOTED)]
    if corrections:
        paragraphs.append(corrected_words(say, corrections))
    of_numbers = all(isinstance(task, NumberTask | TypedData) for task in tasks)
    paragraphs += told.explained(explanation, how="how of numbers" if of_numbers else "how", short="in short")
    return "\n\n".join(paragraphs)


def corrected_words(say: Say, corrections: Sequence[tuple[str, str]]) -> str:
    """Which words were read as others."""
    return say("corrected", words=say.listed([say("as read", written=w, read=r) for w, r in corrections]))
