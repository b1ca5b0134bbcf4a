"""Teams as the application's way to people."""

from __future__ import annotations

from typing import Final

from adapters.teams.connector import Connector
from adapters.teams.markdown.pieces import teams_markdown
from adapters.teams.place import Place
from bot.cards import apology_card, files_card, picture_card, welcome_card
from bot.conversation import ActivityId, ConversationReference, Party
from bot.parts import ApologyPart, FilesPart, Part, PicturePart, TextPart, WelcomePart

_CARD: Final = "application/vnd.microsoft.card.adaptive"

_Json = dict[str, object]


class TeamsChannel:
    """Says each part as an activity of its own: Teams splits text and card of one activity and then gives no id."""

    def __init__(self, *, connector: Connector) -> None:
        self._connector = connector

    def split(self, text: str) -> tuple[str, ...]:
        """Markdown as Teams knows it, in pieces that fit one message each; nothing for a text without words."""
        return teams_markdown(text)

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        """Answer the message that `to` names. Raises ChannelError."""
        sent = await self._connector.create(_place(to), {"type": "message", **_addresses(to), **_content(part)})
        return ActivityId(sent) if sent else None

    async def show_typing(self, to: ConversationReference) -> None:
        """Clients show it for three seconds; it is left out where answers need the room. Raises ChannelError."""
        await self._connector.create_passing(_place(to), {"type": "typing", **_addresses(to)})


def _place(to: ConversationReference) -> Place:
    return Place(service_url=to.service_url, conversation=to.key.conversation, tenant=to.key.tenant)


def _addresses(to: ConversationReference) -> _Json:
    """From the bot to the person who is being answered, with nothing empty: the connector takes no nulls."""
    addresses: _Json = {
        "channelId": to.key.channel,
        "serviceUrl": to.service_url,
        "conversation": {"id": to.key.conversation},
        "from": _account(to.bot),
        "recipient": _account(to.user),
        "locale": to.locale,
        "replyToId": to.reply_to,
    }
    return {name: value for name, value in addresses.items() if value}


def _account(party: Party) -> _Json:
    return {"id": party.id, "name": party.name} if party.name else {"id": party.id}


def _content(part: Part) -> _Json:
    match part:
        case TextPart():
            return {"text": part.text, "textFormat": "markdown"}
        case PicturePart():
            return _card(picture_card(part), summary=part.alt_text)
        case FilesPart():
            return _card(files_card(part), summary=", ".join(link.name for link in part.links))
        case ApologyPart():
            return _card(apology_card(part), summary=part.words)
        case WelcomePart():
            return _card(welcome_card(part), summary=part.text)


def _card(content: _Json, *, summary: str) -> _Json:
    card: _Json = {"attachments": [{"contentType": _CARD, "content": content}]}
    return {**card, "summary": summary} if summary else card
