"""Questions about plain numbers: `mean of 3, 4, 8`, `is 97 prime`, `histogram of 1 2 2 3`, `plot the points (1, 2), (2, 3)`.

Each pattern describes a whole question, so that no word of it is passed over; what fits none is no such question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tutor.formulas.expression import Expression, Negative, Number, Operation
from tutor.formulas.notation import plain, with_decimal_points
from tutor.language.vocabulary import Language
from tutor.reading.number_tasks import NumberTask, OfNumbers, TypedChart, TypedData
from tutor.reading.question_reader import MAX_CHARACTERS

_FIGURES: Final = {
    "(?:arithmetic )?mean(?: value)?|average|durchschnitt|mittelwert|arithmetische[sn]? mittel"
    "|(?:rekenkundig )?gemiddelde": OfNumbers.MEAN,
    "median|zentralwert|mediaan": OfNumbers.MEDIAN,
    "(?:population |sample )?standard deviation|std(?:ev)?|standardabweichung|standaardafwijking"
    "|standaarddeviatie": OfNumbers.DEVIATION,
    "variance|varianz|variantie": OfNumbers.VARIANCE,
    "sum|total|summe|som|totaal": OfNumbers.TOTAL,
    "product|produkt": OfNumbers.PRODUCT,
    "minimum|min|smallest(?: number| value)?|kleinste(?: zahl| getal)?": OfNumbers.MINIMUM,
    "maximum|max|largest(?: number| value)?|biggest(?: number)?|größte(?: zahl)?"
    "|grootste(?: getal)?": OfNumbers.MAXIMUM,
    "range|spannweite|spreidingsbreedte": OfNumbers.SPREAD,
    "mode|modus|modalwert": OfNumbers.MODE,
    "greatest common (?:divisor|factor)|highest common factor|gcd|gcf|hcf|ggt|größte[rn]? gemeinsame[rn]? teiler|ggd"
    "|grootste gemene deler":
        OfNumbers.DIVISOR,
    "(?:least|lowest|smallest) common multiple|lcm|kgv|kleinste[sn]? gemeinsame[sn]? vielfache[sn]?"
    "|kleinste gemene veelvoud":
        OfNumbers.MULTIPLE,
}  # fmt: skip
_FIGURE: Final = "|".join(_FIGURES)
NUMBER: Final = r"(?:-\s?)?\d{1,40}(?:\.\d{1,40})?(?:/\d{1,20})?"
_WHOLE: Final = r"\d{1,25}"
JOINT: Final = r"(?>\s*[,;]\s*(?:and |und |en )?|\s+(?:and|und|en)\s+|\s+)"
"""Between two numbers; atomic, for a second way to read each of many gaps would double the time with every number."""
_LIST: Final = rf"[\[({{]?\s*(?P<list>{NUMBER}(?:{JOINT}{NUMBER})+)\s*[\])}}]?"
SET: Final = (
    r"(?: ?(?:the|these|this|following|numbers?|values?|data|set|list|integers?|figures?|der|die|den|dem|diesen|dieser"
    r"|folgenden?|zahlen|werten?|liste|datensatz|whole|natural|ganzen|natürlichen|de|het|deze|volgende|getallen|getal|waarden|reeks|lijst|:))*"
)
_OF: Final = rf"(?: ?(?:of|from|for|in|von|aus|für|van|uit|voor)\b)?{SET}\s*:?\s*"
_ASKED: Final = rf"(?:(?:the |der |die |das |den |de |het )?(?:{_FIGURE}))"
OPENING: Final = re.compile(
    r"\A(?:(?:hi|hello|hey|please|pls|now|can you|could you|would you|can i get|i need|tell me|what is|what's|whats"
    r"|what are|what was|calculate|compute|find|find out|give me|determine|work out|show me|get|list|name|evaluate"
    r"|print|and|all|the|so|then|me|a|an|hallo|bitte|kannst du|was ist|was sind|wie groß ist|wie lautet|wie lauten"
    r"|wie hoch ist|wie ?viel ist|wie ?viel sind|berechne|bestimme|finde|ermittle|gib mir|nenne|nenn|liste|zeige"
    r"|sag mir|und|alle|mir|der|die"
    r"|das|den|hallo|hoi|wat is|wat zijn|hoeveel is|hoeveel zijn|bereken|bepaal|vind|geef|geef me|noem|en|de|het"
    r"|kun je|kan je|alsjeblieft|reken uit|rechne aus|rechne|whats)\b[\s,!:]*)+"
)
CLOSING: Final = re.compile(r"[\s?.!]*(?:\b(?:please|bitte|pls|auf|equal|equal to|alsjeblieft|aub)[\s?.!]*)?\Z")

_PERCENT: Final = r"\s?(?:%|percent|per cent|prozent|procent)"
_A: Final = rf"(?P<a>{NUMBER})"
_B: Final = rf"(?P<b>{NUMBER})"
_N: Final = rf"(?P<a>{_WHOLE})"
_M: Final = rf"(?P<b>{_WHOLE})"
_MINIMUM: Final = {OfNumbers.PRIMES: Number("2")}
"""The lower end where only the upper one is said: 1 elsewhere."""

_FIRST_SECOND: Final = ("a", "b")
_SECOND_FIRST: Final = ("b", "a")
_WHAT_PERCENT: Final = (
    r"(?:what|which|how many|wie ?viele?|welcher|hoeveel|welk)\s?(?:%|percent(?:age)?|per cent|prozent(?:satz)?"
    r"|procent)"
    r"(?: (?:is|are|sind|ist))?"
)
_SHAPES: Final = tuple(
    (re.compile(pattern), asked, roles)
    for pattern, asked, roles in (
        (rf"(?:is|ist) (?:the number |die zahl |het getal )?{_N} (?:a |an |eine |een )?(?:prime|prim|prime number"
            rf"|primzahl|priemgetal|priem)",
         OfNumbers.IS_PRIME, ("a",)),
        (rf"(?:check|test|prüfe|teste),? (?:if|whether|ob) {_N} (?:is )?(?:a |eine )?(?:prime|prime number|primzahl)"
         r"(?: ist)?", OfNumbers.IS_PRIME, ("a",)),
        (r"(?:prime )?(?:factori[sz]ation|factors|factor|factori[sz]e|decomposition)(?: of)?(?: the number)? ?" + _N
         + r"(?: into primes?(?: factors)?)?", OfNumbers.FACTORS, ("a",)),
        (r"(?:primfaktorzerlegung|primfaktoren|faktorisiere|faktorisierung|zerlege|ontbind|priemfactoren"
            r"|priemfactorisatie)(?: von| der| van)?(?: zahl)? ?" + _N
         + r"(?: in primfaktoren| in (?:priem)?factoren)?", OfNumbers.FACTORS, ("a",)),
        (rf"(?:divisors|teiler|delers) (?:of|von|van) {_N}", OfNumbers.DIVISORS, ("a",)),
        (r"(?:prime numbers|primes|primzahlen|priemgetallen) (?:up to|until|below or equal to|bis|bis zu|to|tot"
            r"|tot en met) " + _N,
         OfNumbers.PRIMES, ("", "a")),
        (r"(?:prime numbers|primes|primzahlen|priemgetallen) (?:between|from|zwischen|von|tussen"
            r"|van) " + _N + r" (?:and|to|und|bis|en|tot) " + _M,
         OfNumbers.PRIMES, _FIRST_SECOND),
        (rf"(?:remainder|rest)(?: of| when| von| bei)? ?(?:dividing )?{_N}"
         rf" ?(?:(?:is )?divided by|/|by|geteilt durch|durch) ?{_M}", OfNumbers.REMAINDER, _FIRST_SECOND),
        (rf"{_N} ?(?:divided by|/|÷|geteilt durch|gedeeld door) ?{_M} (?:with|mit|met)(?: a| the)? (?:remainder|rest)",
         OfNumbers.REMAINDER, _FIRST_SECOND),
        (rf"{_N} (?:mod|modulo) {_M}", OfNumbers.REMAINDER, _FIRST_SECOND),
        (rf"{_A} (?:is|are|sind|ist) {_B}{_PERCENT} (?:of|von|van) (?:what|which|welcher|welche|welk"
            rf"|hoeveel)(?: number| amount| zahl| getal)?",
         OfNumbers.WHOLE, _FIRST_SECOND),
        (rf"{_B}{_PERCENT} (?:of|von) (?:what|which|welcher)(?: number| amount| zahl)? (?:is|ist) {_A}",
         OfNumbers.WHOLE, _FIRST_SECOND),
        (rf"{_A}{_PERCENT} (?:of|von|van) {_B}", OfNumbers.PART, _FIRST_SECOND),
        (rf"{_A}{_PERCENT} (?:tip|tax|vat|gst|mwst|ust|trinkgeld|btw|discount|rabatt|korting) (?:of|von|van) {_B}",
         OfNumbers.PART, _FIRST_SECOND),
        (rf"{_A}{_PERCENT} (?:tip|tax|vat|gst|mwst|ust|trinkgeld|btw|fooi) (?:on|auf|over|op) {_B}",
         OfNumbers.PART, _FIRST_SECOND),
        (rf"(?:tip|tax|vat|gst|mwst|mehrwertsteuer|ust|trinkgeld|btw|fooi) (?:of |von |van )?\(?{_A}{_PERCENT}\)? (?:on|auf|von|over|op|van) {_B}",
         OfNumbers.PART, _FIRST_SECOND),
        (rf"(?:price |preis |prijs )?(?:of |von |van )?{_A} (?:after|with|nach|mit|abzüglich|met|na)(?: a| an)? {_B}{_PERCENT}"
            rf" (?:discount|off|rabatt|nachlass|korting)", OfNumbers.LOWERED, _FIRST_SECOND),
        (r"(?:number of |how many )?(?:permutations|anordnungen|permutationen) (?:of|von|are there of) " + _N
         + r"(?: items| things| objects| elements| elementen| dingen)?", OfNumbers.ORDERS, ("a",)),
        (r"(?:next|nächste) (?:prime|primzahl)(?: number)? (?:after|nach) " + _N, OfNumbers.NEXT_PRIME, ("a",)),
        (rf"{_N} (?:choose|über|ncr) {_M}", OfNumbers.CHOICES, _FIRST_SECOND),
        (rf"binomial(?: coefficient)? ?(?:of )?\(?{_N}(?: ?, ?| and | over | choose ){_M}\)?",
         OfNumbers.CHOICES, _FIRST_SECOND),
        (rf"{_WHAT_PERCENT} (?:of|von|van) {_A} (?:is|are|sind|ist) {_B}", OfNumbers.SHARE, _SECOND_FIRST),
        (rf"{_WHAT_PERCENT} {_A} (?:out )?(?:of|von|van) {_B}", OfNumbers.SHARE, _FIRST_SECOND),
        (rf"{_A} (?:is|are|sind|ist) {_WHAT_PERCENT} (?:of|von|van) {_B}", OfNumbers.SHARE, _FIRST_SECOND),
        (rf"{_A} (?:out of|of|von) {_B} (?:as a|in) (?:percentage|percent|prozent)", OfNumbers.SHARE, _FIRST_SECOND),
        (rf"{_N} ?/ ?{_M} (?:as|in|als)(?: an?| the| een)? ?(?:percentage|percent|per cent|prozent|procent|%)",
         OfNumbers.SHARE, _FIRST_SECOND),
        (rf"(?:percent(?:age)? (?:change|increase|decrease)|prozentuale (?:änderung|veränderung)) (?:from|von) {_A}"
         rf" (?:to|auf) {_B}", OfNumbers.CHANGE, _FIRST_SECOND),
        (rf"(?:increase|raise|erhöhe|steigere|verhoog) {_A} (?:by|um"
            rf"|met) {_B}{_PERCENT}", OfNumbers.RAISED, _FIRST_SECOND),
        (rf"{_A} (?:increased by|raised by|plus|\+|erhöht um) ?{_B}{_PERCENT}", OfNumbers.RAISED, _FIRST_SECOND),
        (rf"{_A}{_PERCENT} (?:more than|mehr als|meer dan) {_B}", OfNumbers.RAISED, _SECOND_FIRST),
        (rf"{_A}{_PERCENT} (?:less than|weniger als|minder dan) {_B}", OfNumbers.LOWERED, _SECOND_FIRST),
        (
            rf"(?:sum|total|summe|som) (?:of the first|der ersten|van de eerste) {_N}"
            r" (?:natural numbers|positive integers|integers|numbers|whole numbers|natürlichen zahlen|zahlen"
            r"|natuurlijke getallen|getallen)",
            OfNumbers.RANGE_TOTAL,
            ("", "a"),
        ),
        (rf"add {_A}{_PERCENT} to {_B}", OfNumbers.RAISED, _SECOND_FIRST),
        (rf"(?:decrease|reduce|lower|senke|reduziere|verringere|vermindere|verlaag|verminder) {_A} (?:by|um"
            rf"|met) {_B}{_PERCENT}",
         OfNumbers.LOWERED, _FIRST_SECOND),
        (rf"{_A} (?:decreased by|reduced by|less|minus|-|vermindert um|reduziert um) ?{_B}{_PERCENT}",
         OfNumbers.LOWERED, _FIRST_SECOND),
        (rf"(?:take |subtract )?{_A}{_PERCENT} (?:off|discount on|off of|rabatt auf|from|korting op) {_B}",
         OfNumbers.LOWERED, _SECOND_FIRST),
        (rf"(?:sum|total|summe|som|add up|add)(?: ?(?:of|von|aus|from|van))?{SET} ?(?:from |von |van )?{_N}"
         rf" (?:to|through|bis|tot|tot en met) {_M}",
         OfNumbers.RANGE_TOTAL, _FIRST_SECOND),
    )
)  # fmt: skip
_LISTED: Final = re.compile(rf"(?P<asked>{_ASKED}(?:(?:,? and |,? und |,? en |, | ){_ASKED})*){_OF}{_LIST}")
_AGAIN: Final = re.compile(
    rf"(?P<asked>{_ASKED})(?: (?:of (?:them|these|it|those|the same numbers)|davon|too|as well|dazu|then|dann|daarvan"
    rf"|ook))?"
)
_GREATER: Final = re.compile(
    rf"(?:which (?:one |number )?is )?(?P<word>bigger|larger|greater|more|smaller|less|größer|kleiner|groter|mehr"
    rf"|meer)[,:]? {_A}"
    rf" (?:or|oder|of) {_B}"
)
_ADDED: Final = re.compile(rf"(?:add|addiere|add up|tel)(?: up)?{SET} ?{_LIST}")
_MAX_FOLLOW_UP_CHARS: Final = 200
AMBIGUOUS_COMMA: Final = re.compile(r"(?<![\d,])\d+,\d{1,2}(?![\d,])")
_BESIDE_ZEROS: Final = re.compile(r"(?<![\d.,])\d{1,3}\s+0\d\d(?![\d.,])")
_IN_THREES: Final = re.compile(r"(?<![\d.,])\d{1,3}\s+\d{3}(?![\d.,]\d|\d)")
_SET_APART: Final = re.compile(r"\d\s*(?:[,;]\s|;|\s(?:and|und|en)\s)\s*-?\d")


def number_tasks(  # noqa: PLR0911 - one case a form of question
    text: str, language: Language, before: tuple[Expression, ...]
) -> tuple[NumberTask, ...]:
    """What is asked of which numbers; empty where it is another question. `before` are those of the last question."""
    if len(text) > MAX_CHARACTERS or (not language.has_decimal_comma and AMBIGUOUS_COMMA.search(text)):
        return ()
    text = with_decimal_points(plain(text), decimal_comma=language.has_decimal_comma).lower()
    text = re.sub(r"\s+", " ", text).strip()
    text = CLOSING.sub("", OPENING.sub("", text)).strip()
    for pattern, asked, roles in _SHAPES:
        if found := pattern.fullmatch(text):
            given = tuple(number(found[role]) if role else _MINIMUM.get(asked, Number("1")) for role in roles)
            return (NumberTask(asked=asked, numbers=given),)
    if found := _GREATER.fullmatch(text):
        asked = OfNumbers.MINIMUM if found["word"] in {"smaller", "less", "kleiner"} else OfNumbers.MAXIMUM
        return (NumberTask(asked=asked, numbers=(number(found["a"]), number(found["b"]))),)
    if found := _ADDED.fullmatch(text):
        return (NumberTask(asked=OfNumbers.TOTAL, numbers=numbers(found["list"])),)
    if found := _LISTED.fullmatch(text):
        return tuple(NumberTask(asked=each, numbers=numbers(found["list"])) for each in _figures(found["asked"]))
    if before and (found := _AGAIN.fullmatch(text)):
        return tuple(NumberTask(asked=each, numbers=before) for each in _figures(found["asked"]))
    return ()


def has_ambiguous_space(text: str) -> bool:
    """Whether a blank may stand inside of a number: `1 000 2 500`, or `100 200, 300`, where a comma parts the others."""
    text = plain(text)
    return bool(_BESIDE_ZEROS.search(text) or (_IN_THREES.search(text) and _SET_APART.search(text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersBefore:
    """The last question about plain numbers, for one that leaves something out."""

    task: NumberTask | None = None
    share: tuple[Expression, Expression] | None = None  # percent and whole of `15% of 240`
    value: Expression | None = None  # what came out last


_FOLLOWS: Final = re.compile(
    r"\A(?:(?:and|what about|how about|and what about|now|then|und|was ist mit|wie ist es mit|und was ist mit|en|nu"
    r"|en wat is|hoe zit het met|what is"
    r"|what's)\b\s*)+"
)
_OF_IT: Final = r"(?: (?:of (?:it|that|this|the same|them)|davon|daarvan))?"
_BARE: Final = re.compile(rf"(?P<of>(?:of|from|for|von|für|with|mit|van|voor|met) )?{_A}")
_BARE_PERCENT: Final = re.compile(rf"{_A}{_PERCENT}{_OF_IT}")
_MORE_OR_LESS: Final = (
    re.compile(
        rf"{_A}{_PERCENT} (?P<word>more|less|off|discount|extra|on top|mehr|weniger|rabatt|meer|minder"
        rf"|korting)"
    ),
    re.compile(
        rf"(?P<word>plus|\+|add|increased? by|raised? by|minus|-|less|decreased? by|reduced? by|lowered by|erhöht um"
        rf"|vermindert um|increase (?:it|that) by|decrease (?:it|that) by|reduce (?:it|that) by|raise (?:it|that) by"
        rf"|verhoogd met|verlaagd met) ?{_A}{_PERCENT}"
    ),
)
_LESS: Final = re.compile(
    r"less|off|discount|weniger|rabatt|minder|korting|minus|-|decrease|reduc|lower|vermindert"
    r"|verlaagd"
)
_BARE_LIST: Final = re.compile(rf"(?:of|from|for|von|für|van|voor)? ?{_LIST}")
_OF_ONE: Final = frozenset(
    {OfNumbers.IS_PRIME, OfNumbers.FACTORS, OfNumbers.DIVISORS, OfNumbers.ORDERS, OfNumbers.NEXT_PRIME}
)


def number_follow_up(  # noqa: C901, PLR0911 - one case a form of question
    text: str, language: Language, before: NumbersBefore
) -> tuple[NumberTask, ...]:
    """`and 20%?` after `15% of 240`, `and 91?` after `is 97 prime`; empty where the words can mean several things."""
    if len(text) > _MAX_FOLLOW_UP_CHARS:
        return ()
    text = with_decimal_points(plain(text), decimal_comma=language.has_decimal_comma).lower()
    text = CLOSING.sub("", re.sub(r"\s+", " ", text).strip())
    said = _FOLLOWS.sub("", text).strip()
    last, is_open = before.task, said != text
    found = _MORE_OR_LESS[0].fullmatch(said) or _MORE_OR_LESS[1].fullmatch(said)
    if before.value is not None and found:
        asked = OfNumbers.LOWERED if _LESS.match(found["word"]) else OfNumbers.RAISED
        return (NumberTask(asked=asked, numbers=(before.value, number(found["a"]))),)
    if found := _BARE_PERCENT.fullmatch(said):
        if before.share is not None:
            return (NumberTask(asked=OfNumbers.PART, numbers=(number(found["a"]), before.share[1])),)
        if last is not None and last.asked in {OfNumbers.RAISED, OfNumbers.LOWERED}:
            return (NumberTask(asked=last.asked, numbers=(last.numbers[0], number(found["a"]))),)
    if is_open and (found := _BARE.fullmatch(said)):
        if before.share is not None and found["of"]:
            return (NumberTask(asked=OfNumbers.PART, numbers=(before.share[0], number(found["a"]))),)
        if last is not None and last.asked in _OF_ONE:
            return (NumberTask(asked=last.asked, numbers=(number(found["a"]),)),)
    if is_open and last is not None and last.asked in _FIGURES.values() and (found := _BARE_LIST.fullmatch(said)):
        return (NumberTask(asked=last.asked, numbers=numbers(found["list"])),)
    return ()


def _figures(text: str) -> list[OfNumbers]:
    """The figures named, in order."""
    named = re.findall(rf"\b({_FIGURE})\b", text)
    return [asked for name in named for pattern, asked in _FIGURES.items() if re.fullmatch(pattern, name)]


def numbers(listed: str) -> tuple[Expression, ...]:
    """The numbers of a list that the pattern has found."""
    return tuple(number(found) for found in re.findall(NUMBER, listed))


def number(text: str) -> Expression:
    """One number that the pattern has found, perhaps a fraction."""
    text = text.replace(" ", "")
    if text.startswith("-"):
        return Negative(number(text[1:]))
    top, _, bottom = text.partition("/")
    return Operation("/", Number(top), Number(bottom)) if bottom else Number(top)


_MAX_VALUES: Final = 200
_CHARTS: Final = {
    "histogram|histogramm|distribution|verteilung|verdeling": TypedChart.HISTOGRAM,
    "bar(?: |-)?(?:chart|plot|graph|diagram)|bars|column chart|balkendiagramm|säulendiagramm|staafdiagram|staafgrafiek": TypedChart.BARS,
    "box(?: |-)?(?:plot|chart|diagram)": TypedChart.BOXES,
    "line (?:chart|plot|graph|diagram)|liniendiagramm|lijndiagram|lijngrafiek|grafiek|graph|plot|chart|diagram|diagramm": TypedChart.LINES,
    "(?:scatter ?(?:plot|chart|diagram|graph)?|streudiagramm|punktdiagramm|spreidingsdiagram|puntenwolk)": TypedChart.POINTS,
}
_CHART: Final = "|".join(_CHARTS)
_VERB: Final = (
    r"(?:(?:draw|plot|graph|sketch|show|make|create|visuali[sz]e|zeichne|plotte|erstelle|mach|zeige|male|teken|maak|toon|laat)(?: me| mir)?"
    r"(?: a| an| the| ein| eine| einen| das| den| een| de| het)? ?)"
)
_OF_DATA: Final = rf"(?: ?(?:of|for|from|with|aus|von|für|mit|über|as|van|voor|met)\b)?{SET}\s*:?\s*"
_DATA_LIST: Final = rf"[\[({{]?\s*(?P<list>{NUMBER}(?:{JOINT}{NUMBER}){{2,}})\s*[\])}}]?"
_AS_CHART: Final = rf" (?:as|in|als) (?:a |an |ein |eine |einen |een )?(?P<as>{_CHART})"
_VALUES: Final = (
    re.compile(rf"{_VERB}?(?P<chart>{_CHART}){_OF_DATA}{_DATA_LIST}"),
    re.compile(rf"{_VERB}{SET}\s*:?\s*{_DATA_LIST}(?:{_AS_CHART})?"),
    re.compile(rf"{_DATA_LIST}{_AS_CHART}"),
)
_THEM: Final = r"(?:them|it|these|those|that|these numbers|the numbers|davon|sie|diese|daarvan|ze|deze|die)"
_OF_THEM: Final = re.compile(
    rf"(?:as |als |and |und |en )?{_VERB}?(?:(?P<chart>{_CHART})(?:(?: of| for| von| van)? {_THEM})?|{_THEM}{_AS_CHART})(?: too| as well| please| bitte| graag| daraus| davon)?"
)
_PAIR: Final = rf"\(\s*{NUMBER}\s*[,;|]\s*{NUMBER}\s*\)"
_PAIRS: Final = rf"(?P<pairs>{_PAIR}(?:(?>\s*(?:[,;]|and|und|en)?\s*(?:and |und |en )?){_PAIR})*)"
_COMMA_IN_PAIR: Final = re.compile(r"\([^()]*\)")
_POINTS: Final = r"(?:the |these |those |following |data |die |der |den |diese |two |beiden? |zwei |de |deze |twee )*(?:points?|punkten?|punten|data|dots)?\s*:?\s*"
_LINE: Final = (
    r"(?:(?:linear )?(?:regression|fit)(?: line)?|(?:straight |best fit |fitted )?line(?: of best fit| that fits(?: best)?)?"
    r"|best fit|trend ?line|ausgleichsgerade|regressionsgerade|gerade|regressielijn|trendlijn|rechte lijn|lijn|rechte|equation of the(?: straight)? line"
    r"|line of best fit)"
)
_AND_LINE: Final = (
    rf"[\s,]*(?:and|with|mit|und|en|met) (?:then )?(?:fit |draw |add |lege |teken )?(?:a |the |eine |die |een |de )?{_LINE}"
    r"(?: (?:through|to|for|durch|door) (?:them|it|these|sie|the points|de punten))?"
)
_PLOTTED: Final = re.compile(rf"(?:{_VERB}|(?P<chart>{_CHART}))?{_OF_DATA}{_POINTS}{_PAIRS}(?P<line>{_AND_LINE})?")
_FITTED: Final = re.compile(
    rf"(?:(?:fit|draw|plot|find|put|lege|zeichne|finde|teken|vind)(?: me)? )?(?:the |a |eine |die |een |de )?{_LINE}"
    rf"(?: (?:that |which )?(?:goes |going |passes |passing )?(?:through|to|for|of|by|between|durch|zu|für|door|voor))?(?: the| de)?"
    rf" ?{_POINTS}{_PAIRS}(?P<shown>[\s,]*(?:and|und|en) (?:plot|draw|show|zeichne|teken) (?:it|them|everything|sie|es|die|ze|hem))?"
)


def typed_data(text: str, language: Language, before: tuple[Expression, ...] = ()) -> TypedData | None:
    """What is to be drawn of the numbers in the message; None where it asks something else.

    `before` are those of the last question, for `histogram of them`.
    """
    if len(text) > MAX_CHARACTERS or (
        not language.has_decimal_comma and AMBIGUOUS_COMMA.search(_COMMA_IN_PAIR.sub("", text))
    ):
        return None
    text = with_decimal_points(plain(text), decimal_comma=language.has_decimal_comma).lower()
    text = CLOSING.sub("", re.sub(r"\s+", " ", text)).strip()
    for said in dict.fromkeys((text, OPENING.sub("", text).strip())):
        task = _points(said) or _values(said)
        if task is None and len(before) > 1 and (found := _OF_THEM.fullmatch(said)):
            task = TypedData(chart=_chart(found["chart"] or found["as"]), ys=before)
        if task is not None and len(task.ys) <= _MAX_VALUES:
            return task
    return None


def _values(text: str) -> TypedData | None:
    for pattern in _VALUES:
        if found := pattern.fullmatch(text):
            groups = found.groupdict()
            named = groups.get("chart") or groups.get("as")
            chart = _chart(named) if named else TypedChart.LINES
            ys = numbers(found["list"])
            if chart is TypedChart.POINTS:  # scattered over their places in the list
                return TypedData(chart=chart, ys=ys, xs=())
            return TypedData(chart=chart, ys=ys)
    return None


def _points(text: str) -> TypedData | None:
    fitted = _FITTED.fullmatch(text)
    found = fitted or _PLOTTED.fullmatch(text)
    if found is None:
        return None
    pairs: list[tuple[Expression, Expression]] = [
        (number(x), number(y)) for x, y in re.findall(rf"\(\s*({NUMBER})\s*[,;|]\s*({NUMBER})\s*\)", found["pairs"])
    ]
    groups = found.groupdict()
    chart = _chart(groups["chart"]) if groups.get("chart") else TypedChart.POINTS
    is_lone = len(pairs) < 2 and (fitted or groups.get("line") or text.startswith("("))  # (1, 2): what of it?
    if chart not in {TypedChart.POINTS, TypedChart.LINES} or is_lone:
        return None
    return TypedData(
        chart=chart,
        xs=tuple(x for x, _ in pairs),
        ys=tuple(y for _, y in pairs),
        fitted=bool(fitted or groups.get("line")),
    )


def _chart(word: str) -> TypedChart:
    return next(chart for pattern, chart in _CHARTS.items() if re.fullmatch(pattern, word))
