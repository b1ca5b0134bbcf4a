"""Reading Markdown, and the formulas in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

# The ways in which models set formulas off, and what such a one must hold to be a formula: an escaped bracket is mostly
# a bracket, a dollar sign mostly money.
_FORMULAS: Final = tuple(
    (re.compile(form, re.DOTALL), re.compile(sign))
    for form, sign in (
        (r"\\\((.+?)\\\)", r""),
        (r"\$\$(.+?)\$\$", r""),
        (r"\\\[(.+?)\\\]", r"[\\^_={+*/<>-]"),
        (r"\$(?=\S)([^$`\n]+)(?<=\S)\$(?!\d)", r"[\\^_={]"),
    )
)
MAX_FORMULA: Final = 2_000  # characters, beyond which it is read as text


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
    stop = min(state.posMax, state.pos + MAX_FORMULA)
    for form, sign in _FORMULAS:
        if (found := form.match(state.src, state.pos, stop)) and sign.search(found[1]):
            if not silent:
                state.push("formula", "", 0).content = found[1].strip()
            state.pos = found.end()
            return True
    return False


def _parser() -> _Parser:
    parser = _Parser("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "formula", _formula)
    return parser


_PARSER: Final = _parser()
