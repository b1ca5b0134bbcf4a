"""Conversations, and what arrives in them: a channel parses each event once, and nothing reads its text again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NewType

from bot.attachments import Attachment
from bot.errors import UnreadableMessageError

ActivityId = NewType("ActivityId", str)
"""A message's id as its channel gave it. The protocol promises that it is unique within one conversation only."""

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
    directory_id: str = ""  # the person's object id in Microsoft Entra ID, where the channel says it (aadObjectId)


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


class CommandName(StrEnum):
    """What a person can tell the bot itself, instead of the assistant."""

    NEW = "/new"
    STOP = "/stop"
    HELP = "/help"


def command_in(text: str) -> CommandName | None:
    """The command that this text is: one of the words alone, in any case."""
    word = text.strip().lower()
    return CommandName(word) if word in set(CommandName) else None


class TurnState(StrEnum):
    """Whether a turn is to be answered. The values are stored."""

    WAITING = "waiting"
    REJECTED = "rejected"  # too many were waiting when it came: it is not read, and the person is told
    DELETED = "deleted"  # the person deleted the message before the turn started


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """What all kinds of `Incoming` have in common."""

    id: ActivityId
    reference: ConversationReference
    text: str = ""  # as it was written, without the mention of the bot
    attachments: tuple[Attachment, ...] = ()

    @property
    def key(self) -> ConversationKey:
        """The conversation it belongs to."""
        return self.reference.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(IncomingMessage):
    """Words or files for the assistant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPressed(IncomingMessage):
    """The question on one of the bot's own cards, which a person pressed instead of typing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(IncomingMessage):
    """A command to the bot itself."""

    name: CommandName


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed(IncomingMessage):
    """The bot was added to the conversation."""


Incoming = Question | CardPressed | Command | Installed


def typed(
    text: str,
    *,
    id: ActivityId,  # noqa: A002
    reference: ConversationReference,
    attachments: tuple[Attachment, ...] = (),
) -> Question | Command:
    """What a person typed: a command, or else a question. Files that come with a command are not looked at."""
    name = command_in(text)
    if name is not None:
        return Command(id=id, reference=reference, text=text, name=name)
    return Question(id=id, reference=reference, text=text, attachments=attachments)


def pressed(question: str, *, id: ActivityId, reference: ConversationReference) -> CardPressed | Command:  # noqa: A002
    """What a card says when it is pressed: a "Try again" may carry a command."""
    name = command_in(question)
    if name is not None:
        return Command(id=id, reference=reference, text=question, name=name)
    return CardPressed(id=id, reference=reference, text=question)


def without_content(message: Incoming) -> Question:
    """The message of a turn that will not be read: who and where, and nothing that was said."""
    return Question(id=message.id, reference=message.reference)


_KINDS: dict[type[IncomingMessage], str] = {
    Question: "question",
    CardPressed: "card pressed",
    Command: "command",
    Installed: "installed",
}


def message_to_json(message: Incoming, state: TurnState = TurnState.WAITING) -> str:
    """A message and the state of its turn, as the ledger keeps them until the turn is done."""
    reference, key = message.reference, message.key
    return json.dumps(
        {
            "id": message.id,
            "kind": _KINDS[type(message)],
            "state": state,
            "content": message.text,
            "attachments": [asdict(attachment) for attachment in message.attachments],
            "service_url": reference.service_url,
            "scope": reference.scope,
            "channel": key.channel,
            "tenant": key.tenant,
            "conversation": key.conversation,
            "locale": reference.locale,
            "bot": [reference.bot.id, reference.bot.name, reference.bot.directory_id],
            "user": [reference.user.id, reference.user.name, reference.user.directory_id],
        }
    )


def message_from_json(text: str) -> tuple[Incoming, TurnState]:
    """Read what `message_to_json` wrote, or the first version of this program.

    Raises UnreadableMessageError if a newer version wrote it, in a way that this one does not know.
    """
    try:
        return _from_row(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableMessageError(f"a stored message cannot be read: {type(error).__name__}") from error


def _from_row(row: dict[str, Any]) -> tuple[Incoming, TurnState]:
    message_id = ActivityId(row["id"])
    # The first version had one field, "standing", for the kind of a message and the state of its turn.
    standing = row.get("standing", "asked")
    kind = row.get("kind") or ("installed" if standing == "installed" else "question")
    old_states = {"asked": TurnState.WAITING, "installed": TurnState.WAITING}
    old_states |= {"declined": TurnState.REJECTED, "withdrawn": TurnState.DELETED}
    state = TurnState(row["state"]) if "state" in row else old_states[standing]
    bot, user = (Party(**dict(zip(("id", "name", "directory_id"), row[who], strict=False))) for who in ("bot", "user"))
    reference = ConversationReference(
        service_url=row["service_url"],
        key=ConversationKey(channel=row["channel"], tenant=row["tenant"], conversation=row["conversation"]),
        scope=Scope(row["scope"]),
        bot=bot,
        user=user,
        locale=row.get("locale", ""),
        reply_to=None if kind == "installed" else message_id,
    )
    content = row["text"] if "kind" not in row else row["content"]
    attachments = tuple(Attachment(**attachment) for attachment in row.get("attachments", []))
    match kind:
        case "installed":
            return Installed(id=message_id, reference=reference), state
        case "card pressed":
            return pressed(content, id=message_id, reference=reference), state
        case "question" | "command":
            return typed(content, id=message_id, reference=reference, attachments=attachments), state
        case _:
            raise ValueError(f"a message of kind {kind!r}")
