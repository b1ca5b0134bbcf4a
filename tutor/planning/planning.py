"""From clauses to tasks: what is missing is taken from what was said before; what is left over is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from tutor.formulas.expression import Applied, Expression, Number, Operation, Symbol, walk
from tutor.formulas.size import TooBigError, magnitude
from tutor.formulas.statements import ASKED_BACK, Doubt, Relation
from tutor.language.cues import (
    CHART_CUES,
    EXTREMA_CUES,
    MONOTONY_CUES,
    SHAPE_CUES,
    SIGN_CUES,
    STATISTICS_CUES,
    Cue,
)
from tutor.planning import curves, equations
from tutor.planning.context import Context, completed
from tutor.planning.function_plans import Definitions, as_relation, definitions_in
from tutor.planning.plot_changes import added, changed
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import (
    Arithmetic,
    CurveOfEquation,
    Derivative,
    Evaluate,
    Extrema,
    Function,
    Plot,
    Tangent,
    Task,
    label,
)
from tutor.planning.view import ClauseView
from tutor.reading.clause import UNCLEAR, Clause, Question
from tutor.reading.number_tasks import TypedData
from tutor.reading.number_wording import NumbersBefore
from tutor.reading.plot_wording import PlotChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks of one question, the doubts its answer has to mention, and the context after it."""

    tasks: tuple[Task, ...]
    doubts: frozenset[Doubt]
    context: Context
    places: int | None = None  # decimals asked for
    changes_plot: bool = False  # its looks alone, which explain themselves


_MAX_PLACES: Final = 12
_MAX_MENTIONED: Final = 6
_NEEDS_DEMAND: Final[Mapping[Cue, AbstractSet[Cue]]] = {
    Cue.FIRST: {Cue.DERIVATIVE, Cue.PLOT},
    Cue.SECOND: {Cue.DERIVATIVE},
    Cue.THIRD: {Cue.DERIVATIVE},
    Cue.FOURTH: {Cue.DERIVATIVE},
    Cue.DIFFERENTIAL: {Cue.INTEGRAL, Cue.AREA, Cue.DERIVATIVE},
    Cue.LEFT: {Cue.LIMIT},
    Cue.RIGHT: {Cue.LIMIT},
    Cue.APPROACHES: {Cue.LIMIT},
    Cue.LOCAL: EXTREMA_CUES,
    Cue.GREATEST: EXTREMA_CUES,
    Cue.COUNT: {Cue.SOLVE, Cue.ROOTS, Cue.INTERSECTION, Cue.INFLECTION, *EXTREMA_CUES},
    Cue.COMPLEX: {Cue.SOLVE, Cue.ROOTS},
    Cue.SYSTEM: {Cue.SOLVE, Cue.FIND},
    Cue.INTERVAL: SHAPE_CUES | MONOTONY_CUES | {Cue.PLOT, Cue.ROOTS},
    Cue.X_AXIS: {Cue.AREA, Cue.ROOTS},
    Cue.Y_AXIS: {Cue.INTERCEPT, Cue.PARITY},
    Cue.STEP: {Cue.TABLE},
    Cue.POINTS: {Cue.TABLE, Cue.ROOTS, Cue.INFLECTION, Cue.INTERSECTION, *EXTREMA_CUES},
}
"""Meanings that only make sense beside certain demands."""

_NOT_OF_FORMULAS: Final = (
    (STATISTICS_CUES - {Cue.COUNT})
    | CHART_CUES
    | frozenset(
        {
            Cue.UNABLE,
            Cue.NOT,
            Cue.WITHOUT,
            Cue.AGAINST,
            Cue.BY,
            Cue.OVER,
            Cue.COLUMN,
            Cue.FILE,
            Cue.ROWS,
            Cue.MISSING,
            Cue.PERIOD,
            Cue.BINS,
            Cue.HIGHEST,
            Cue.LOWEST,
            Cue.SHARE,
        }
    )
)


def planned(question: Question, context: Context) -> Plan:
    """The question's tasks in order; none where it only says what a function is.

    Raises Refusal where any part of it was not understood.
    """
    _refuse_strange(question)
    tasks: list[Task] = []
    for number, clause in enumerate(question.clauses):
        whole = completed(clause, context, opens=number == 0)
        _refuse_doubtful(whole)
        definitions = definitions_in(whole.subjects, context.definitions)
        found = _tasks(ClauseView(whole, before=context.definitions, known=definitions))
        if Cue.BOTH in whole.cues and whole.demands == (Cue.PLOT,) and not clause.subjects:
            found = _both_drawn(found, context)
        base = _base_plot(clause, whole, context, tasks)
        drawn = next((task for task in found if isinstance(task, Plot | CurveOfEquation)), None)
        if base is not None and drawn is not None:
            found = [added(base, drawn) if task is drawn else task for task in found]
            tasks = [task for task in tasks if task is not base]
            whole = replace(whole, subjects=tuple(dict.fromkeys((*_subjects_before(context), *whole.subjects))))
        elif drawn is not None:
            found = [_again(drawn, whole, clause, context) if task is drawn else task for task in found]
        if number == 0 and context.last is not None and context.last.demands == (Cue.PLOT,):
            tasks = _drawn_again(whole, found)
        tasks = [*_with_derivative(tasks, whole, found), *found]
        context = _after(context, _remembered(whole), definitions)
    if not tasks and not any(clause.subjects for clause in question.clauses):
        raise Refusal(Reason.NO_MATHEMATICS)
    doubts = question.doubts.union(*(part.doubts for clause in question.clauses for part in clause.subjects))
    shown = tuple(dict.fromkeys(_with_turns(_with_marks(tasks))))
    return Plan(tasks=shown, doubts=doubts, context=_knowing(context, shown), places=_places(question))


def _knowing(context: Context, tasks: Sequence[Task]) -> Context:
    """The context with what the tasks drew, named and worked out."""
    plot = next((task for task in reversed(tasks) if isinstance(task, Plot | CurveOfEquation)), None)
    if plot is not None:
        context = replace(context, plot=_alone(plot), plotted=context.last.subjects if context.last else ())
    if not tasks:
        return context
    mentioned = [each for task in tasks for each in _functions_of(task)]
    last = tasks[0] if len(tasks) == 1 else None
    numbers = NumbersBefore()
    if isinstance(last, Arithmetic):
        numbers = NumbersBefore(value=last.expression, share=_share_in(last.expression))
    kept = tuple(dict.fromkeys((*context.mentioned, *mentioned)))[-_MAX_MENTIONED:]
    return replace(context, numbers=numbers, mentioned=kept)


def _alone(plot: Plot | CurveOfEquation) -> Plot | CurveOfEquation:
    """The plot as it can be drawn again without the task before it, which found the turns that it marks."""
    return replace(plot, turns=None) if isinstance(plot, Plot) else plot


def _functions_of(task: Task) -> tuple[Function, ...]:
    match task:
        case Derivative(function=function, order=order):
            return (function, replace(function, derived=order))
        case Plot(functions=functions):
            return functions
        case _:
            return ()


def _share_in(expression: Expression) -> tuple[Expression, Expression] | None:
    """Percent and whole of `15% of 240`."""
    match expression:
        case Operation("*", Operation("/", percent, Number("100")), whole):
            return percent, whole
        case _:
            return None


def _both_drawn(found: Sequence[Task], context: Context) -> list[Task]:
    """`plot both` where one function is written out: it and its derivative, if they were talked about."""
    plot = next((task for task in found if isinstance(task, Plot)), None)
    if plot is None or len(plot.functions) > 1:
        return list(found)
    if len(context.mentioned) < 2:
        raise Refusal(Reason.BOTH, tuple(map(label, plot.functions)))
    return [replace(plot, functions=context.mentioned[-2:])]


def _base_plot(clause: Clause, whole: Clause, context: Context, tasks: Sequence[Task]) -> Plot | CurveOfEquation | None:
    """The plot to which `also plot x^3`, `x^3 too` and `plot it with x^3` add; None for a plot of its own."""
    together = Cue.IT in clause.cues and Cue.AND in clause.cues
    if not (clause.subjects or whole.of) or Cue.PLOT not in whole.demands or not (Cue.ALSO in clause.cues or together):
        return None
    here = next((task for task in reversed(tasks) if isinstance(task, Plot | CurveOfEquation)), None)
    if here is not None or context.last is None:
        return here
    if context.plot is not None and (Cue.ALSO in clause.cues or context.last.subjects == context.plotted):
        return context.plot
    if not any(relation.letters for relation in context.last.subjects):
        return None
    last = Clause(demands=(Cue.PLOT,), subjects=context.last.subjects)
    drawn = _tasks(ClauseView(last, before=context.definitions, known=context.definitions))
    return next((task for task in drawn if isinstance(task, Plot | CurveOfEquation)), None)


def _subjects_before(context: Context) -> tuple[Relation, ...]:
    return context.plotted or (context.last.subjects if context.last is not None else ())


def _again(drawn: Plot | CurveOfEquation, whole: Clause, clause: Clause, context: Context) -> Plot | CurveOfEquation:
    """`plot it from 0 to 2` keeps the last plot's curves, colours and title."""
    last = context.plot
    same = context.last is not None and context.last.subjects == context.plotted
    if (
        last is None
        or clause.subjects
        or not same
        or whole.of
        or Cue.BOTH in clause.cues
        or type(last) is not type(drawn)
    ):
        return drawn
    if isinstance(last, Plot) and isinstance(drawn, Plot):
        if drawn.functions[0].variable != last.functions[0].variable:
            return drawn
        return replace(
            last,
            bounds=drawn.bounds or last.bounds,
            marks=tuple(dict.fromkeys((*last.marks, *drawn.marks))),
            tangent_at=drawn.tangent_at or last.tangent_at,
            turns=None,
            looks=replace(last.looks, zoom=1.0) if drawn.bounds else last.looks,
        )
    return replace(last, bounds=drawn.bounds or last.bounds)


def planned_changes(changes: Sequence[PlotChange], context: Context) -> Plan:
    """The last plot, changed. Raises Refusal where there is none, or where it is not clear which curve is meant."""
    if context.plot is None:
        raise Refusal(Reason.NO_PLOT)
    plot = changed(context.plot, changes, context.definitions)
    subjects = plot.equations if isinstance(plot, CurveOfEquation) else tuple(map(as_relation, plot.functions))
    last = Clause(demands=(Cue.PLOT,), subjects=tuple(dict.fromkeys(subjects)), bounds=plot.bounds)
    context = replace(context, plot=plot, last=last, plotted=last.subjects)
    return Plan(tasks=(plot,), doubts=frozenset(), context=context, changes_plot=True)


def with_looks(plan: Plan, changes: Sequence[PlotChange]) -> Plan:
    """The plan with its plot in these colours, under this title. Raises Refusal where it draws none or several."""
    plots = [task for task in plan.tasks if isinstance(task, Plot | CurveOfEquation)]
    if len(plots) != 1:
        raise Refusal(Reason.LEFT_OVER)
    plot = changed(plots[0], changes, plan.context.definitions)
    tasks = tuple(plot if task is plots[0] else task for task in plan.tasks)
    return replace(plan, tasks=tasks, context=replace(plan.context, plot=_alone(plot)))


def planned_data(task: TypedData, context: Context) -> Plan:
    """The plan for numbers that stand in the message."""
    return Plan(tasks=(task,), doubts=frozenset(), context=context)


def _tasks(view: ClauseView) -> list[Task]:
    clause = view.clause
    _refuse_left_over_words(clause)
    found: list[Task] = []
    for demand in dict.fromkeys(curves.FAMILIES.get(demand, demand) for demand in clause.demands):
        planner = curves.PLANNERS.get(demand) or (equations.roots if demand is Cue.ROOTS else equations.by_shape)
        found += planner(view)
    if not clause.demands and clause.has_matter:
        found += equations.by_shape(view)
    if view.unused() and (found or clause.cues & SIGN_CUES):
        raise Refusal(Reason.LEFT_OVER, view.unused())
    return found


def _after(context: Context, clause: Clause | None, definitions: Definitions) -> Context:
    if clause is None:
        return replace(context, definitions=definitions)
    last = context.last
    earlier = last if last is not None and last.subjects != clause.subjects else context.earlier
    return replace(context, last=clause, earlier=earlier, definitions=definitions)


def _remembered(clause: Clause) -> Clause | None:
    """What later questions are about: functions and equations, rather than `f(3)` or `2 + 3`."""
    kept = tuple(each for each in clause.subjects if not each.is_bare or _varies(each.parts[0]))
    known = any(isinstance(node, Applied) for each in clause.subjects for node in walk(each.parts[0]))
    return replace(clause, subjects=kept or clause.subjects) if kept or known else None


def _varies(expression: Expression) -> bool:
    return any(isinstance(node, Symbol) for node in walk(expression))


def _drawn_again(clause: Clause, found: Sequence[Task]) -> list[Task]:
    """`And its derivative?` after a plot: the curve comes again, so that both are in one diagram."""
    asked = clause.joined and clause.demands == (Cue.DERIVATIVE,)
    derivatives = [task for task in found if asked and isinstance(task, Derivative)]
    return [Plot(functions=(derivatives[0].function,))] if derivatives else []


def _with_derivative(before: Sequence[Task], clause: Clause, found: Sequence[Task]) -> list[Task]:
    """`Plot x^3 and its derivative`: the derivative is drawn too."""
    last = before[-1] if before else None
    drawn = [task for task in found if isinstance(task, Derivative)]
    if not (clause.joined and clause.demands == (Cue.DERIVATIVE,) and isinstance(last, Plot) and drawn):
        return list(before)
    curve = replace(drawn[0].function, derived=drawn[0].order)
    return [*before[:-1], replace(last, functions=(*last.functions, curve))]


def _with_marks(tasks: Sequence[Task]) -> list[Task]:
    """A plot shows the points and the tangent that were worked out in the same question."""
    return [_with_points_of(task, tasks) if isinstance(task, Plot) else task for task in tasks]


def _with_points_of(plot: Plot, tasks: Sequence[Task]) -> Plot:
    first = plot.functions[0]
    marks = [task.at for task in tasks if isinstance(task, Evaluate) and task.function == first]
    lines = [task for task in tasks if isinstance(task, Tangent) and task.function == first]
    tangents, normals = ([line.at for line in lines if line.is_normal is normal] for normal in (False, True))
    return replace(
        plot,
        marks=(*plot.marks, *marks),
        tangent_at=next(iter(tangents), plot.tangent_at),
        normal_at=next(iter(normals), None),
    )


def _with_turns(tasks: Sequence[Task]) -> list[Task]:
    """Where one curve and its extrema are asked for, it is drawn after they are found, and they are marked."""
    plots = [task for task in tasks if isinstance(task, Plot)]
    extrema = [task for task in tasks if isinstance(task, Extrema)]
    if len(plots) != 1 or len(extrema) != 1 or plots[0].functions[0] != extrema[0].function:
        return list(tasks)
    others = [task for task in tasks if task is not plots[0]]
    at = others.index(extrema[0])
    found = replace(extrema[0], bounds=extrema[0].bounds or plots[0].bounds)
    return [*others[:at], found, replace(plots[0], turns=found.asked), *others[at + 1 :]]


def _places(question: Question) -> int | None:
    places = [clause.numbers[Cue.PLACES] for clause in question.clauses if Cue.PLACES in clause.numbers]
    if not places:
        return None
    if not isinstance(places[0], Number) or not places[0].text.isdigit() or int(places[0].text) > _MAX_PLACES:
        raise Refusal(Reason.LEFT_OVER, (Cue.PLACES.name,))
    return int(places[0].text)


# -- what would be passed over


def _refuse_strange(question: Question) -> None:
    strange = tuple(word for clause in question.clauses for word in clause.strange)
    if question.is_too_long:
        raise Refusal(Reason.TOO_LONG)
    if strange:
        words = tuple(dict.fromkeys(word for word in strange if word != UNCLEAR))
        raise Refusal(Reason.STRANGE if words else Reason.LEFT_OVER, words[:5])
    if question.has_ambiguous_comma:
        raise Refusal(Reason.AMBIGUOUS, (Doubt.COMMA,))


def _refuse_left_over_words(clause: Clause) -> None:
    demands = {*clause.demands, clause.of}
    left = [cue for cue in clause.cues if cue in _NOT_OF_FORMULAS]
    left += [cue for cue, needed in _NEEDS_DEMAND.items() if cue in clause.cues and not demands & needed]
    if left:
        raise Refusal(Reason.UNABLE if Cue.UNABLE in left else Reason.LEFT_OVER, tuple(cue.name for cue in left))


def _refuse_doubtful(clause: Clause) -> None:
    doubts = sorted(doubt for relation in clause.subjects for doubt in relation.doubts & ASKED_BACK)
    if doubts:
        raise Refusal(Reason.AMBIGUOUS, (doubts[0],))
    try:
        for expression in _expressions(clause):
            magnitude(expression)
    except TooBigError:
        raise Refusal(Reason.TOO_BIG) from None


def _expressions(clause: Clause) -> list[Expression]:
    ends = (clause.bounds.low, clause.bounds.high) if clause.bounds else ()
    parts = [part for relation in (*clause.subjects, *clause.conditions) for part in relation.parts]
    return [*parts, *clause.points, *ends, *(value for values in clause.values.values() for value in values)]
