"""What Teams puts around a person's words: HTML, mentions and quotes, told apart by the activity's entities."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from botbuilder.schema import Activity

from adapters.teams.markdown.formulas import is_superscript_word
from bot.conversation import Party

_MAX_HTML: Final = 200_000  # characters
_TAG: Final = re.compile(r"<(?P<end>/?)(?P<name>[a-z][a-z0-9]{0,20})(?P<rest>[^<>]{0,2000})>", re.IGNORECASE)
_BLOCKS: Final = "br p div li tr ul ol pre codeblock h1 h2 h3 h4 h5 h6 hr dt dd table blockquote section summary"
_LINES: Final = frozenset(_BLOCKS.split())
_VERBATIM: Final = frozenset({"pre", "codeblock"})
_EMOJI: Final = "schema.skype.com/Emoji"  # the `itemtype` of a picture that stands for a letter
_ALT: Final = re.compile(r"""\balt=["']([^"']{1,40})["']""", re.IGNORECASE)
_START: Final = re.compile(r"""\bstart=["']?(\d{1,9})\b""", re.IGNORECASE)
_HREF: Final = re.compile(r"""\bhref=["'](https?://[^"'\s]{1,1900})["']""", re.IGNORECASE)
# Letters that no person types: they stand for the white space of code, and around what stands for a tag.
_PRIVATE: Final = "\ue000\ue001\ue002\ue003"
_SPACE, _TAB, _MARK, _MARK_END = _PRIVATE
_KEPT_SPACE: Final = {" ": _SPACE, "\u00a0": _SPACE, "\t": _TAB}
_ANY_MARK: Final = re.compile(f"{_MARK}[^{_MARK}{_MARK_END}]*{_MARK_END}")
_NOTHING_PRIVATE: Final = dict.fromkeys(map(ord, _PRIVATE))
_SCRIPT_SIGNS: Final = {"sup": "^", "sub": "_"}
_SCRIPT_END: Final = f"{_MARK}{_MARK_END}"
_GLUED_SCRIPT: Final = re.compile(rf"{_MARK}([\^_]){_MARK_END}([^{_MARK}{_MARK_END}]+){_SCRIPT_END}(?=[^\W_])")
_ONE_SCRIPT: Final = re.compile(r"[+−-]?\d+(?:[.,]\d+)?|\w")
_OPERATOR: Final = re.compile(r"[-+−*·/=,]")
_MAX_NESTED: Final = 50  # lists, and scripts, within one another
_REPLY: Final = "schema.skype.com/Reply"  # the `itemtype` of the blockquote that holds a quoted message
_MENTION_TAG: Final = re.compile(r"</?at[^<>]*>")
_ANY_MENTION: Final = re.compile(r"<at(?:\s[^<>]{0,200})?>([^<>]{0,256})</at>")
_ADDRESSED: Final = re.compile(r"\s*[,:;–—](?=\s|/|$)\s*")  # what follows a name that is called out
_SHAPELESS: Final = frozenset({"Cc", "Cf", "Cs"})  # categories of characters; some turn the words around them
_MAX_ENTITIES: Final = 50  # of one kind in one message; each costs a search through the text
_MAX_MENTION: Final = 1_000  # characters of its text
_MAX_REFERENCE: Final = 200_000  # characters of JSON
_FORWARDED: Final = "forwardedMessageReference"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHtml:
    """What the HTML says: the person's words, with mentions as `<at>` tags, and those of the message they quote.

    `letters` are the words without what stands for tags: bullets, numbers, signs of scripts, addresses of links.
    """

    words: str = ""
    letters: str = ""
    quoted: str = ""


def html_of(activity: Activity) -> MessageHtml:
    """The `text/html` attachment of an activity, read; empty without one."""
    for given in activity.attachments or []:
        if given is not None and given.content_type == "text/html" and isinstance(given.content, str):
            return read_html(given.content[:_MAX_HTML])
    return MessageHtml()


def read_html(markup: str) -> MessageHtml:
    """Words of HTML, one line a block, a tab between the cells of a table; code keeps its white space.

    Tags are told by pattern: nothing here is ever shown as HTML again.
    """
    first, *comments = markup.split("<!--")
    markup = first + "".join(comment.partition("-->")[2] for comment in comments)
    reader, position = _HtmlReader(), 0
    for tag in _TAG.finditer(markup):
        reader.hear(_unescaped(markup[position : tag.start()]))
        reader.meet(tag["name"].lower(), tag["rest"], ends=bool(tag["end"]))
        position = tag.end()
    reader.hear(_unescaped(markup[position:]))
    said = _GLUED_SCRIPT.sub(rf"{_MARK}\1({_MARK_END}\2{_MARK}){_MARK_END}", "".join(reader.words))
    return MessageHtml(words=_tidy(said), letters=_tidy(_ANY_MARK.sub("", said)), quoted=_tidy("".join(reader.quoted)))


def _unescaped(markup: str) -> str:
    """What a piece of HTML says. Its character references may name private letters too."""
    return html.unescape(markup).translate(_NOTHING_PRIVATE)


class _HtmlReader:
    """What was read so far, and within which tags."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.quoted: list[str] = []
        self._quotes = self._verbatim = 0  # how many are open
        self._unseen = ""  # the tag of a script or a style, while it is open
        self._lists: list[int] = []  # of each open list, the number of its last item; -1 where it has bullets
        self._link = ""
        self._link_begins = 0  # as a length of `_into`
        self._scripts: list[int] = []  # where each open exponent or index begins, as a length of `_into`

    @property
    def _into(self) -> list[str]:
        return self.quoted if self._quotes else self.words

    def hear(self, text: str) -> None:
        """Text between two tags."""
        if self._unseen or not text:
            return
        if self._verbatim:
            text = "".join(_KEPT_SPACE.get(letter, letter) for letter in text)
        self._into.append(text)

    def meet(self, name: str, rest: str, *, ends: bool) -> None:  # noqa: C901, PLR0912 - one case for each kind
        """A tag."""
        match name:
            case "script" | "style":
                self._unseen = "" if ends else name
            case "at":
                self._into.append("</at>" if ends else "<at>")
            case "td" | "th" if ends:
                self._into.append("\t")
            case "img" if _EMOJI in rest and (emoji := _ALT.search(rest)) is not None:
                self._into.append(_unescaped(emoji[1]))
            case "emoji" | "customemoji" if not ends and (emoji := _ALT.search(rest)) is not None:
                self._into.append(_unescaped(emoji[1]))
            case "a":
                self._meet_link(rest, ends=ends)
            case "sup" | "sub":
                self._meet_script(_SCRIPT_SIGNS[name], ends=ends)
            case _:
                pass
        if name in _LINES:
            self._into.append("\n")
        if name in _VERBATIM:
            self._verbatim = max(0, self._verbatim + (-1 if ends else 1))
        if name in ("ul", "ol"):
            start = _START.search(rest)
            before_first = -1 if name == "ul" else max(0, int(start[1]) - 1) if start else 0
            self._lists = self._lists[:-1] if ends else [*self._lists[-_MAX_NESTED:], before_first]
        if name == "li" and not ends and self._lists:
            self._lists[-1] += self._lists[-1] >= 0
            number = self._lists[-1]
            self._into.append(f"{_MARK}{'-' if number < 0 else f'{number}.'} {_MARK_END}")
        if name == "blockquote" and (self._quotes or _REPLY in rest):
            self._quotes += -1 if ends else 1

    def _meet_link(self, rest: str, *, ends: bool) -> None:
        """Behind a link's words stands its address, unless the words are the address."""
        if not ends:
            found = _HREF.search(rest)
            self._link, self._link_begins = _unescaped(found[1]) if found else "", len(self._into)
            return
        if not self._link:
            return
        said = "".join(self._into[self._link_begins :]).strip()
        if said.rstrip("/") not in (self._link.rstrip("/"), self._link.partition("://")[2].rstrip("/")):
            self._into.append(f"{_MARK} ({self._link}){_MARK_END}")
        self._link = ""

    def _meet_script(self, sign: str, *, ends: bool) -> None:
        """x<sup>n+1</sup> is x^(n+1), and neither xn+1 nor x^n+1; 1<sup>st</sup> is 1st, and H<sub>2</sub>O is H2O."""
        into = self._into
        if not ends:
            self._scripts = [*self._scripts[-_MAX_NESTED:], len(into)]
            return
        if not self._scripts:
            return
        begins = self._scripts.pop()
        said = "".join(into[begins:])
        words = said.translate(_NOTHING_PRIVATE).strip()
        before = into[begins - 1] if 0 < begins <= len(into) else ""
        is_prose = " " in words and not _OPERATOR.search(words)
        if not words or is_prose or (words.isdigit() if sign == "_" else is_superscript_word(before, words)):
            return
        is_one = _ONE_SCRIPT.fullmatch(words) or (sign == "_" and words.isalnum())
        opened, closed = (sign, "") if is_one else (f"{sign}(", ")")
        into[begins:] = [f"{_MARK}{opened}{_MARK_END}", said.strip(), f"{_MARK}{closed}{_MARK_END}"]
        if said[-1].isspace():
            into.append(" ")


def _tidy(text: str) -> str:
    text = re.sub(rf"(?<= {_MARK_END})\s*\n\s*", "", text)  # a block within the item of a list
    lines = ("\t".join(" ".join(cell.split()) for cell in line.split("\t")) for line in text.split("\n"))
    tidy = "\n".join(line.strip() for line in lines if line.strip())
    return tidy.translate({ord(_SPACE): " ", ord(_TAB): "\t", ord(_MARK): "", ord(_MARK_END): ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Somebody mentioned, and the very substring of the text that does so; empty where the client does not say."""

    id: str
    name: str
    text: str


def mention_of(person: Party) -> dict[str, object] | None:
    """The entity that mentions a person by the very text in its `text`; None if the channel gave no name.

    The text is part of a message's Markdown: a name may neither link nor turn the words that follow it around.
    """
    seen = (letter for letter in person.name if letter.isspace() or unicodedata.category(letter) not in _SHAPELESS)
    name = html.escape(" ".join("".join(seen).split()).replace("](", "] ("), quote=False)
    if not name:
        return None
    tagged = f"<at>{name}</at>"
    return {"type": "mention", "text": tagged, "mentioned": {"id": person.id, "name": person.name}}


def mentions_in(activity: Activity) -> list[Mention]:
    """The mentions of an activity in order; a malformed one is none. Of very many, those of the bot come first."""
    read = (_mention(fields) for fields in _entities(activity, "mention"))
    mentions = [mention for mention in read if mention is not None]
    if len(mentions) > _MAX_ENTITIES:
        bot = activity.recipient.id if activity.recipient is not None else ""
        mentions.sort(key=lambda mention: mention.id != bot)
    return mentions[:_MAX_ENTITIES]


def _tag_of(name: str) -> str:
    names = "|".join(map(re.escape, dict.fromkeys((name, html.escape(name, quote=False)))))
    return rf"<at(?:\s[^<>]*)?>(?:{names})</at>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A message that a person quoted or forwarded, and what it says, where Teams sends that along."""

    message_id: str
    preview: str = ""
    sender: str = ""
    is_forwarded: bool = False


def quotes_in(activity: Activity) -> list[Quote]:
    """The messages that a person quoted."""
    quotes = [fields.get("quotedReply") for fields in _entities(activity, "quotedReply")[:_MAX_ENTITIES]]
    return [_quote(quote) for quote in quotes if isinstance(quote, dict) and isinstance(quote.get("messageId"), str)]


def references_in(activity: Activity) -> list[Quote]:
    """The messages that attachments refer to: quoted and forwarded ones; a malformed one is none.

    https://learn.microsoft.com/graph/api/resources/chatmessageattachment: their content is JSON within a string.
    """
    found: list[Quote] = []
    for given in activity.attachments or []:
        if given is None or given.content_type not in ("messageReference", _FORWARDED):
            continue
        try:
            fields = json.loads(str(given.content)[:_MAX_REFERENCE])
        except (ValueError, RecursionError):
            continue
        match fields:
            case {"originalMessageContent": str(markup), **more} if given.content_type == _FORWARDED:
                words, sender = read_html(markup).words, _display_name(more.get("originalMessageSender"))
                found.append(Quote(message_id="", preview=words, sender=sender, is_forwarded=True))
            case {"messagePreview": str(words), **more}:
                message_id, sender = str(more.get("messageId") or ""), _display_name(more.get("messageSender"))
                found.append(Quote(message_id=message_id, preview=words, sender=sender))
            case _:
                continue
    return found


def _display_name(sender: object) -> str:
    match sender:
        case {"user": {"displayName": str(name)}} | {"application": {"displayName": str(name)}}:
            return name
        case _:
            return ""


def _quote(fields: dict[str, object]) -> Quote:
    preview, sender = (fields.get(name) for name in ("preview", "senderName"))
    return Quote(
        message_id=str(fields["messageId"]),
        preview=preview if isinstance(preview, str) else "",
        sender=sender if isinstance(sender, str) else "",
    )


def _mention(fields: dict[str, object]) -> Mention | None:
    match fields:
        case {"mentioned": {"id": str(id_), **account}} if id_:
            name, text = account.get("name"), fields.get("text", "")
            if not isinstance(text, str):
                return None
            is_short = len(text) <= _MAX_MENTION
            return Mention(id=id_, name=name if isinstance(name, str) else "", text=text if is_short else "")
        case _:
            return None


def _entities(activity: Activity, kind: str) -> list[dict[str, object]]:
    found = [entity for entity in activity.entities or [] if entity is not None and entity.type == kind]
    return [entity.additional_properties for entity in found]


def text_without_quotes(text: str, quotes: list[Quote]) -> str:
    """The text without the placeholder that Teams puts where a quoted message is shown."""
    for quote in quotes:
        text = re.sub(rf'<quoted messageId="{re.escape(quote.message_id)}"\s*/>', "", text, count=1)
    return text


def text_without(text: str, mentions: list[Mention], *, bot: str, bot_name: str = "") -> str:
    """The text with the bot's mentions gone and other people's as plain names; nothing else in it is touched.

    Each mention stands for one occurrence of its own text, so a bot named AI leaves MAIN alone
    (botbuilder's `remove_recipient_mention` does not). Tags of the bot's name go also where no mention stands for
    them: a bot may be mentioned twice in the text and once in the entities.
    """
    for mention in mentions:
        if mention.text and (span := _span(text, mention)) is not None:
            if mention.id == bot:
                text = _cut_out(text, span)
            else:
                text = text[: span[0]] + (mention.name or _MENTION_TAG.sub("", mention.text)) + text[span[1] :]
    if bot_name:
        # Few: each costs a search through the text.
        for _ in range(_MAX_ENTITIES):
            if (found := re.search(_tag_of(bot_name), text)) is None:
                break
            text = _cut_out(text, found.span())
    return _ANY_MENTION.sub(r"\1", text) if len(mentions) == _MAX_ENTITIES else text


def _cut_out(text: str, span: tuple[int, int]) -> str:
    """The text without the bot's mention, and without the comma of "@Bot, plot x" and "plot x, @Bot"."""
    before, after = text[: span[0]], text[span[1] :]
    if not before.strip() and (mark := _ADDRESSED.match(after)) is not None:
        after = after[mark.end() :]
    elif not after.strip():
        before = before.rstrip().removesuffix(",")
    if before.endswith(" ") and after.startswith(" "):
        return before + after[1:]
    glues_words = before[-1:].isalnum() and after[:1].isalnum()
    return f"{before} {after}" if glues_words else before + after


def _span(text: str, mention: Mention) -> tuple[int, int] | None:
    """Where the mention stands: never within a word, and in whichever of three forms.

    Some clients give the tag in the text an id that the entity's text lacks, some write `&amp;` in the text alone.
    """
    whole = rf"(?<!\w){re.escape(mention.text)}(?!\w)" if mention.text[0].isalnum() else re.escape(mention.text)
    with_id = rf"<at [^<>]*>{re.escape(_MENTION_TAG.sub('', mention.text))}</at>"
    in_html = f"<at>{html.escape(_MENTION_TAG.sub('', mention.text), quote=False)}</at>"
    found = re.search(whole, text) or re.search(with_id, text) or re.search(re.escape(in_html), text)
    return found.span() if found else None
