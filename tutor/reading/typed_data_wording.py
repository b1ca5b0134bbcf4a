"""Numbers that stand in the message, to be drawn: `histogram of 1 2 2 3`, `plot the points (1, 2), (2, 3)`.

Each pattern describes a whole message, so that no word of it is passed over.
"""

from __future__ import annotations

import re
from typing import Final

from tutor.formulas.expression import Expression
from tutor.formulas.notation import plain, with_decimal_points
from tutor.language.vocabulary import Language
from tutor.reading.number_tasks import TypedChart, TypedData
from tutor.reading.number_wording import AMBIGUOUS_COMMA, CLOSING, JOINT, NUMBER, OPENING, SET, number, numbers
from tutor.reading.question_reader import MAX_CHARACTERS

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
_OF: Final = rf"(?: ?(?:of|for|from|with|aus|von|für|mit|über|as|van|voor|met)\b)?{SET}\s*:?\s*"
_LIST: Final = rf"[\[({{]?\s*(?P<list>{NUMBER}(?:{JOINT}{NUMBER}){{2,}})\s*[\])}}]?"
_AS_CHART: Final = rf" (?:as|in|als) (?:a |an |ein |eine |einen |een )?(?P<as>{_CHART})"
_VALUES: Final = (
    re.compile(rf"{_VERB}?(?P<chart>{_CHART}){_OF}{_LIST}"),
    re.compile(rf"{_VERB}{SET}\s*:?\s*{_LIST}(?:{_AS_CHART})?"),
    re.compile(rf"{_LIST}{_AS_CHART}"),
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
_PLOTTED: Final = re.compile(rf"(?:{_VERB}|(?P<chart>{_CHART}))?{_OF}{_POINTS}{_PAIRS}(?P<line>{_AND_LINE})?")
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
    if chart not in {TypedChart.POINTS, TypedChart.LINES} or (len(pairs) < 2 and (fitted or groups.get("line"))):
        return None
    return TypedData(
        chart=chart,
        xs=tuple(x for x, _ in pairs),
        ys=tuple(y for _, y in pairs),
        fitted=bool(fitted or groups.get("line")),
    )


def _chart(word: str) -> TypedChart:
    return next(chart for pattern, chart in _CHARTS.items() if re.fullmatch(pattern, word))
