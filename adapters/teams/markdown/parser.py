"""Reading Markdown, and the formulas in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypedDict, cast

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

from adapters.teams.markdown.inline import line_starts_escaped

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
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*:|//|/|#|www\.", re.IGNORECASE)
_MAX_READINGS: Final = 3  # a second one finds what the first took for definitions
_MAX_NESTING: Final = 20  # of quotes and lists: what is nested deeper the parser drops, words and all
MAX_FORMULA: Final = 2_000  # characters, beyond which it is read as text


def parse(text: str) -> Sequence[SyntaxTreeNode]:
    """The blocks of a text. What looks like the definition of a link and is none is read as words."""
    for _ in range(_MAX_READINGS):
        definitions = _Definitions()
        env: dict[str, object] = {"references": definitions}
        tokens = _PARSER.parse(text, env)
        again = _words_again(text, definitions, cast("list[_Definition]", env.get("duplicate_refs", [])))
        if any(token.level >= _MAX_NESTING - 1 for token in tokens):
            again = line_starts_escaped(text)
        if again == text:
            break
        text = again
    return SyntaxTreeNode(tokens).children


class _Definition(TypedDict):
    """A link definition as markdown-it records it; `map` is the first line and the one after the last."""

    href: str
    map: list[int]


class _Definitions(dict[str, _Definition]):
    """Link definitions by label. Records which labels the text uses."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()

    def get(self, label: str, default: Any = None) -> Any:
        """The definition that a link of the text asks for."""
        if label in self:
            self.used.add(label)
        return super().get(label, default)


def _words_again(text: str, definitions: _Definitions, duplicates: Sequence[_Definition]) -> str:
    """The text with all definitions escaped that no link uses, or that define no address.

    Markdown shows nothing of a definition, but models write `[Answer]: 42` and mean it to be read.
    """
    needed = {label for label in definitions.used if _ADDRESS.match(definitions[label]["href"])}
    first_lines = {definitions[label]["map"][0] for label in definitions.keys() - needed}
    first_lines |= {duplicate["map"][0] for duplicate in duplicates}
    if not first_lines:
        return text
    needed_lines = {definitions[label]["map"][0] for label in needed}
    lines = text.split("\n")
    for number in first_lines:
        lines[number] = lines[number].replace("[", "\\[", 1)
        if number + 1 in needed_lines:
            lines[number] += "\n"  # a definition cannot follow the words of a paragraph directly
    return "\n".join(lines)


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
    parser = _Parser("commonmark", {"html": False, "maxNesting": _MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "formula", _formula)
    return parser


_PARSER: Final = _parser()
