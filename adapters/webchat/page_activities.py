"""Activities of the page: what a person says is made anew from known fields, what the bot says is stamped."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from adapters.webchat.transcripts import Activity, ConversationId
from bot.attachments import Attachment
from bot.cards import question_in
from bot.conversation import MAX_TEXT_CHARS, PAGE_CHANNEL, ConversationKey
from httpkit.http_errors import RequestRefusedError

MAX_TURNS: Final = 500
"""As many turns of a conversation are shown, the latest."""

DELETED: Final = "webchat/deleted"
_HEARD: Final = "webchat:fallback-text"  # what Web Chat has screen readers say
_MAX_ID: Final = 100  # characters


def conversation_key(conversation: ConversationId) -> ConversationKey:
    """The conversation as the application knows it."""
    return ConversationKey(channel=PAGE_CHANNEL, tenant="", conversation=conversation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who speaks on the page, and where the bot's answers go: `service_url` is the root of our connector routes."""

    bot_name: str
    service_url: str

    @property
    def bot(self) -> dict[str, object]:
        """The bot's account."""
        return {"id": "bot", "name": self.bot_name, "role": "bot"}

    @property
    def person(self) -> dict[str, object]:
        """The one person there is: the user of this machine."""
        return {"id": "user", "name": "You", "role": "user"}


def is_message(said: Activity) -> bool:
    """Whether the page sent a message; its typing and its events mean nothing to this bot."""
    return said.get("type") == "message"


def id_of_message(said: Activity, conversation: ConversationId) -> str:
    """The id for what the page said: the same for each attempt to send it, so that the bot takes it once.

    The page's own id is no activity id: it could be that of something which the bot said.
    """
    given = data_of(said).get("messageId")
    if not isinstance(given, str) or not given or len(given) > _MAX_ID:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{conversation}/{given}".encode("utf-8", "replace")).hexdigest()[:32]


def shown_again(kept: Activity, said: Activity) -> Activity:
    """A message that is in the transcript already, with the mark by which Web Chat knows this attempt to send it."""
    return {**kept, "channelData": {**data_of(kept), **_marks(said)}}


def message_for_bot(
    said: Activity,
    conversation: ConversationId,
    activity_id: str,
    parties: Parties,
    attachments: Sequence[Attachment] = (),
) -> Activity:
    """The message as the bot gets it and the transcript keeps it; a card's button that asks something says so in words.

    Raises RequestRefusedError for one that has neither a text nor files.
    """
    text = said.get("text") or question_in(said.get("value")) or ""
    if not isinstance(text, str) or len(text) > MAX_TEXT_CHARS or not (text.strip() or attachments):
        raise RequestRefusedError(400, "NoText", f"A message needs a text of at most {MAX_TEXT_CHARS:,} characters.")
    locale = said.get("locale")
    return {
        **_stamp(conversation, activity_id, parties),
        "type": "message",
        "text": text,
        "textFormat": "plain",
        "attachments": [_shown(attachment) for attachment in attachments],
        "locale": locale if isinstance(locale, str) else "en-US",
        "from": parties.person,
        "recipient": parties.bot,
        "channelData": _marks(said),
    }


def _marks(said: Activity) -> Activity:
    """What Web Chat knows its own message by when it comes back."""
    client_id = data_of(said).get("clientActivityID")
    return {"clientActivityID": client_id} if isinstance(client_id, str) else {}


def data_of(activity: Activity) -> Activity:
    """The channel's own part of an activity; empty if it has none."""
    data = activity.get("channelData")
    return data if isinstance(data, dict) else {}


def _shown(attachment: Attachment) -> Activity:
    """Web Chat shows a picture by its thumbnail, and any other file by its name."""
    shown: Activity = {
        "name": attachment.name,
        "contentType": attachment.content_type or "application/octet-stream",
        "contentUrl": attachment.url,
    }
    return {**shown, "thumbnailUrl": attachment.url} if attachment.content_type.startswith("image/") else shown


def activity_of_bot(activity: Activity, conversation: ConversationId, activity_id: str, parties: Parties) -> Activity:
    """What the bot sent, as the page is shown it; screen readers are read the summary of a message without a text."""
    shown = {**activity, **_stamp(conversation, activity_id, parties), "from": parties.bot, "recipient": parties.person}
    summary = activity.get("summary")
    if isinstance(summary, str) and summary and not activity.get("text"):
        shown["channelData"] = {**data_of(activity), _HEARD: summary}
    return shown


def stream_of(activity: Activity) -> str | None:
    """The stream that an activity belongs to, empty for the first one of a stream; None where it is no part of one."""
    data = data_of(activity)
    if data.get("streamType") not in ("informative", "streaming", "final"):
        return None
    stream = data.get("streamId", "")
    return stream if isinstance(stream, str) and len(stream) <= _MAX_ID else ""


def feedback_for_bot(
    rated: str, reaction: str, comment: str, conversation: ConversationId, activity_id: str, parties: Parties
) -> Activity:
    """A thumb on one of the bot's messages, as Teams sends it.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content
    """
    return {
        **_stamp(conversation, activity_id, parties),
        "type": "invoke",
        "name": "message/submitAction",
        "replyToId": rated,
        "value": {
            "actionName": "feedback",
            "actionValue": {"reaction": reaction, "feedback": json.dumps({"feedbackText": comment})},
        },
        "from": parties.person,
        "recipient": parties.bot,
    }


def deletion(conversation: ConversationId, activity_id: str, parties: Parties) -> Activity:
    """What stands in the transcript for an activity that the bot took back."""
    event: Activity = {"type": "event", "name": DELETED, "value": activity_id}
    return activity_of_bot(event, conversation, activity_id, parties)


def _stamp(conversation: ConversationId, activity_id: str, parties: Parties) -> Activity:
    return {
        "id": activity_id,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "channelId": PAGE_CHANNEL,
        "conversation": {"id": conversation},
        "serviceUrl": parties.service_url,
    }
