"""The table that a message is about: an attached file, or lines that were pasted into a message."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tutor.dialogue import UserMessage
from tutor.formulas.expression import Operation, Symbol, walk
from tutor.formulas.formula_tokens import is_glued_formula
from tutor.language.cues import CHART_CUES, STATISTICS_CUES, Cue
from tutor.language.vocabulary import is_word
from tutor.planning.planning import Plan
from tutor.planning.refusal import Reason, Refusal
from tutor.reading.clause import Question

READABLE_IN_ZIP: Final = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".xls", ".json", ".jsonl", ".ndjson")
_READABLE: Final = (*READABLE_IN_ZIP, ".ods", ".zip")
_ABOUT_FILES: Final = (
    CHART_CUES
    | STATISTICS_CUES
    | frozenset(
        {
            Cue.FILE,
            Cue.COLUMN,
            Cue.ROWS,
            Cue.AGAINST,
            Cue.BY,
            Cue.OVER,
            Cue.PLOT,
            Cue.GRAPH,
            Cue.MAXIMUM,
            Cue.MINIMUM,
            Cue.MISSING,
            Cue.PERIOD,
            Cue.HIGHEST,
            Cue.LOWEST,
        }
    )
)
_PERHAPS_OF_FILE: Final = frozenset(
    {Reason.STRANGE, Reason.LEFT_OVER, Reason.UNABLE, Reason.NO_SUBJECT, Reason.NO_DEMAND}
)
_PERHAPS_OF_OTHER_FILE: Final = _PERHAPS_OF_FILE | {Reason.NO_MATHEMATICS}
_MAX_PASTED_CHARS: Final = 20_000
_MAX_LABELLED_CHARS: Final = 1500
_SEPARATORS: Final = ("\t", "|", ";", ",", " ")
_MIN_ROWS: Final = 2  # without the header
_NUMBER_CELL: Final = re.compile(
    r"[-+(]?\s?(?:[€$£¥]\s?)?[-+]?\d[\d.,'’ ]*\)?\s?(?:[€$£¥%]|eur|usd|gbp|chf|euro)?", re.IGNORECASE
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_FORMULA: Final = re.compile(r"[=^()√∫<>]|\d\s?[xy]\b|\b[xy]\d")
_RULE: Final = re.compile(r"\|?\s*:?-{2,}+:?\s*+\|(?:\s*+:?-{2,}+:?\s*+\|)*+\s*+(?::?-{2,}+:?)?")
"""The line below the header of a Markdown table, without the blanks around it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file by its name, or the csv text of a pasted table."""

    file_name: str = ""
    pasted: str = ""


def table_in(heard: Sequence[UserMessage]) -> Table | None:
    """The table that was given last."""
    for message in reversed(heard):
        if message.pasted:
            return Table(pasted=message.pasted)
        names = [name for name in message.file_names if name.lower().endswith(_READABLE)]
        if names:
            return Table(file_name=names[-1])
    return None


def _files_without_table(heard: Sequence[UserMessage]) -> tuple[str, ...]:
    """The files of the last message that has any, where none of them is a table."""
    names = next((message.file_names for message in reversed(heard) if message.file_names), ())
    return () if any(name.lower().endswith(_READABLE) for name in names) else names


def newest_with_table(messages: Sequence[UserMessage], count: int) -> list[UserMessage]:
    """The newest messages, their pasted tables taken out; the one with the last table stays however old it is."""
    newest = [*map(without_pasted_table, messages[-count:])]
    if table_in(newest) is None:
        older = map(without_pasted_table, reversed(messages[:-count]))
        newest = [*next(([given] for given in older if table_in([given]) is not None), []), *newest]
    return newest


def without_pasted_table(message: UserMessage) -> UserMessage:
    """The message with the table's lines taken out of its words."""
    if len(message.text) > _MAX_PASTED_CHARS:
        return message
    if "\n" not in message.text.strip():
        return _with_labelled_amounts(message)
    lines = [line for line in message.text.splitlines() if not _RULE.fullmatch(line.strip())]
    for separator in _SEPARATORS:
        start, rows = _longest_block(lines, separator)
        if rows and _is_table(rows, separator):
            before = _without_heading("\n".join(lines[:start]))
            words = "\n".join([before, *lines[start + len(rows) :]]).strip()
            return replace(message, text=words.rstrip(":").strip(), pasted=_as_csv(rows))
    return _with_labelled_amounts(message)


_AMOUNT: Final = r"(?P<amount>[€$£]?\s?\d+(?:[.,]\d+)*)(?:\s?(?:[€%]|(?:eur|euros?|usd|kg)\b))?(?!\w)"
_LABELLED: Final = re.compile(
    rf"(?:\A|[,;:\n]|\b(?:and|und|en)\b)\s*+(?:[-*•]\s*+)?(?P<label>(?:[^\W\d_]+[ -]){{0,3}}[^\W\d_]{{2,}})"
    rf"\s*+[:=]?\s*+{_AMOUNT}",
    re.IGNORECASE,
)
_MIN_LABELS: Final = 3
_DRAWS: Final = re.compile(
    r"chart|plot|graph|diagram|draw|bars?\b|\bpie\b|zeichne|grafi|teken|average|mean\b|\bsum\b|total|mittelwert|durchschnitt"
    r"|summe|gemiddelde|totaal",
    re.IGNORECASE,
)


def _with_labelled_amounts(message: UserMessage) -> UserMessage:
    """`rent 800, food 300, fun 150` with a word about a chart: a table of two columns."""
    if not _DRAWS.search(message.text) or len(message.text) > _MAX_LABELLED_CHARS:
        return message
    rows: list[list[str]] = []
    words, end = "", 0
    for match in _LABELLED.finditer(message.text):
        label = match["label"].split()
        said = [word for place, word in enumerate(label) if all(is_word(each.lower()) for each in label[: place + 1])]
        label = label[len(said) :]
        if not label or any(is_word(word.lower()) or is_glued_formula(word.lower()) for word in label):
            continue
        rows.append([" ".join(label), match["amount"].strip(" .,")])
        before = message.text[end : match.start()]
        if match[0].startswith(":"):
            before = _without_heading(f"{before}:").rstrip(":")
        words += before + " " + " ".join(said)
        end = match.end()
    if len(rows) < _MIN_LABELS:
        return message
    words = (words + message.text[end:]).strip(" ,;:.\n")
    return replace(message, text=words, pasted=_as_csv([["name", "value"], *rows]))


def _without_heading(words: str) -> str:
    """`Here are my expenses:` says what the numbers are, and asks nothing."""
    *others, last = words.rstrip().split("\n")
    is_heading = last.endswith(":") and not _DRAWS.search(last) and "?" not in last
    return "\n".join(others) if is_heading else words


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    if separator == "|":
        line = line.strip().strip("|")
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]


def _longest_block(lines: Sequence[str], separator: str) -> tuple[int, list[list[str]]]:
    """The longest run of lines with as many cells as each other, and at least two."""
    best: tuple[int, list[list[str]]] = (0, [])
    start, rows = 0, list[list[str]]()
    for at, line in enumerate([*lines, ""]):
        cells = _cells(line, separator) if separator in line.strip() else []
        if separator == " " and cells and not _is_number(cells[-1]):  # words, or the names above the columns
            cells = [] if rows or all(is_word(cell.strip(".:?!,").lower()) for cell in cells) else cells
        if rows and len(cells) != len(rows[0]):
            best = max(best, (start, rows), key=lambda block: len(block[1]))
            rows = []
        if len(cells) > 1:
            start = start if rows else at
            rows.append(cells)
    return best


def _is_table(rows: Sequence[Sequence[str]], separator: str) -> bool:
    """Whether rows of numbers, perhaps below a header, stand here rather than sentences or formulas."""
    body = rows[1:] if _has_header(rows) else rows
    if len(body) < _MIN_ROWS or any(_FORMULA.search(cell) for row in rows for cell in row if not _is_number(cell)):
        return False
    if separator == " ":  # words are separated by blanks too
        named = all(len(row) == 2 and not is_word(row[0].lower()) and row[0][0].isalpha() for row in body)
        return all(_is_number(cell) for row in body for cell in row[named:]) and (not named or len(body) > _MIN_ROWS)
    return all(any(map(_is_number, row)) for row in body)


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    first = rows[0]
    years = all(_YEAR.fullmatch(cell) for cell in first[1:]) and not _is_number(first[0])
    return years or not any(map(_is_number, first))


def _is_number(cell: str) -> bool:
    return _NUMBER_CELL.fullmatch(cell.strip()) is not None


def _as_csv(rows: Sequence[Sequence[str]]) -> str:
    width = len(rows[0])
    header = [] if _has_header(rows) else [["x", "y"] if width == 2 else [f"column {n + 1}" for n in range(width)]]
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows([*header, *rows])
    return text.getvalue()


def is_about_table(question: Question, plan: object, message: UserMessage) -> bool:
    """Whether the message asks of the table rather than of a formula that it spells out."""
    if message.pasted or any(map(is_glued_formula, re.findall(r"[^\W\d_]{3,}", message.text.lower()))):
        return True  # "plot cost" need not mean cos(t)
    if not isinstance(plan, Refusal):
        parts = [part for clause in question.clauses for each in clause.subjects for part in each.parts]
        if isinstance(plan, Plan) and not plan.tasks:  # "sum of a and b": two columns
            parts = [
                node
                for part in parts
                for node in walk(part)
                if not (isinstance(node, Operation) and node.operator == "+")
            ]
        return bool(parts) and all(isinstance(part, Symbol) for part in parts)  # "plot a": a column
    strange = any(clause.strange for clause in question.clauses)
    is_talk = question.cues & {Cue.HELP, Cue.HELLO, Cue.THANKS, Cue.GOODBYE}
    asks_of_it = plan.reason is Reason.NO_SUBJECT and not is_talk  # no function was talked about, but a table
    return bool(message.file_names or strange or asks_of_it or question.cues & _ABOUT_FILES)


def refusal_about_files(refusal: Refusal, question: Question, heard: Sequence[UserMessage]) -> Refusal:
    """The refusal; where the question may be about a file, that there is none or that it holds no table."""
    asks, others = bool(question.cues & (CHART_CUES | {Cue.FILE, Cue.COLUMN, Cue.ROWS})), _files_without_table(heard)
    if others and (asks or heard[-1].file_names) and refusal.reason in _PERHAPS_OF_OTHER_FILE:
        return Refusal(Reason.NO_TABLE_FILE, others)
    return Refusal(Reason.NO_FILE) if asks and refusal.reason in _PERHAPS_OF_FILE else refusal


_RAGGED: Final = re.compile(r"Expected \d+ fields in line (?P<line>\d+), saw (?P<found>\d+)")
"""What pandas says of a line with too many cells."""
_ZIPPED: Final = re.compile(r"(?P<count>\d+) tables in the zip file")


def refusal_after(trouble: str) -> Refusal | None:
    """What is wrong with a file, by what pandas says of it; None where that is not known."""
    if ragged := _RAGGED.search(trouble):
        return Refusal(Reason.RAGGED, (ragged["found"],), choices=(ragged["line"],))
    if zipped := _ZIPPED.search(trouble):
        return Refusal(Reason.ZIPPED, (zipped["count"],))
    return Refusal(Reason.EMPTY_FILE) if "No columns to parse from file" in trouble else None
