"""Plans for questions about plain numbers, within what is worked out in a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tutor.formulas.expression import Expression, Number, Operation
from tutor.planning.context import Context
from tutor.planning.planning import Plan
from tutor.planning.refusal import Reason, Refusal
from tutor.reading.number_tasks import NumberTask, OfNumbers
from tutor.reading.number_wording import NumbersBefore

_GREATEST: Final[Mapping[OfNumbers, float]] = {
    OfNumbers.CHOICES: 1e3,
    OfNumbers.ORDERS: 500,
    OfNumbers.NEXT_PRIME: 1e20,
    OfNumbers.PRIMES: 1e5,
    OfNumbers.DIVISORS: 1e12,
    OfNumbers.IS_PRIME: 1e20,
    OfNumbers.FACTORS: 1e20,
}
_OF_WHOLE: Final = frozenset({OfNumbers.DIVISOR, OfNumbers.MULTIPLE})


def planned_numbers(tasks: Sequence[NumberTask], context: Context) -> Plan:
    """The plan for these tasks; later questions can be about the same numbers. Raises Refusal where one is too big."""
    for task in tasks:
        _refuse_unfit(task)
    return Plan(tasks=tuple(tasks), doubts=frozenset(), context=replace(context, numbers=_remembered(tasks)))


def _remembered(tasks: Sequence[NumberTask]) -> NumbersBefore:
    last = tasks[-1]
    if last.asked is not OfNumbers.PART:
        return NumbersBefore(task=last)
    percent, whole = last.numbers
    value = Operation("*", Operation("/", percent, Number("100")), whole)
    return NumbersBefore(task=last, share=(percent, whole), value=value)


def _refuse_unfit(task: NumberTask) -> None:
    if task.asked in _OF_WHOLE and not all(_is_whole(each) for each in task.numbers):
        raise Refusal(Reason.LEFT_OVER)
    greatest = _GREATEST.get(task.asked)
    if greatest is not None and any(isinstance(each, Number) and float(each.text) > greatest for each in task.numbers):
        raise Refusal(Reason.TOO_BIG)


def _is_whole(expression: Expression) -> bool:
    return isinstance(expression, Number) and expression.text.isdigit()
