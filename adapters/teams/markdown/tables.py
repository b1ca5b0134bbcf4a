"""Tables: of their own on a card where they are small, else columns in a fixed-width font, or a list if those are wide.

Teams' messages have no markup for tables (see the package), but Adaptive Cards have an element.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from markdown_it.tree import SyntaxTreeNode

from adapters.teams.markdown.inline import escaped_within, inline, plain
from bot.links import LinkRules
from bot.parts import Table

WIDEST: Final = 80  # columns of text; on a telephone this scrolls, beyond it nobody finds a cell's row again


MAX_COLUMNS: Final = 5  # of a table of its own: more are narrower than a word in a column of 320 px
MAX_ROWS: Final = 25
MAX_CELL_CHARS: Final = 120
MAX_TABLE_BYTES: Final = (
    3_000  # of words; with all that a card needs for each cell some 20 KB of the 24 that it may have
)


def native(table: SyntaxTreeNode, links: LinkRules, block: str) -> Table | None:
    """A table that is small enough for one of its own; None for any other, which stays `block`."""
    header, *rows = _rows(table, links)
    cells = [*header, *(cell for row in rows for cell in row)]
    fits = 2 <= len(header) <= MAX_COLUMNS and 1 <= len(rows) <= MAX_ROWS and max(map(len, cells)) <= MAX_CELL_CHARS
    if not fits or sum(len(cell.encode()) for cell in cells) > MAX_TABLE_BYTES:
        return None
    sides = tuple(_side(cell) for cell in table.children[0].children[0].children)
    return Table(header=tuple(header), rows=tuple(map(tuple, rows)), sides=sides, block=block)


def extended_markdown(table: Table) -> str:
    """A table in GitHub's notation.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages
    """
    rules = [{"center": ":-:", "right": "-:"}.get(side, ":-") for side in table.sides]
    lines = [[_within_table(cell) for cell in row] for row in (table.header, *table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (lines[0], rules, *lines[1:]))


def _within_table(cell: str) -> str:
    return escaped_within(cell).replace("|", "\\|").replace("$", "\\$")


def columns(table: SyntaxTreeNode, links: LinkRules) -> str:
    """The rows of a table under their headings, numbers and words aligned as the table says."""
    rows = _rows(table, links)
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * len(widths) > WIDEST:
        return _as_list(rows)
    sides = [_side(cell) for cell in table.children[0].children[0].children]
    lines = [_line(row, widths, sides) for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def as_markdown(table: SyntaxTreeNode, links: LinkRules) -> str:
    """The table in GitHub's notation, for places that show it: https://github.github.com/gfm/#tables-extension-.

    It says nothing of sides: a browser would be told these by styles in the text, which a strict page forbids.
    """
    rows = [[_marked_up(cell, links) for cell in row.children] for part in table.children for row in part.children]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ["-"] * len(rows[0]), *rows[1:]))


def _marked_up(cell: SyntaxTreeNode, links: LinkRules) -> str:
    words = inline(cell.children[0].children, links) if cell.children else ""
    return " ".join(words.split()).replace("|", "\\|")


def _rows(table: SyntaxTreeNode, links: LinkRules) -> list[list[str]]:
    return [[_cell(cell, links) for cell in row.children] for part in table.children for row in part.children]


def _cell(cell: SyntaxTreeNode, links: LinkRules) -> str:
    return " ".join(plain(cell.children[0].children, links).split()) if cell.children else ""


def _side(cell: SyntaxTreeNode) -> str:
    return str(cell.attrs.get("style", "text-align:left")).removeprefix("text-align:")


def _line(row: Sequence[str], widths: Sequence[int], sides: Sequence[str]) -> str:
    return "  ".join(map(_padded, row, widths, sides)).rstrip()


def _padded(cell: str, width: int, side: str) -> str:
    space = width - _width(cell)
    left = {"right": space, "center": space // 2}.get(side, 0)
    return " " * left + cell + " " * (space - left)


def _width(text: str) -> int:
    """Columns in a fixed-width font: letters of East Asia take two, marks upon letters none."""
    return sum(_columns_of(letter) for letter in text)


def _columns_of(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _as_list(rows: Sequence[Sequence[str]]) -> str:
    names, *records = rows
    return "\n\n".join("\n".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=True)) for row in records)
