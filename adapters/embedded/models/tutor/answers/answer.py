"""From results to words: the result first, then how the code works, then why there was code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.embedded.models.tutor.answers.results import Result, parts_of, text_of
from adapters.embedded.models.tutor.planning.tasks import (
    Arithmetic, Curvature, Derivative, Evaluate, Integral, Limit, Plot, Rewrite, Shape, Solve, Tangent, Task,
)
from adapters.embedded.models.tutor.answers.notation import named, pretty, pretty_expression
from adapters.embedded.models.tutor.answers.english import ENGLISH


@dataclass(slots=True)
class Told:
    """Sentences of the answer, steps of the code, reasons for it."""

    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def say(key: str, **values: object) -> str:
    """A sentence."""
    return ENGLISH[key].format(**values)


def answer(tasks: Sequence[Task], results: Sequence[Result], *, explains: bool) -> str:
    """The answer to all tasks that have a result."""
    told = Told()
    for task, result in zip(tasks, results, strict=False):
        _tell(told, task, result)
    paragraphs = [*told.lines]
    if explains:
        paragraphs.append(say("how", steps="; ".join(dict.fromkeys(told.steps))))
        paragraphs.append(say("why", reasons="; ".join(dict.fromkeys(told.reasons))))
    return "\n\n".join(paragraphs)


def number(part: Result) -> str:
    """`7/3 ≈ 2.33333`, or just `12`."""
    exact, decimal = text_of(part, "exact"), text_of(part, "decimal")
    shown = pretty(exact)
    try:
        rounded = f"{float(decimal):.6g}"
    except ValueError:
        return shown
    return shown if rounded == exact else f"{shown} ≈ {rounded}".replace("-", "−")


def _tell(told: Told, task: Task, result: Result) -> None:
    told.reasons.append(say("why plot" if isinstance(task, Plot) else "why compute"))
    match task:
        case Arithmetic():
            told.lines.append(say("value", what=pretty_expression(task.expression), value=number(result)))
            told.steps.append(say("how arithmetic"))
        case Evaluate():
            _tell_value(told, task, result)
        case Plot():
            left, right = (pretty(f"{result.get(side):.4g}") for side in ("left", "right"))
            what = say("and").join(named(function) for function in task.functions)
            told.lines.append(say("plotted", what=what, variable=task.functions[0].variable, left=left, right=right))
            told.steps.append(say("how plot", count=801))
        case Derivative():
            _tell_derivative(told, task, result)
        case Integral():
            _tell_integral(told, task, result)
        case Curvature():
            _tell_curvature(told, task, result)
        case Solve():
            _tell_solutions(told, task, result)
        case Limit():
            at = pretty_expression(task.towards)
            left, right = pretty(text_of(result, "left")), pretty(text_of(result, "right"))
            key = "limit" if left == right else "no limit"
            told.lines.append(say(key, what=named(task.function), variable=task.function.variable, at=at, value=left, left=left, right=right))
            told.steps.append(say("how limit"))
        case Rewrite():
            told.lines.append(say("rewritten", what=pretty_expression(task.expression), value=pretty(text_of(result, "exact"))))
            told.steps.append(say("how rewrite"))
        case Tangent():
            told.lines.append(say("tangent", what=named(task.function), variable=task.function.variable, at=pretty_expression(task.at), value=pretty(text_of(result, "exact"))))
            told.steps.append(say("how tangent"))
        case _:
            raise NotImplementedError


def _tell_value(told: Told, task: Evaluate, result: Result) -> None:
    at, what = pretty_expression(task.at), task.function.name or pretty_expression(task.function.expression)
    key = "not defined" if text_of(result, "exact") in {"nan", "zoo", "oo", "-oo"} else "value at"
    told.lines.append(say(key, what=what, value=number(result), variable=task.function.variable, at=at))
    told.steps.append(say("how evaluate", variable=task.function.variable))


def _tell_derivative(told: Told, task: Derivative, result: Result) -> None:
    key = "derivative" if task.order == 1 else "derivative of order"
    told.lines.append(say(key, what=named(task.function), order=task.order, value=pretty(text_of(result, "exact"))))
    for point, value in zip(task.at, parts_of(result, "values"), strict=False):
        told.lines.append(say("derivative at", variable=task.function.variable, at=pretty_expression(point), value=number(value)))
    told.steps.append(say("how derivative"))


def _tell_integral(told: Told, task: Integral, result: Result) -> None:
    what = pretty_expression(task.function.expression)
    if task.bounds is None:
        told.lines.append(say("antiderivative", what=what, value=pretty(text_of(result, "exact"))))
    else:
        low, high = pretty_expression(task.bounds.low), pretty_expression(task.bounds.high)
        key = "area" if task.is_area else "integral"
        told.lines.append(say(key, what=what, low=low, high=high, variable=task.function.variable, value=number(result)))
    told.steps.append(say("how integral"))


def _tell_curvature(told: Told, task: Curvature, result: Result) -> None:
    convex, concave = result.get("is_convex") is True, result.get("is_concave") is True
    found = "linear" if convex and concave else "convex" if convex else "concave" if concave else "neither"
    opening = ""
    if task.asked in {Shape.CONCAVE, Shape.CONVEX}:
        opening = say("yes" if found in {task.asked, "linear"} else "no")
        if found == "convex" and task.asked is Shape.CONCAVE:
            found = "not concave"
        elif found == "concave" and task.asked is Shape.CONVEX:
            found = "not convex"
    second = pretty(text_of(result, "second"))
    told.lines.append(opening + say(found, what=named(task.function), where="", convex=pretty(text_of(result, "convex")), concave=pretty(text_of(result, "concave"))))
    constant = "constant " if second.lstrip("−").replace("/", "").isdigit() else ""
    sign = {"convex": f"because {constant}positive", "concave": f"because {constant}negative"}.get("convex" if convex else "concave", "")
    if convex != concave:
        told.lines.append(say(sign, second=second))
    told.steps.append(say("how curvature"))


def _tell_solutions(told: Told, task: Solve, result: Result) -> None:
    left, right = (pretty_expression(part) for part in task.equation.parts)
    solutions = parts_of(result, "solutions")
    values = say("and").join(f"**{task.unknown} = {number(each)}**" for each in solutions)
    kind = text_of(result, "kind")
    key = "solution" if len(solutions) == 1 else "solutions" if solutions else "no solution" if kind == "EmptySet" else "solution set"
    told.lines.append(say(key, what=f"{left} = {right}", values=values, value=pretty(text_of(result, "set"))))
    told.steps.append(say("how solve"))
