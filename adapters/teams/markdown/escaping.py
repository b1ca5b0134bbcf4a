"""Words that must be read as nothing but words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# What CommonMark (and older readers of Markdown) could take for markup. At the end of a run more counts than within,
# for this program's markup may follow.
_MARKUP: Final = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~\s]|$)  # a backslash that would escape something
      | `
      | \*(?!\s) | (?<!\s)\*       # but not 2 * 3
      | (?<!\w)_ | _(?!\w)         # but not snake_case
      | ~(?=~|$) | (?<=~)~ | ^~
      | !(?=\[)
      | \](?=\s*[(\[:])            # an address or a definition would follow
    """,
    re.VERBOSE,
)
_TAG_OR_ENTITY: Final = re.compile(r"<(?=[a-z/!?])|&(?=#?\w+;)", re.IGNORECASE)
_INDENTATION: Final = re.compile(r"^[ \t]+", re.MULTILINE)
_LINE_START: Final = re.compile(
    r"^(?:(\d{1,9})(?=[.)](?:\s|$))|(?=>|#{1,6}(?:\s|$)|[-+*](?:\s|$)|=+\s*$|[-:|][-:| ]*$))", re.MULTILINE
)


def escaped_within(text: str) -> str:
    """A run of words within a line."""
    marked = _MARKUP.sub(lambda found: "\\" + found[0], text)
    return _TAG_OR_ENTITY.sub(lambda found: "&lt;" if found[0] == "<" else "&amp;", marked)


def joined(runs: Iterable[str]) -> str:
    """Runs of one line after each other. An exclamation mark before a link would make a picture of it."""
    line = ""
    for run in runs:
        line = f"{line[:-1]}\\!{run}" if line.endswith("!") and run.startswith("[") else line + run
    return line


def line_starts_escaped(text: str) -> str:
    """Lines of which none begins a list, a heading, a quote, a rule, a table or indented code."""
    return _LINE_START.sub(lambda found: f"{found[1] or ''}\\", _INDENTATION.sub("", text))


def code(text: str) -> str:
    """Words as a code span."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"
