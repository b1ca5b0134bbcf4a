"""Conversations, and what arrives in them: a channel parses each event once, and nothing reads its text again."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType

from bot.attachments import Attachment

ActivityId = NewType("ActivityId", str)
"""A message's id as its channel gave it. The protocol promises that it is unique within one conversation only."""

ThreadId = NewType("ThreadId", str)

PAGE_CHANNEL: Final = "webchat"
"""The chat page of this program."""

OWN_CHANNELS: Final = (PAGE_CHANNEL, "terminal")
"""Channels of this program's own: a message from outside never belongs to one."""

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
    private_to: str = ""  # in a shared place: the person who alone sees these messages (Teams: targeted messages)

    def __str__(self) -> str:
        """The strings as one, so that no two keys share a text whatever characters they hold."""
        names = (self.channel, self.tenant, self.conversation)
        return _joined(*names, self.private_to) if self.private_to else _joined(*names)


@lru_cache(maxsize=4_096)  # a turn names its conversation a dozen times
def _joined(*names: str) -> str:
    return json.dumps(names, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A person or the bot, as the channel names them."""

    id: str
    name: str = ""
    directory_id: str = ""  # the person's object id in Microsoft Entra ID, where the channel says it (aadObjectId)

    @property
    def key(self) -> str:
        """What tells this person from others of the tenant."""
        return self.directory_id or self.id

    is_guest: bool = False  # of the conversation's tenant, as far as the channel says so


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

    @property
    def is_shared(self) -> bool:
        """Whether other people read what is said here."""
        return self.scope is not Scope.PERSONAL and not self.key.private_to

    @property
    def user_pseudonym(self) -> str:
        """A text that is the same for the same person of the same tenant and that does not say who it is."""
        person = json.dumps([self.key.channel, self.key.tenant, self.user.directory_id or self.user.id])
        return hashlib.sha256(person.encode()).hexdigest()[:32]


class CommandName(StrEnum):
    """What a person can tell the bot itself, instead of the assistant."""

    HELP = "/help"
    NEW = "/new"
    STOP = "/stop"
    FILES = "/files"
    ASSISTANT = "/assistant"
    USAGE = "/usage"
    FORGET = "/forget"


_WITH_ARGUMENT: Final = frozenset({CommandName.FILES, CommandName.ASSISTANT})
_OTHER_WORDS: Final = {  # without a slash, in German, in Dutch
    "help": CommandName.HELP,
    "/hilfe": CommandName.HELP,
    "/hulp": CommandName.HELP,
    "/neu": CommandName.NEW,
    "/nieuw": CommandName.NEW,
    "stop": CommandName.STOP,
    "/stopp": CommandName.STOP,
    "/dateien": CommandName.FILES,
    "/bestanden": CommandName.FILES,
    "/assistants": CommandName.ASSISTANT,
    "/assistent": CommandName.ASSISTANT,
    "/verbrauch": CommandName.USAGE,
    "/verbruik": CommandName.USAGE,
    "/vergessen": CommandName.FORGET,
    "/vergeten": CommandName.FORGET,
}


_MAX_WORDS_OF_COMMAND: Final = 3
_LIKE_A_COMMAND: Final = re.compile(r"/[^\W\d_][\w-]{0,30}")


def command_in(text: str) -> tuple[CommandName, str] | None:
    """The command that this text is, and its argument: one of the words alone, in any case, or one that takes more."""
    word, *rest = text.strip().split(maxsplit=1) or [""]
    word = word.lower()
    name = CommandName(word) if word in set(CommandName) else _OTHER_WORDS.get(word)
    if name is None or (rest and name not in _WITH_ARGUMENT):
        return None
    return name, "".join(rest)


def mistaken_command(text: str) -> tuple[str, str] | None:
    """A word that was meant for a command, and the command most like it (empty if none is); None for a question.

    Meant is a word after a slash, alone or with two more. A path or a fraction has other signs, and a sentence is
    longer or ends in a question mark: those are for the assistant.
    """
    words = text.split(maxsplit=_MAX_WORDS_OF_COMMAND)
    if not words or len(words) > _MAX_WORDS_OF_COMMAND or words[-1].endswith("?") or command_in(text) is not None:
        return None
    if _LIKE_A_COMMAND.fullmatch(words[0]) is None:
        return None
    word = words[0].lower()
    translated = [other for other in _OTHER_WORDS if other.startswith("/")]
    near = [found for known in (list(CommandName), translated) for found in difflib.get_close_matches(word, known, n=1)]
    exact = [name for name in near if name == word]
    return words[0], str((*exact, *near, "")[0])


class TurnState(StrEnum):
    """Whether a turn is to be answered. The values are stored."""

    WAITING = "waiting"
    REJECTED = "rejected"  # too many were waiting when it came: it is not read, and the person is told
    DELETED = "deleted"  # the person deleted the message before the turn started
    REFUSED = "refused"  # its person is not served: they are told once, and it is not read


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
class Overheard:
    """What somebody said to others in a shared place, where the operator lets the bot listen."""

    id: ActivityId
    speaker: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(IncomingMessage):
    """Words or files for the assistant."""

    context: tuple[Overheard, ...] = ()  # what was said to others before, oldest first


def is_for_assistant(question: Question) -> bool:
    """Whether it asks something: not where the bot answers by itself that nothing was said, or no known command."""
    if question.attachments:
        return True
    return bool(question.text.strip()) and mistaken_command(question.text) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPressed(IncomingMessage):
    """The question on one of the bot's own cards, which a person pressed instead of typing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(IncomingMessage):
    """A command to the bot itself."""

    name: CommandName
    argument: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed(IncomingMessage):
    """The bot was added to the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileConsent(IncomingMessage):
    """What a person decided about a file that was offered to them. A token that is empty is none of the bot's."""

    accepted: bool
    token: str  # of the stored file
    name: str
    upload_url: str = ""  # where it may be put, and what it is called there
    saved_name: str = ""
    saved_url: str = ""
    unique_id: str = ""
    file_type: str = ""


Incoming = Question | CardPressed | Command | Installed | FileConsent


def typed(
    text: str,
    *,
    id: ActivityId,  # noqa: A002
    reference: ConversationReference,
    attachments: tuple[Attachment, ...] = (),
) -> Question | Command:
    """What a person typed: a command, or else a question. Files that come with a command are not looked at."""
    if (command := command_in(text)) is not None:
        name, argument = command
        return Command(id=id, reference=reference, text=text, name=name, argument=argument)
    return Question(id=id, reference=reference, text=text, attachments=attachments)


def pressed(question: str, *, id: ActivityId, reference: ConversationReference) -> CardPressed | Command:  # noqa: A002
    """What a card says when it is pressed: a "Try again" may carry a command."""
    if (command := command_in(question)) is not None:
        name, argument = command
        return Command(id=id, reference=reference, text=question, name=name, argument=argument)
    return CardPressed(id=id, reference=reference, text=question)


EDIT_MARK: Final = ";edit="
"""Between the id of a message and what tells one edit of it from another, in the id under which it is asked again."""

_CONSENT: Final = "consent:"
_INSTALLATION: Final = "installation"
_REFUSAL: Final = "refusal:"


def installed(reference: ConversationReference) -> Installed:
    """That the bot was added. Its id is the same however often that is told, so it introduces itself once."""
    return Installed(id=ActivityId(_INSTALLATION), reference=replace(reference, reply_to=None))


def is_persons(message_id: str) -> bool:
    """Whether an id is of something that a person said, and not one that this program made."""
    return message_id != _INSTALLATION and not message_id.startswith((_REFUSAL, _CONSENT))


def consent_id(offer: str, decision: str) -> ActivityId:
    """The id of a decision about an offer: the same when it is delivered again, under whichever id."""
    return ActivityId(f"{_CONSENT}{offer}:{decision}")


def consent_prefix(message_id: ActivityId) -> str:
    """What the ids of all decisions about one offer begin with."""
    return message_id.rpartition(":")[0] + ":"


def refusal_of(message: IncomingMessage) -> Question:
    """What the ledger keeps for telling a person that they are not served.

    Its id is the person's, so that telling it again is accepted no sooner than the ledger forgets done turns.
    """
    return Question(id=ActivityId(f"{_REFUSAL}{message.reference.user.id}"), reference=message.reference)


def without_content(message: Incoming) -> Question:
    """The message of a turn that will not be read: who and where, and nothing that was said."""
    return Question(id=message.id, reference=message.reference)
