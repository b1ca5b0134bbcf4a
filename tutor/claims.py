"""What a person says of an answer: `isn't it 43?`, `I get 3x^2`, `so 12, right?`, `that's wrong`.

It is judged by the result of the question before, which is worked out again for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tutor.answers.results import Result, named_of, object_of, parts_of, text_of, texts_of
from tutor.answers.say import Say, value_of
from tutor.answers.sentence_catalogue import Sentence
from tutor.formulas.expression import Expression, Negative, Number, Symbol, is_constant, symbols
from tutor.formulas.formula_text import code, pretty_expression
from tutor.formulas.formula_tokens import FUNCTIONS, is_glued_formula
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
from tutor.reading.number_tasks import NumberTask
from tutor.reading.question_reader import read
from tutor.reading.rewording import without_units

_MAX_CLAIM_CHARS: Final = 120
_MAX_EXACT_CHARS: Final = 500
_OPENING: Final = re.compile(
    r"\A(?:(?:but|no|hm+|wait|sorry|ok|okay|so|and|then|thanks|thank you|well|oh|ah|really|actually|hey|aber|nein|halt"
    r"|danke|moment|und|dann|ach|maar|nee|wacht|bedankt|en|dan|dus|nou)\b[\s,.!;:]*)+",
    re.IGNORECASE,
)
_WHAT: Final = r"(?P<claim>.{1,60}?)"
_IT: Final = (
    r"(?:it|that|this|(?:the |your )?(?:answer|result|solution|value|sum|total|derivative|integral|limit)"
    r"|es|das|(?:das |die |der |dein |deine )?(?:ergebnis|antwort|lösung|wert|summe|ableitung|integral|grenzwert)"
    r"|het|dat|(?:het |de |je )?(?:antwoord|uitkomst|resultaat|oplossing|waarde|som|afgeleide|integraal|limiet))"
)
_WHO: Final = (
    r"(?:i|we|he|she|they|you|chatgpt|excel|google|my \w+|the \w+|our \w+|ich|wir|er|sie|du|mein\w* \w+|das buch"
    r"|ik|wij|we|hij|zij|je|jij|mijn \w+|het boek)"
)
_SAID: Final = (
    r"(?:get|gets|got|am getting|have|had|think|thinks|thought|believe|say|says|said|told me|calculated|computed"
    r"|found|expected|would say|am sure|bekomme|bekam|bekommt|kriege|komme auf|kam auf|erhalte|habe|hab|hat|hatte"
    r"|denke|dachte|glaube|meine|sagt|sagte|hast gesagt|sagst|krijg|kreeg|kom op|kom uit op|kwam op|heb|had"
    r"|denk|dacht|zei|zegt)"
)
_THAT: Final = (
    rf"(?:,? (?:that|dass|dat))?(?: {_IT})?(?:'s| is| was| should be| must be| to be| ist| sind| wäre| moet)?"
)
_TAIL: Final = (
    r"(?:,? (?:right|correct|yes|no|or|instead|rather|though|really|isn't it|is it|oder|richtig|nicht wahr|stimmt's|ja"
    r"|raus|heraus|gesagt|sein|zijn|toch|hè|is|klopt dat|not|niet|nicht|stimmt das|is that right))*"
)
_ROLE: Final = (
    r"(?:(?: also| too| auch| ook)?(?: a| an| one| the| eine?| die| een| de)?(?: of the| of them| der)?"
    r" (?:solution|root|zero|answer|result|value|lösung|nullstelle|ergebnis|antwort|oplossing|nulpunt|antwoord)"
    r"(?:s|n|en)?(?: too| as well| auch| ook)?)"
)
_CLAIMS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:isn't|isnt|is not|wasn't|aren't|shouldn't|shouldnt|ist nicht|is niet)(?: {_IT})?(?: be)? {_WHAT}"
        rf"{_ROLE}?{_TAIL}",
        rf"(?:is|was|should|ist|wäre|müsste|sollte|moet|zou) {_IT}(?: not| nicht| niet)?(?: be)? {_WHAT}"
        rf"{_ROLE}?{_TAIL}",
        rf"(?:is|ist) {_WHAT}{_ROLE}",
        rf"{_IT}(?:'s| is| was| should be| must be| would be| equals| ist| war| wäre| muss| sollte| zou)"
        rf"(?: not| nicht| niet| doch| toch| really)? {_WHAT}{_ROLE}?{_TAIL}",
        rf"{_WHO} {_SAID}{_THAT} {_WHAT}{_ROLE}?{_TAIL}",
        rf"(?:are you (?:really )?sure|bist du (?:dir )?sicher|weet je(?: het)? zeker)(?: about|{_THAT}) "
        rf"(?:not |nicht |niet )?{_WHAT}{_TAIL}",
        rf"{_WHAT}(?:,? (?:is|isn't|ist|that's))?,? (?:right|correct|the answer|isn't it|richtig|oder|nicht wahr|toch"
        r"|hè)",
    )
)
_SO: Final = re.compile(rf"(?:so|also|dus)[\s,]+{_WHAT}{_TAIL}", re.IGNORECASE)
"""With its opening word: `so 12?`."""

_DOUBTED: Final = re.compile(
    rf"(?:{_IT}(?:'s| is| was| can't be| cannot be| must be| looks| seems| ist| kann| is| kan)? ?)?"
    r"(?:not right|wrong|incorrect|not correct|false|a mistake|an error|nonsense|can't be right|cannot be right"
    r"|falsch|nicht richtig|stimmt nicht|kann nicht sein|nicht stimmen|ein fehler|fout|niet goed|klopt niet"
    r"|niet kloppen|onjuist)"
    r"|(?:is|was) (?:that|this|it) (?:really )?(?:right|correct|true|wrong)|stimmt das(?: wirklich)?|ist das richtig"
    r"|kann das(?: stimmen| sein)|klopt dat(?: wel)?|is dat (?:goed|juist)|you(?:'re| are) wrong"
    r"|check (?:that|it|again)"
    r"|you made a mistake|i don't believe (?:you|it|that)|double[- ]?check(?: that| it| this)?|das glaube ich nicht"
    r"|rechne (?:das )?nach|du liegst falsch|je hebt het fout|reken (?:dat |het )?na|i (?:don't|do not) think so",
    re.IGNORECASE,
)
_RESTATED: Final = re.compile(
    rf"(?:{_WHO} {_SAID}|are you sure|bist du (?:dir )?sicher|weet je(?: het)? zeker)(?:,? (?:that|dass|dat))?"
    r",? (?P<it>it|es|het|sie|er|ze)(?:'s| is| was| ist| war)? (?:not )?(?P<shape>[^\W\d]{4,20})(?: ist| is| war)?",
    re.IGNORECASE,
)
_CORRECTS: Final = re.compile(r"(?:that|it) should|it(?:'s| is) actually", re.IGNORECASE)
_LETTER: Final = re.compile(r"(?<![^\W\d_])[a-zA-Z](?![^\W\d_])")
_EQUALITY: Final = re.compile(
    r"(?:(?:is|does|ist|stimmt|klopt)(?: it true that| es,? dass)? )?(?P<left>[^=<>?!]{1,50}[^=<>?!\s:])"
    r" ?=(?P<right>[^=<>?!]{1,50}?)"
    r"(?:,? (?:right|correct|true|richtig|oder|toch))?[\s?.!]*",
    re.IGNORECASE,
)
_DEFINES: Final = re.compile(
    r"(?:y|[fgh]\s?\(\s?[a-z]\s?\))\s*=.*[a-z]|[fgh]\s?\([^=]*\Z|[^=]*[\d^+*/-][^=]*=", re.IGNORECASE
)
"""`y = x^2`, `f(3)`, `x^2 = 4`: another question rather than an answer to the last one."""

_OF_ANSWERS: Final = (
    AreaBetween | Arithmetic | Derivative | Evaluate | Integral | Intersection | Limit | NumberTask | Rewrite | Roots
    | Solve | SolveSystem | Tangent | TraitOf
)  # fmt: skip


def claim_in(text: str) -> str | None:
    """The number, formula or equation that a message claims; empty where it only doubts; None for other messages."""
    if len(text) > _MAX_CLAIM_CHARS:
        return None
    written = re.sub(r"\s+", " ", text.replace("’", "'")).strip().rstrip("?.! ")
    said = _OPENING.sub("", written)
    if _DOUBTED.fullmatch(said):
        return ""
    if (found := _SO.fullmatch(written)) and _is_value(found["claim"]):
        return found["claim"].strip()
    for pattern in _CLAIMS:
        if (found := pattern.fullmatch(said)) and _is_value(found["claim"]):
            is_correction = _CORRECTS.match(said) and _LETTER.search(
                found["claim"]
            )  # "it should be x^3": another question
            return None if is_correction else found["claim"].strip()
    return None


def equality_in(text: str) -> tuple[str, str] | None:
    """Both sides of `is 2 + 2 = 5?`; None for an equation with an unknown, or one without its right side."""
    found = _EQUALITY.fullmatch(_OPENING.sub("", text.strip())) if len(text) <= _MAX_CLAIM_CHARS else None
    if found is None or not all(map(_is_value, found.groups())) or _LETTER.search(found["left"] + found["right"]):
        return None
    return found["left"].strip(), found["right"].strip()


def restated(text: str) -> str:
    """`But you said it was concave` as the question whether it is; any other text as it is."""
    said = re.sub(r"\s+", " ", text.replace("’", "'")).strip().rstrip("?.! ")
    found = _RESTATED.fullmatch(_OPENING.sub("", said)) if len(text) <= _MAX_CLAIM_CHARS else None
    if found is None:
        return text
    asks = {"it": "is it", "het": "is het", "ze": "is het"}.get(found["it"].lower(), "ist es")
    return f"{asks} {found['shape']}?"


def _is_value(written: str) -> bool:
    """Whether nothing but mathematics stands there."""
    words = re.findall(r"[^\W\d_]{2,}", without_units(written).lower())
    if not (re.search(r"\d|\bpi\b|π", written) or _LETTER.search(written)) or _DEFINES.match(written):
        return False
    return all(word in FUNCTIONS or word == "pi" or is_glued_formula(word) for word in words)


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


def claimed(written: str, language: Language) -> Claim | None:
    """The claim read as a formula; None where it is none."""
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


def comparison(claim: Claim, task: object, results: Sequence[Result]) -> str:
    """A program that compares a claim with the results where its value is no plain number; empty where it is one."""
    if fraction_of(claim.value) is not None or not results:
        return ""
    texts = [text for result in results for text, _ in _values(result) if len(text) <= _MAX_EXACT_CHARS][:20]
    names = sorted({*symbols(claim.value)} - {"C"})
    move = ", ".join(f"sp.Symbol({json.dumps(name)}): place" for name in names)
    variable = task.function.variable if isinstance(task, Integral) and task.bounds is None else ""
    slope = f"sp.diff(difference, sp.Symbol({json.dumps(variable)}))" if variable else "difference"
    return f"""import json

import sympy as sp

# Is what was claimed the same as a result? The difference must be zero at several places.
claimed = sp.sympify({json.dumps(code(claim.value))}, rational=True)
same = []
for text in {json.dumps(texts)}:
    difference = sp.sympify(text, rational=True) - claimed
    gaps = [sp.N(({slope}).subs({{{move}}})) for place in map(sp.Rational, ["0.37", "1.21", "2.83"])]
    same.append(all(bool(gap.is_number) and abs(complex(gap)) < 1e-9 for gap in gaps))
print("The same:", same)
print("{MARK}", json.dumps({{"{Key.CHECK}": any(same), "{Key.VALUE}": str(sp.N(claimed, 15))}}))
"""


def verdict(
    say: Say, claim: Claim | None, written: str, tasks: Sequence[object], results: Sequence[Result], compared: Result
) -> str:
    """The sentence before the answer: whether it is what was claimed. `compared` is the result of `comparison`."""
    if not written:
        return say(Sentence.CLAIM_AGAIN)
    shown = _shown(say, claim, written)
    pairs = [pair for pair in zip(tasks, results, strict=False) if isinstance(pair[0], _OF_ANSWERS)]
    if claim is None or not pairs:
        return say(Sentence.CLAIM_UNSURE, claim=shown)
    if compared.get(Key.CHECK) is True:
        return say(Sentence.CLAIM_RIGHT, claim=shown)
    exact = fraction_of(claim.value)
    value = float(exact) if exact is not None else _float(text_of(compared, Key.VALUE))
    values = [number for task, result in pairs for number in _numbers(task, result, claim.letter)]
    if value is None or not values:
        is_formula = not is_constant(claim.value) and any(text_of(result, Key.EXACT) for _, result in pairs)
        return say(Sentence.CLAIM_WRONG if compared and is_formula else Sentence.CLAIM_UNSURE, claim=shown)
    several = any(isinstance(task, Solve | Roots | SolveSystem | Intersection) for task, _ in pairs)
    unsure = several and any(result.get(Key.SURE) is False for _, result in pairs)
    otherwise = Sentence.CLAIM_UNSURE if unsure else Sentence.CLAIM_WRONG
    return say(_judged(claim, value, values, of_several=several) or otherwise, claim=shown)


def _shown(say: Say, claim: Claim | None, written: str) -> str:
    if claim is None:
        return written
    name = f"{claim.letter} = " if claim.letter else ""
    return f"{name}{say.localised(pretty_expression(claim.value))}{' %' if claim.is_percent else ''}"


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
    """The same of an answer about a table, where that is one figure."""
    claim = claimed(written, say.language) if written else None
    numbers = [float(number) for result in results for number in _figures(result) if isinstance(number, int | float)]
    exact = fraction_of(claim.value) if claim is not None and not claim.letter else None
    if not written:
        return say(Sentence.CLAIM_AGAIN)
    if claim is None or exact is None or len(numbers) != 1:
        return say(Sentence.CLAIM_UNSURE, claim=_shown(say, claim, written))
    return say(_judged(claim, float(exact), numbers) or Sentence.CLAIM_WRONG, claim=_shown(say, claim, written))


def _figures(result: Result) -> Iterator[object]:
    for figures in named_of(result, Key.FIGURES).values():
        yield from figures.values() if isinstance(figures, dict) else ()
    yield result.get(Key.VALUE)
    yield result.get(Key.R)


def _judged(claim: Claim, value: float, numbers: Sequence[float], *, of_several: bool = False) -> Sentence | None:
    """What is to be said of a claim that is one of the numbers; None where it is none of them."""
    candidates = {value: claim.places} | ({value / 100: claim.places + 2} if claim.is_percent else {})
    for number in numbers:
        for candidate, places in candidates.items():
            gap = abs(number - candidate)
            if gap <= 1e-9 * max(1.0, abs(number)):
                return Sentence.CLAIM_ONE_OF if of_several and len(set(numbers)) > 1 else Sentence.CLAIM_RIGHT
            if places and gap <= 0.5000001 * 10**-places:
                return Sentence.CLAIM_ROUNDED
    return None


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
