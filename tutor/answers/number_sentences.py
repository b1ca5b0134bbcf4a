"""What was found of plain numbers, and what a diagram of them shows."""

from __future__ import annotations

from tutor.answers.results import Result, object_of, text_of
from tutor.answers.say import Told, is_infinite, is_undefined
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.expression import Number
from tutor.formulas.formula_text import pretty
from tutor.programs.result_keys import Key
from tutor.reading.number_tasks import NumberTask, OfNumbers, TypedData

_MAX_REPEATED = 12


def number(told: Told, task: NumberTask, result: Result) -> None:
    """One sentence; for a spread around the mean, one more for a sample."""
    match task.asked:
        case OfNumbers.IS_PRIME:
            _is_prime(told, task, result)
        case OfNumbers.FACTORS:
            _prime_factors(told, task, result)
        case OfNumbers.PRIMES | OfNumbers.DIVISORS | OfNumbers.MODE:
            _found(told, task, result)
        case _:
            _value(told, task, result)
    told.step(Sentence.HOW_NUMBERS)
    told.reason(Sentence.WHY_EXACT)


def _value(told: Told, task: NumberTask, result: Result) -> None:
    say, value = told.say, told.say.both(result)
    first, second = (say.formula(each) for each in (*task.numbers, Number("0"))[:2])
    if is_undefined(result) or is_infinite(result):
        told.line(Sentence.NO_VALUE_OF_NUMBERS, what=_name(told, task))
        return
    told.line(Sentence(f"number {task.asked}"), what=_name(told, task), value=value, first=first, second=second)
    sample = object_of(result, Key.SAMPLE)
    if sample:
        told.line(Sentence.NUMBER_SAMPLE, value=say.both(sample))


def _name(told: Told, task: NumberTask) -> str:
    names = [told.say.formula(each) for each in task.numbers]
    return told.say.listed(names) if len(names) <= _MAX_REPEATED else told.say(Sentence.THESE_NUMBERS, count=len(names))


def _is_prime(told: Told, task: NumberTask, result: Result) -> None:
    what = _name(told, task)
    factors = _factors(result)
    if not factors or what == "0":
        told.line(Sentence.IS_NO_CANDIDATE, what=what)
    elif factors == [(what, "1")]:
        told.line(Sentence.IS_PRIME, what=what)
    else:
        told.line(Sentence.IS_NOT_PRIME, what=what, value=_product(result))


def _prime_factors(told: Told, task: NumberTask, result: Result) -> None:
    what, factors = _name(told, task), _factors(result)
    if not factors or what == "0":
        told.line(Sentence.NUMBER_NONE)
    elif factors == [(what, "1")]:
        told.line(Sentence.PRIME_ITSELF, what=what)
    else:
        told.line(Sentence.NUMBER_FACTORS, what=what, value=_product(result))


def _found(told: Told, task: NumberTask, result: Result) -> None:
    values = result.get(Key.FOUND)
    found = [pretty(each) for each in values if isinstance(each, str)] if isinstance(values, list) else []
    count = result.get(Key.COUNT)
    whole = count if isinstance(count, int) else 0
    shown = told.say.localised(told.say.listed(found)) if whole == len(found) else ", ".join([*found, "..."])
    first, last = (told.say.formula(each) for each in (*task.numbers, *task.numbers)[:2])
    told.line(
        Sentence(f"number {task.asked}") if whole else Sentence.NUMBER_NONE,
        what=_name(told, task),
        value=shown,
        first=first,
        second=last,
        count=whole,
    )


def _factors(result: Result) -> list[tuple[str, str]]:
    found = result.get(Key.FOUND)
    return [(str(each[0]), str(each[1])) for each in found if len(each) == 2] if isinstance(found, list) else []


def _product(result: Result) -> str:
    parts = [prime if power == "1" else f"{prime}**{power}" for prime, power in _factors(result)]
    return pretty("*".join(parts)) or "1"


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
