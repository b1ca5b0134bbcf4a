"""Reading Markdown, and the formulas in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

# The ways in which models set formulas off. A dollar sign alone is mostly money, so between two of them something
# must look like a formula.
_FORMULA: Final = re.compile(
    r"\\\((?P<round>.+?)\\\)|\\\[(?!\d+\\\])(?P<square>.+?)\\\]|\$\$(?P<double>.+?)\$\$"
    r"|\$(?=\S)(?P<single>[^$`\n]*[\\^_={][^$`\n]*)(?<=\S)\$(?!\d)",
    re.DOTALL,
)
LONGEST_FORMULA: Final = 2_000  # characters, beyond which it is read as text


def parse(text: str) -> Sequence[SyntaxTreeNode]:
    """The blocks of a text."""
    return SyntaxTreeNode(_PARSER.parse(text)).children


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        """Read every link as one, dangerous ones too: what is not read as a link stands as text, address and all."""
        return True


def _formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    """An inline rule of markdown-it; it must come before that for backslashes."""
    if state.src[state.pos] not in "\\$":
        return False
    found = _FORMULA.match(state.src, state.pos, min(state.posMax, state.pos + LONGEST_FORMULA))
    if found is None:
        return False
    if not silent:
        state.push("formula", "", 0).content = found[found.lastgroup or 0].strip()
    state.pos = found.end()
    return True


def _parser() -> _Parser:
    parser = _Parser("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "formula", _formula)
    return parser


_PARSER: Final = _parser()
