"""What is said about the answer before: show me the code, why, isn't it 43? It is answered by that question again.

How a question is to be answered beside that is set by the assistant's instructions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tutor.claims import claim_in, equality_in, restated
from tutor.dialogue import UserMessage
from tutor.language.vocabulary import Language
from tutor.reading.question_reader import MAX_CHARACTERS

_MAX_ASIDE_CHARS: Final = 120
_RUN_OF_BLANKS: Final = re.compile(r"\s{2,}")
"""Becomes one blank or line end: patterns that skip blanks take the square of a run's length."""

_POLITE: Final = (
    r"(?:please|pls|bitte|thanks|now|and|ok|okay|then|but|so|und|aber|jetzt|mal|nochmal|again|en|dan|nu"
    r"|alsjeblieft|graag|eens)"
)
_CODE: Final = (
    r"(?:(?:can|could|may) (?:you|i) )?(?:show|give|see|print|display|post|share)?(?: me)?(?: us)?"
    r" ?(?:the |your )?(?:python )?(?:code|program|source|source code|script)"
    r"(?: you used| for that| for this| of that)?"
    r"|what code did you (?:use|run|write)|which code did you (?:use|run)|what does the code look like"
    r"|how does the code (?:look|work)|explain the code"
    r"|(?:zeig|zeige|gib|kannst du)?(?: mir)?(?: uns)? ?(?:den|deinen) (?:python-?)?(?:code|quellcode)(?: zeigen)?"
    r"|wie sieht der code aus|wie (?:geht|funktioniert|arbeitet) der code|erkläre? (?:mir )?den code"
    r"|(?:toon|geef|laat)(?: me| mij)? ?(?:de |je )?(?:python-?)?code(?: zien)?|hoe werkt de code|leg de code uit"
)
_WHY: Final = (
    r"why|why not|why(?: is)? (?:that|this|so)|how|how come|explain|explain (?:that|this|it|yourself)(?: to me)?|how so"
    r"|how did you (?:do|get|find|calculate|compute|solve|work out) (?:that|this|it)|how do you know(?: that| this)?"
    r"|why did you use (?:code|python)|how does (?:that|this|it) work|can you explain(?: that| this| it)?(?: to me)?"
    r"|are you sure|show (?:me )?(?:your|the) (?:work|steps)|show me how(?: you did (?:it|that))?"
    r"|warum nicht|wieso nicht|waarom niet|warum|wieso|weshalb|warum (?:ist )?das(?: so)?|wie"
    r"|wie (?:hast du das|kommst du darauf|kommt man darauf|geht das)"
    r"(?: gemacht| berechnet| gerechnet| gelöst)?|erkläre?(?: mir)?(?: das| es)?|erklär(?:e)? das(?: mir)?"
    r"|kannst du (?:mir )?das erklären|bist du sicher|warum (?:hast du )?code(?: benutzt| verwendet)?"
    r"|waarom|waarom (?:is dat|dan)(?: zo)?|hoe|hoezo|hoe kom je daar(?:aan| aan|op)?|hoe heb je dat (?:gedaan"
    r"|berekend|gevonden)"
    r"|leg (?:dat|het) uit|leg uit|kun je dat uitleggen|hoe werkt dat|weet je het zeker|leg (?:dat|het) eens uit"
)
_AGAIN: Final = (
    r"(?:as|in) (?:a )?decimals?(?: number)?|numerically|as a number|als dezimalzahl|repeat(?: that)?|once more"
    r"|noch ?mal|what|sorry|wie bitte|herhaal dat|nog een keer|als decimaal getal|als kommagetal|wat zeg je"
)
_IN: Final = (
    r"(?:(?:can|could) you )?(?:say|answer|repeat|tell me|explain|write|sag|antworte|wiederhole?)?(?: me)?"
    r"(?: that| it| this| das)? ?"
)
_GERMAN: Final = rf"{_IN}(?:in german|auf deutsch|deutsch|german|in het duits)"
_ENGLISH: Final = rf"{_IN}(?:in english|auf englisch|englisch|english|in het engels)"
_DUTCH: Final = rf"{_IN}(?:in dutch|auf niederländisch|in het nederlands|dutch|nederlands)"
_ENDS: Final = re.compile(rf"\A(?:{_POLITE}[\s,]+)+|(?:[\s,]+{_POLITE})+\Z")
_LANGUAGE_ASKED: Final = tuple(
    (re.compile(rf"[,;.]?\s{{0,3}}\b(?:{words})\b(?: please| bitte)?", re.IGNORECASE), language)
    for words, language in (
        ("(?:please )?(?:answer |reply |explain )?in german", Language.GERMAN),
        ("(?:bitte )?antworte (?:bitte )?auf deutsch", Language.GERMAN),
        ("(?:please )?(?:answer |reply )in english", Language.ENGLISH),
        ("(?:bitte )?(?:antworte )?auf englisch", Language.ENGLISH),
        ("(?:please )?(?:answer |reply |explain )?in dutch", Language.DUTCH),
        ("(?:antwoord )?in het nederlands", Language.DUTCH),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How the question is to be answered, beside what it asks."""

    language: Language | None = None
    explained: bool = False
    with_code: bool = False
    of_answer: bool = False  # said of the answer before
    claim: str | None = None  # what the answer should be; empty where it is only doubted
    claims_equality: bool = False  # "is 1/3 = 0.33?": rounded is not equal


def without_asides(heard: Sequence[UserMessage], *, claims: bool = True) -> tuple[list[UserMessage], Wishes]:
    """The messages up to the question that is to be answered, and how; an aside with nothing before it stays.

    Without `claims`, "it is 3" is no word about an answer, but what was asked for.
    """
    questions: list[UserMessage] = []
    wishes = Wishes()
    for message in heard:
        written = _RUN_OF_BLANKS.sub(lambda run: "\n" if "\n" in run[0] else " ", message.text)
        aside, claim = _aside(written), claim_in(written) if claims and questions else None
        if aside is not None and questions and not (message.file_names or message.pasted):
            wishes = replace(aside, language=aside.language or wishes.language, of_answer=True)
        elif claim is not None and not (message.file_names or message.pasted):
            wishes = Wishes(language=wishes.language, explained=not claim, of_answer=True, claim=claim)
        else:
            text, language = _told_apart(restated(written) if questions else written)
            wishes = Wishes(language=language)
            if sides := equality_in(text):  # "is 2 + 2 = 5?": what is it, and is it that?
                text, wishes = sides[0], Wishes(language=language, claim=sides[1], claims_equality=True)
            questions.append(replace(message, text=text))
    return questions, wishes


def _aside(text: str) -> Wishes | None:
    if len(text) > _MAX_ASIDE_CHARS:
        return None
    said = re.sub(r"[\s?.!,]+", " ", text.lower()).strip()
    said = _ENDS.sub("", said).strip()
    if re.fullmatch(_CODE, said):
        return Wishes(with_code=True, explained=True)
    if re.fullmatch(_WHY, said):
        return Wishes(explained=True)
    if re.fullmatch(_AGAIN, said):
        return Wishes()
    spoken = {Language.GERMAN: _GERMAN, Language.DUTCH: _DUTCH, Language.ENGLISH: _ENGLISH}
    asked = next((language for language, words in spoken.items() if re.fullmatch(words, said)), None)
    return Wishes(language=asked) if asked is not None else None


def _told_apart(text: str) -> tuple[str, Language | None]:
    """`Solve x^2 = 9, answer in German`: the question and the language."""
    for pattern, language in _LANGUAGE_ASKED if len(text) <= MAX_CHARACTERS else ():
        shorter = pattern.sub("", text).strip()
        if shorter and shorter != text.strip():
            return shorter, language
    return text, None


_BRIEF: Final = re.compile(
    r"\b(?:brief|briefly|short|concise|terse|only the (?:result|answer)s?|just the (?:result|answer)s?|kurz|knapp"
    r"|kort|beknopt|alleen het antwoord"
    r"|nur das ergebnis|(?:do not|don't|don’t|never|not|no need to|without)(?: \w+){0,2} expla(?:in|ining|nations?)"
    r"|no explanations?|(?:nicht|nie|ohne|keine)(?: \w+){0,2} erklär\w*|erklär\w*(?: \w+){0,3} (?:nicht|nie))\b",
    re.IGNORECASE,
)
_GERMAN_SET: Final = re.compile(
    r"\b(?:auf deutsch|in german|(?:speak|use|write|reply|respond)(?: only)? german"
    r"|antworte(?: immer)? (?:auf )?deutsch|in deutscher sprache)\b",
    re.IGNORECASE,
)
_DUTCH_SET: Final = re.compile(
    r"\b(?:in dutch|in het nederlands|(?:speak|use|write|reply|respond)(?: only)? dutch"
    r"|antwoord(?: altijd)? nederlands)\b",
    re.IGNORECASE,
)
_ENGLISH_SET: Final = re.compile(
    r"\b(?:auf englisch|in english|(?:speak|use|write|reply|respond)(?: only)? english|in englischer sprache)\b",
    re.IGNORECASE,
)


def is_brief(instructions: str) -> bool:
    """Whether the assistant's instructions want no explanation."""
    return _BRIEF.search(instructions) is not None


def language_wished(instructions: str, spoken: Language) -> Language:
    """The language that the assistant's instructions set; else the one that was spoken."""
    if _GERMAN_SET.search(instructions):
        return Language.GERMAN
    if _DUTCH_SET.search(instructions):
        return Language.DUTCH
    return Language.ENGLISH if _ENGLISH_SET.search(instructions) else spoken
