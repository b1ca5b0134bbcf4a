"""What Teams puts around a person's words: HTML, mentions and quotes, told apart by the activity's entities."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from botbuilder.schema import Activity

from bot.conversation import Party

_MAX_HTML: Final = 200_000  # characters
_TAG: Final = re.compile(r"<(?P<end>/?)(?P<name>[a-z][a-z0-9]{0,20})(?P<rest>[^<>]{0,2000})>", re.IGNORECASE)
_LINES: Final = frozenset({"br", "p", "div", "li", "tr", "ul", "ol", "pre", "h1", "h2", "h3", "table", "blockquote"})
_CELLS: Final = frozenset({"td", "th"})
_UNSEEN_TAGS: Final = frozenset({"script", "style"})
_EMOJI: Final = "schema.skype.com/Emoji"  # the `itemtype` of a picture that stands for a letter
_ALT: Final = re.compile(r"""\balt=["']([^"']{1,40})["']""", re.IGNORECASE)
_REPLY: Final = "schema.skype.com/Reply"  # the `itemtype` of the blockquote that holds a quoted message
_MENTION_TAG: Final = re.compile(r"</?at[^<>]*>")
_ADDRESSED: Final = re.compile(r"\s*[,:;–—](?=\s|/|$)\s*")  # what follows a name that is called out
_SHAPELESS: Final = frozenset({"Cc", "Cf", "Cs"})  # categories of characters; some turn the words around them
_MAX_ENTITIES: Final = 50  # of one kind in one message; each costs a search through the text
_MAX_MENTION: Final = 1_000  # characters of its text
_MAX_REFERENCE: Final = 200_000  # characters of JSON
_FORWARDED: Final = "forwardedMessageReference"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHtml:
    """What the HTML says: the person's words, with mentions as `<at>` tags, and those of the message they quote."""

    words: str = ""
    quoted: str = ""


def html_of(activity: Activity) -> MessageHtml:
    """The `text/html` attachment of an activity, read; empty without one."""
    for given in activity.attachments or []:
        if given is not None and given.content_type == "text/html" and isinstance(given.content, str):
            return read_html(given.content[:_MAX_HTML])
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
        if name in _UNSEEN_TAGS:
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
    return text


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
