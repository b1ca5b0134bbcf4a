"""What a diagram of numbers in the message shows."""

from __future__ import annotations

from tutor.answers.results import Result, object_of, text_of
from tutor.answers.sentence_catalogue import Sentence
from tutor.answers.told import Told
from tutor.formulas.everyday import pretty
from tutor.programs.result_keys import Key
from tutor.reading.number_tasks import TypedData

_MAX_EXACT_CHARS = 24


def typed_data(told: Told, task: TypedData, result: Result) -> None:
    """The line first, where one was fitted; then the diagram."""
    say, fit = told.say, object_of(result, Key.FIT)
    if task.fitted and not fit:
        told.line(Sentence.NO_FITTED_LINE)
    elif task.fitted:
        exact = text_of(fit, Key.LINE)
        slope, intercept = (say.decimal(_float(fit, key)) for key in (Key.SLOPE, Key.INTERCEPT))
        sign = "−" if intercept.startswith("−") else "+"
        decimal = f"{slope}x {sign} {intercept.lstrip('−')}"
        line = say.localised(pretty(exact)) if len(exact) <= _MAX_EXACT_CHARS else decimal
        if len(task.ys) == 2:
            told.line(Sentence.TYPED_THROUGH, line=line)
        else:
            told.line(Sentence.TYPED_FIT, line=line, r=say.decimal(_float(fit, Key.R)))
    values = {key.value: say.decimal(_float(result, key)) for key in (Key.LOW, Key.HIGH, Key.MEDIAN)}
    told.line(Sentence(f"typed {task.chart}"), count=len(task.ys), **values)
    told.step(Sentence.HOW_TYPED_FIT if task.fitted else Sentence.HOW_TYPED)
    told.reason(Sentence.WHY_PLOT)


def _float(result: Result, key: Key) -> float:
    value = result.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
