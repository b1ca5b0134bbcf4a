"""Adaptive Cards as plain JSON objects.

https://adaptivecards.io/explorer/ names their fields. Version 1.5 is the newest that Teams promises to draw everywhere.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from bot.conversation import CommandName
from bot.language import _, ngettext, number
from bot.parts import (
    ApologyPart,
    Chart,
    ChartKind,
    Choice,
    ChoicePart,
    Details,
    FilesPart,
    PicturePart,
    StoredFile,
    Table,
    WelcomePart,
)

Card = dict[str, object]

MAX_ALT_TEXT: Final = 1_000  # characters
MAX_NAME: Final = 100  # characters
MAX_CHOICE: Final = 256  # characters
MAX_CODE_CHARS: Final = 6_000  # shown of code and its output, and of an explanation
MAX_CARD_BYTES: Final = 24_000  # of JSON; Teams takes 28 KB everywhere, and the addresses come on top
MAX_LINKS: Final = 50  # some 15 KB, far below the 80 KB that Teams takes


# Where a sign is a mark in CommonMark, in a table or in a line that is struck through; DATE and TIME are Teams'.
_MARK: Final = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~\s]|$)   # a backslash that would escape something
      | `
      | \*(?!\s) | (?<!\s)\*        # but not 2 * 3
      | (?<![^\W_])_ | _(?![^\W_])   # but not snake_case
      | ~(?=~|$) | (?<=~)~
      | \](?=\s*[(\[:]|$)            # an address or a definition would follow
      | <(?=[a-z/!?]) | &(?=\#?\w+;)
      | \{(?=\{) | (?<=\{)\{""",
    re.VERBOSE | re.IGNORECASE,
)
_MARK_IN_LABEL: Final = re.compile(rf"{_MARK.pattern} | [\[\]]", _MARK.flags)
_LINE_START: Final = re.compile(
    r"^(?:(\d{1,9})(?=[.)](?:\s|$))|(?=>|\#{1,6}(?:\s|$)|[-+*](?:\s|$)|=+\s*$|[-:|][-:| ]*$))", re.MULTILINE
)
_LIST_MARK: Final = re.compile(r"\s*(?:[-*+]|(?P<number>[0-9]{1,3}\.))\s+(?=\S)")
_INDENTATION: Final = re.compile(r"^[ \t]+", re.MULTILINE)


class _Toggled(NamedTuple):
    """What is hidden at first, and the button that shows it."""

    container: Card
    button: Card


def picture_card(part: PicturePart, url: str, data_url: str = "") -> Card:
    """A picture over the whole width, fetched from `url`, and buttons: full size, data, code, explanation.

    A button rather than a picture that can be clicked: screen readers name it, and it does not shadow Teams' own zoom.
    """
    url = _web_address(url)
    alt_text = _one_line(part.alt_text, MAX_ALT_TEXT) or _("A picture made by the assistant's code")
    image: Card = {
        "type": "Image",
        "url": url,
        "altText": alt_text,
        "size": "stretch",
        "msteams": {"allowExpand": True},
    }
    button: Card = {"type": "Action.OpenUrl", "title": _("Open full size"), "url": url}
    links = [button]
    if data_url:
        links.append({"type": "Action.OpenUrl", "title": _("Data (csv)"), "url": _web_address(data_url)})
    plot = _chart(part.chart, image) if part.chart else image
    details, max_chars = part.details or Details(), MAX_CODE_CHARS
    while True:
        shown = _details(details, max_chars)
        body, actions = [plot, *(each.container for each in shown)], [*links, *(each.button for each in shown)]
        card = {**_card(body, fallback=alt_text), "actions": actions}
        if _size_bytes(card) <= MAX_CARD_BYTES or max_chars < 2:
            return card
        max_chars //= 2


def _chart(chart: Chart, picture: Card) -> Card:
    """The same as an element that Teams draws; the picture where a client cannot.

    https://adaptivecards.microsoft.com/?topic=Chart.Line and Chart.VerticalBar.Grouped
    """
    names = chart.kind is ChartKind.BARS
    data = [
        {
            "legend": series.name,
            "values": [{"x": str(place) if names else place, "y": height} for place, height in series.points],
        }
        for series in chart.series
    ]
    return {
        "type": "Chart.VerticalBar.Grouped" if names else "Chart.Line",
        "xAxisTitle": chart.across,
        "colorSet": "categorical",
        "data": data,
        "fallback": picture,
    }


def _details(details: Details, max_chars: int) -> list[_Toggled]:
    """What is shown on request, each with the button that shows it; at most so many characters of each text."""
    shown = []
    if details.explanation:
        paragraphs = _plain(details.explanation)[:max_chars].split("\n\n")
        shown.append(
            _toggled("explanation", _("How I worked this out"), [_line(_with_lists(words)) for words in paragraphs])
        )
    if details.code:
        items: list[Card] = []
        left = max_chars
        for cell in details.code:
            if left <= 0:
                break
            items.append(_code(cell.code[:left], "Python"))
            left -= len(cell.code)
            if cell.output.strip() and left > 0:
                items += [_line(_("Output:")), _code(cell.output.strip()[:left], "PlainText")]
                left -= len(cell.output)
        if left < 0:
            items.append(_line(_("The code is longer than a card can show.")))
        shown.append(_toggled("code", _("Show code"), items))
    return shown


def _toggled(name: str, title: str, items: list[Card]) -> _Toggled:
    container: Card = {"type": "Container", "id": name, "isVisible": False, "separator": True, "items": items}
    button: Card = {"type": "Action.ToggleVisibility", "title": title, "targetElements": [name]}
    return _Toggled(container, button)


def _with_lists(words: str) -> str:
    """Words of which a card shows the lists as lists; everything else is words and nothing but words."""

    def shown(line: str) -> str:
        mark = _LIST_MARK.match(line)
        if mark is None:
            return _paragraph(line)
        return f"{mark['number'] or '-'} {_escaped(line[mark.end() :])}"

    return "\n".join(map(shown, words.split("\n")))


def _code(code: str, language: str) -> Card:
    """A block of code, which Teams on the web and the desktop draws; elsewhere fixed-width lines.

    https://adaptivecards.microsoft.com/?topic=CodeBlock
    """
    return {
        "type": "CodeBlock",
        "codeSnippet": code,
        "language": language,
        "fallback": _fixed_width(code.splitlines()),
    }


def _fixed_width(lines: Sequence[str]) -> Card:
    text = "\n\n".join(_paragraph(line).replace(" ", "\u00a0") for line in lines)
    return {"type": "TextBlock", "text": text, "wrap": True, "fontType": "Monospace", "size": "Small"}


def _plain(markdown: str) -> str:
    """Markdown as words: a card's text knows neither headings nor code, and an answer's markup may be anything."""
    without_fences = re.sub(r"^ {0,3}(?:```|~~~)[^\n]*\n?", "", markdown, flags=re.MULTILINE)
    without_marks = re.sub(r"\*\*|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|`", "", without_fences)
    return re.sub(r"^#{1,6} +", "", without_marks, flags=re.MULTILINE).strip()


def files_card(part: FilesPart, urls: Sequence[str]) -> Card:
    """Files by name and size, each name a link to its address in `urls`. Many long names are cut."""
    for longest in (MAX_NAME, 40, 20):
        shown = [replace(file, name=_name(file, longest)) for file in part.files[:MAX_LINKS]]
        lines = [_line(_link(file, url)) for file, url in zip(shown, urls, strict=False)]
        if part.can_be_deleted:
            lines = [_with_button(line, _deletion(file)) for line, file in zip(lines, shown, strict=True)]
        if left := len(part.files) - len(shown):
            lines.append(_line(_("and {count} more").format(count=number(left))))
        card = _card(lines, fallback=_one_line(", ".join(file.name for file in shown), MAX_ALT_TEXT))
        if _size_bytes(card) <= MAX_CARD_BYTES:
            break
    return card


def table_card(table: Table) -> Card:
    """A table as such, each column as wide as its words want; its text where a client knows no tables."""
    widths = [max(len(row[at]) for row in (table.header, *table.rows)) for at in range(len(table.header))]
    columns = [
        {"width": min(4, 1 + width // 10), "horizontalCellContentAlignment": side.capitalize()}
        for width, side in zip(widths, table.sides, strict=True)
    ]
    rows = [
        {"type": "TableRow", "cells": [_cell(words, is_header=number == 0) for words in row]}
        for number, row in enumerate((table.header, *table.rows))
    ]
    lines, words = table.block.strip("`\n").splitlines(), "; ".join(map(", ".join, (table.header, *table.rows)))
    element: Card = {"type": "Table", "columns": columns, "rows": rows}
    card = _card([{**element, "fallback": _fixed_width(lines)}], fallback=_one_line(words, MAX_NAME))
    if _size_bytes(card) > MAX_CARD_BYTES:
        card["body"] = [element]
    return card


def _cell(words: str, *, is_header: bool) -> Card:
    line = _line(_paragraph(words) or "\u00a0")
    return {"type": "TableCell", "items": [{**line, "weight": "Bolder"} if is_header else line]}


def _size_bytes(card: Card) -> int:
    return len(json.dumps(card, ensure_ascii=False).encode(errors="replace"))


def apology_card(part: ApologyPart, mention: Card | None = None) -> Card:
    """The reason in plain words, the turn's code, and a button to ask the same once more.

    The question is in the card itself, which lives in the chat where it was asked: nothing of it is kept here.
    """
    lines = [_line(_paragraph(words)) for words in part.text.split("\n\n")]
    asker = [] if mention is None else [_line(str(mention["text"]))]
    code = _line(_("Code {code}.").format(code=part.code))
    card = _card([*asker, *lines, code], fallback=part.words)
    if mention is not None:
        card["msteams"] = {"width": "Full", "entities": [mention]}
    if not part.question:
        return card
    data = {"teamsbot": "retry", "turn": part.code, "question": part.question}
    return {**card, "actions": [{"type": "Action.Submit", "title": _("Try again"), "data": data}]}


def welcome_card(part: WelcomePart) -> Card:
    """The bot's introduction, and each question to begin with as a row to press.

    Rows rather than buttons: their words wrap in a narrow window, where a button's are cut.
    """
    rows = [_starter(question) for question in part.starters]
    paragraphs = ["\n".join(map(_with_marks, words.splitlines())) for words in part.text.split("\n\n")]
    return {**_card([*map(_line, paragraphs), *rows], fallback=""), "fallbackText": "\n\n".join(paragraphs)}


def choice_card(part: ChoicePart) -> Card:
    """A sentence, and each choice as a row to press, with what it is; the one that holds now is marked.

    Many long descriptions are cut.
    """
    for longest in (MAX_CHOICE, 80, 0):
        rows = [_choice(replace(each, description=_one_line(each.description, longest))) for each in part.choices]
        card = _card([*map(_line, part.text.split("\n\n")), *rows], fallback=_one_line(part.words, MAX_ALT_TEXT))
        if _size_bytes(card) <= MAX_CARD_BYTES:
            break
    return card


def _choice(choice: Choice) -> Card:
    name = _one_line(choice.name, MAX_CHOICE)
    heading = {**_line(_escaped(name)), **({"weight": "Bolder"} if choice.says != choice.name else {})}
    if choice.is_present:
        heading["text"] = f"✓ {heading['text']} ({_escaped(_('answers here'))})"
    about = [{**_line(_escaped(choice.description)), "isSubtle": True, "spacing": "None"}] if choice.description else []
    data = {"teamsbot": "ask", "question": choice.says}
    action = {"type": "Action.Submit", "title": name, "data": data}
    return {"type": "Container", "style": "emphasis", "selectAction": action, "items": [heading, *about]}


def _with_marks(line: str) -> str:
    """A line of the bot's own words: a list's mark and what is bold stay Markdown, which a card's text knows."""
    mark, words = ("- ", line[2:]) if line.startswith("- ") else ("", line)
    return mark + "**".join(map(_escaped, words.split("**")))


def feedback_card(longest: int) -> Card:
    """A form for a comment of so many characters, for the dialog in which Teams shows one.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content: what is typed
    comes back as JSON under the `id` of its field, by the name that Teams' own form gives it.
    """
    label = _("What was good, and what was not?")
    field: Card = {
        "type": "Input.Text",
        "id": "feedbackText",
        "label": label,
        "isMultiline": True,
        "maxLength": longest,
    }
    return {**_card([field], fallback=label), "actions": [{"type": "Action.Submit", "title": _("Send")}]}


def question_in(value: object) -> str | None:
    """The question that one of the bot's cards sends when it is pressed; None for what no card of the bot sends.

    A person who makes such a value up asks a question in their own name and place, as they could by typing it.
    """
    match value:
        case {"teamsbot": "retry" | "ask", "question": str(question)}:
            return question
        case _:
            return None


def size(size_bytes: int) -> str:
    """A size as people say it."""
    if size_bytes < 1000:
        return ngettext("{count} byte", "{count} bytes", size_bytes).format(count=size_bytes)
    amount, unit = size_bytes / 1e3, "KB"
    for larger in ("MB", "GB"):
        if amount >= 999.5:
            amount, unit = amount / 1e3, larger
    return f"{number(amount, decimals=0 if amount >= 9.95 else 1)} {unit}"


def _card(body: list[Card], *, fallback: str) -> Card:
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "fallbackText": _paragraph(fallback),
        "body": body,
    }


def _line(text: str) -> Card:
    return {"type": "TextBlock", "text": text, "wrap": True}


def _starter(question: str) -> Card:
    """Bare data, which each client sends as it is, and without words in the chat.

    Teams would show a `messageBack` within the data as that person's words, but the Agents Playground 0.2.28 fails at
    any `msteams` there ("Cannot add property msTeams, object is not extensible") and sends nothing at all.
    """
    data = {"teamsbot": "ask", "question": question}
    action = {"type": "Action.Submit", "title": question, "data": data}
    return {"type": "Container", "style": "emphasis", "selectAction": action, "items": [_line(_paragraph(question))]}


def _deletion(file: StoredFile) -> Card:
    data = {"teamsbot": "ask", "question": f"{CommandName.FILES} delete {file.token}"}
    return {
        "type": "Action.Submit",
        "title": _("Delete"),
        "tooltip": _("Delete {name}").format(name=_name(file)),
        "data": data,
    }


def _with_button(line: Card, action: Card) -> Card:
    button = {"type": "ActionSet", "actions": [action]}
    columns: list[Card] = [
        {"type": "Column", "width": "stretch", "verticalContentAlignment": "Center", "items": [line]},
        {"type": "Column", "width": "auto", "items": [button]},
    ]
    return {"type": "ColumnSet", "columns": columns}


def _link(file: StoredFile, url: str) -> str:
    name = _name(file)
    named = f"[{_label(name)}]({_web_address(url)})" if url or not file.is_given else _paragraph(name)
    told = f" ({size(file.size_bytes)})" if file.size_bytes or not file.is_given else ""
    return _("{file}, attached here").format(file=named + told) if file.is_given else named + told


def _name(file: StoredFile, longest: int = MAX_NAME) -> str:
    return _one_line(file.name, longest) or _("file")


def _one_line(text: str, longest: int) -> str:
    """No line ends, no characters without a shape: one of those turns the words around it to look like others."""
    spaced = " ".join(text.split())
    seen = "".join(letter for letter in spaced if unicodedata.category(letter) not in ("Cc", "Cf", "Cs"))
    return seen if len(seen) <= longest else seen[: longest - 1] + "…" if longest else ""


def _escaped(text: str) -> str:
    """Words within a line of a TextBlock, which reads Markdown, and `{{DATE(...)}}` and `{{TIME(...)}}` as functions.

    Nothing is escaped that is no mark where it stands: some clients show the backslash.
    """
    return _MARK.sub(lambda found: "\\" + found[0], text)


def _paragraph(text: str) -> str:
    """Whole lines, of which none becomes a list, a heading, a quote, a rule, a table or code."""
    marked = _LINE_START.sub(lambda found: f"{found[1] or ''}\\", _escaped(text))
    return _INDENTATION.sub(lambda found: "\u00a0" * len(found[0]), marked)


def _label(text: str) -> str:
    """Words of a link, which end at a bracket."""
    return _MARK_IN_LABEL.sub(lambda found: "\\" + found[0], text)


def _web_address(url: str) -> str:
    """The address, safe within a Markdown link; ValueError for one that is not http or https."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("a card may only link to http and https")
    return quote(url, safe="%/:?#@!$&'*+,;=~[]")
