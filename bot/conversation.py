"""Where a message came from, and so where its answer goes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, NewType

from bot.attachments import Attachment
from bot.errors import UnreadableMessageError

ActivityId = NewType("ActivityId", str)
"""A message's id as its channel gave it; unique within one conversation only (facts of the protocol, not of ours)."""

ThreadId = NewType("ThreadId", str)

MAX_TEXT_CHARS = 100_000
"""The longest message that is answered by more than a sentence about its length."""


class Scope(StrEnum):
    """Who can read along."""

    PERSONAL = "personal"
    GROUP = "group"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationKey:
    """What makes two messages belong to one thread.

    In a channel `conversation` ends in `;messageid=...`, so each reply chain has a thread of its own. The tenant is
    part of the key because the same conversation id in two tenants is two conversations.
    """

    channel: str
    tenant: str
    conversation: str

    def __str__(self) -> str:
        """Three strings as one, so that no two keys share a text whatever characters they hold."""
        return json.dumps([self.channel, self.tenant, self.conversation], ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A person or the bot, as the channel names them."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationReference:
    """Enough to speak into a conversation at any later time, after a restart too."""

    service_url: str
    key: ConversationKey
    scope: Scope
    bot: Party
    user: Party
    locale: str = ""
    reply_to: ActivityId | None = None  # the message that is being answered


class Standing(StrEnum):
    """What is to be done about a message."""

    ASKED = "asked"
    DECLINED = "declined"  # it came while too many were waiting: it is not read, and the person is told
    WITHDRAWN = "withdrawn"  # the person deleted it before its turn
    INSTALLED = "installed"  # nobody wrote: the bot was added to the conversation, and introduces itself


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """What a person wrote, with the mention of the bot already taken out of the text."""

    id: ActivityId
    reference: ConversationReference
    text: str  # empty unless it is asked
    standing: Standing = Standing.ASKED
    attachments: tuple[Attachment, ...] = ()

    @property
    def key(self) -> ConversationKey:
        """The conversation it belongs to."""
        return self.reference.key

    def declined(self) -> IncomingMessage:
        """The same without what was said, which is not read: too many were waiting."""
        return replace(self, text="", attachments=(), standing=Standing.DECLINED)

    def to_json(self) -> str:
        """As the ledger keeps it until the turn is done."""
        reference, key = self.reference, self.reference.key
        return json.dumps(
            {
                "id": self.id,
                "text": self.text,
                "standing": self.standing,
                "attachments": [asdict(attachment) for attachment in self.attachments],
                "service_url": reference.service_url,
                "scope": reference.scope,
                "channel": key.channel,
                "tenant": key.tenant,
                "conversation": key.conversation,
                "locale": reference.locale,
                "bot": [reference.bot.id, reference.bot.name],
                "user": [reference.user.id, reference.user.name],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> IncomingMessage:
        """The message that `to_json` wrote, perhaps by an older version of this program.

        Raises UnreadableMessageError if it was a newer version, in a way that this one does not know.
        """
        try:
            return cls._from_row(json.loads(text))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnreadableMessageError(f"a stored message cannot be read: {type(error).__name__}") from error

    @classmethod
    def _from_row(cls, row: dict[str, Any]) -> IncomingMessage:
        standing = Standing(row.get("standing", Standing.ASKED))
        key = ConversationKey(channel=row["channel"], tenant=row["tenant"], conversation=row["conversation"])
        bot, user = (Party(id=party[0], name=party[1]) for party in (row["bot"], row["user"]))
        reference = ConversationReference(
            service_url=row["service_url"],
            key=key,
            scope=Scope(row["scope"]),
            bot=bot,
            user=user,
            locale=row.get("locale", ""),
            reply_to=None if standing is Standing.INSTALLED else ActivityId(row["id"]),
        )
        return cls(
            id=ActivityId(row["id"]),
            reference=reference,
            text=row["text"],
            standing=standing,
            attachments=tuple(Attachment(**attachment) for attachment in row.get("attachments", [])),
        )
