"""A column made of others: `revenue - cost`, `profit = revenue - cost`, `revenue per unit`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tutor.data.requests import Column, ColumnKind
from tutor.data.row_conditions import NUMBER, number_in
from tutor.language.vocabulary import Language

_SIGNS: Final = {
    **dict.fromkeys(("+", "plus"), "+"),
    **dict.fromkeys(("-", "−", "–", "minus", "less", "abzüglich", "min"), "-"),
    **dict.fromkeys(("*", "×", "·", "times", "multiplied by", "mal", "multipliziert mit", "keer", "maal"), "*"),
    **dict.fromkeys(("/", "÷", "divided by", "geteilt durch", "durch", "dividiert durch", "gedeeld door"), "/"),
}
_PER: Final = frozenset({"per", "pro", "je"})
_WORDS: Final = "|".join(
    re.escape(each) for each in sorted((*_SIGNS, *_PER), key=len, reverse=True) if each.isascii() or each.isalpha()
)
_TOKEN: Final = re.compile(
    rf"""\s*+(?:
        (?P<column>\ue000c\d+\ue001)
      | (?P<number>{NUMBER})(?![\w.,]*\d|\w)
      | (?P<sign>(?:{_WORDS}|[−–×·÷])(?!\w))
      | (?P<symbol>[-+*/](?=\s*+[\w(\ue000]))
      | (?P<open>\()
      | (?P<close>\))
      | (?P<article>(?:the|der|die|das|den|de|het)(?!\w))
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_CALENDAR: Final = re.compile(
    r"(?:\b|_)(?:year|month|quarter|week|day|jahr|monat|quartal|woche|tag|jaar|maand|kwartaal|id|nr|no|zip|plz)\b",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"(?P<name>[^\W\d]\w{1,40})\s*+(?:=|:=)\s*+\Z")
_MAX_DEPTH: Final = 20


MARK: Final = re.compile("\ue000([cv]\\d+)\ue001")


def mark(place: str) -> str:
    """What stands in a text for a column or a value: `c0` for the first column."""
    return f"\ue000{place}\ue001"


def with_formulas(text: str, named: list[Column], language: Language) -> str:
    """The text with every calculation on columns replaced by the mark of the column that it makes.

    `named` holds the columns of the marks in the text, and takes up the made ones.
    """
    at, found = 0, ""
    while at < len(text):
        start = next((match.start() for match in _STARTS.finditer(text, at)), None)
        if start is None:
            break
        parser = _Parser(text, start, named, language)
        formula = parser.sum()
        columns = [each for each in formula if isinstance(each, Column)] if formula else []
        if (
            formula is None
            or not columns
            or not parser.has_sign
            or any(c.kind is not ColumnKind.NUMBER for c in columns)
        ):
            after = max(start + 1, parser.at)  # from its second term on it would fail in the same way
            found, at = found + text[at:after], after
            continue
        before = text[at:start]
        name, known = _NAME.search(before), _KNOWN.search(found + before)
        known = known if known and named[int(known[1])].formula else None
        made = Column(
            name=name["name"] if name else named[int(known[1])].name if known else _spelled(formula),
            kind=ColumnKind.NUMBER,
            formula=tuple(formula),
            is_ratio=parser.is_ratio,
        )
        named.append(made)
        whole = found + before
        whole = whole[: len(whole) - len(name[0])] if name else whole[: known.start()] if known else whole
        found, at = whole + mark(f"c{len(named) - 1}"), parser.at
    return found + text[at:]


_STARTS: Final = re.compile(r"\ue000c|\(|(?<![\w.,\ue000])\d")
_KNOWN: Final = re.compile("\ue000c(\\d+)\ue001\\s*+(?:=|:=)\\s*+\\Z")


class _Parser:
    def __init__(self, text: str, at: int, named: Sequence[Column], language: Language) -> None:
        self.text = text
        self.at = at
        self.named = named
        self.language = language
        self.has_sign = False
        self.is_ratio = False  # of what was parsed last
        self.depth = 0

    def _next(self) -> re.Match[str] | None:
        found = _TOKEN.match(self.text, self.at)
        return found if found else None

    def _sign(self, signs: str) -> str:
        """The sign that comes next, if it is one of these; it is left where it stands."""
        found = self._next()
        if found is None:
            return ""
        written = (found["sign"] or found["symbol"] or "").lower()
        if written in _PER:
            return "/" if "/" in signs and self._divides(found.end()) else ""
        sign = _SIGNS.get(written, "")
        return sign if sign in signs else ""

    def _divides(self, at: int) -> bool:
        """`revenue per unit` divides; `revenue per rating` and `revenue per year` are groups."""
        found = _TOKEN.match(self.text, at)
        if found is None or not found["column"]:
            return False
        column = self.named[int(found["column"][2:-1])]
        return column.kind is ColumnKind.NUMBER and not column.is_grouping and not _CALENDAR.search(column.name)

    def _joined(self, signs: str, part: str) -> list[Column | str] | None:
        formula: list[Column | str] | None = getattr(self, part)()
        ratio = self.is_ratio
        while formula is not None and (sign := self._sign(signs)):
            back, token = self.at, self._next()
            self.at = token.end() if token else self.at
            other = getattr(self, part)()
            if other is None:
                self.at = back
                break
            self.has_sign = True
            ratio = (
                sign == "/" and any(isinstance(each, Column) for each in other)
                if sign in "*/"
                else ratio or self.is_ratio
            )
            formula = [*formula, sign, *other]
        self.is_ratio = ratio
        return formula

    def sum(self) -> list[Column | str] | None:
        """Terms added and taken away."""
        return self._joined("+-", "product")

    def product(self) -> list[Column | str] | None:
        """Factors multiplied and divided."""
        return self._joined("*/", "operand")

    def operand(self) -> list[Column | str] | None:
        """A column, a number, or a sum in parentheses."""
        back, found = self.at, self._next()
        if found is not None and found["article"]:
            self.at = found.end()
            found = self._next()
        self.is_ratio = False
        if found is not None and found["column"]:
            self.at = found.end()
            return [self.named[int(found["column"][2:-1])]]
        if found is not None and found["number"]:
            self.at = found.end()
            return [number_in(found["number"], self.language)]
        if found is not None and found["open"] and self.depth < _MAX_DEPTH:
            self.at, self.depth = found.end(), self.depth + 1
            inner = self.sum()
            self.depth -= 1
            closing = self._next()
            if inner is not None and closing is not None and closing["close"]:
                self.at = closing.end()
                return ["(", *inner, ")"]
        self.at = back
        return None


def _spelled(formula: Sequence[Column | str]) -> str:
    """The formula as a name: `revenue − cost`."""
    written = " ".join(each.name if isinstance(each, Column) else each for each in formula)
    return written.replace("( ", "(").replace(" )", ")").replace(" - ", " − ").replace(" * ", " · ")
