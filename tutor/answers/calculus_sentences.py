"""Derivatives, integrals, limits, tangents."""

from __future__ import annotations

from tutor.answers.results import Result, object_of, parts_of, text_of, texts_of
from tutor.answers.say import Told, is_complex, is_infinite, is_undefined, value_of
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.formula_text import pretty
from tutor.planning.tasks import AreaBetween, Derivative, Integral, Limit, Tangent
from tutor.programs.result_keys import Key

_ORDERS = {1: Sentence.DERIVATIVE, 2: Sentence.SECOND_DERIVATIVE, 3: Sentence.THIRD_DERIVATIVE}
_UNEXPLAINED = ("Integral", "Subs", "Derivative(", "meijerg", "hyper(")


def derivative(told: Told, task: Derivative, result: Result) -> None:
    """The formula, and values."""
    say, variable = told.say, task.function.variable
    key = _ORDERS.get(task.order, Sentence.DERIVATIVE_OF_ORDER)
    value = say.localised(pretty(text_of(result, Key.EXACT)))
    told.line(key, what=told.say.label(task.function), order=task.order, value=value)
    for point, part in zip(task.at, parts_of(result, Key.VALUES), strict=False):
        at = say.formula(point)
        if is_undefined(part) or is_infinite(part) or is_complex(part):
            told.line(Sentence.NO_DERIVATIVE_AT, variable=variable, at=at)
        else:
            told.line(Sentence.DERIVATIVE_AT, variable=variable, at=at, value=say.both(part))
    told.step(Sentence.HOW_DERIVATIVE)
    told.reason(Sentence.WHY_EXACT)


def integral(told: Told, task: Integral, result: Result) -> None:
    """With bounds a number, else a formula."""
    if task.bounds is None:
        _antiderivative(told, task, result)
        told.step(Sentence.HOW_ANTIDERIVATIVE)
    else:
        _definite(told, task, result)
        told.step(Sentence.HOW_INTEGRAL)
    told.reason(Sentence.WHY_EXACT)


def _antiderivative(told: Told, task: Integral, result: Result) -> None:
    what, value = told.say.formula(task.function.expression), text_of(result, Key.EXACT)
    if task.function.derived:
        what = told.say.label(task.function)
    if result.get(Key.FOUND) is not True or result.get(Key.CHECK) is not True or any(n in value for n in _UNEXPLAINED):
        told.line(Sentence.NO_ANTIDERIVATIVE, what=what)
    else:
        variable = task.function.variable
        told.line(Sentence.ANTIDERIVATIVE, what=what, value=told.say.localised(pretty(value)), variable=variable)


def _definite(told: Told, task: Integral, result: Result) -> None:
    if task.bounds is None:
        return
    say, function = told.say, task.function
    what = told.say.label(function) if function.derived else say.formula(function.expression)
    said = {
        "what": what,
        "low": say.formula(task.bounds.low),
        "high": say.formula(task.bounds.high),
        "variable": function.variable,
    }
    exact, strips, error = (text_of(result, key) for key in (Key.EXACT, Key.STRIPS, Key.ERROR))
    key = Sentence.AREA if task.is_area else Sentence.INTEGRAL
    if result.get(Key.PARAMETERS) is True:
        told.line(key, value=pretty(exact), **said)
    elif is_infinite(result):
        told.line(Sentence.DIVERGENT, **said)
    elif _agree(result, strips, error):
        told.line(key, value=say.both(result), **said)
    elif is_undefined(result) or "Integral" not in exact:
        told.line(Sentence.NO_INTEGRAL, **said)
    else:
        told.line(key, value=f"≈ {say.decimal(float(strips))}", **said)
        told.line(Sentence.NUMERICALLY_ONLY)


def area_between(told: Told, task: AreaBetween, result: Result) -> None:
    """The enclosed area, and between which places."""
    say, ends = told.say, texts_of(result, Key.ENDS)
    said = {"first": told.say.label(task.first), "second": told.say.label(task.second), "variable": task.first.variable}
    if len(ends) < 2 or (result.get(Key.COMPLETE) is not True and task.bounds is None):
        told.line(Sentence.ENCLOSES_NOTHING, **said)
    elif _agree(result, text_of(result, Key.STRIPS), "0"):
        places = {"low": say.localised(pretty(ends[0])), "high": say.localised(pretty(ends[-1]))}
        told.line(Sentence.AREA_BETWEEN, value=say.both(result), **places, **said)
    else:
        told.line(Sentence.NO_AREA, **said)
    told.step(Sentence.HOW_AREA_BETWEEN)
    told.reason(Sentence.WHY_EXACT)


def _agree(result: Result, strips: str, error: str) -> bool:
    """Whether the exact value and the strips are the same number."""
    value = value_of(result)
    try:
        close = value is not None and abs(value - float(strips)) <= max(1e-6 * max(abs(value), 1), 10 * float(error))
    except ValueError:
        return False
    return close and not any(name in text_of(result, Key.EXACT) for name in _UNEXPLAINED)


def limit(told: Told, task: Limit, result: Result) -> None:
    """One-sided or two-sided; a limit that values nearby contradict is not claimed."""
    say = told.say
    left, right = text_of(result, Key.LEFT), text_of(result, Key.RIGHT)
    said = {"what": told.say.label(task.function), "variable": task.function.variable, "at": say.formula(task.towards)}
    sides = {"-": left, "+": right}
    asked = [sides[task.side]] if task.side in sides else [left, right]
    if any("AccumBounds" in each or each in {"nan", "zoo"} or "Limit" in each for each in asked):
        told.line(Sentence.NO_LIMIT, **said)
    elif not _is_near(task, result):
        told.line(Sentence.UNSURE_LIMIT, **said)
    elif len(set(asked)) > 1:
        told.line(Sentence.TWO_LIMITS, left=pretty(left), right=pretty(right), **said)
    elif task.side in sides:
        told.line(
            Sentence.LIMIT_FROM,
            side=say(Sentence.LEFT if task.side == "-" else Sentence.RIGHT),
            value=pretty(asked[0]),
            **said,
        )
    else:
        told.line(Sentence.LIMIT, value=say.localised(pretty(asked[0])), **said)
    told.step(Sentence.HOW_LIMIT)
    told.reason(Sentence.WHY_EXACT)


def _is_near(task: Limit, result: Result) -> bool:
    """Whether values close to the point do not contradict a finite limit."""
    near = object_of(result, Key.NEAR)
    for key, side in ((Key.LEFT, "-"), (Key.RIGHT, "+")):
        if side not in task.side or not near:
            continue
        try:
            expected, found = float(text_of(result, key)), float(text_of(near, key))
        except ValueError:
            continue
        if abs(expected - found) > 0.05 * max(1.0, abs(expected)):
            return False
    return True


def tangent(told: Told, task: Tangent, result: Result) -> None:
    """The line's equation."""
    said = {"what": told.say.label(task.function), "variable": task.function.variable, "at": told.say.formula(task.at)}
    if result.get(Key.VERTICAL) is True:
        told.line(Sentence.VERTICAL_NORMAL, **said)
    elif result.get(Key.IS_REAL) is not True:
        told.line(Sentence.NO_NORMAL if task.is_normal else Sentence.NO_TANGENT, **said)
    else:
        value = told.say.localised(pretty(text_of(result, Key.EXACT)))
        key = Sentence.NORMAL if task.is_normal else Sentence.TANGENT
        told.line(key, value=value, slope=told.say.localised(pretty(text_of(result, Key.SLOPE))), **said)
    told.step(Sentence.HOW_NORMAL if task.is_normal else Sentence.HOW_TANGENT)
    told.reason(Sentence.WHY_EXACT)
