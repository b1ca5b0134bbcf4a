"""Which rows a question is about: `price below 5`, `between 3 and 5`, `in March 2024`, `without Tea`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from tutor.data.requests import Bound, Cell, Column, ColumnKind, Comparison, Condition, Days, Months
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Reason, Refusal

_COMPARED: Final[Mapping[Comparison, str]] = {
    Comparison.AT_LEAST: ">=|≥|=>|at least|no less than|not less than|no fewer than|a minimum of"
    "|greater than or equal to|more than or equal to|mindestens|wenigstens|größer gleich|größer oder gleich|minstens"
    "|ten minste|tenminste|minimaal|groter dan of gelijk aan|groter of gelijk aan",
    Comparison.AT_MOST: "<=|≤|=<|at most|no more than|not more than|up to|a maximum of|less than or equal to"
    "|höchstens|maximal|bis zu|nicht mehr als|kleiner gleich|kleiner oder gleich|hoogstens|ten hoogste|maximaal"
    "|niet meer dan|kleiner dan of gelijk aan|kleiner of gelijk aan",
    Comparison.OTHER: "!=|<>|≠|not equal to|ungleich|ongelijk aan",
    Comparison.ABOVE: ">|above|over|more than|greater than|larger than|higher than|bigger than|exceeding|exceeds|exceed"
    "|über|mehr als|größer als|höher als|boven|meer dan|groter dan|hoger dan",
    Comparison.BELOW: "<|below|under|less than|fewer than|smaller than|lower than|unter|weniger als|kleiner als"
    "|niedriger als|geringer als|onder|minder dan|kleiner dan|lager dan",
    Comparison.EQUAL: "==|=|equal to|equals|exactly|genau|gleich|gelijk aan|precies|is|are|was|ist|sind|beträgt"
    "|bedraagt",
}
_COMPARISONS: Final = {phrase: sign for sign, line in _COMPARED.items() for phrase in line.split("|")}
NUMBER: Final = r"(?:[1-9][0-9]{0,2}(?:[.,'’ ][0-9]{3})+(?![0-9])(?:[.,][0-9]+)?|[0-9]+(?:[.,][0-9]+)?)"
_NUMBER: Final = rf"[-−+]?{NUMBER}"
_MONEY: Final = r"(?:\s?(?:[€$£¥%]|(?:euros?|eur|dollars?|usd|pounds?|percent|prozent|procent)\b))?"
_AFTER: Final = r"(?![\w/-])(?!\.\d)"
_PHRASES: Final = "|".join(re.escape(phrase) for phrase in sorted(_COMPARISONS, key=len, reverse=True))
_MEASURED: Final = re.compile(
    rf"(?<![\w<>=!])(?P<how>{_PHRASES})\s{{0,3}}[€$£¥]?\s?(?P<size>{_NUMBER}){_MONEY}{_AFTER}", re.IGNORECASE
)
_WITHIN: Final = re.compile(
    rf"(?<!\w)(?:between|zwischen|tussen|from|von|van)\s{{1,3}}[€$£¥]?\s?(?P<low>{_NUMBER}){_MONEY}{_AFTER}\s{{0,3}}"
    rf"(?:and|und|en|to|bis|tot|-|–)\s{{0,3}}[€$£¥]?\s?(?P<high>{_NUMBER}){_MONEY}{_AFTER}",
    re.IGNORECASE,
)
_THOUSANDS: Final = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:[.,'’ ][0-9]{3})+")

_MONTHS: Final = (
    ("january", "januar", "januari", "jan", "jänner"),
    ("february", "februar", "februari", "feb", "febr"),
    ("march", "märz", "maart", "mar", "mär", "mrt"),
    ("april", "apr"),
    ("may", "mai", "mei"),
    ("june", "juni", "jun"),
    ("july", "juli", "jul"),
    ("august", "augustus", "aug"),
    ("september", "sep", "sept"),
    ("october", "oktober", "oct", "okt"),
    ("november", "nov"),
    ("december", "dezember", "dec", "dez"),
)
_MONTH_NUMBERS: Final = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names}
_MONTH: Final = "|".join(sorted(_MONTH_NUMBERS, key=len, reverse=True))
_YEAR: Final = r"(?:19|20)\d\d"
_ORDINALS: Final = {
    **dict.fromkeys(("first", "1st", "1.", "erste", "ersten", "erstes", "eerste", "1e"), 1),
    **dict.fromkeys(("second", "2nd", "2.", "zweite", "zweiten", "zweites", "tweede", "2e"), 2),
    **dict.fromkeys(("third", "3rd", "3.", "dritte", "dritten", "drittes", "derde", "3e"), 3),
    **dict.fromkeys(("fourth", "4th", "4.", "vierte", "vierten", "viertes", "vierde", "4e"), 4),
}
_ORDINAL: Final = "|".join(re.escape(each) for each in sorted(_ORDINALS, key=len, reverse=True))
_DATE: Final = re.compile(
    rf"""(?<![\w.,/-])(?:
        (?P<iso_year>{_YEAR})[-/](?P<iso_month>\d\d?)(?:[-/](?P<iso_day>\d\d?))?(?![\d/-])
      | (?P<day>\d\d?)(?P<mark>[./-])(?P<month>\d\d?)(?P=mark)(?P<year>{_YEAR})(?!\d)
      | (?:the\s)?(?P<named_day>\d\d?)(?:\.|st|nd|rd|th)?\s{{0,2}}(?:of\s)?(?P<day_month>{_MONTH})(?!\w)\.?
        (?:,?\s{{0,2}}(?P<day_year>{_YEAR})(?!\d))?
      | (?P<us_month>{_MONTH})\.?\s(?P<us_day>\d\d?)(?:st|nd|rd|th)?(?!\d)(?:,?\s{{1,2}}(?P<us_year>{_YEAR})(?!\d))?
      | (?P<month_name>{_MONTH})(?!\w)\.?(?:(?:\s?[-,/']?\s?|\sof\s)(?P<month_year>{_YEAR})(?!\d))?
      | q(?P<quarter>[1-4])(?!\w)(?:\s?[-,/']?\s?(?:of\s)?(?P<quarter_year>{_YEAR})(?!\d))?
      | (?P<quarter_first>{_YEAR})\s?[-/]?\s?q(?P<quarter_after>[1-4])(?!\w)
      | (?:the\s|dem\s|das\s|het\s)?(?P<ordinal>{_ORDINAL})\s(?:quarter|quartal|quartals|kwartaal)(?!\w)
        (?:\s(?:of\s|van\s)?(?P<ordinal_year>{_YEAR})(?!\d))?
      | (?P<year_alone>{_YEAR})(?![\d.,]\d|\d)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_DIRECTIONS: Final = {
    phrase: how
    for how, line in {
        "in": "in|during|on|for|of|in the year|in the month of|from the year|im|am|für|vom|des|im jahr|im jahre"
        "|im monat|in het jaar|in jahr|op|voor|tijdens|van",
        "after": "after|later than|nach|nach dem|später als|na|later dan",
        "since": "since|starting|starting in|from|seit|seit dem|ab|ab dem|von|sinds|vanaf",
        "before": "before|earlier than|prior to|vor|vor dem|früher als|vóór|eerder dan",
        "until": "until|till|up to|through|by the end of|bis|bis zum|tot en met|t/m|tot",
    }.items()
    for phrase in line.split("|")
}
_BEFORE_DATE: Final = "|".join(re.escape(each) for each in sorted(_DIRECTIONS, key=len, reverse=True))
_DIRECTION: Final = re.compile(
    rf"(?:\A|(?<=[\s,(]))(?P<how>{_BEFORE_DATE})(?:\s(?:the|dem|den|der|de|het))?\s{{1,3}}\Z", re.IGNORECASE
)
_FROM_TO: Final = re.compile(
    r"(?:\A|(?<=[\s,(]))(?:between|from|zwischen|von|vom|tussen|van)(?:\s(?:the|dem|den|der|de|het))?\s{1,3}\Z",
    re.IGNORECASE,
)
_TO: Final = re.compile(
    r"\s{0,3}(?:and|to|until|till|through|und|bis|bis zum|en|tot|tot en met|t/m|-|–)"
    r"(?:\s(?:the|dem|den|der|de|het))?\s{0,3}",
    re.IGNORECASE,
)
_YEAR_COLUMN: Final = re.compile(r"\b(?:year|jahr|jaar)\b", re.IGNORECASE)
_MONTH_COLUMN: Final = re.compile(r"\b(?:month|monat|maand)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Compared:
    """`above 100`, before it is known what is."""

    comparison: Comparison
    value: str


@dataclass(frozen=True, slots=True)
class Dated:
    """Days of the calendar, before it is known of which column: a span, or months of every year."""

    text: str
    start: str = ""
    end: str = ""  # the day after the last one
    months: tuple[int, ...] = ()
    is_open: bool = False  # `after March`, `until 2024`: it goes on to the first or the last row


Restriction = Compared | Dated


def restrictions_in(
    text: str, columns: Sequence[Column], language: Language, *, before: Column | None = None
) -> list[str | Restriction]:
    """The text with comparisons and dates taken out of it; `before` is the column named right before the text."""
    found: list[str | Restriction] = []
    for piece in _dates_in(text, columns, language, before):
        found += _sizes_in(piece, language) if isinstance(piece, str) else [piece]
    return found


def _sizes_in(text: str, language: Language) -> list[str | Restriction]:
    found: list[str | Restriction] = []
    at = 0
    while match := min(
        filter(None, (_WITHIN.search(text, at), _MEASURED.search(text, at))),
        key=lambda each: each.start(),
        default=None,
    ):
        groups = match.groupdict()
        found.append(text[at : match.start()])
        if "size" in groups:
            found.append(Compared(_COMPARISONS[groups["how"].lower()], number_in(groups["size"], language)))
        else:
            found.append(Compared(Comparison.AT_LEAST, number_in(groups["low"], language)))
            found.append(Compared(Comparison.AT_MOST, number_in(groups["high"], language)))
        at = match.end()
    return [*found, text[at:]]


def number_in(written: str, language: Language) -> str:
    """A number in the language's notation as Python writes it: `1,000` and `007` as 1000 and 7."""
    text = written.replace("−", "-").replace("’", "'").replace(" ", "'")
    has_comma = language.has_decimal_comma
    if "." in text and "," in text:
        has_comma = text.rfind(",") > text.rfind(".")
    elif _THOUSANDS.fullmatch(text) is None:  # "1,5" in English, "2.5" in German: only a fraction can be meant
        has_comma = "," in text
    thousands, point = (".", ",") if has_comma else (",", ".")
    return re.sub(r"\A([-+]?)0+(?=\d)", r"\1", text.replace("'", "").replace(thousands, "").replace(point, "."))


def _dates_in(  # noqa: C901 - spans, directions and bare dates are told apart in one walk
    text: str, columns: Sequence[Column], language: Language, before: Column | None
) -> list[str | Dated]:
    found: list[str | Dated] = []
    at, after_year = 0, False
    for match in _DATE.finditer(text):
        if match.start() < at:
            continue
        dated = _dated(match, language, columns)
        led, direction = text[at : match.start()], None
        if dated is None:
            continue
        if pair := _FROM_TO.search(led):
            other = _TO.match(text, match.end())
            second = _DATE.match(text, other.end()) if other else None
            last = _dated(second, language, columns) if second else None
            is_span = last is not None and not (
                match["year_alone"] and not _is_year_of_table(match, second, columns, before)
            )
            if second is not None and last is not None and is_span:
                joined = _from_to(dated, last)
                if joined is not None:
                    found += [led[: pair.start()], replace(joined, text=text[match.start() : second.end()])]
                    at, after_year = second.end(), False
                    continue
        direction = _DIRECTION.search(led)
        is_bare = match["year_alone"] or (match["month_name"] and not match["month_year"] and not _is_month(match[0]))
        goes_on = after_year and match["year_alone"] and _JOINT.fullmatch(led)  # "in 2023 and 2024"
        if direction is None and not goes_on and (is_bare or _MEASURED_BEFORE.search(led)):
            continue  # "May I ask", "top 2024"
        how = _DIRECTIONS[direction["how"].lower()] if direction else "in"
        is_day = match["iso_day"] or match["day"] or match["named_day"] or match["us_day"]
        if direction and direction["how"].lower() == "voor" and is_day:
            how = "before"  # Dutch "voor" is for and before
        directed = _directed(dated, how)
        if not (directed.start or directed.end or directed.months):
            continue  # "after December" of any year
        found += [led[: direction.start()] if direction else led, replace(directed, text=match[0])]
        at, after_year = match.end(), bool(match["year_alone"]) and not directed.is_open
    return [*found, text[at:]]


_JOINT: Final = re.compile(r"\s*(?:,|(?:,\s*)?(?:and|or|und|oder|en|of)\b|&)\s*", re.IGNORECASE)
_MEASURED_BEFORE: Final = re.compile(rf"(?<![\w<>=!])(?:{_PHRASES})\s{{0,3}}\Z", re.IGNORECASE)


def _is_month(written: str) -> bool:
    """Whether a month without a year can be nothing else: `march`, `Mar`, but not `may` and `dec`."""
    word = written.rstrip(".")
    return (len(word) > 3 or word[:1].isupper()) and word.lower() != "may"


def _is_year_of_table(
    first: re.Match[str], second: re.Match[str] | None, columns: Sequence[Column], before: Column | None
) -> bool:
    """Whether `between 2022 and 2023` means years: numbers of a column are between such bounds too."""
    if second is None or not second["year_alone"]:
        return True
    if before is None or before.kind is not ColumnKind.NUMBER or _YEAR_COLUMN.search(before.name):
        return True
    spans = [(column.low[:4], column.high[:4]) for column in columns if column.kind is ColumnKind.DATE and column.low]
    return any(low <= year[0] <= high for low, high in spans for year in (first, second))


def _dated(match: re.Match[str], language: Language, columns: Sequence[Column]) -> Dated | None:
    """The days that a date, month, quarter or year means; None where that is not certain."""
    said = match.groupdict()
    month_name = said["day_month"] or said["us_month"] or said["month_name"]
    quarter = said["quarter"] or said["quarter_after"] or (said["ordinal"] and _ORDINALS[said["ordinal"].lower()])
    year = next((said[key] for key in said if key.endswith(("year", "first", "alone")) and said[key]), "")
    day = said["iso_day"] or said["day"] or said["named_day"] or said["us_day"]
    month = said["iso_month"] or said["month"] or (month_name and _MONTH_NUMBERS[month_name.lower().rstrip(".")])
    if said["mark"] == "/" and language is Language.ENGLISH:
        low, high = int(said["day"]), int(said["month"])
        if max(low, high) <= 12 and low != high:
            return None  # 3/4/2024 is in March or in April
        day, month = (low, high) if low > 12 else (high, low)
    if day and not year:  # 5 March, of the one year that there is
        years = {end[:4] for column in columns if column.kind is ColumnKind.DATE for end in (column.low, column.high)}
        year = years.pop() if len(years) == 1 else ""
        if not year:
            return None
    if not year:
        months = (int(month),) if month else tuple(range(3 * int(quarter) - 2, 3 * int(quarter) + 1))
        return Dated(match[0], months=months)
    first, last = (3 * int(quarter) - 2, 3 * int(quarter)) if quarter else (int(month or 1), int(month or 12))
    try:
        start = date(int(year), first, int(day or 1))
        end = start + timedelta(days=1) if day else date(int(year) + last // 12, last % 12 + 1, 1)
    except ValueError:
        return None  # 31 February
    return Dated(match[0], start=start.isoformat(), end=end.isoformat())


def _directed(dated: Dated, how: str) -> Dated:
    first, last = (dated.months[0], dated.months[-1]) if dated.months else (0, 0)
    match how:
        case "after":
            months = tuple(range(last + 1, 13)) if last else ()
            return replace(dated, start=dated.end, end="", months=months, is_open=True)
        case "since":
            return replace(dated, end="", months=tuple(range(first, 13)) if first else (), is_open=True)
        case "before":
            return replace(dated, start="", end=dated.start, months=tuple(range(1, first)), is_open=True)
        case "until":
            return replace(dated, start="", months=tuple(range(1, last + 1)), is_open=True)
        case _:
            return dated


def _from_to(first: Dated, last: Dated) -> Dated | None:
    if first.months and last.months:
        start, end = first.months[0], last.months[-1]
        months = range(start, end + 1) if start <= end else [*range(start, 13), *range(1, end + 1)]
        return Dated(first.text, months=tuple(months))
    if first.months and last.start:  # from January to March 2024
        first = Dated(first.text, start=date(int(last.start[:4]), first.months[0], 1).isoformat())
    return Dated(first.text, start=first.start, end=last.end) if first.start and first.start < last.end else None


def either(first: Dated, second: Dated) -> Dated | None:
    """`In January and February`, `in 2023 and 2024`: the days of both.

    None where a day must be in both: `after March and before June`, `in March and in 2024`. Raises Refusal for days
    that are apart, which are no one span.
    """
    if first.is_open or second.is_open:
        return None
    if first.months and second.months:
        return replace(second, months=tuple(sorted({*first.months, *second.months})))
    if not first.months and not second.months:
        early, late = sorted((first, second), key=lambda each: each.start)
        if early.end == late.start:
            return replace(second, start=early.start, end=late.end)
        raise Refusal(Reason.LEFT_OVER)
    months, days = (first.months, second) if first.months else (second.months, first)
    start, end = date.fromisoformat(days.start), date.fromisoformat(days.end) - timedelta(days=1)
    reached = range(start.year * 12 + start.month - 1, end.year * 12 + end.month)
    if not any(month % 12 + 1 in months for month in reached):
        raise Refusal(Reason.LEFT_OVER)  # "in January and March 2024"
    return None


def condition_of(dated: Dated, columns: Sequence[Column], named: Column | None) -> tuple[Condition, ...]:
    """The rows of these days, by the column of dates that is named or the only one, else by a month or year column."""
    dates = [column for column in columns if column.kind is ColumnKind.DATE]
    column = named or (dates[0] if len(dates) == 1 else None)
    if column is not None:
        if dated.months:
            return (Months(column=column, months=dated.months),)
        return (Days(column=column, start=dated.start, end=dated.end),)
    return () if dates else _by_calendar_columns(dated, columns)


def _by_calendar_columns(  # noqa: C901 - years, then months, by what columns there are
    dated: Dated, columns: Sequence[Column]
) -> tuple[Condition, ...]:
    """`in March 2024` of a table with the columns month and year; empty where it has no such columns."""
    numbers = [column for column in columns if column.kind is ColumnKind.NUMBER]
    year = next((column for column in numbers if _YEAR_COLUMN.search(column.name)), None)
    month = next((column for column in numbers if _MONTH_COLUMN.search(column.name)), None)
    months, found = dated.months, list[Condition]()
    if not months:
        first = date.fromisoformat(dated.start) if dated.start else None
        last = date.fromisoformat(dated.end) - timedelta(days=1) if dated.end else None
        if year is None or (first and first.day > 1) or (last and (last + timedelta(days=1)).day > 1):
            return ()
        is_whole = (first is None or first.month == 1) and (last is None or last.month == 12)
        if not is_whole and (first is None or last is None or first.year != last.year):
            return ()
        if first and last and first.year == last.year:
            found.append(Bound(column=year, comparison=Comparison.EQUAL, value=str(first.year)))
        else:
            found += [Bound(column=year, comparison=Comparison.AT_LEAST, value=str(first.year))] if first else []
            found += [Bound(column=year, comparison=Comparison.AT_MOST, value=str(last.year))] if last else []
        if is_whole:
            return tuple(found)
        months = tuple(range(first.month, last.month + 1)) if first and last else ()
    if month is not None and list(months) == list(range(months[0], months[-1] + 1)):
        low = Bound(column=month, comparison=Comparison.AT_LEAST, value=str(months[0]))
        high = Bound(column=month, comparison=Comparison.AT_MOST, value=str(months[-1]))
        only = Bound(column=month, comparison=Comparison.EQUAL, value=str(months[0]))
        return (*found, *((only,) if len(months) == 1 else (low, high)))
    for column in columns:
        numbers_of = {value: _MONTH_NUMBERS.get(value.strip().lower().rstrip(".")) for value in column.values}
        if numbers_of and None not in numbers_of.values():
            cells = (Cell(column=column, value=value) for value, number in numbers_of.items() if number in months)
            return (*found, *cells)
    return ()
