"""What a diagram of numbers in the message shows."""

from __future__ import annotations

from tutor.answers.results import Result, object_of, text_of
from tutor.answers.told import Told
from tutor.formulas.everyday import pretty
from tutor.planning.tasks import TypedData

_MAX_EXACT_CHARS = 24


def typed_data(told: Told, task: TypedData, result: Result) -> None:
    """The line first, where one was fitted; then the diagram."""
    say, fit = told.say, object_of(result, "fit")
    if task.fitted and not fit:
        told.line("no fitted line")
    elif task.fitted:
        exact = text_of(fit, "line")
        slope, intercept = (say.decimal(_float(fit, key)) for key in ("slope", "intercept"))
        sign = "−" if intercept.startswith("−") else "+"
        decimal = f"{slope}x {sign} {intercept.lstrip('−')}"
        line = say.localised(pretty(exact)) if len(exact) <= _MAX_EXACT_CHARS else decimal
        if len(task.ys) == 2:
            told.line("typed through", line=line)
        else:
            told.line("typed fit", line=line, r=say.decimal(_float(fit, "r")))
    values = {key: say.decimal(_float(result, key)) for key in ("low", "high", "median")}
    told.line(f"typed {task.chart}", count=len(task.ys), **values)
    told.step("how typed fit" if task.fitted else "how typed")
    told.reason("why plot")


def _float(result: Result, key: str) -> float:
    value = result.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
