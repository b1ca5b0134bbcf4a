"""Traits of a whole function, in words."""

from __future__ import annotations

import re
from typing import Final

from tutor.answers.intervals import solution_set
from tutor.answers.results import Result, parts_of, text_of, texts_of
from tutor.answers.say import Told
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.formula_text import pretty
from tutor.planning.function_traits import Trait
from tutor.planning.tasks import TraitOf, head
from tutor.programs.result_keys import Key

_MAX_BRANCH: Final = 60
_STRANGE: Final = re.compile(r"\bI\b|Piecewise|LambertW|Root")
_SIGNS: Final = {"!=": "≠", ">": ">", ">=": "≥"}


def trait(told: Told, task: TraitOf, result: Result) -> None:
    """One or two sentences."""
    match task.asked:
        case Trait.DOMAIN:
            _domain(told, task, result)
        case Trait.VALUES:
            _values(told, task, result)
        case Trait.PARITY:
            _parity(told, task, result)
        case Trait.INVERSE:
            _inverse(told, task, result)
        case Trait.ASYMPTOTES:
            _asymptotes(told, task, result)
        case Trait.PERIOD:
            _period(told, task, result)
    told.step(Sentence(f"how {task.asked}"))
    told.reason(Sentence.WHY_EXACT)


def _domain(told: Told, task: TraitOf, result: Result) -> None:
    say, variable, what = told.say, task.function.variable, told.say.label(task.function)
    conditions = [
        f"{say.localised(pretty(str(each[0])))} {_SIGNS[str(each[1])]} 0"
        for each in _pairs(result)
    ]  # fmt: skip
    gaps = [say.both(part) for part in parts_of(result, Key.GAPS)]
    if not conditions:
        told.line(Sentence.DOMAIN_EVERYWHERE, what=what, variable=variable)
        return
    if result.get(Key.EMPTY) is True:
        told.line(Sentence.DOMAIN_NOWHERE, what=what)
    elif result.get(Key.CHECKED) is not True:
        told.line(Sentence.DOMAIN_UNSOLVED, what=what, conditions=say.listed(conditions))
        return
    elif gaps:
        told.line(
            Sentence.DOMAIN_EXCEPT,
            what=what,
            variable=variable,
            gaps=say.listed([f"{variable} = {each}" for each in gaps]),
        )
    elif [_is_all(row) for row in parts_of(result, Key.ROWS)] == [True]:
        told.line(Sentence.DOMAIN_EVERYWHERE, what=what, variable=variable)
    else:
        told.line(Sentence.DOMAIN, what=what, values=solution_set(say, variable, parts_of(result, Key.ROWS)))
    told.line(Sentence.DOMAIN_BECAUSE, conditions=say.listed(conditions))


def _pairs(result: Result) -> list[list[object]]:
    found = result.get(Key.CONDITIONS)
    return [each for each in found if isinstance(each, list) and len(each) == 2] if isinstance(found, list) else []


def _is_all(row: Result) -> bool:
    ends = [row.get(Key.LOW), row.get(Key.HIGH)]
    return [text_of(end, Key.EXACT) for end in ends if isinstance(end, dict)] == ["-oo", "oo"]


def _values(told: Told, task: TraitOf, result: Result) -> None:
    name = head(task.function) if task.function.name else "y"
    rows = parts_of(result, Key.ROWS)
    if result.get(Key.CHECKED) is not True:
        told.line(Sentence.VALUES_UNKNOWN, what=told.say.label(task.function))
    elif [_is_all(row) for row in rows] == [True]:
        told.line(Sentence.ALL_VALUES, what=told.say.label(task.function))
    else:
        told.line(Sentence.VALUES, what=told.say.label(task.function), values=solution_set(told.say, name, rows))


def _parity(told: Told, task: TraitOf, result: Result) -> None:
    said = {"what": told.say.label(task.function), "variable": task.function.variable}
    mirrored = told.say.localised(pretty(text_of(result, Key.MIRRORED)))
    if result.get(Key.CHECKED) is not True:
        told.line(Sentence.PARITY_UNKNOWN, **said)
    elif result.get(Key.EVEN) is True:
        told.line(Sentence.IS_EVEN, **said)
    elif result.get(Key.ODD) is True:
        told.line(Sentence.IS_ODD, **said)
    else:
        told.line(Sentence.IS_NEITHER_EVEN_NOR_ODD, mirrored=mirrored, **said)
        _other_symmetry(told, task, result)


def _other_symmetry(told: Told, task: TraitOf, result: Result) -> None:
    """About another line or point than those of even and odd functions."""
    said, variable = [told.say.localised(pretty(each)) for each in texts_of(result, Key.CENTER)], task.function.variable
    axis = told.say.localised(pretty(text_of(result, Key.AXIS)))
    if axis:
        told.line(Sentence.OTHER_AXIS, variable=variable, at=axis)
    elif len(said) == 2:
        told.line(Sentence.OTHER_CENTER, point=told.say(Sentence.POINT, x=said[0], y=said[1]))
    elif result.get(Key.CERTAIN) is not True:
        told.line(Sentence.PERHAPS_OTHER_SYMMETRY)


def _inverse(told: Told, task: TraitOf, result: Result) -> None:
    say, what, variable = told.say, told.say.label(task.function), task.function.variable
    exact = text_of(result, Key.EXACT)
    written = texts_of(result, Key.BRANCHES)
    branches = [f"y = {say.localised(pretty(each))}" for each in written]
    plain = len(written) > 1 and all(len(each) < _MAX_BRANCH and not _STRANGE.search(each) for each in written)
    if result.get(Key.DENIED) is True:
        told.line(
            Sentence.PERIODIC_WITHOUT_INVERSE if result.get(Key.PERIODIC) is True else Sentence.NO_INVERSE, what=what
        )
        if plain and result.get(Key.PERIODIC) is not True:
            told.line(Sentence.BRANCHES, values=say(Sentence.OR).join(branches))
    elif exact:
        told.line(Sentence.INVERSE, what=what, value=say.localised(pretty(exact)), variable=variable)
    elif result.get(Key.EXISTS) is True:
        told.line(Sentence.INVERSE_WITHOUT_FORMULA, what=what)
    else:
        told.line(Sentence.INVERSE_UNKNOWN, what=what)


def _asymptotes(told: Told, task: TraitOf, result: Result) -> None:
    say, variable, what = told.say, task.function.variable, told.say.label(task.function)
    if result.get(Key.COMPLETE) is not True:
        told.line(Sentence.ASYMPTOTES_UNKNOWN, what=what)
        return
    vertical = [f"{variable} = {say.localised(pretty(place))}" for place in texts_of(result, Key.VERTICAL)]
    lines = dict.fromkeys(
        (text_of(part, Key.LINE), part.get(Key.LEVEL) is True) for part in parts_of(result, Key.LINES)
    )
    if vertical:
        told.line(
            Sentence.VERTICAL_ASYMPTOTES if len(vertical) > 1 else Sentence.VERTICAL_ASYMPTOTE,
            what=what,
            values=say.listed(vertical),
        )
    for line, is_level in lines:
        ends = [part.get(Key.RIGHT) is True for part in parts_of(result, Key.LINES) if part.get(Key.LINE) == line]
        where = "" if len(ends) == 2 else say(Sentence.FAR_RIGHT if ends[0] else Sentence.FAR_LEFT, variable=variable)
        key = Sentence.HORIZONTAL_ASYMPTOTE if is_level else Sentence.SLANT_ASYMPTOTE
        told.line(key, what=what, value=say.localised(pretty(line)), where=where)
    if not vertical and not lines:
        told.line(Sentence.NO_ASYMPTOTES, what=what)


def _period(told: Told, task: TraitOf, result: Result) -> None:
    what = told.say.label(task.function)
    if text_of(result, Key.EXACT) not in {"", "0"}:
        told.line(Sentence.PERIOD, what=what, value=told.say.both(result))
    else:
        told.line(Sentence.NEVER_REPEATS if result.get(Key.NEVER) is True else Sentence.PERIOD_UNKNOWN, what=what)
