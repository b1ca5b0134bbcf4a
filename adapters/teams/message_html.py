"""The HTML that Teams sends beside a message's text, or instead of it."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Final

from botbuilder.schema import Activity

_MAX_CHARS: Final = 200_000
_TAG: Final = re.compile(r"<(?P<end>/?)(?P<name>[a-z][a-z0-9]{0,20})(?P<rest>[^<>]{0,2000})>", re.IGNORECASE)
_LINES: Final = frozenset({"br", "p", "div", "li", "tr", "ul", "ol", "pre", "h1", "h2", "h3", "table", "blockquote"})
_CELLS: Final = frozenset({"td", "th"})
_UNSEEN: Final = frozenset({"script", "style"})
_EMOJI: Final = "schema.skype.com/Emoji"  # the `itemtype` of a picture that stands for a letter
_ALT: Final = re.compile(r"""\balt=["']([^"']{1,40})["']""", re.IGNORECASE)
_REPLY: Final = "schema.skype.com/Reply"  # the `itemtype` of the blockquote that holds a quoted message


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHtml:
    """What the HTML says: the person's words, with mentions as `<at>` tags, and those of the message they quote."""

    words: str = ""
    quoted: str = ""


def html_of(activity: Activity) -> MessageHtml:
    """The `text/html` attachment of an activity, read; empty without one."""
    for given in activity.attachments or []:
        if given is not None and given.content_type == "text/html" and isinstance(given.content, str):
            return read_html(given.content[:_MAX_CHARS])
    return MessageHtml()


def read_html(markup: str) -> MessageHtml:  # noqa: C901 - one case for each kind of tag
    """Words of HTML, one line a block, a tab between the cells of a table.

    Tags are told by pattern: nothing here is ever shown as HTML again.
    """
    first, *comments = markup.split("<!--")
    markup = first + "".join(comment.partition("-->")[2] for comment in comments)
    words: list[str] = []
    quoted: list[str] = []
    quote_depth, unseen, position = 0, "", 0
    for tag in _TAG.finditer(markup):
        into = quoted if quote_depth else words
        if not unseen:
            into.append(html.unescape(markup[position : tag.start()]))
        position = tag.end()
        name, ends = tag["name"].lower(), bool(tag["end"])
        if name in _UNSEEN:
            unseen = "" if ends else name
        elif name == "at":
            into.append("</at>" if ends else "<at>")
        elif name in _LINES:
            into.append("\n")
        elif name in _CELLS and ends:
            into.append("\t")
        elif name == "img" and _EMOJI in tag["rest"] and (emoji := _ALT.search(tag["rest"])) is not None:
            into.append(html.unescape(emoji[1]))
        if name == "blockquote" and (quote_depth or _REPLY in tag["rest"]):
            quote_depth += -1 if ends else 1
    if not unseen:
        (quoted if quote_depth else words).append(html.unescape(markup[position:]))
    return MessageHtml(words=_tidy("".join(words)), quoted=_tidy("".join(quoted)))


def _tidy(text: str) -> str:
    lines = ("\t".join(" ".join(cell.split()) for cell in line.split("\t")) for line in text.split("\n"))
    return "\n".join(line.strip() for line in lines if line.strip())
