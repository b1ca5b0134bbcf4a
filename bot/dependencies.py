"""What a turn depends on: ports, profiles and rules, handed to the story of a turn and to its commands."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from bot.attachments import ENDINGS
from bot.conversation import ConversationKey
from bot.delivery import SEND_PAUSES_S
from bot.file_offer import FileOffers
from bot.functions import NoFunctions
from bot.history import NoPast
from bot.limits import NO_LIMITS, Limits
from bot.links import NO_LINKS, LinkRules
from bot.ports import (
    Assistant,
    Belongings,
    Channel,
    Conversations,
    Functions,
    IncomingFiles,
    PastTurns,
    UsageReader,
)
from bot.profiles import ONLY_DEFAULT, Profiles
from bot.reply import ReplyWriter


async def itself(assistant_id: str) -> str:
    """The name of an assistant where no service is asked for it."""
    return assistant_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Everything that a turn needs besides its own message and steps."""

    assistant: Assistant
    channel: Channel
    conversations: Conversations
    belongings: Belongings
    usage: UsageReader
    files: IncomingFiles
    writer: ReplyWriter
    functions: Functions = field(default_factory=NoFunctions)
    past: PastTurns = field(default_factory=NoPast)
    profiles: Profiles = ONLY_DEFAULT
    started_with: Callable[[ConversationKey], str | None] = lambda _: (
        None
    )  # the assistant of a chat page's chat, by name
    name_at_service: Callable[[str], Awaitable[str]] = itself  # of an assistant of no profile, by its id
    links: LinkRules = NO_LINKS  # besides those to hosts that a person names
    offers: FileOffers | None = None  # None: files are links everywhere
    send_pauses_s: tuple[float, ...] = SEND_PAUSES_S
    limits: Limits = NO_LIMITS
    endings: Collection[str] | None = ENDINGS  # of the files that are taken; None where code opens any
    refuses_code: bool = False  # whether the assistant's service keeps to `Ask.code_budget`
    now_s: Callable[[], float] = time.time
    service_keeps: bool = False  # whether people's words go to a provider that may keep logs of its own
    asker_is_operator: bool = False  # whether the person runs this bot: it is on their own machine
