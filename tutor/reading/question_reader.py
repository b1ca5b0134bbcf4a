"""From a question to clauses: a sentence ends one, and so does a further demand after a subject."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tutor.formulas.formula_tokens import Token, TokenKind, tokens
from tutor.formulas.statements import Doubt
from tutor.language.cues import Cue, Word
from tutor.language.tagging import tagged
from tutor.language.vocabulary import Language, is_word, language_of, vocabulary
from tutor.reading.clause import Clause, Question
from tutor.reading.clause_builder import ClauseBuilder
from tutor.reading.items import Item, Mark, items, meaning

MAX_CHARACTERS: Final = 1500
MAX_TOKENS: Final = 300
_NUMBERING: Final = re.compile(r"(?:\A|(?<=\s))(?P<name>\d|[a-jA-J])[).]\s+")
_MAX_SENTENCES: Final = 6
_SENTENCE_ENDS: Final = re.compile(r"(?<=[?.!])\s+(?=[^\W\d])|\n+")

_CIRCLE: Final = (
    r"\b(?:an? |the |einen? |den |een |de )?(?:circle|kreis|cirkel) (?:with|of|mit|met)(?: the| dem| a"
    r"| een)? (?:radius|straal) (?:of |van )?(\d+(?:\.\d+)?)"
)
_NAMED_CURVE_ENDS: Final = (
    r"(?=\s*(?:[?.!,]|\Z|(?:and|und|from|von|in|with|mit|please|bitte|too|also|auch|en|van|met"
    r"|ook)\b))"
)
_NAMED_CURVES: Final = tuple(
    (re.compile(rf"\b(?:an?|einen?|een) (?:{words}){_NAMED_CURVE_ENDS}", re.IGNORECASE), formula)
    for words, formula in (
        ("(?:simple |standard |normal |einfache |eenvoudige )?(?:parabola|parabel|parabool)", "y = x^2"),
        ("(?:simple |einfache |eenvoudige )?(?:hyperbola|hyperbel|hyperbool)", "y = 1/x"),
        ("(?:simple )?(?:cubic(?: function| curve)?|kubische funktion)", "y = x^3"),
        ("(?:simple )?exponential(?: function| curve)?", "y = e^x"),
        ("logarithm(?:ic)?(?: function| curve)?", "y = ln(x)"),
    )
)
_ABBREVIATIONS: Final = (
    (re.compile(r"(?<!\S)[:;=]-?[)(DPp](?=\s|\Z)"), " "),  # a smiley
    (
        re.compile(
            r"\A\s*(?:and |und )?(?:together with|with|mit|met)\s+(?!respect|dem|den|der"
            r"|de )",
            re.IGNORECASE,
        ),
        "also ",
    ),
    (re.compile(_CIRCLE, re.IGNORECASE), r"x^2 + y^2 = \1^2"),
    (re.compile(r"(?<=[^\W\d])!(?=\s+[A-ZÄÖÜ][a-zäöü])"), "."),
    (
        re.compile(r"(?:\bdivided by|\bgeteilt durch|\bgedeeld door|÷)\s*(\d+\s?/\s?\d+)(?![\d^])", re.IGNORECASE),
        r"/ (\1)",
    ),
    (re.compile(r"=\s*\??\s*$"), ""),  # 2 + 2 = ?
    (re.compile(r"\b(can|could|would|will|do|are) u\b", re.IGNORECASE), r"\1 you"),
    (re.compile(r"\bin (\d+(?:,\d+)?)er[- ]?Schritten\b", re.IGNORECASE), r"mit Schrittweite \1"),
    (  # domain and range, rather than in the range from 0 to 5
        re.compile(r"\brange\b(?=\s*(?:[,;?]|\.?\s*\Z|and\s+(?:the\s+)?[a-z]{3}))", re.IGNORECASE),
        "value range",
    ),
    (re.compile(r"\b([a-z]) naar (?=[-+]?\d|oneindig|min oneindig|pi\b|oo\b)"), r"\1 nadert "),
    (re.compile(r"\b(?:plus )?oneindig\b", re.IGNORECASE), "oo"),
    (re.compile(r"\bw\.\s?r\.\s?t\.?", re.IGNORECASE), "wrt"),
    (re.compile(r"\b(?:e\.g\.|i\.e\.|z\.\s?B\.|d\.\s?h\.|etc\.|usw\.)", re.IGNORECASE), ","),
    (re.compile(r"\b(vs|bzgl|bzw|resp)\.", re.IGNORECASE), r"\1"),
    (re.compile(r"\bHoch-\s?und Tiefpunkten?\b", re.IGNORECASE), "Extrempunkte"),
    (re.compile(r"\b([xy]) (axis|Achse|intercepts?|Achsenabschnitt|values?|Werte?)\b", re.IGNORECASE), r"\1-\2"),
)
_ALGEBRA: Final = frozenset({TokenKind.RELATION, TokenKind.LETTER, TokenKind.FUNCTION})
_BESIDE_NUMBERS: Final = frozenset(
    {Cue.FROM, Cue.TO, Cue.BETWEEN, Cue.ON, Cue.FOR, Cue.AT, Cue.STEP, Cue.PLACES, Cue.POINTS, Cue.PLOT, Cue.TABLE}
)
"""Say what a number is there for, so that an exclamation mark after it is none of its own."""

_BARE_FUNCTION: Final = re.compile(
    r"\b(sin|cos|tan|cot|arcsin|arccos|arctan|sinh|cosh|tanh|exp|ln|sqrt)\b"
    r"(?=\s*(?:[?.!,;]|\Z|(?:and|und|en|or|oder|of|too|also|auch|ook|instead|please|bitte|from|von|van|between|zwischen"
    r"|tussen|in|on|with|mit|met|vs)\b))",
    re.IGNORECASE,
)
"""`the same for cos`: the function of x."""

_SHOWN_CURVE: Final = re.compile(
    r"\b(?:show(?: me)?|zeige?(?: mir)?|toon(?: me)?)\s+(?=(?:an?|einen?|een|eine) (?:\w+ )?(?:parabol|parabel"
    r"|parabool|hyperbol"
    r"|sine|sinus|cosine|cosinus))",
    re.IGNORECASE,
)
_HELP: Final = re.compile(
    r"\A\s*(?:help|(?:ich brauche )?hilfe|(?:ik heb )?hulp(?: nodig)?|i need help)(?: me)?(?: please| pls| bitte"
    r"| alsjeblieft| aub)?"
    r"[\s?!.]*\Z",
    re.IGNORECASE,
)
_WHAT_CAN_YOU_DO: Final = {
    Language.ENGLISH: "what can you do",
    Language.GERMAN: "was kannst du",
    Language.DUTCH: "wat kun je doen",
}
_OPERAND: Final = r"(?!(?:that|it|this|them|davon|daarvan)\b)((?:[^\W_]|[.^*/()+-])+)"
_PAIR: Final = rf"{_OPERAND} (?:and|und|en) {_OPERAND}"
_NAMED_RESULTS: Final = tuple(  # "the sum of 3 and 5", "the square of 4"
    (re.compile(rf"\b(?:{words}) {operands}", re.IGNORECASE), result)
    for words, operands, result in (
        ("square", r"(\d+)", r"((\1)^2)"),
        ("cube", r"(\d+)", r"((\1)^3)"),
        ("square of|Quadrat von|kwadraat van", _OPERAND, r"((\1)^2)"),
        ("cube of|dritte Potenz von", _OPERAND, r"((\1)^3)"),
        ("(?:a )?half of|Hälfte von|helft van", _OPERAND, r"((\1)/2)"),
        ("sum of|Summe (?:von|aus)|som van", _PAIR, r"((\1) + (\2))"),
        ("product of|Produkt (?:von|aus)|product van", _PAIR, r"((\1) * (\2))"),
        ("difference (?:of|between)|Differenz (?:von|aus|zwischen)|verschil (?:van|tussen)", _PAIR, r"((\1) - (\2))"),
        ("quotient of|Quotient (?:von|aus)|quotiënt van", _PAIR, r"((\1) / (\2))"),
    )
)
_COUNTS: Final = {
    "a": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "ein": 1,
    "zwei": 2,
    "drei": 3,
    "een": 1,
    "twee": 2,
}
_PARTS: Final = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
    "drittel": 3,
    "viertel": 4,
    "fünftel": 5,
    "achtel": 8,
    "zehntel": 10,
    "derde": 3,
    "kwart": 4,
    "vijfde": 5,
    "achtste": 8,
    "tiende": 10,
}
_SHARE: Final = re.compile(rf"\b({'|'.join(_COUNTS)})[ -]({'|'.join(_PARTS)})s? (of|von|van)\b", re.IGNORECASE)
_AMBIGUOUS_COMMA: Final = re.compile(r"(?<![\d,.\[({;])\b\d+,\d{1,2}(?![\d,])(?!\s*[\])}])|\b\d+,\d{4,}(?![\d,])")


def read(text: str, *, otherwise: Language, functions: frozenset[str] = frozenset()) -> Question:
    """The question's clauses; `otherwise` is the language of a text without words of either language.

    `functions` are the names that the thread has given to functions.
    """
    if len(text) > MAX_CHARACTERS:
        return Question(language=otherwise, clauses=(), is_too_long=True)
    language = language_of(text, otherwise)
    text = _SHOWN_CURVE.sub("plot ", text)
    text = _HELP.sub(_WHAT_CAN_YOU_DO[language], text)
    for pattern, replacement in (*_ABBREVIATIONS, *_NAMED_CURVES, *_NAMED_RESULTS):
        text = pattern.sub(replacement, text)
    text = _BARE_FUNCTION.sub(r"\1(x)", text)
    text = _SHARE.sub(lambda share: f"{_COUNTS[share[1].lower()]}/{_PARTS[share[2].lower()]} {share[3]}", text)
    decimal_comma = language.has_decimal_comma
    found, is_shouted = _without_exclamations(tokens(text, is_word=is_word, decimal_comma=decimal_comma), language)
    if len(found) > MAX_TOKENS:
        return Question(language=language, clauses=(), is_too_long=True)
    return Question(
        language=language,
        clauses=clauses_of(items(tagged(found, vocabulary(language)), functions=functions)),
        has_ambiguous_comma=not decimal_comma and _AMBIGUOUS_COMMA.search(text) is not None,
        doubts=frozenset({Doubt.EXCLAMATION} if is_shouted else ()),
    )


def _without_exclamations(found: Sequence[Token], language: Language) -> tuple[list[Token], bool]:
    """The tokens with every `!` that ends a sentence made a full stop, unless it is a factorial.

    True beside them where a reader may have meant a factorial: `Solve x^2 = 9!`.
    """
    result: list[Token] = []
    start, is_shouted = 0, False
    for at, token in enumerate(found):
        if token.kind is TokenKind.STOP:
            start = len(result) + 1
        if token.text != "!" or not _ends_at(found, at):
            result.append(token)
            continue
        sentence = result[start:]
        if not token.spaced and _is_factorial(sentence, language):
            result.append(token)
        elif sentence and sentence[-1].kind is TokenKind.NUMBER and not token.spaced:
            is_shouted |= not _cues(sentence, language) & _BESIDE_NUMBERS
        result.append(Token(kind=TokenKind.STOP, text=".", spaced=True))
        start = len(result)
    return result, is_shouted


def _ends_at(found: Sequence[Token], at: int) -> bool:
    """Whether nothing follows the token but a new sentence."""
    following = found[at + 1] if at + 1 < len(found) else None
    if following is None or following.kind is TokenKind.STOP:
        return True
    return following.kind is TokenKind.WORD and following.spaced and following.text[0].isupper()


def _is_factorial(sentence: Sequence[Token], language: Language) -> bool:
    """Whether a `!` right after these tokens is one: in a sum of numbers (`What is 3 + 4!`) or after another factorial.

    After a lone letter it depends: `Plot x!` is a factorial, `Find x!` is none.
    """
    if any(token.text == "!" for token in sentence):
        return True
    if not sentence:
        return False
    *others, last = sentence
    kinds = {token.kind for token in others}
    if last.kind is TokenKind.LETTER:
        draws = vocabulary(language).cues.get(sentence[0].text.lower()) is Cue.PLOT
        return draws and not kinds & {*_ALGEBRA, TokenKind.OPERATOR}
    is_number = last.kind is TokenKind.NUMBER or last.text == ")"
    return is_number and not kinds & _ALGEBRA and not _cues(sentence, language) & _BESIDE_NUMBERS


def _cues(sentence: Sequence[Token], language: Language) -> set[Cue | None]:
    return {vocabulary(language).cues.get(token.text.lower()) for token in sentence}


def without_numbering(text: str) -> str:
    """`1) 2+2 2) 3*3` and `a) ... b) ...` as one question a line."""
    marks = list(_NUMBERING.finditer(text)) if len(text) <= MAX_CHARACTERS else []
    names = [mark["name"].lower() for mark in marks]
    is_counted = names in ([str(at) for at in range(1, len(names) + 1)], list("abcdefghij"[: len(names)]))
    if len(names) < 2 or not is_counted or text[: marks[0].start()].strip():
        return text
    return _NUMBERING.sub("\n", text).strip()


def sentences_of(text: str) -> list[str]:
    """The sentences of a message that may hold several questions; empty for one, and for too many."""
    found = [each for each in _SENTENCE_ENDS.split(text) if each.strip()]
    return found if 2 <= len(found) <= _MAX_SENTENCES else []


def clauses_of(found: Sequence[Item]) -> tuple[Clause, ...]:
    """The items cut where a sentence ends or a new demand begins after a subject."""
    clauses: list[Clause] = []
    builder = ClauseBuilder(found, 0)
    for at, item in enumerate(found):
        if _ends_sentence(item) or (isinstance(item, Word) and builder.ends_before(meaning(found, at))):
            clauses.append(builder.clause())
            builder = ClauseBuilder(found, at)
        builder.hear(at)
    clauses.append(builder.clause())
    return _assembled([clause for clause in clauses if not clause.is_empty])


def _ends_sentence(item: Item) -> bool:
    return isinstance(item, Mark) and item.text in {".", "?", "!"}


def _assembled(clauses: list[Clause]) -> tuple[Clause, ...]:
    """What belongs together but stands in two sentences: `Solve this. 2x = 6`, `a = 3. What is 2a?`."""
    result: list[Clause] = []
    for clause in clauses:
        before = result[-1] if result else None
        asks_only = before is not None and before.demands and not before.has_matter and not clause.demands
        gives_only = before is not None and before.values and not before.demands and not before.subjects
        if before is not None and (asks_only or gives_only) and clause.subjects:
            result[-1] = before.joined_with(clause)
        else:
            result.append(clause)
    return tuple(result)
