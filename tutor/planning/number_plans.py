"""Plans for questions about plain numbers, within what is worked out in a moment."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from tutor.formulas.expression import Expression, Negative, Number, Operation
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
_ARITHMETIC: Final[Mapping[str, Callable[[Fraction, Fraction], Fraction]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_MAX_WORKED_OUT: Final = 10**9
_DECIMAL_UNIT: Final = 10**6
_OF_WHOLE: Final = frozenset({OfNumbers.DIVISOR, OfNumbers.MULTIPLE})


def planned_numbers(tasks: Sequence[NumberTask], context: Context) -> Plan:
    """The plan for these tasks; later questions can be about the same numbers. Raises Refusal where one is too big."""
    for task in tasks:
        _refuse_unfit(task)
    return Plan(tasks=tuple(tasks), doubts=frozenset(), context=replace(context, numbers=_remembered(tasks)))


def _remembered(tasks: Sequence[NumberTask]) -> NumbersBefore:
    last = tasks[-1]
    if last.asked in {OfNumbers.RAISED, OfNumbers.LOWERED}:
        base, percent = last.numbers
        sign = "+" if last.asked is OfNumbers.RAISED else "-"
        factor = Operation(sign, Number("1"), Operation("/", percent, Number("100")))
        return NumbersBefore(task=last, value=_worked_out(Operation("*", base, factor)))
    if last.asked is not OfNumbers.PART:
        return NumbersBefore(task=last)
    percent, whole = last.numbers
    value = Operation("*", Operation("/", percent, Number("100")), whole)
    return NumbersBefore(task=last, share=(percent, whole), value=_worked_out(value))


def _worked_out(value: Expression) -> Expression:
    """The number as a person would write it in the next question: 119 rather than 100·(1 + 19/100)."""
    exact = fraction_of(value)
    if exact is None or abs(exact) > _MAX_WORKED_OUT:
        return value
    top, bottom = Number(str(abs(exact.numerator))), Number(str(exact.denominator))
    number: Expression = top if exact.denominator == 1 else Operation("/", top, bottom)
    if exact * _DECIMAL_UNIT == int(exact * _DECIMAL_UNIT) and exact.denominator != 1:
        number = Number(f"{abs(float(exact)):.6f}".rstrip("0"))
    return Negative(number) if exact < 0 else number


def fraction_of(value: Expression) -> Fraction | None:
    """The exact value of a sum of products of decimal numbers; None of anything else."""
    match value:
        case Number(text):
            return Fraction(text)
        case Negative(operand):
            inner = fraction_of(operand)
            return None if inner is None else -inner
        case Operation(sign, left, right):
            first, second = fraction_of(left), fraction_of(right)
            if first is None or second is None or (sign == "/" and not second) or sign not in _ARITHMETIC:
                return None
            return _ARITHMETIC[sign](first, second)
        case _:
            return None


def _refuse_unfit(task: NumberTask) -> None:
    if task.asked in _OF_WHOLE and not all(_is_whole(each) for each in task.numbers):
        raise Refusal(Reason.LEFT_OVER)
    greatest = _GREATEST.get(task.asked)
    if greatest is not None and any(isinstance(each, Number) and float(each.text) > greatest for each in task.numbers):
        raise Refusal(Reason.TOO_BIG)


def _is_whole(expression: Expression) -> bool:
    return isinstance(expression, Number) and expression.text.isdigit()
