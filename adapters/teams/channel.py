"""Teams as the application's way to people."""

from __future__ import annotations

from botbuilder.core import TurnContext
from botbuilder.schema import (
    Activity,
    ActivityTypes,
    Attachment,
    ChannelAccount,
    ConversationAccount,
    TextFormatTypes,
)

from adapters.teams.bot_adapter import ConnectorAdapter
from adapters.teams.markdown.pieces import teams_markdown
from bot.cards import files_card, picture_card
from bot.conversation import ActivityId, ConversationReference
from bot.parts import FilesPart, Part, PicturePart, TextPart

_CARD = "application/vnd.microsoft.card.adaptive"


class TeamsChannel:
    """Says each part as an activity of its own: Teams splits text and card of one activity and then gives no id."""

    def __init__(self, *, adapter: ConnectorAdapter) -> None:
        self._adapter = adapter

    def split(self, text: str) -> tuple[str, ...]:
        """Markdown as Teams knows it, in pieces that fit one message each; nothing for a text without words."""
        return teams_markdown(text)

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        """Answer the message that `to` names. Raises ChannelError."""
        sent = await TurnContext(self._adapter, _message_of(to)).send_activity(_activity(part))
        return ActivityId(sent.id) if sent is not None and sent.id else None

    async def show_typing(self, to: ConversationReference) -> None:
        """Clients show it for three seconds. Raises ChannelError."""
        await TurnContext(self._adapter, _message_of(to)).send_activity(Activity(type=ActivityTypes.typing))


def _message_of(to: ConversationReference) -> Activity:
    """The message being answered, as far as botbuilder needs it to address an answer."""
    return Activity(
        type=ActivityTypes.message,
        id=to.reply_to or "",
        service_url=to.service_url,
        channel_id=to.key.channel,
        conversation=ConversationAccount(id=to.key.conversation),
        recipient=ChannelAccount(id=to.bot.id, name=to.bot.name),
        from_property=ChannelAccount(id=to.user.id, name=to.user.name),
        locale=to.locale,
    )


def _activity(part: Part) -> Activity:
    match part:
        case TextPart():
            return Activity(type=ActivityTypes.message, text=part.text, text_format=TextFormatTypes.markdown)
        case PicturePart():
            return _card(picture_card(part), summary=part.alt_text)
        case FilesPart():
            return _card(files_card(part), summary=", ".join(link.name for link in part.links))


def _card(content: dict[str, object], *, summary: str) -> Activity:
    attachment = Attachment(content_type=_CARD, content=content)
    return Activity(type=ActivityTypes.message, attachments=[attachment], summary=summary)
