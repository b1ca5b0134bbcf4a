"""Highest and lowest points."""

from __future__ import annotations

from dataclasses import dataclass

from tutor.answers.results import Result, object_of, parts_of, text_of
from tutor.answers.say import Say, is_complex, is_undefined, value_of
from tutor.answers.sentence_catalogue import Sentence
from tutor.answers.shape_sentences import signs_around, signs_in, where
from tutor.answers.told import Told
from tutor.planning.labels import label
from tutor.planning.tasks import Extrema, Extremum
from tutor.programs.result_keys import Key


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
    said = {"what": label(task.function), "where": where(told.say, task.function.variable, task.bounds, result)}
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
