"""Whether a message is about a file, and which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tutor.dialogue import UserMessage
from tutor.formulas.expression import Operation, Symbol, walk
from tutor.language.cues import CHART_CUES, STATISTICS_CUES, Cue
from tutor.planning.planning import Plan
from tutor.planning.refusal import Refusal
from tutor.reading.clause import Question

_READABLE: Final = (".csv", ".tsv", ".txt", ".xlsx", ".xls")
_ABOUT_FILES: Final = (
    CHART_CUES
    | STATISTICS_CUES
    | frozenset(
        {
            Cue.FILE,
            Cue.COLUMN,
            Cue.ROWS,
            Cue.AGAINST,
            Cue.BY,
            Cue.OVER,
            Cue.PLOT,
            Cue.GRAPH,
            Cue.MAXIMUM,
            Cue.MINIMUM,
            Cue.MISSING,
            Cue.PERIOD,
            Cue.HIGHEST,
            Cue.LOWEST,
        }
    )
)


def table_in(heard: Sequence[UserMessage]) -> str | None:
    """The table that was attached last."""
    names = [name for message in heard for name in message.file_names if name.lower().endswith(_READABLE)]
    return names[-1] if names else None


def is_about_table(question: Question, plan: object, message: UserMessage) -> bool:
    """Whether the message asks of the table rather than of a formula that it spells out."""
    if not isinstance(plan, Refusal):
        parts = [part for clause in question.clauses for each in clause.subjects for part in each.parts]
        if isinstance(plan, Plan) and not plan.tasks:  # "sum of a and b": two columns
            parts = [
                node
                for part in parts
                for node in walk(part)
                if not (isinstance(node, Operation) and node.operator == "+")
            ]
        return bool(parts) and all(isinstance(part, Symbol) for part in parts)  # "plot a": a column
    strange = any(clause.strange for clause in question.clauses)
    return bool(message.file_names or strange or question.cues & _ABOUT_FILES)


def asks_for_table(question: Question) -> bool:
    """Whether a message without a file in the thread speaks of one."""
    return bool(question.cues & (CHART_CUES | {Cue.FILE, Cue.COLUMN, Cue.ROWS}))
