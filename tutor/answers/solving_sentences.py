"""Solutions of equations, systems and inequalities."""

from __future__ import annotations

from tutor.answers.intervals import solution_set
from tutor.answers.results import Result, object_of, parts_of, texts_of
from tutor.answers.say import Told, value_of
from tutor.answers.sentence_catalogue import Sentence
from tutor.answers.shape_sentences import where
from tutor.formulas.formula_text import pretty
from tutor.formulas.statements import Bounds, Relation
from tutor.planning.tasks import Inequality, Intersection, Roots, Solve, SolveSystem
from tutor.programs.result_keys import Key

_MAX_SHOWN = 20
_MAX_CLOSEST = 4


def solve(told: Told, task: Solve, result: Result) -> None:
    """Solutions of one equation."""
    what = _written(told, task.equation)
    told.reason(Sentence.WHY_EXACT)
    if "formulas" in result:
        told.step(Sentence.HOW_SOLVE)
        _formulas(told, task.unknown, what, result)
        return
    told.step(Sentence.HOW_ZEROS)
    _solutions(told, task.unknown, task.bounds, result, {"what": what, "kind": "solution"})


def roots(told: Told, task: Roots, result: Result) -> None:
    """Zeros of a function."""
    told.reason(Sentence.WHY_EXACT)
    told.step(Sentence.HOW_ZEROS)
    _solutions(
        told, task.function.variable, task.bounds, result, {"what": told.say.label(task.function), "kind": "root"}
    )


def _written(told: Told, relation: Relation) -> str:
    signs = {"<=": "≤", ">=": "≥"}
    text = told.say.formula(relation.parts[0])
    for sign, part in zip(relation.signs, relation.parts[1:], strict=True):
        text += f" {signs.get(sign, sign)} {told.say.formula(part)}"
    return text


def _formulas(told: Told, unknown: str, what: str, result: Result) -> None:
    formulas = [f"**{unknown} = {told.say.localised(pretty(each))}**" for each in texts_of(result, Key.FORMULAS)]
    if formulas:
        key = Sentence.SOLUTION if len(formulas) == 1 else Sentence.SOLUTIONS
        told.line(key, what=what, values=told.say.listed(formulas), where="")
    else:
        told.line(Sentence.SOLUTION_UNKNOWN, what=what)


def _solutions(told: Told, unknown: str, bounds: Bounds | None, result: Result, said: dict[str, str]) -> None:
    say, kind = told.say, said.pop("kind")
    said["where"] = where(say, unknown, bounds, {})
    found = [f"**{unknown} {say.equals(each)}**" for each in parts_of(result, Key.SOLUTIONS)][:_MAX_SHOWN]
    families = [f"**{unknown} = {say.localised(pretty(each))}**" for each in texts_of(result, Key.FAMILIES)]
    if result.get(Key.EVERY) is True:
        told.line(Sentence.IDENTITY, variable=unknown, **said)
    elif result.get(Key.SURE) is True:
        _sure(told, kind, found, result, said)
    elif families:
        told.line(Sentence(f"{kind} families"), values=say.listed(families), **said)
        if found:
            told.line(Sentence.CLOSEST, values=say.listed(_closest(told, unknown, result)))
    elif found:
        told.line(Sentence(f"{kind}s found"), values=say.listed(found), variable=unknown, **said)
    else:
        told.line(Sentence.SOLUTION_UNKNOWN, **said)


def _closest(told: Told, unknown: str, result: Result) -> list[str]:
    numbers = [each for each in parts_of(result, Key.SOLUTIONS) if value_of(each) is not None]
    closest = sorted(numbers, key=lambda each: abs(value_of(each) or 0.0))[:_MAX_CLOSEST]
    return [f"{unknown} {told.say.equals(each)}" for each in sorted(closest, key=lambda each: value_of(each) or 0.0)]


def _sure(told: Told, kind: str, found: list[str], result: Result, said: dict[str, str]) -> None:
    if found:
        key = Sentence(kind if len(found) == 1 else f"{kind}s")
        told.line(key, values=told.say.listed(found), **said)
    else:
        told.line(Sentence(f"no {kind}"), **said)
    complex_roots = [pretty(each) for each in texts_of(result, Key.COMPLEX)]
    if complex_roots and all(len(each) < 30 for each in complex_roots):
        told.line(Sentence.COMPLEX_SOLUTIONS, values=told.say.listed(complex_roots))


def intersection(told: Told, task: Intersection, result: Result) -> None:
    """Points that two curves share."""
    say = told.say
    said = {
        "first": told.say.label(task.first),
        "second": told.say.label(task.second),
        "where": where(say, task.first.variable, task.bounds, {}),
    }
    found = parts_of(result, Key.SOLUTIONS)
    points = [say(Sentence.POINT, x=say.both(each), y=say.both(object_of(each, Key.Y))) for each in found]
    told.step(Sentence.HOW_ZEROS)
    told.reason(Sentence.WHY_EXACT)
    if result.get(Key.EVERY) is True:
        told.line(Sentence.SAME_CURVE, **said)
    elif points:
        told.line(
            Sentence.INTERSECTION if len(points) == 1 else Sentence.INTERSECTIONS, points=say.listed(points), **said
        )
    elif result.get(Key.SURE) is True:
        told.line(Sentence.NO_INTERSECTION, **said)
    else:
        told.line(Sentence.INTERSECTION_UNKNOWN, **said)
    if points and result.get(Key.SURE) is not True:
        told.line(Sentence.SEARCHED, variable=task.first.variable)


def system(told: Told, task: SolveSystem, result: Result) -> None:
    """Each solution with all its unknowns."""
    say = told.say
    what = say.listed([_written(told, relation) for relation in task.equations])
    solutions = parts_of(result, Key.SOLUTIONS)
    told.step(Sentence.HOW_SYSTEM)
    told.reason(Sentence.WHY_EXACT)
    if result.get(Key.CHECKED) is not True:
        told.line(Sentence.SOLUTION_UNKNOWN, what=what)
    elif not solutions:
        told.line(Sentence.NO_SOLUTION, what=what, where="")
    else:
        shown = [_assignment(told, solution) for solution in solutions]
        free = [name for name in task.unknowns if any(name not in solution for solution in solutions)]
        told.line(
            Sentence.SOLUTION if len(shown) == 1 else Sentence.SOLUTIONS,
            what=what,
            values=say(Sentence.OR).join(shown),
            where="",
        )
        if free:
            told.line(Sentence.FREE, names=say.listed(free))


def _assignment(told: Told, solution: Result) -> str:
    parts = [f"**{pretty(name)} {told.say.equals(object_of(solution, name))}**" for name in solution]
    return told.say.listed(parts)


def inequality(told: Told, task: Inequality, result: Result) -> None:
    """A set of intervals, claimed only if it was checked."""
    what, rows = _written(told, task.relation), parts_of(result, Key.ROWS)
    said = {"what": what, "where": where(told.say, task.unknown, task.bounds, {}), "variable": task.unknown}
    told.step(Sentence.HOW_INEQUALITY)
    told.reason(Sentence.WHY_EXACT)
    if result.get(Key.CHECKED) is not True:
        told.line(Sentence.SOLUTION_UNKNOWN, **said)
    elif not rows:
        told.line(Sentence.NEVER, **said)
    else:
        told.line(Sentence.HOLDS_FOR, values=solution_set(told.say, task.unknown, rows), **said)
