"""Sentences and numbers in the language of the question, and the answer that is made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import Final

from tutor.answers.results import Result, text_of
from tutor.answers.sentence_catalogue import Sentence, catalogue
from tutor.formulas.expression import Expression
from tutor.formulas.formula_text import pretty, pretty_expression
from tutor.language.vocabulary import Language
from tutor.planning.tasks import Function, label
from tutor.programs.result_keys import Key

_UNDEFINED: Final = frozenset({"nan", "zoo", "oo*I", "-oo*I", ""})
_MAX_EXACT_CHARS: Final = 32
_MAX_INTEGER_DIGITS: Final = 60
_WITHOUT_FORMULA: Final = ("CRootOf", "Integral", "Piecewise", "Float", "I*")
_SIGNIFICANT_DIGITS: Final = 6
_MAX_FINITE_DIGITS: Final = 10
_MIN_WRITTEN_OUT: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speaks one language; `places` are the decimals asked for."""

    language: Language
    places: int | None = None

    def __call__(self, key: Sentence, **values: str | int) -> str:
        """The sentence of that name with these words in it."""
        return catalogue(self.language)[key].format(**values)

    def both(self, part: Result) -> str:
        """A number exactly and as a decimal: `7/3 ≈ 2.33333`, `1/2 = 0.5`, `12`."""
        exact, decimal = text_of(part, Key.EXACT), text_of(part, Key.DECIMAL)
        if exact.lstrip("-").isdigit():
            return self._integer(exact)
        value = _real(decimal)
        if value is None or math.isinf(value):
            return pretty(exact)
        finite = self._finite(exact)
        if finite:
            return f"{pretty(exact)} = {finite}"
        rounded = f"≈ {self.decimal(value)}"
        without_form = len(exact) > _MAX_EXACT_CHARS or "." in exact or any(n in exact for n in _WITHOUT_FORMULA)
        return rounded if without_form else f"{pretty(exact)} {rounded}"

    def equals(self, part: Result) -> str:
        """`= 7/3 ≈ 2.33333`, or `≈ 0.739085` where there is no exact form."""
        text = self.both(part)
        return text if text.startswith("≈") else f"= {text}"

    def _integer(self, exact: str) -> str:
        digits = exact.lstrip("-")
        if len(digits) <= _MAX_INTEGER_DIGITS:
            return pretty(exact)
        mantissa = self.localised(f"{'-' if exact.startswith('-') else ''}{digits[0]}.{digits[1:6]}")
        return self(
            Sentence.LONG_INTEGER, mantissa=mantissa, power=pretty(f"10**{len(digits) - 1}"), digits=len(digits)
        )

    def _finite(self, exact: str) -> str:
        """A fraction as the decimal that it equals; empty where it has none of a few digits."""
        numerator, _, denominator = exact.partition("/")
        if self.places is not None or not (numerator.lstrip("-").isdigit() and denominator.isdigit()):
            return ""
        quotient = Decimal(numerator) / Decimal(denominator)
        equal = quotient * Decimal(denominator) == Decimal(numerator)
        few = len(quotient.as_tuple().digits) <= _MAX_FINITE_DIGITS and abs(quotient) >= _MIN_WRITTEN_OUT
        return self.localised(f"{quotient:f}") if equal and few else ""

    def decimal(self, value: float) -> str:
        """Six significant digits, or the places asked for."""
        value += 0.0  # no minus before a zero
        if self.places is not None:
            text = f"{value:.{self.places}f}"
        elif value and not 1e-4 <= abs(value) < 1e9:
            mantissa, _, exponent = f"{value:.{_SIGNIFICANT_DIGITS - 1}e}".partition("e")
            text = f"{mantissa.rstrip('0').rstrip('.')}·{pretty(f'10**({int(exponent)})')}"
        else:
            whole = len(str(int(abs(value))))
            text = f"{value:.{max(_SIGNIFICANT_DIGITS - whole, 2)}f}" if abs(value) >= 1 else f"{value:.6g}"
            text = text.rstrip("0").rstrip(".") if "." in text else text
        return self.localised(text)

    def localised(self, text: str) -> str:
        """With the language's decimal sign and a real minus."""
        text = text.replace("-", "−")
        return text.replace(".", ",") if self.language.has_decimal_comma else text

    def formula(self, expression: Expression) -> str:
        """The user's expression in everyday notation."""
        return self.localised(pretty_expression(expression))

    def label(self, function: Function) -> str:
        """What a function is called: `f(x) = 0.5x²`."""
        return self.localised(label(function))

    def listed(self, items: Sequence[str]) -> str:
        """`a, b and c`."""
        if len(items) < 2:
            return "".join(items)
        return self(Sentence.AND).join((", ".join(items[:-1]), items[-1]))


def is_undefined(part: Result) -> bool:
    """Whether the value does not exist as a real number, finite or infinite."""
    exact = text_of(part, Key.EXACT)
    return exact in _UNDEFINED or (_real(text_of(part, Key.DECIMAL)) is None and not any(c.isalpha() for c in exact))


def is_complex(part: Result) -> bool:
    """Whether the value has an imaginary part."""
    return "I" in text_of(part, Key.DECIMAL).replace("Integral", "")


def is_infinite(part: Result) -> bool:
    """Whether the value is plus or minus infinity."""
    return text_of(part, Key.EXACT) in {"oo", "-oo"}


def value_of(part: Result) -> float | None:
    """The decimal as a number; None where it is none."""
    return _real(text_of(part, Key.DECIMAL))


def _real(decimal: str) -> float | None:
    if decimal in {"oo", "-oo"}:
        return math.copysign(math.inf, -1 if decimal[0] == "-" else 1)
    try:
        value = float(decimal)
    except ValueError:
        return None
    return None if math.isnan(value) else value


class Explanation(Enum):
    """How much is said of the code."""

    FULL = auto()  # how it works, and why there was code: once in a conversation
    SHORT = auto()  # one line
    NONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Collects the sentences of the answer and, for the explanation, what the code does."""

    say: Say
    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def line(self, key: Sentence, **values: str | int) -> None:
        """A sentence of the answer."""
        self.lines.append(self.say(key, **values))

    def step(self, key: Sentence, **values: str | int) -> None:
        """What the code does, and why it was used for this."""
        self.steps.append(self.say(key, **values))

    def explained(self, explanation: Explanation, *, how: Sentence, short: Sentence) -> list[str]:
        """The paragraphs about the code; `how` and `short` are the sentences that begin them."""
        steps = self.say(Sentence.THEN).join(dict.fromkeys(self.steps))
        match explanation:
            case Explanation.FULL:
                return [
                    self.say(how, steps=steps),
                    self.say(Sentence.WHY, reasons=" ".join(dict.fromkeys(self.reasons))),
                ]
            case Explanation.SHORT:
                return [self.say(short, steps=steps)]
            case Explanation.NONE:
                return []

    def reason(self, key: Sentence) -> None:
        """Why code was used."""
        self.reasons.append(self.say(key))
