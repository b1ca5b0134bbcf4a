"""What a person says of an answer: `isn't it 43?`, `I get 3x^2`, `so 12, right?`, `that's wrong`.

tutor/claim_verdicts.py judges it by the result of the question before, which is worked out again for it.
"""

from __future__ import annotations

import re
from typing import Final

from tutor.formulas.formula_tokens import FUNCTIONS, is_glued_formula
from tutor.reading.rewording import without_units

_MAX_CLAIM_CHARS: Final = 120
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
        rf"(?:is |ist )?{_WHAT}(?:,? (?:is|isn't|ist|that's))?,? (?:right|correct|the answer|isn't it|richtig|oder"
        r"|nicht wahr|toch|hè)",
    )
)
_BETWEEN: Final = re.compile(
    r",?\s+(?:and|und|en|or|oder)\s+|;|,\s+|,(?=-|[a-zA-Z]\s?=)|\s+of\s+(?=[a-zA-Z]\s?=)", re.IGNORECASE
)
"""Between the values of one claim; a comma between digits is a decimal one."""

_LETTER_IS: Final = re.compile(r"(?<![^\W_])([a-zA-Z]) (?:is|ist|equals)(?= [-−]?[\d(])")
_EITHER: Final = re.compile(r"(?P<before>\A|=\s?)(?:±|\+/?-)\s?(?P<value>[^\s,;]+)")
POINT: Final = re.compile(r"\((?P<inner>[^()]*[,;][^()]*)\)")
_BARE: Final = re.compile(
    rf"(?:(?:is|ist|does|maybe|then|so|also|dus|vielleicht|misschien)[\s,]+)?{_WHAT}{_TAIL}", re.IGNORECASE
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


def bare_claim_in(text: str) -> str | None:
    """`x = 3?` and `2 and -2`: a claim where the message can be nothing else; None where a formula stands there."""
    written = re.sub(r"\s+", " ", text).strip().rstrip("?.! ") if len(text) <= _MAX_CLAIM_CHARS else ""
    found = _BARE.fullmatch(written)
    if found is None or not _is_value(found["claim"]):
        return None
    values = [part.rpartition("=")[2] for part in parts_of_claim(found["claim"])]
    return None if any(_LETTER.search(value) for value in values) else found["claim"].strip()


def parts_of_claim(written: str) -> list[str]:
    """The values of a claim that names several: `x = 2 and y = 1`, `2, -2`, `±2`, `(2, 1)`."""
    said = _EITHER.sub(r"\g<before>\g<value>; -\g<value>", _LETTER_IS.sub(r"\1 =", written.strip()))
    if point := POINT.fullmatch(said):
        said = point["inner"] if ";" in point["inner"] else point["inner"].replace(",", ";")
    return [part.strip() for part in _BETWEEN.split(said) if part.strip()]


def _is_value(written: str) -> bool:
    """Whether nothing but mathematics stands there: one value, or several."""
    parts = parts_of_claim(written)
    return bool(parts) and all(map(_is_one_value, parts))


def _is_one_value(written: str) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", without_units(written).lower())
    if not (re.search(r"\d|\bpi\b|π", written) or _LETTER.search(written)) or _DEFINES.match(written):
        return False
    return all(word in FUNCTIONS or word == "pi" or is_glued_formula(word) for word in words)
