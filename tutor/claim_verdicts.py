"""Whether what a person says of an answer is right: the claim read as values, compared with the results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tutor.answers.results import Result, named_of, object_of, parts_of, text_of, texts_of
from tutor.answers.say import Say, value_of
from tutor.answers.sentence_catalogue import Sentence
from tutor.claims import POINT, parts_of_claim
from tutor.formulas.expression import Expression, Negative, Number, Symbol, is_constant, symbols
from tutor.formulas.formula_text import code, pretty_expression
from tutor.formulas.statements import Relation
from tutor.language.vocabulary import Language
from tutor.planning.number_plans import fraction_of
from tutor.planning.tasks import (
    AreaBetween,
    Arithmetic,
    Derivative,
    Evaluate,
    Function,
    Integral,
    Intersection,
    Limit,
    Rewrite,
    Roots,
    Solve,
    SolveSystem,
    Tangent,
    TraitOf,
)
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK
from tutor.reading.number_tasks import NumberTask, OfNumbers
from tutor.reading.question_reader import read
from tutor.reading.rewording import without_units

_MAX_EXACT_CHARS: Final = 500
_OF_SEVERAL: Final = {
    Sentence.CLAIM_RIGHT: Sentence.CLAIMS_RIGHT,
    Sentence.CLAIM_ROUNDED: Sentence.CLAIMS_ROUNDED,
    Sentence.CLAIM_ONE_OF: Sentence.CLAIMS_ONE_OF,
    Sentence.CLAIM_WRONG: Sentence.CLAIMS_WRONG,
}
_IN_PERCENT: Final = frozenset({OfNumbers.SHARE, OfNumbers.CHANGE})
_OF_ANSWERS: Final = (
    AreaBetween | Arithmetic | Derivative | Evaluate | Integral | Intersection | Limit | NumberTask | Rewrite | Roots
    | Solve | SolveSystem | Tangent | TraitOf
)  # fmt: skip
_WORST_FIRST: Final = (Sentence.CLAIM_UNSURE, Sentence.CLAIM_WRONG, Sentence.CLAIM_ROUNDED)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed: a value, perhaps of a letter, as it was written."""

    written: str
    value: Expression
    letter: str = ""
    is_percent: bool = False

    @property
    def places(self) -> int:
        """Decimals of a number as it was written; 0 for any other value."""
        number = self.value.operand if isinstance(self.value, Negative) else self.value
        return len(number.text.partition(".")[2]) if isinstance(number, Number) else 0


def claimed(written: str, language: Language) -> tuple[Claim, ...]:
    """The values claimed, read as formulas; none where one of them is no formula."""
    claims = [_claim_of(part, language) for part in parts_of_claim(written)]
    return tuple(claim for claim in claims if claim is not None) if None not in claims else ()


def _claim_of(written: str, language: Language) -> Claim | None:
    text = without_units(written).strip()
    is_percent = re.search(r"\s?(?:%|percent|prozent|procent)\Z", text) is not None
    text = re.sub(r"\s?(?:%|percent|prozent|procent)\Z", "", text)
    question = read(text, otherwise=language)
    if question.has_ambiguous_comma:
        question = read(text, otherwise=Language.GERMAN)
    if len(question.clauses) != 1 or question.clauses[0].strange:
        return None
    [clause] = question.clauses
    given = [(name, value) for name, values in clause.values.items() for value in values]
    if len(given) == 1 and not clause.subjects:
        return Claim(written, given[0][1], given[0][0], is_percent)
    if len(clause.subjects) != 1:
        return Claim(written, Symbol(text), "", is_percent) if clause.unknowns == (text,) else None
    [relation] = clause.subjects
    return _of_relation(written, relation, is_percent=is_percent)


def _of_relation(written: str, relation: Relation, *, is_percent: bool) -> Claim | None:
    if relation.is_bare or relation.is_equation:
        left = relation.parts[0]
        letter = left.name if relation.is_equation and isinstance(left, Symbol) else ""
        return Claim(written, relation.parts[-1], letter, is_percent)
    return None


def comparison(claims: Sequence[Claim], task: object, results: Sequence[Result]) -> str:
    """A program that compares each claim with the results; empty where all are plain numbers."""
    if not results or all(fraction_of(claim.value) is not None for claim in claims):
        return ""
    texts = [text for result in results for text, _ in _values(result) if len(text) <= _MAX_EXACT_CHARS][:20]
    variable = task.function.variable if isinstance(task, Integral) and task.bounds is None else ""
    slope = f"sp.diff(difference, sp.Symbol({json.dumps(variable)}))" if variable else "difference"
    program = f"""import json

import sympy as sp

# Is what was claimed the same as a result? The difference must be zero at several places.
results = {json.dumps(texts)}
"""
    for claim in claims:
        names = sorted({*symbols(claim.value)} - {"C"})
        move = ", ".join(f"sp.Symbol({json.dumps(name)}): place" for name in names)
        program += f"""
claimed = sp.sympify({json.dumps(code(claim.value))}, rational=True)
same = []
for text in results:
    difference = sp.sympify(text, rational=True) - claimed
    gaps = [sp.N(({slope}).subs({{{move}}})) for place in map(sp.Rational, ["0.37", "1.21", "2.83"])]
    same.append(all(bool(gap.is_number) and abs(complex(gap)) < 1e-9 for gap in gaps))
print("The same:", same)
print("{MARK}", json.dumps({{"{Key.CHECK}": any(same), "{Key.VALUE}": str(sp.N(claimed, 15))}}))
"""
    return program


def is_new_subject(claims: Sequence[Claim], tasks: Sequence[object]) -> bool:
    """Whether a claim has letters where the answer is a number: `I have x^2 + 1` after `2 + 2`."""
    of_numbers = bool(tasks) and all(isinstance(task, Arithmetic | NumberTask) for task in tasks)
    return of_numbers and any(claim.letter or not is_constant(claim.value) for claim in claims)


def is_about_solutions(claims: Sequence[Claim], tasks: Sequence[object]) -> bool:
    """Whether the claims can be nothing but solutions of what was solved."""
    unknowns: set[str] = set()
    for task in tasks:
        match task:
            case Solve(unknown=unknown) | Roots(function=Function(variable=unknown)):
                unknowns.add(unknown)
            case SolveSystem(unknowns=several):
                unknowns.update(several)
            case _:
                return False
    return bool(claims) and {claim.letter for claim in claims} - {""} <= unknowns


def verdict(
    say: Say,
    written: str,
    claims: Sequence[Claim],
    answers: Sequence[tuple[object, Result]],
    compared: Sequence[Result],
    *,
    exactly: bool = False,
) -> str:
    """The sentence before the answer: whether it is what was claimed.

    `answers` are the tasks with their results; `compared` are the results of `comparison`. Where something is said to
    equal a number `exactly`, a rounded one is wrong.
    """
    if not written:
        return say(Sentence.CLAIM_AGAIN)
    shown = _shown(say, claims, written)
    answers = [pair for pair in answers if isinstance(pair[0], _OF_ANSWERS)]
    if not claims or not answers:
        return say(Sentence.CLAIM_UNSURE, claim=shown)
    of_solution = _judged_as_solution(written, claims, answers, compared)
    each = [of_solution] if of_solution else [
        _judged_alone(claim, answers, compared[at] if at < len(compared) else {}) for at, claim in enumerate(claims)
    ]  # fmt: skip
    solved = [pair for pair in answers if isinstance(pair[0], Solve | Roots | SolveSystem | Intersection)]
    unsure = any(result.get(Key.SURE) is False for _, result in solved)
    worst = next((kind for kind in _WORST_FIRST if kind in each), Sentence.CLAIM_RIGHT)
    count = sum(len(parts_of(result, Key.SOLUTIONS)) or len(texts_of(result, Key.FORMULAS)) for _, result in solved)
    named = 1 if of_solution else len({pretty_expression(claim.value) for claim in claims})
    match worst:
        case Sentence.CLAIM_WRONG if unsure:
            worst = Sentence.CLAIM_UNSURE
        case Sentence.CLAIM_ROUNDED if exactly:
            worst = Sentence.CLAIM_NEARLY
        case Sentence.CLAIM_RIGHT if solved and (count > named or unsure):
            worst = Sentence.CLAIM_ONE_OF if named == 1 else Sentence.CLAIM_SOME_OF
    return say(_OF_SEVERAL.get(worst, worst) if len(claims) > 1 else worst, claim=shown)


def _shown(say: Say, claims: Sequence[Claim], written: str) -> str:
    shown = [
        f"{claim.letter} = " * bool(claim.letter)
        + say.localised(pretty_expression(claim.value))
        + " %" * claim.is_percent
        for claim in claims
    ]
    return say.listed(shown) if shown else written


def _judged_alone(claim: Claim, answers: Sequence[tuple[object, Result]], compared: Result) -> Sentence:
    """What is to be said of one claim: right, rounded, wrong or unsure."""
    if compared.get(Key.CHECK) is True:
        return Sentence.CLAIM_RIGHT
    value = _value_of(claim, compared)
    values = [number for task, result in answers for number in _numbers(task, result, claim.letter)]
    if value is None or not values:
        is_formula = not is_constant(claim.value) and any(text_of(result, Key.EXACT) for _, result in answers)
        return Sentence.CLAIM_WRONG if compared and is_formula else Sentence.CLAIM_UNSURE
    of_percent = all(isinstance(task, NumberTask) and task.asked in _IN_PERCENT for task, _ in answers)
    return _judged(claim, value, values, divisors=(1,) if of_percent else (100,)) or Sentence.CLAIM_WRONG


def _judged_as_solution(  # noqa: C901 - one case a kind of solution
    written: str, claims: Sequence[Claim], answers: Sequence[tuple[object, Result]], compared: Sequence[Result]
) -> Sentence | None:
    """The same of values that belong to one solution of several unknowns; None where the claims are no such values."""
    if len(claims) < 2 or len(answers) != 1:
        return None
    [(task, result)] = answers
    found = parts_of(result, Key.SOLUTIONS)
    if isinstance(task, SolveSystem):
        unknowns = task.unknowns
        solutions = [{str(key): _float(text_of(object_of(part, key), Key.DECIMAL)) for key in part} for part in found]
    elif isinstance(task, Intersection) and (POINT.fullmatch(written) or any(claim.letter for claim in claims)):
        unknowns = (task.first.variable, "y")
        solutions = [{unknowns[0]: value_of(part), "y": value_of(object_of(part, Key.Y))} for part in found]
    else:
        return None
    letters = [claim.letter for claim in claims]
    if not any(letters) and len(letters) == len(unknowns):
        letters = [*unknowns]
    values = [_value_of(claim, compared[at] if at < len(compared) else {}) for at, claim in enumerate(claims)]
    if len({*letters}) < len(letters) or not {*letters} <= {*unknowns} or None in values:
        return None
    best = Sentence.CLAIM_WRONG
    for solution in solutions:
        judged = [
            _judged(claim, value or 0.0, [number] if (number := solution.get(letter)) is not None else [])
            for claim, value, letter in zip(claims, values, letters, strict=True)
        ]
        if None not in judged:
            best = Sentence.CLAIM_ROUNDED if Sentence.CLAIM_ROUNDED in judged else Sentence.CLAIM_RIGHT
            if best is Sentence.CLAIM_RIGHT:
                return best
    return best


def _value_of(claim: Claim, compared: Result) -> float | None:
    exact = fraction_of(claim.value)
    return float(exact) if exact is not None else _float(text_of(compared, Key.VALUE))


def _values(result: Result) -> Iterator[tuple[str, float | None]]:
    """The exact texts of a result and their decimals: its own, those of its solutions, and both sides of a limit."""
    if exact := text_of(result, Key.EXACT):
        yield exact, value_of(result)
    for part in (*parts_of(result, Key.SOLUTIONS), *parts_of(result, Key.VALUES)):
        yield from _values(part)
        for name in part:
            if inner := object_of(part, name):
                yield text_of(inner, Key.EXACT), value_of(inner)
    for formula in texts_of(result, Key.FORMULAS):
        yield formula, None
    if (left := text_of(result, Key.LEFT)) and left == text_of(result, Key.RIGHT):
        yield left, _float(left)


def _numbers(task: object, result: Result, letter: str) -> list[float]:
    """The numbers that a claim of this letter, or of none, can be about."""
    numbers = [value for _, value in _values(result) if value is not None]
    if not letter:
        return numbers
    match task:
        case Solve(unknown=unknown) | Roots(function=Function(variable=unknown)):
            return numbers if letter == unknown else []
        case SolveSystem():
            found = [named_of(part, key) for part in parts_of(result, Key.SOLUTIONS) for key in part if key == letter]
            return [value for each in found if (value := _float(str(each.get(Key.DECIMAL)))) is not None]
        case Evaluate(function=Function(name=name)):
            return numbers if letter in {name, "y"} else []
        case _:
            return []


def table_verdict(say: Say, written: str, results: Sequence[Result]) -> str:
    """The same of an answer about a table, where that is one figure; the figures of a column may be per cent."""
    claims = claimed(written, say.language) if written else ()
    numbers = [float(number) for result in results for number in _figures(result) if isinstance(number, int | float)]
    exact = fraction_of(claims[0].value) if len(claims) == 1 and not claims[0].letter else None
    if not written:
        return say(Sentence.CLAIM_AGAIN)
    if exact is None or len(numbers) != 1:
        return say(Sentence.CLAIM_UNSURE, claim=_shown(say, claims, written))
    judged = _judged(claims[0], float(exact), numbers, divisors=(1, 100))
    return say(judged or Sentence.CLAIM_WRONG, claim=_shown(say, claims, written))


def _figures(result: Result) -> Iterator[object]:
    for figures in named_of(result, Key.FIGURES).values():
        yield from figures.values() if isinstance(figures, dict) else ()
    yield result.get(Key.VALUE)
    yield result.get(Key.R)


def _judged(
    claim: Claim, value: float, numbers: Sequence[float], *, divisors: Sequence[int] = (100,)
) -> Sentence | None:
    """Right or rounded, where the claim is one of the numbers; None where it is none of them.

    A claim in per cent is divided by one of `divisors`: by 1 where the numbers are per cent too.
    """
    is_rounded = False
    for divisor in divisors if claim.is_percent else (1,):
        places = claim.places + 2 * (divisor == 100)
        for number in numbers:
            gap = abs(number - value / divisor)
            if gap <= 1e-9 * max(1.0, abs(number)):
                return Sentence.CLAIM_RIGHT
            is_rounded |= places > 0 and gap <= 0.5000001 * 10**-places
    return Sentence.CLAIM_ROUNDED if is_rounded else None


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
