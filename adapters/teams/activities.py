"""Bot Framework's Activity as an `Incoming` of the application."""

from __future__ import annotations

import hashlib
import html
import re
from contextlib import suppress
from dataclasses import replace
from typing import Final

import orjson
from botbuilder.schema import Activity, ChannelAccount, ConversationAccount
from msrest.exceptions import DeserializationError  # type: ignore[attr-defined]  # re-exported from azure.core
from msrest.serialization import Deserializer

from adapters.teams.activity_attachments import attachments_in
from adapters.teams.authentication import is_guest
from adapters.teams.message_markup import (
    Mention,
    MessageHtml,
    Quote,
    html_of,
    mentions_in,
    quotes_in,
    references_in,
    text_without,
    text_without_quotes,
)
from bot.cards import question_in
from bot.conversation import (
    EDIT_MARK,
    ActivityId,
    CardPressed,
    Command,
    ConversationKey,
    ConversationReference,
    Incoming,
    Installed,
    Party,
    Question,
    Scope,
    command_in,
    installed,
    mistaken_command,
    pressed,
    typed,
)
from bot.errors import UnreadableMessageError
from bot.feedback import MAX_COMMENT_CHARS, Feedback, Reaction
from httpkit.http_errors import RequestRefusedError

_MAX_ID = 2_000  # characters; opaque ids of Teams have some hundred
_MAX_NAME = 256  # characters, as many as a directory keeps of a display name

# Whitespace, and letters without a shape that clients put around words: joiners, marks of direction. Not those that are
# part of an emoji.
_BLANK: Final = "".join(filter(str.isspace, map(chr, range(0x3001)))) + (
    "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
_BOTS: Final = ("bot", "skill")  # roles
_NO_WORDS: Final = re.compile(r"</?at[^<>]*>|\s+")

_SCOPES = {"personal": Scope.PERSONAL, "groupChat": Scope.GROUP, "channel": Scope.CHANNEL}


def read_message(activity: Activity) -> Incoming | None:
    """What the person wrote, or None for words in a shared place that were not meant for the bot.

    With resource-specific consent a bot hears everything said in a team or a chat, so only a mention of this very bot
    counts there; what one of the bot's cards sends is meant for the bot wherever it is pressed. Another bot is not
    answered: the two might go on for ever. Raises UnreadableMessageError naming the field without which there is no
    answering.
    """
    reference = read_reference(activity)
    if _is_bot(activity.from_property):
        return None
    question = question_in(activity.value)
    if question is not None and (activity.text or question) == question:
        return pressed(question, id=_id(activity), reference=reference)
    mentions = mentions_in(activity)
    if reference.is_shared and all(mention.id != reference.bot.id for mention in mentions):
        return None
    return _said(activity, reference, mentions)


def read_overheard(activity: Activity) -> Incoming | None:
    """What was said to others in a shared place; None where there is nobody else. Raises UnreadableMessageError."""
    reference = read_reference(activity)
    return _said(activity, reference, mentions_in(activity)) if reference.is_shared else None


def read_edit(activity: Activity) -> Incoming | None:
    """An edited message as a new one, under an id of its own, that replies to the one it was."""
    message = read_message(activity)
    if message is None:
        return None
    # An edit may come again, to a replica of an earlier version, which hashes the time as botbuilder reads it.
    edited_at: object = activity.timestamp
    with suppress(DeserializationError):
        edited_at = Deserializer.deserialize_iso(edited_at)
    edit = hashlib.sha256(f"{message.text}\0{edited_at}".encode("utf-8", "replace")).hexdigest()[:16]
    return replace(message, id=ActivityId(f"{message.id}{EDIT_MARK}{edit}"))


def read_feedback(activity: Activity) -> Feedback | None:
    """A thumb on one of the bot's messages, and the comment; None for what is no feedback.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content. The comment is
    JSON within a string. Raises UnreadableMessageError as for a message.
    """
    match activity.value:
        case {"actionName": "feedback", "actionValue": {"reaction": "like" | "dislike" as reaction, **given}}:
            return Feedback(
                reference=read_reference(activity),
                rated=ActivityId(activity.reply_to_id or ""),
                reaction=Reaction(reaction),
                comment=_comment(given.get("feedback"))[:MAX_COMMENT_CHARS],
            )
        case _:
            return None


def _comment(given: object) -> str:
    try:
        given = orjson.loads(given) if isinstance(given, str) and given.startswith("{") else given
    except orjson.JSONDecodeError:
        return str(given)
    match given:
        case str():
            return given.strip()
        case {"feedbackText": str(text)}:
            return text.strip()
        case _:
            return ""


def read_press(activity: Activity) -> CardPressed | Command | None:
    """The question that an invoke asks for a pressed card or suggestion; None for what the bot never offered.

    An invoke that is not answered in time comes again under another id, so its own id is of no use: the same person
    asks the same question by the same message once. Raises UnreadableMessageError as for a message.
    """
    match activity.value:
        case {"action": {"data": data}}:
            question = question_in(data)
        case data:
            question = question_in(data)
    if question is None:
        return None
    reference = read_reference(activity)
    card = ActivityId(activity.reply_to_id) if activity.reply_to_id else None
    what = "\0".join((reference.user.id, card or "", question)).encode("utf-8", "replace")
    press = ActivityId(f"pressed:{hashlib.sha256(what).hexdigest()[:32]}")
    return pressed(question, id=press, reference=replace(reference, reply_to=card))


def _said(activity: Activity, reference: ConversationReference, mentions: list[Mention]) -> Question | Command:
    markup, quotes = html_of(activity), quotes_in(activity)
    # Some clients send formatted words as HTML alone.
    words = _as_typed((activity.text or "").strip(_BLANK), markup) or markup.words
    bot_name = reference.bot.name if reference.is_shared else ""
    text = text_without(words, mentions, bot=reference.bot.id, bot_name=bot_name)
    return typed(
        _with_quoted(text_without_quotes(text, quotes).strip(_BLANK), [*quotes, *references_in(activity)], markup),
        id=_id(activity),
        reference=reference,
        attachments=attachments_in(activity, is_shared=reference.scope is not Scope.PERSONAL),
    )


def _as_typed(text: str, markup: MessageHtml) -> str:
    """The text without HTML's escapes, where the HTML beside it shows that these are none that a person typed."""
    unescaped = html.unescape(text) if "&" in text else text
    is_same = unescaped != text and _NO_WORDS.sub("", unescaped) == _NO_WORDS.sub("", markup.letters)
    return unescaped.strip(_BLANK) if is_same else text


def _with_quoted(words: str, quotes: list[Quote], markup: MessageHtml) -> str:
    """A person's words under the messages that they quote, which "and why?" is about.

    Who forwards a message without a word means that message.
    """
    known: dict[object, Quote] = {}  # Teams may tell of one quote twice, with its words cut at different places
    for quote in quotes:
        before = known.get(quote.message_id or quote)
        if (words or quote.is_forwarded) and len(quote.preview) > (len(before.preview) if before else 0):
            known[quote.message_id or quote] = quote
    quoted = [f"{quote.sender}: {quote.preview}".removeprefix(": ") for quote in known.values()]
    quoted = list(dict.fromkeys(quoted)) or ([markup.quoted] if words and markup.quoted else [])
    if not quoted or command_in(words) is not None or mistaken_command(words) is not None:
        return words
    lines = "\n".join(quoted).split("\n")
    return "\n".join(f"> {line}" for line in lines if line.strip()) + (f"\n\n{words}" if words else "")


def read_deletion(activity: Activity) -> tuple[ActivityId, ConversationReference]:
    """Which message was deleted, and where. Raises UnreadableMessageError as for a message."""
    return _id(activity), read_reference(activity)


def read_installation(activity: Activity) -> Installed | None:
    """That the bot was added to a conversation; None if the activity tells something else.

    Teams tells it twice, by an `installationUpdate` and a `conversationUpdate`, and perhaps again. All of them are one
    message by their id, which is ours. Raises UnreadableMessageError as for a message.
    """
    reference = read_reference(activity)
    added = [member.id for member in activity.members_added or [] if member is not None]
    if activity.action != "add" and reference.bot.id not in added:
        return None
    return installed(reference)


def read_removal(activity: Activity) -> ConversationReference | None:
    """Where the bot was removed; None if the activity tells something else. An update is `remove-upgrade` first.

    Raises UnreadableMessageError as for a message.
    """
    return read_reference(activity) if activity.action == "remove" else None


def read_reference(activity: Activity) -> ConversationReference:
    """Where an activity came from. Raises UnreadableMessageError, RequestRefusedError."""
    conversation = activity.conversation or ConversationAccount()
    tenant = _tenant(activity, conversation)
    user = _party(activity.from_property, "from")
    more = activity.from_property.additional_properties if activity.from_property else {}
    bot, scope = _party(activity.recipient, "recipient"), _scope(conversation)
    is_targeted = activity.recipient.additional_properties.get("isTargeted") is True
    return ConversationReference(
        service_url=_present(activity.service_url, "serviceUrl"),
        key=ConversationKey(
            channel=_present(activity.channel_id, "channelId"),
            tenant=tenant,
            conversation=_present(conversation.id, "conversation.id"),
            private_to=user.id if is_targeted and scope is not Scope.PERSONAL else "",
        ),
        scope=scope,
        bot=bot,
        user=replace(user, is_guest=is_guest(more, tenant)),
        locale=activity.locale or "",
        reply_to=_id(activity),
    )


def _is_bot(account: ChannelAccount | None) -> bool:
    """Whether a bot speaks: by its role, or by the kind of its id in Teams."""
    return account is not None and (str(account.role or "").lower() in _BOTS or str(account.id or "").startswith("28:"))


def _id(activity: Activity) -> ActivityId:
    return ActivityId(_present(activity.id, "id"))


def _present(value: str | None, field: str) -> str:
    if not value:
        raise UnreadableMessageError(f"`{field}` is missing")
    if len(value) > _MAX_ID:
        raise UnreadableMessageError(f"`{field}` is longer than {_MAX_ID} characters")
    return value


def _party(account: ChannelAccount | None, field: str) -> Party:
    account = account or ChannelAccount()
    directory_id = account.aad_object_id or ""
    return Party(
        id=_present(account.id, f"{field}.id"),
        name=(account.name or "")[:_MAX_NAME],
        directory_id=directory_id if len(directory_id) <= _MAX_ID else "",
    )


def _tenant(activity: Activity, conversation: ConversationAccount) -> str:
    """The tenant's id, in small letters; the classic emulator and Web Chat have none.

    It stands in two places. One is enough, so that a message in which the other is missing belongs to the same thread;
    two that differ are refused: a guest could reach the threads of another tenant. botbuilder misspells `tenantId`.
    """
    data = activity.channel_data or {}
    tenant = data.get("tenant")
    places = (tenant.get("id") if isinstance(tenant, dict) else "", conversation.additional_properties.get("tenantId"))
    found = {place.lower() for place in places if isinstance(place, str) and place}
    if len(found) > 1:
        raise RequestRefusedError(403, "TenantMismatch", "`channelData.tenant.id` is not `conversation.tenantId`.")
    return found.pop() if found else ""


def _scope(conversation: ConversationAccount) -> Scope:
    """Who reads along: an unknown kind counts as shared, the lack of one (emulator, Web Chat) as personal."""
    if not conversation.conversation_type:
        return Scope.GROUP if conversation.is_group else Scope.PERSONAL
    return _SCOPES.get(conversation.conversation_type, Scope.GROUP)
