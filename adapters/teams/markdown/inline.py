"""Words and the markup within them, written for Teams; and words that must be read as nothing but words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markdown_it.tree import SyntaxTreeNode

from adapters.teams.markdown.formulas import goes_on, is_superscript_word, readable, scripted
from bot.links import BARE_ADDRESS, Link, LinkRules, trimmed

_ENCODED: Final = str.maketrans({"(": "%28", ")": "%29", "*": "%2A", "&": "%26", "'": "%27", "~": "%7E"})
_ELSEWHERE: Final = re.compile(r"(?!(?:sandbox|attachment|file):)(?:[a-z][a-z0-9+.-]*:|//|\\\\)", re.IGNORECASE)
_LINE_END: Final = re.compile(r"<br\s{0,3}/?>", re.IGNORECASE)
_SCRIPT: Final = re.compile(r"<(su[bp])>([^<>]{1,40})</\1>", re.IGNORECASE)
_MARKS: Final = {"strong": "**", "em": "*", "s": "~~"}

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """Words without markup; neighbours are one, so that harmless parts cannot form an address."""

    words: str


def inline(nodes: Sequence[SyntaxTreeNode], links: LinkRules, *, bold: bool = False) -> str:
    """Markdown of one run of text; within something bold, bold is not marked again."""
    line = joined(_written(item, links, bold=bold) for item in _merged(nodes, links))
    return _with_hard_breaks(line_starts_escaped(line.strip()))


def plain(nodes: Sequence[SyntaxTreeNode], links: LinkRules) -> str:
    """The same words without any markup."""
    return "".join(_said(item, links) for item in _merged(nodes, links)).strip()


def escaped(text: str, links: LinkRules) -> str:
    """Text that must be read as nothing but text."""
    return _with_hard_breaks(line_starts_escaped(_text(text, links).strip()))


def _with_hard_breaks(text: str) -> str:
    """Each line end between two lines as a hard break: Teams shows lines that end in a bare one as one line."""
    lines = [line.rstrip() for line in text.split("\n")]
    ends = ["  \n" if line and after else "\n" for line, after in pairwise(lines)]
    return "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))


def _merged(nodes: Iterable[SyntaxTreeNode], links: LinkRules) -> Iterator[SyntaxTreeNode | _Text]:
    """The nodes, text beside text as one."""
    words = ""
    for node in nodes:
        said = _words_of(node, links)
        if said is not None:
            words += said
            continue
        if words:
            yield _Text(words=words)
        words = ""
        yield node
    if words:
        yield _Text(words=words)


def _words_of(node: SyntaxTreeNode, links: LinkRules) -> str | None:
    """What a node says if it is nothing but words: a simple formula reads like text, a picture is what it is called.

    A picture of this answer, which is named by a path, says nothing: it is shown beside the words.
    """
    match node.type:
        case "text":
            return _SCRIPT.sub(_script, _LINE_END.sub("\n", node.content))
        case "image":
            source = str(node.attrs.get("src", ""))
            is_elsewhere = _ELSEWHERE.match(source) is not None
            return _unlinked(plain(node.children, links), links.judge(source).host) if is_elsewhere else ""
        case "softbreak":
            return "\n"
        case "formula":
            return readable(node.content)
        case "link" if (link := _judged(node, links)).address is None:
            return _unlinked(plain(node.children, links), link.host)
        case _:
            return None


def _script(found: re.Match[str]) -> str:
    """What HTML sets above or below the line: most models know no other way to write x² or H₂O."""
    is_above, words = found[1].lower() == "sup", found[2].strip()
    if is_above and is_superscript_word(found.string[max(0, found.start() - 20) : found.start()], words):
        return words
    return scripted("^" if is_above else "_", words, is_glued=goes_on(found))


def _written(item: SyntaxTreeNode | _Text, links: LinkRules, *, bold: bool) -> str:
    if isinstance(item, _Text):
        return _text(item.words, links)
    match item.type:
        case "strong" if bold:
            return joined(_written(inner, links, bold=True) for inner in _merged(item.children, links))
        case "strong" | "em" | "s":
            return _marked(_MARKS[item.type], item, links, bold=bold or item.type == "strong")
        case "link":
            return _link(item, links)
        case "hardbreak":
            return "  \n"
        case _:
            return code(item.content.replace("\n", " "))


def _marked(mark: str, node: SyntaxTreeNode, links: LinkRules, *, bold: bool) -> str:
    """Marks stick to the words: a space inside them would make them plain characters."""
    words = joined(_written(inner, links, bold=bold) for inner in _merged(node.children, links))
    core = words.strip()
    if not core:
        return words
    before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
    return f"{before}{mark}{core}{mark}{after}"


def _unlinked(label: str, host: str) -> str:
    return label if host in ("", label) else f"{label} ({host})".strip()


def _judged(node: SyntaxTreeNode, links: LinkRules) -> Link:
    return links.judge(str(node.attrs.get("href", "")))


def _link(node: SyntaxTreeNode, links: LinkRules) -> str:
    """A link shows its host, so that its words cannot pretend to lead elsewhere."""
    link = _judged(node, links)
    label = " ".join(plain(node.children, links).split())
    if label.rstrip("/") in (str(link.address).rstrip("/"), link.host):
        return _anchor(label, link)
    return f"{_anchor(label or link.host, link)} ({escaped_within(link.host)})"


def _anchor(label: str, link: Link) -> str:
    """A link; square brackets within its label become round ones, for readers differ about escaped ones there."""
    words = escaped_within(label.replace("[", "(").replace("]", ")"))
    return f"[{words}]({str(link.address).translate(_ENCODED)})"


def _text(words: str, links: LinkRules) -> str:
    """Words, and the addresses among them, judged like links: a client makes links of them.

    What stays words is escaped as one run: a host that stands for its address may complete a tag that began before it.
    """
    written, run, position = "", "", 0
    for found in BARE_ADDRESS.finditer(words):
        address = trimmed(found[0])
        link = links.judge_bare(address)
        run += words[position : found.start()]
        position = found.start() + len(address)
        if link.address is None:
            run += link.host
        else:
            written = joined((written, escaped_within(run), _anchor(address, link)))
            run = ""
    return written + escaped_within(run + words[position:])


def _said(item: SyntaxTreeNode | _Text, links: LinkRules) -> str:
    if isinstance(item, _Text):
        return BARE_ADDRESS.sub(lambda found: (link := links.judge_bare(found[0])).address or link.host, item.words)
    match item.type:
        case "hardbreak":
            return "\n"
        case "code_inline" | "formula":
            return item.content
        case _:
            return plain(item.children, links)


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
