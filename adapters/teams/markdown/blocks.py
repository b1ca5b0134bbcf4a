"""Blocks, each written for Teams in pieces that fit one message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from markdown_it.tree import SyntaxTreeNode

from adapters.teams.markdown.inline import escaped, inline, plain
from adapters.teams.markdown.packing import cut, cut_lines, packed, units
from adapters.teams.markdown.tables import columns
from bot.links import LinkRules

_UNSEEN: Final = " \t\n\u00a0\u2800\u3164\u115f\u1160\uffa0"
"""What shows nothing; the last ones are blanks, though Unicode counts them among the letters."""

_OPTIONS: Final = re.compile(r"""\b[\w-]{1,40}=(?:"[^"]*"|'[^']*'|\S+)|\{[^{}]*\}""")  # of a highlighter


def written(node: SyntaxTreeNode, max_units: int, links: LinkRules) -> Iterator[str]:
    """A block as Markdown, nothing if no words are left of it, in pieces if it is longer than a message."""
    whole = _block(node, links)
    if not whole.strip(_UNSEEN):
        return
    if units(whole) <= max_units:
        yield whole
    else:
        yield from _pieces(node, max_units, links)


def _block(node: SyntaxTreeNode, links: LinkRules) -> str:
    match node.type:
        case "heading":
            words = inline(_words(node), links, bold=True)
            return f"**{words}**" if words else ""
        case "hr":
            return ""
        case "fence" | "code_block" | "table":
            text, language = _verbatim(node, links)
            unseen = f"{_UNSEEN}-" if node.type == "table" else _UNSEEN
            return _fenced(text, language) if text.strip(unseen) else ""
        case "blockquote":
            return _indented(_blocks(node.children, links), first="> ", rest="> ")
        case "bullet_list" | "ordered_list":
            has_words = any(item.children for item in node.children)
            return ("\n" if _is_tight(node) else "\n\n").join(_items(node, links)) if has_words else ""
        case _:
            return inline(_words(node), links)


def _blocks(nodes: Sequence[SyntaxTreeNode], links: LinkRules, between: str = "\n\n") -> str:
    return between.join(filter(None, (_block(node, links) for node in nodes)))


def _items(node: SyntaxTreeNode, links: LinkRules) -> list[str]:
    """The items of a list, each with its bullet or number."""
    between = "\n" if _is_tight(node) else "\n\n"
    start = int(node.attrs.get("start", 1))
    markers = ["- " if node.type == "bullet_list" else f"{start + place}. " for place in range(len(node.children))]
    return [
        _indented(_blocks(item.children, links, between), first=marker, rest=" " * len(marker))
        for marker, item in zip(markers, node.children, strict=True)
    ]


def _is_tight(node: SyntaxTreeNode) -> bool:
    return all(block.hidden for item in node.children for block in item.children if block.type == "paragraph")


def _words(node: SyntaxTreeNode) -> Sequence[SyntaxTreeNode]:
    return node.children[0].children if node.children else ()


def _indented(text: str, *, first: str, rest: str) -> str:
    """Each line behind its prefix; code keeps the spaces at its ends."""
    top, *lines = text.split("\n")
    return "\n".join(
        [first + top if top else first.rstrip(), *(rest + line if line else rest.rstrip() for line in lines)]
    )


def _verbatim(node: SyntaxTreeNode, links: LinkRules) -> tuple[str, str]:
    """What a preformatted block holds, and its language; both may be empty."""
    if node.type == "table":
        return columns(node, links), ""
    # A language stands directly behind the opening fence. Other words there are shown nowhere, and a model may have
    # meant them to be read; options of a highlighter (`linenos=true`) it has not.
    language = re.match(r"[\w+#.-]{1,30}(?=\s|$)", node.info)
    said = " ".join(_OPTIONS.sub(" ", node.info[language.end() if language else 0 :]).split())
    return "\n".join(filter(None, (said, node.content.rstrip("\n")))), language[0] if language else ""


def _fenced(text: str, language: str) -> str:
    """A preformatted block, behind a fence longer than any within."""
    fence = _fence(text)
    return f"{fence}{language}\n{text}\n{fence}"


def _fence(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)


def _pieces(node: SyntaxTreeNode, max_units: int, links: LinkRules) -> Iterator[str]:
    """A block that is too long, cut where it hurts least: code between lines, lists between items, else between words.

    Text is cut as plain words: markup cut in two would leave what it held, code for one, open to be read as markup.
    """
    match node.type:
        case "fence" | "code_block" | "table":
            text, language = _verbatim(node, links)
            room = max(max_units - 2 * len(_fence(text)) - len(language) - 2, max_units // 3 - 50)
            yield from (_fenced(part, language) for part in cut_lines(text, room))
        case "blockquote" | "list_item":
            yield from (piece for child in node.children for piece in written(child, max_units, links))
        case "bullet_list" | "ordered_list":
            yield from _pieces_of_list(node, max_units, links)
        case _:
            yield from (escaped(part, links) for part in cut(plain(_words(node), links), max_units // 6))


def _pieces_of_list(node: SyntaxTreeNode, max_units: int, links: LinkRules) -> Iterator[str]:
    """Items as long as they fit together; one that does not fit alone gives up its bullet."""
    fitting: list[str] = []
    for item, text in zip(node.children, _items(node, links), strict=True):
        if units(text) <= max_units:
            fitting.append(text)
            continue
        yield from packed(fitting, max_units, between="\n")
        fitting = []
        yield from _pieces(item, max_units, links)
    yield from packed(fitting, max_units, between="\n")
