"""Messages that lean on the conversation, written out: `times 6`, `no, I meant x^3`, `compare it to x^2`.

Each pattern describes a whole message, so that no word of it is passed over.
"""

from __future__ import annotations

import re
from typing import Final

from tutor.formulas.formula_tokens import FUNCTIONS
from tutor.language.vocabulary import Language

_AGAIN: Final = {
    Language.ENGLISH: "what about",
    Language.GERMAN: "was ist mit",
    Language.DUTCH: "hoe zit het met",
}
_ALSO_PLOT: Final = {
    Language.ENGLISH: "also plot",
    Language.GERMAN: "zeichne auch",
    Language.DUTCH: "teken ook",
}
_PLOT: Final = {Language.ENGLISH: "plot", Language.GERMAN: "zeichne", Language.DUTCH: "teken"}
_AND: Final = {Language.ENGLISH: "and", Language.GERMAN: "und", Language.DUTCH: "en"}
_CORRECTION: Final = re.compile(
    r"\A\s*(?:(?:no|nope|wait|sorry|oops|ups|nein|halt|nee|ach nein|oh|actually|hmm)\b[\s,.!;:-]*)*"
    r"(?:i (?:actually )?(?:meant|mean|wanted)(?: to (?:say|write|type))?|it(?:'s| is| should be) actually|make that"
    r"|(?:that|it) should (?:be|have been)|i misspelled,? it(?:'s| is)|ich (?:meinte|meine|wollte)(?: eigentlich)?"
    r"|ich hab(?:e)? mich vertippt,?|gemeint (?:war|ist)|ik (?:bedoelde|bedoel|wilde)(?: eigenlijk)?|correction:?"
    r"|korrektur:?)"
    r"[\s,:]+(?P<what>.+)\Z",
    re.IGNORECASE | re.DOTALL,
)
_DENIAL: Final = re.compile(r"\A\s*(?:no|nope|nein|nee)\s*[,:;.!]+\s*(?P<what>.{2,})\Z", re.IGNORECASE | re.DOTALL)
_COMPARED: Final = re.compile(
    r"\A\s*(?:(?:can|could) you |please |now |and |bitte |jetzt |und |nu |en )*"
    r"(?:compare|vergleiche?|vergelijk)(?: (?:it|this|that|the (?:graph|plot|curve)|es|sie|ihn|das|den graphen|het"
    r"|dit|dat"
    r"|die))? (?:to|with|against|mit|met) (?P<what>[^?!]+?)(?: please| bitte)?[\s.?!]*\Z",
    re.IGNORECASE,
)
_COMPARE_BOTH: Final = re.compile(
    r"\A\s*(?:(?:can|could) you |please |now |and |bitte |und |en )*"
    r"(?:compare|vergleiche?|vergelijk)(?: the graphs of)? (?P<first>[^?!]+?) (?:to|with|and|mit|und|met"
    r"|en) (?P<second>[^?!]+?)"
    r"[\s.?!]*\Z",
    re.IGNORECASE,
)
_OPERATION: Final = re.compile(
    r"\A\s*(?:(?:and|then|now|ok|okay|und|dann|jetzt|en|dan|nu|das|that|dat)\b[\s,]*)*"
    r"(?P<operation>times|multiplied by|multiply (?:it |that |this )?by|plus|add|minus|subtract|divided by"
    r"|divide (?:it |that |this )?by|mal|geteilt durch|keer|maal|gedeeld door|\+|\*|×|·|/|÷)\s*"
    r"(?P<number>-?\d+(?:[.,]\d+)?(?:/\d+)?)(?: to (?:it|that))?(?: please| bitte)?[\s.?!=]*\Z",
    re.IGNORECASE,
)
_HALF: Final = re.compile(
    r"\A\s*(?:and |what is |what's |und |en |was ist |wat is )*(?:(?P<half>(?:a |the |die |de )?(?:half|hälfte"
    r"|helft)(?: of)?)"
    r"|(?:the |das |het )?(?:double|twice|doppelte|dubbele)(?: of)?) (?:that|it|this|davon|daarvan)[\s.?!]*\Z",
    re.IGNORECASE,
)
_SIGNS: Final = {
    "+": ("plus", "add", "+"),
    "-": ("minus", "subtract"),
    "/": ("divided by", "divide by", "geteilt durch", "gedeeld door", "/", "÷"),
}
_UNITS: Final = {
    "€": r"€|euros?|eur",
    "$": r"\$|us ?dollars?|dollars?|usd|bucks",
    "£": r"£|gbp|pounds?|quid",
    "CHF": r"chf|francs?|franken|fr\.",
    "kg": r"kg|kilos?|kilograms?|kilogramm",
    "km": r"km|kilomet(?:er|re)s?",
    "cm": r"cm|centimet(?:er|re)s?",
    "l": r"lit(?:er|re)s?",
    "h": r"hours|stunden",
    "people": r"people|persons|personen|leute|mensen|students",
}
_BEFORE_NUMBER: Final = re.compile(r"(?:(?<=\s)|\A|(?<=\())[€$£]\s?(?=\d)")


def without_units(text: str) -> str:
    """Amounts without their unit, where there is one unit only: `20% of 80 €`, but not `5 km in miles`."""
    found = {
        unit: list(re.finditer(rf"(?<=\d)\s?(?:{words})(?![\w^$])", text, re.IGNORECASE))
        for unit, words in _UNITS.items()
    }
    signs = set(re.findall(r"[€$£]", " ".join(_BEFORE_NUMBER.findall(text))))
    used = signs | {unit for unit, places in found.items() if places}
    if len(used) != 1:
        return text
    [unit] = used
    if unit == "$" and text.count("$") % 2 == 0:  # a formula of LaTeX stands between two dollar signs
        return text
    text = re.sub(rf"(?<=\d)\s?(?:{_UNITS[unit]})(?![\w^$])", "", text, flags=re.IGNORECASE)
    text = re.sub(rf"\s+in (?:{_UNITS[unit]})(?=[\s?.!]*\Z)", "", text, flags=re.IGNORECASE)
    return _BEFORE_NUMBER.sub("", text)


def written_out(  # noqa: PLR0911 - one case a form of message
    text: str, language: Language, *, value: str = "", has_plot: bool = False
) -> str:
    """The message as a question of its own; `value` is the number worked out last, as a formula."""
    if found := _CORRECTION.match(text):
        return f"{_AGAIN[language]} {found['what']}"
    if has_plot and (found := _COMPARED.match(text)):
        return f"{_ALSO_PLOT[language]} {found['what']}"
    if found := _COMPARE_BOTH.match(text):
        return f"{_PLOT[language]} {found['first']} {_AND[language]} {found['second']}"
    if found := _ROUNDED.match(text):
        to = {Language.ENGLISH: "to", Language.GERMAN: "auf", Language.DUTCH: "met"}[language]
        return f"{found['what']} {to} {found['places']} {found['unit']}"
    if found := _DENIAL.match(text):
        is_formula = all(word in FUNCTIONS for word in re.findall(r"[^\W\d_]{2,}", found["what"]))
        return f"{_AGAIN[language]} {found['what']}" if is_formula else found["what"]
    if value and (found := _HALF.match(text)):
        return f"({value}) / 2" if found["half"] else f"2 * ({value})"
    if value and (found := _OPERATION.match(text)):
        word = re.sub(r" (?:it|that|this)\b", "", found["operation"].lower())
        sign = next((sign for sign, words in _SIGNS.items() if word in words), "*")
        return f"({value}) {sign} ({found['number']})"
    return text


_ROUNDED: Final = re.compile(
    r"\A\s*(?:please |bitte |can you )?(?:round|runde|rond)(?: off| up)? (?P<what>[^?!]+?) (?:to|auf|op)"
    r" (?P<places>\d+|one|two|three|eine|zwei|drei|één|twee|drie) (?P<unit>decimals?(?: places?)?|places?|digits?"
    r"|(?:nachkomma|dezimal)?stellen?|decimalen|decimaal)(?: af)?[\s.?!]*\Z",
    re.IGNORECASE,
)


def is_operation(text: str) -> bool:
    """Whether the message goes on with a number worked out before: `times 6`."""
    found = _OPERATION.match(text)
    return _HALF.match(text) is not None or (found is not None and found["operation"].isalpha())


_ANSWER_OPENS: Final = re.compile(
    r"\A\s*(?:it(?:'s| is)|make it|take|use|(?:let's )?say|es ist|nimm|sagen wir|het is|neem|zeg)\s+", re.IGNORECASE
)
_BARE_ANSWER: Final = re.compile(r"\A\s*(?:x\s*=\s*)?(?P<number>-?[\w.,/]*\d[\w.,/]*|-?pi|e)[\s.!]*\Z", re.IGNORECASE)
_RADIUS: Final = re.compile(
    r"\A\s*(?:(?:the |a |with |of |mit |met |r\s*=\s*|radius|straal|der |ein "
    r"|een )\s*)*(?P<radius>\d+(?:[.,]\d+)?)[\s.!]*\Z",
    re.IGNORECASE,
)
_AT: Final = {Language.ENGLISH: "at", Language.GERMAN: "bei", Language.DUTCH: "bij"}
_FROM: Final = {Language.ENGLISH: "from", Language.GERMAN: "von", Language.DUTCH: "van"}
_FOR: Final = {Language.ENGLISH: "for", Language.GERMAN: "für", Language.DUTCH: "voor"}
_WITH_RADIUS: Final = {
    Language.ENGLISH: "with radius",
    Language.GERMAN: "mit Radius",
    Language.DUTCH: "met straal",
}
_RANGE: Final = re.compile(r"\A\s*-?[\w.,/]+\s*(?:to|bis|tot|-|–|and|und|en)\s*-?[\w.,/]+[\s.!]*\Z", re.IGNORECASE)


def answers_to(question: str, answer: str, language: Language, *, letter: str = "") -> list[str]:
    """How the answer to what the tutor asked back completes the question, likeliest first. `letter` has no value."""
    question = question.strip().rstrip("?.! ")
    answer = _ANSWER_OPENS.sub("", answer)
    if letter and (found := _BARE_ANSWER.match(answer)):
        return [f"{question} {_FOR[language]} {letter} = {found['number']}"]
    if found := _RADIUS.match(answer):
        return [
            f"{question} {_WITH_RADIUS[language]} {found['radius']}",
            f"{question} {_AT[language]} {found['radius']}",
        ]
    if found := _BARE_ANSWER.match(answer):
        return [f"{question} {_AT[language]} {found['number']}"]
    if _RANGE.match(answer):
        return [f"{question} {_FROM[language]} {answer}"]
    return [f"{question} {answer}", f"{question} {_FOR[language]} {answer}"]
