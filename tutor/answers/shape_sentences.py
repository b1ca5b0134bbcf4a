"""Concave or convex, rising or falling, highest and lowest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tutor.answers.intervals import between, merged, written
from tutor.answers.results import Result, object_of, parts_of, text_of
from tutor.answers.say import Say, Told, is_complex, is_undefined, value_of
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.formula_text import pretty
from tutor.formulas.statements import Bounds
from tutor.planning.tasks import Curvature, Extrema, Extremum, Monotony, Shape, Trend
from tutor.programs.result_keys import Key


@dataclass(frozen=True, slots=True)
class Signs:
    """What the signs of a derivative over all pieces amount to."""

    up: bool  # nowhere negative
    down: bool  # nowhere positive
    known: bool  # every piece has one sign
    gaps: bool  # the domain falls into several parts


def signs_in(result: Result) -> Signs:
    """Read from the rows, and from the jumps of slope at kinks."""
    rows = parts_of(result, Key.ROWS)
    signs = [row.get(Key.SIGN) for row in rows]
    kinks = result.get(Key.KINKS)
    bends = kinks if isinstance(kinks, list) else []
    known = bool(signs) and all(sign in {-1, 0, 1} for sign in signs)
    return Signs(
        up=known and -1 not in signs and -1 not in bends,
        down=known and 1 not in signs and 1 not in bends,
        known=known,
        gaps=len({row.get(Key.PART) for row in rows}) > 1,
    )


def where(say: Say, variable: str, bounds: Bounds | None, result: Result) -> str:
    """` for 0 ≤ x ≤ 5`, or nothing where the whole axis was looked at."""
    if bounds is not None:
        return say(Sentence.FOR_RANGE, range=written(say, variable, bounds))
    return say(Sentence.FOR_WINDOW, variable=variable) if result.get(Key.WINDOW) is True else ""


def curvature(told: Told, task: Curvature, result: Result) -> None:
    """The verdict, its reason, and where it bends which way."""
    say, signs, variable = told.say, signs_in(result), task.function.variable
    rows = parts_of(result, Key.ROWS)
    said = {
        "what": told.say.label(task.function),
        "where": where(say, variable, task.bounds, result),
        "derivative": say.localised(pretty(text_of(result, Key.DERIVATIVE))),
        "convex": between(say, variable, merged(rows, {1})),
        "concave": between(say, variable, merged(rows, {-1})),
    }
    told.step(Sentence.HOW_CURVATURE)
    told.reason(Sentence.WHY_EXACT)
    if not signs.known:
        told.line(Sentence.SHAPE_UNKNOWN, **said)
        return
    if task.asked is not Shape.INFLECTION:
        _verdict(told, task, result, signs, said)
    if task.asked in {Shape.INFLECTION, Shape.CURVATURE} and not (signs.up or signs.down):
        _inflections(told, task, result)
    elif task.asked is Shape.INFLECTION:
        told.line(Sentence.NO_INFLECTION, **said)


def _verdict(told: Told, task: Curvature, result: Result, signs: Signs, said: dict[str, str]) -> None:
    found = _found(signs, result)
    opening = ""
    if task.asked in {Shape.CONCAVE, Shape.CONVEX}:
        holds = found in {"both", task.asked.value}
        opening = told.say(Sentence.YES if holds else Sentence.NO)
        found = f"not {task.asked}" if {found, task.asked.value} == {"concave", "convex"} else found
    told.lines.append(opening + told.say(Sentence(f"is {found}"), **said))
    if signs.gaps and (signs.up or signs.down):
        told.line(Sentence.GAP, **said)
    elif found != "both":
        told.line(_because(signs, said["derivative"], result), **said)
    if result.get(Key.SURE) is not True and (signs.up or signs.down):
        told.line(Sentence.TESTED_ONLY, **said)


def _found(signs: Signs, result: Result) -> str:
    if signs.up and signs.down:
        return "both"
    if signs.gaps and (signs.up or signs.down):
        return "piecewise convex" if signs.up else "piecewise concave"
    if signs.up:
        return "convex"
    if signs.down:
        return "concave"
    rows = parts_of(result, Key.ROWS)
    return "neither" if merged(rows, {1}) and merged(rows, {-1}) else "bent"


def _because(signs: Signs, derivative: str, result: Result) -> Sentence:
    if result.get(Key.KINKS):
        return Sentence.BECAUSE_KINKS
    if not (signs.up or signs.down):
        return Sentence.BECAUSE_CHANGES
    constant = derivative.lstrip("−").replace("/", "").replace(",", "").replace(".", "").isdigit()
    return Sentence(f"because {'always ' if constant else ''}{'positive' if signs.up else 'negative'}")


def _inflections(told: Told, task: Curvature, result: Result) -> None:
    say, variable = told.say, task.function.variable
    rows = parts_of(result, Key.ROWS)
    points = []
    for turn in parts_of(result, Key.TURNS):
        x = object_of(turn, Key.X)
        before, after = signs_around(rows, text_of(x, Key.EXACT))
        if before * after < 0:
            points.append(say(Sentence.POINT, x=say.both(x), y=say.both(object_of(turn, Key.Y))))
    said = {"what": told.say.label(task.function), "where": where(say, variable, task.bounds, result)}
    if not points:
        told.line(Sentence.NO_INFLECTION, **said)
    else:
        told.line(Sentence.INFLECTION if len(points) == 1 else Sentence.INFLECTIONS, points=say.listed(points), **said)


def signs_around(rows: Sequence[Result], cut: str) -> tuple[int, int]:
    """The signs just before and just after a cut; 0 where there is none."""
    before = next((row.get(Key.SIGN) for row in rows if text_of(row, Key.HIGH) == cut), 0)
    after = next((row.get(Key.SIGN) for row in rows if text_of(row, Key.LOW) == cut), 0)
    return (before if isinstance(before, int) else 0), (after if isinstance(after, int) else 0)


def monotony(told: Told, task: Monotony, result: Result) -> None:
    """Where it rises and where it falls."""
    say, signs, variable = told.say, signs_in(result), task.function.variable
    rows = parts_of(result, Key.ROWS)
    said = {
        "what": told.say.label(task.function),
        "where": where(say, variable, task.bounds, result),
        "derivative": say.localised(pretty(text_of(result, Key.DERIVATIVE))),
        "rising": between(say, variable, merged(rows, {1})),
        "falling": between(say, variable, merged(rows, {-1})),
    }
    told.step(Sentence.HOW_MONOTONY)
    told.reason(Sentence.WHY_EXACT)
    if not signs.known:
        told.line(Sentence.TREND_UNKNOWN, **said)
        return
    found = _trend(signs, rows)
    opening = ""
    if task.asked is not Trend.BOTH and found in {"increasing", "decreasing", "constant"}:
        opening = say(Sentence.YES if found == task.asked else Sentence.NO)
    told.lines.append(opening + say(Sentence(f"is {found}"), **said))
    told.line(Sentence.BECAUSE_SLOPE, **said)
    if result.get(Key.SURE) is not True:
        told.line(Sentence.TESTED_ONLY, **said)


def _trend(signs: Signs, rows: Sequence[Result]) -> str:
    if signs.up and signs.down:
        return "constant"
    if signs.up and not signs.gaps:
        return "increasing"
    if signs.down and not signs.gaps:
        return "decreasing"
    if not merged(rows, {-1}):
        return "only rising"
    return "rising and falling" if merged(rows, {1}) else "only falling"


@dataclass(frozen=True, slots=True)
class _Point:
    x: Result
    y: Result
    height: float
    is_open: bool = False  # an end that does not belong to the range


def extrema(told: Told, task: Extrema, result: Result) -> None:
    """Local extrema, then what is the largest and smallest value of all."""
    told.step(Sentence.HOW_EXTREMA)
    told.reason(Sentence.WHY_EXACT)
    signs = signs_in(result)
    said = {
        "what": told.say.label(task.function),
        "where": where(told.say, task.function.variable, task.bounds, result),
    }
    if not signs.known:
        told.line(Sentence.EXTREMA_UNKNOWN, **said)
        return
    if signs.up and signs.down:
        told.line(Sentence.CONSTANT_HAS_NO_EXTREMA, **said)
        return
    for kind in (Extremum.MINIMUM, Extremum.MAXIMUM):
        if task.asked in {kind, Extremum.BOTH}:
            _tell(told, kind, result, said)
    if result.get(Key.SURE) is not True:
        told.line(Sentence.TESTED_ONLY, **said)


def _tell(told: Told, kind: Extremum, result: Result, said: dict[str, str]) -> None:
    say, turn = told.say, 1 if kind is Extremum.MINIMUM else -1
    local = [point for point in _points(result, Key.POINTS) if _turns(result, point, turn)]
    ends = _points(result, Key.ENDS)
    closed = [point for point in ends if not point.is_open]
    candidates = [*local, *closed]
    best = min(candidates, key=lambda point: turn * point.height, default=None)
    beaten = best is not None and any(turn * end.height < turn * best.height - 1e-12 for end in ends if end.is_open)
    same = [point for point in candidates if best is not None and abs(point.height - best.height) < 1e-12]
    if best is None or beaten:
        _tell_local(told, kind, local, said)
        told.line(Sentence(f"no global {kind}"), **said)
    else:
        told.line(Sentence(f"global {kind}"), points=say.listed([_shown(say, point) for point in same]), **said)
        others = [point for point in local if point not in same]
        if others:
            _tell_local(told, kind, others, said)


def _tell_local(told: Told, kind: Extremum, points: list[_Point], said: dict[str, str]) -> None:
    if points:
        shown = told.say.listed([_shown(told.say, point) for point in points])
        told.line(Sentence(f"local {kind}"), points=shown, **said)


def _shown(say: Say, point: _Point) -> str:
    return say(Sentence.POINT, x=say.both(point.x), y=say.both(point.y))


def _points(result: Result, key: Key) -> list[_Point]:
    found: list[_Point] = []
    for part in parts_of(result, key):
        x, y = object_of(part, Key.X), object_of(part, Key.Y)
        height = value_of(y)
        if height is not None and not is_undefined(y) and not is_complex(y):
            found.append(_Point(x, y, height, part.get(Key.OPEN) is True))
    return found


def _turns(result: Result, point: _Point, turn: int) -> bool:
    """Whether the slope changes from falling to rising (turn 1) or from rising to falling (-1)."""
    before, after = signs_around(parts_of(result, Key.ROWS), text_of(point.x, Key.EXACT))
    return before == -turn and after == turn
