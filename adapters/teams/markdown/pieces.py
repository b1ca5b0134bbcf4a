"""The way of a text: cleaned, read, written anew block by block, packed into messages."""

from __future__ import annotations

import unicodedata
from typing import Final

from adapters.teams.markdown.blocks import written
from adapters.teams.markdown.inline import escaped
from adapters.teams.markdown.packing import cut, packed, units
from adapters.teams.markdown.parser import parse
from adapters.teams.markdown.tables import as_markdown, native
from bot.links import NO_LINKS, LinkRules
from bot.parts import Table

MAX_PIECE_UNITS: Final = 20_000
"""UTF-16 units of one message. Teams takes 40,000 and people read less; as JSON in UTF-8, three bytes each at worst,
this stays below the 100 KB that the connector takes as a body."""

MAX_TABLES: Final = 3  # of an answer that are messages of their own

MAX_PARSED: Final = 50_000
"""Characters read as Markdown: 0.3 s for a normal text, 0.8 s for nothing but brackets. The rest is plain text."""

_SHAPELESS: Final = ("Cc", "Cf", "Cs")  # controls, format characters, surrogates: they can hide or reorder words
_KEPT: Final = "\n\t\u200c\u200d"  # these matter: the last two within words (Persian) and emoji


def teams_pieces(text: str, *, links: LinkRules = NO_LINKS) -> tuple[str | Table, ...]:
    """A text as `teams_markdown` has it, and tables that are small enough as such, each between the words around it.

    With more than MAX_TABLES tables all of them stay in the text: each one is a message of its own.
    """
    head, tail = _parted(_without_controls(text))
    blocks: list[str | Table] = []
    for node in parse(head):
        pieces = list(written(node, MAX_PIECE_UNITS, links))
        table = native(node, links, pieces[0]) if node.type == "table" and len(pieces) == 1 else None
        blocks += pieces if table is None else [table]
    if sum(isinstance(block, Table) for block in blocks) > MAX_TABLES:
        blocks = [block.block if isinstance(block, Table) else block for block in blocks]
    blocks += [escaped(plain, links) for plain in cut(tail, MAX_PIECE_UNITS // 6)]
    messages: list[str | Table] = []
    words: list[str] = []
    for block in [*blocks, None]:
        if isinstance(block, str):
            words.append(block)
            continue
        messages += packed(words, MAX_PIECE_UNITS)
        words = []
        messages += [] if block is None else [block]
    return tuple(messages)


def teams_markdown(
    text: str, max_units: int = MAX_PIECE_UNITS, *, links: LinkRules = NO_LINKS, keeps_tables: bool = False
) -> tuple[str, ...]:
    """A text as messages for Teams, in order; none if it holds no words. `links`: what may be clicked in it.

    `keeps_tables`: tables stay tables, for clients that show them; one that is too long for a message does not.
    """
    cleaned = _without_controls(text)
    head, tail = _parted(cleaned)
    blocks: list[str] = []
    for node in parse(head):
        table = as_markdown(node, links) if keeps_tables and node.type == "table" else ""
        blocks += [table] if table and units(table) <= max_units else written(node, max_units, links)
    blocks += [escaped(plain, links) for plain in cut(tail, max_units // 6)]
    return tuple(packed(blocks, max_units))


def _without_controls(text: str) -> str:
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    if unified.replace("\n", "").isprintable():  # as most texts are; letter by letter takes ten times as long
        return unified
    return "".join(letter for letter in unified if letter in _KEPT or unicodedata.category(letter) not in _SHAPELESS)


def _parted(text: str) -> tuple[str, str]:
    """What is read as Markdown, up to the end of a paragraph, a line or a word, and the rest."""
    if len(text) <= MAX_PARSED:
        return text, ""
    ends = (text.rfind(pause, MAX_PARSED // 2, MAX_PARSED) for pause in ("\n\n", "\n", " "))
    end = next((end for end in ends if end >= 0), MAX_PARSED)
    return text[:end], text[end:]
