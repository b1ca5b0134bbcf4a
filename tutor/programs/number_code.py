"""Plain numbers: figures of a list, primes, divisors, percentages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tutor.programs.helpers import BOTH
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK, Script
from tutor.reading.number_tasks import NumberTask, OfNumbers

PRIMES_SHOWN: Final = 100

_MEAN: Final = "sum(numbers) / len(numbers)"
_SQUARES: Final = f"sum((number - {_MEAN}) ** 2 for number in numbers)"
_VALUES: Final[Mapping[OfNumbers, str]] = {
    OfNumbers.MEAN: _MEAN,
    OfNumbers.MEDIAN: "(sorted(numbers)[(len(numbers) - 1) // 2] + sorted(numbers)[len(numbers) // 2]) / 2",
    OfNumbers.DEVIATION: f"sp.sqrt({_SQUARES} / len(numbers))",
    OfNumbers.VARIANCE: f"{_SQUARES} / len(numbers)",
    OfNumbers.TOTAL: "sum(numbers)",
    OfNumbers.PRODUCT: "sp.prod(numbers)",
    OfNumbers.MINIMUM: "min(numbers)",
    OfNumbers.MAXIMUM: "max(numbers)",
    OfNumbers.SPREAD: "max(numbers) - min(numbers)",
    OfNumbers.RANGE_TOTAL: "(numbers[0] + numbers[1]) * (numbers[1] - numbers[0] + 1) / 2",
    OfNumbers.DIVISOR: "sp.igcd(*numbers)",
    OfNumbers.MULTIPLE: "sp.ilcm(*numbers)",
    OfNumbers.REMAINDER: "numbers[0] % numbers[1] if numbers[1] else sp.nan",
    OfNumbers.CHOICES: "sp.binomial(*numbers)",
    OfNumbers.SHARE: "numbers[0] / numbers[1] * 100",
    OfNumbers.WHOLE: "numbers[0] / numbers[1] * 100",
    OfNumbers.PART: "numbers[0] / 100 * numbers[1]",
    OfNumbers.ORDERS: "sp.factorial(numbers[0])",
    OfNumbers.NEXT_PRIME: "sp.nextprime(numbers[0])",
    OfNumbers.CHANGE: "(numbers[1] - numbers[0]) / numbers[0] * 100",
    OfNumbers.RAISED: "numbers[0] * (1 + numbers[1] / 100)",
    OfNumbers.LOWERED: "numbers[0] * (1 - numbers[1] / 100)",
}
_AS_SAMPLE: Final[Mapping[OfNumbers, str]] = {
    OfNumbers.DEVIATION: f"sp.sqrt({_SQUARES} / (len(numbers) - 1))",
    OfNumbers.VARIANCE: f"{_SQUARES} / (len(numbers) - 1)",
}
"""Of numbers that stand for more than themselves: divided by one less."""

_LISTS: Final[Mapping[OfNumbers, str]] = {
    OfNumbers.IS_PRIME: "[[int(prime), power] for prime, power in sorted(sp.factorint(numbers[0]).items())]",
    OfNumbers.FACTORS: "[[int(prime), power] for prime, power in sorted(sp.factorint(numbers[0]).items())]",
    OfNumbers.DIVISORS: "[int(each) for each in sp.divisors(numbers[0])]",
    OfNumbers.PRIMES: "list(sp.primerange(numbers[0], numbers[1] + 1))",
    OfNumbers.MODE: "sorted(each for each in set(numbers) if numbers.count(each) == max(map(numbers.count, numbers)))",
}


def number(script: Script, task: NumberTask) -> None:
    """A value exactly and as a decimal, or a list."""
    script.uses("sp")
    script.section("The numbers, exactly.", f"numbers = [{', '.join(script.exact(each) for each in task.numbers)}]")
    if task.asked in _LISTS:
        _list(script, task.asked)
    else:
        _value(script, task.asked)


def _value(script: Script, asked: OfNumbers) -> None:
    script.helper(BOTH)
    as_sample = f', "{Key.SAMPLE}": both({_AS_SAMPLE[asked]})' if asked in _AS_SAMPLE else ""
    script.section(
        f"The {asked}.",
        f"""
        value = sp.nsimplify({_VALUES[asked]})
        print("Value:", value, "=", sp.N(value, 10))
        print("{MARK}", json.dumps({{**both(value){as_sample}}}))
    """,
    )


def _list(script: Script, asked: OfNumbers) -> None:
    script.section(
        f"The {asked}." if asked is not OfNumbers.IS_PRIME else "A prime has no factor but itself.",
        f"""
        found = {_LISTS[asked]}
        print("Found:", found)
        shown = [[str(part) for part in each] if isinstance(each, list) else str(each) for each in found]
        print("{MARK}", json.dumps({{"{Key.FOUND}": shown[:{PRIMES_SHOWN}], "{Key.COUNT}": len(found)}}))
    """,
    )
