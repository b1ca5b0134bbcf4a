"""From clauses to tasks: what is missing is taken from what was said before; what is left over is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from adapters.embedded.models.tutor.planning.clause_plan import ClausePlan
from adapters.embedded.models.tutor.language.cues import Cue
from adapters.embedded.models.tutor.formulas.expression import TooBigError, magnitude
from adapters.embedded.models.tutor.planning.functions import Definitions, definitions_in
from adapters.embedded.models.tutor.formulas.grammar import Doubt
from adapters.embedded.models.tutor.planning.refusal import Reason, Refusal
from adapters.embedded.models.tutor.reading.clause import Clause, Question
from adapters.embedded.models.tutor.formulas.statements import Relation
from adapters.embedded.models.tutor.planning.tasks import Evaluate, Plot, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a thread has been about: the last clause that was acted on, the functions defined so far."""

    last: Clause | None = None
    definitions: Definitions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks of one question, the doubts its answer has to mention, and the context after it."""

    tasks: tuple[Task, ...]
    doubts: frozenset[Doubt]
    context: Context


_ASKED_BACK = frozenset({Doubt.POWER, Doubt.ARGUMENT, Doubt.INDEX})


def planned(question: Question, context: Context) -> Plan:
    """The question's tasks in order. Raises Refusal where any part of it was not understood."""
    _refuse_strange(question)
    tasks: list[Task] = []
    for clause in question.clauses:
        whole = completed(clause, context.last)
        definitions = definitions_in(whole.subjects, context.definitions)
        _refuse_doubtful(whole.subjects)
        tasks += ClausePlan(whole, context.definitions, definitions).tasks()
        context = Context(last=_remembered(whole, context.last), definitions=definitions)
    if not tasks:
        raise Refusal(Reason.NO_DEMAND if context.last and context.last.subjects else Reason.NO_MATHEMATICS)
    doubts = frozenset(doubt for clause in question.clauses for part in clause.subjects for doubt in part.doubts)
    return Plan(tasks=tuple(_with_marks(tasks)), doubts=doubts, context=context)


def _refuse_strange(question: Question) -> None:
    strange = tuple(word for clause in question.clauses for word in clause.strange)
    if question.is_too_long:
        raise Refusal(Reason.TOO_LONG)
    if strange:
        raise Refusal(Reason.STRANGE, strange[:5])
    if question.ambiguous_comma:
        raise Refusal(Reason.AMBIGUOUS, (Doubt.COMMA,))


def _refuse_doubtful(subjects: tuple[Relation, ...]) -> None:
    for relation in subjects:
        for doubt in sorted(relation.doubts & _ASKED_BACK):
            raise Refusal(Reason.AMBIGUOUS, (doubt,))
        try:
            for part in relation.parts:
                magnitude(part)
        except TooBigError:
            raise Refusal(Reason.TOO_BIG) from None


def completed(clause: Clause, last: Clause | None) -> Clause:
    """The clause with what it leaves out filled in from the one before: `and from 0 to 10?`, `plot it`."""
    if last is None:
        return clause
    if clause.demands and clause.demands != (Cue.FIND,):
        return clause if clause.subjects or not clause.cues else replace(clause, subjects=last.subjects)
    if clause.subjects:
        return _same_for(clause, last) if Cue.AGAIN in clause.cues else clause
    if clause.values or clause.points:
        return _elsewhere(clause, last)
    if clause.bounds or clause.towards or clause.conditions:
        return replace(clause, demands=last.demands, subjects=last.subjects, plots_result=last.plots_result)
    return clause


def _same_for(clause: Clause, last: Clause) -> Clause:
    """`And for x^3?`: the demand of before, of another subject."""
    return replace(
        clause, demands=last.demands, values=clause.values or last.values, bounds=clause.bounds or last.bounds,
        points=clause.points or last.points, towards=clause.towards or last.towards, plots_result=last.plots_result,
    )


def _elsewhere(clause: Clause, last: Clause) -> Clause:
    """`What about x = 5?`: the same asked of another point; after a plot or a question of shape, the value there."""
    pointwise = {Cue.SOLVE, Cue.EVALUATE, Cue.DERIVATIVE, Cue.TANGENT, Cue.FIND}
    demands = last.demands if last.demands and set(last.demands) <= pointwise else (Cue.EVALUATE,)
    return replace(clause, demands=demands, subjects=last.subjects, values=_replaced(last.values, clause.values))


def _replaced(before: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    return {**{name: value for name, value in before.items() if name in now}, **now}


def _remembered(clause: Clause, last: Clause | None) -> Clause | None:
    return clause if clause.subjects else last


def _with_marks(tasks: list[Task]) -> list[Task]:
    """A plot shows the points that were worked out in the same question."""
    result: list[Task] = []
    for task in tasks:
        marked = task
        if isinstance(task, Plot):
            points = [other.at for other in tasks if isinstance(other, Evaluate) and other.function in task.functions]
            marked = replace(task, marks=(*task.marks, *points))
        result.append(marked)
    return result
