"""The answer: results first, then how the code works, then why there was code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tutor.answers import (
    calculus_sentences,
    drawing_sentences,
    number_sentences,
    shape_sentences,
    solving_sentences,
    trait_sentences,
    value_sentences,
)
from tutor.answers.results import Result
from tutor.answers.say import Explanation, Say, Told
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.statements import Doubt
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
    Plot,
    Rewrite,
    Roots,
    Solve,
    SolveSystem,
    Table,
    Tangent,
    Task,
    TraitOf,
)
from tutor.reading.number_tasks import NumberTask, TypedData

_TELLERS: Final[Mapping[type, Callable[[Told, Any, Result], None]]] = {
    NumberTask: number_sentences.number,
    Arithmetic: value_sentences.arithmetic,
    Evaluate: value_sentences.evaluate,
    Rewrite: value_sentences.rewrite,
    Table: value_sentences.table,
    Derivative: calculus_sentences.derivative,
    Integral: calculus_sentences.integral,
    AreaBetween: calculus_sentences.area_between,
    Limit: calculus_sentences.limit,
    Tangent: calculus_sentences.tangent,
    TraitOf: trait_sentences.trait,
    Curvature: shape_sentences.curvature,
    Monotony: shape_sentences.monotony,
    Extrema: shape_sentences.extrema,
    Solve: solving_sentences.solve,
    Roots: solving_sentences.roots,
    Intersection: solving_sentences.intersection,
    SolveSystem: solving_sentences.system,
    Inequality: solving_sentences.inequality,
    Plot: drawing_sentences.plot,
    TypedData: number_sentences.typed_data,
    CurveOfEquation: drawing_sentences.curve_of_equation,
}
_NOTED: Final = frozenset({Doubt.FRACTION, Doubt.LOG, Doubt.DEGREES, Doubt.EXCLAMATION})


def answer(  # noqa: PLR0913 - all that one answer is made of
    say: Say,
    tasks: Sequence[Task],
    results: Sequence[Result],
    *,
    doubts: frozenset[Doubt],
    explanation: Explanation,
    trouble: str,
    corrections: Sequence[tuple[str, str]] = (),
    shouted: str = "",
) -> str:
    """The answer to all tasks that have a result; `trouble` says what kept the code from the others.

    `shouted` is the last number that an exclamation mark follows.
    """
    told = Told(say=say)
    for task, result in zip(tasks, results, strict=False):
        _TELLERS[type(task)](told, task, result)
    paragraphs = list(dict.fromkeys(told.lines))
    if len(results) < len(tasks):
        paragraphs.append(say(Sentence.ONLY_PART, reason=trouble))
    paragraphs += [say(Sentence(f"note {doubt}"), shouted=shouted) for doubt in sorted(doubts & _NOTED)]
    if corrections:
        paragraphs.append(corrected_words(say, corrections))
    of_numbers = all(isinstance(task, NumberTask | TypedData) for task in tasks)
    paragraphs += told.explained(
        explanation, how=Sentence.HOW_OF_NUMBERS if of_numbers else Sentence.HOW, short=Sentence.IN_SHORT
    )
    return "\n\n".join(paragraphs)


def corrected_words(say: Say, corrections: Sequence[tuple[str, str]]) -> str:
    """Which words were read as others."""
    return say(Sentence.CORRECTED, words=say.listed([say(Sentence.AS_READ, written=w, read=r) for w, r in corrections]))
