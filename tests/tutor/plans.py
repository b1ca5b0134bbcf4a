"""What the tutor means to do with a question, in a line a task, without running anything."""

from __future__ import annotations

from dataclasses import fields

from tutor.formulas.expression import (
    Applied,
    Call,
    Constant,
    Expression,
    Negative,
    Number,
    Operation,
    Symbol,
)
from tutor.formulas.formula_text import code
from tutor.formulas.statements import Bounds, Relation
from tutor.language.vocabulary import Language
from tutor.planning.context import Context
from tutor.planning.planning import planned
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import Function, Task, label
from tutor.reading.question_reader import read

EXPRESSIONS = (Applied, Call, Constant, Negative, Number, Operation, Symbol)


def tasks_of(*messages: str) -> list[str]:
    """The tasks of the last message of a thread, as `Evaluate y = x² + 3, 3`."""
    context = Context()
    for message in messages:
        question = read(message, otherwise=Language.ENGLISH, functions=frozenset(context.definitions))
        plan = planned(question, context)
        context = plan.context
    return [described(task) for task in plan.tasks]


def refusal_of(*messages: str) -> Reason | None:
    """Why the last message is declined; None where it is not."""
    try:
        tasks_of(*messages)
    except Refusal as refusal:
        return refusal.reason
    return None


def described(task: Task) -> str:
    """The kind and what its fields hold; whatever is left at its default is left out."""
    shown = [
        text
        for field in fields(task)
        if (value := getattr(task, field.name)) != field.default and (text := _shown(value))
    ]
    return f"{type(task).__name__} {', '.join(shown)}"


def _shown(value: object) -> str:
    match value:
        case Function():
            return label(value) + (f" of {value.variable}" if value.variable != "x" else "")
        case Bounds():
            ends = f"{code(value.low)}..{code(value.high)}"
            return f"{'<' * value.open_low}{ends}{'<' * value.open_high}"
        case Relation():
            return "".join(
                f"{code(part)} {sign} " for part, sign in zip(value.parts, (*value.signs, ""), strict=True)
            ).strip()
        case tuple():
            return " & ".join(map(_shown, value))
        case True:
            return "!"
        case _:
            return code(value) if isinstance(value, EXPRESSIONS) else str(value)


def formula(text: str) -> str:
    """One formula as sympy would read it."""
    [clause] = read(text, otherwise=Language.ENGLISH).clauses
    [relation] = clause.subjects
    parts: tuple[Expression, ...] = relation.parts
    return code(parts[0])
