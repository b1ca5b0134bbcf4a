"""The local chat page, from the settings: what it says of this service, and what it works with."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from adapters.openai.assistant_setup import AssistantProfile, make_assistant
from adapters.openai.client import Client
from adapters.webchat.activities import CHANNEL
from adapters.webchat.calls import Calls
from adapters.webchat.page import PageWords
from adapters.webchat.transcripts import Transcripts
from adapters.webchat.weather import Kind, Weather
from adapters.webchat.web_chat import Surroundings, WebChatSettings, open_web_chat
from bot.conversation import ConversationKey
from bot.ports import Conversations, TurnsOfConversation
from service.data_dir import kept_key
from service.greeting import describe_assistant
from service.model import TUTOR
from service.settings import Backend, Settings
from service.weather import can_restart, restart_at_once

_POSSIBLE: Final = {Backend.EMBEDDED: tuple(Kind), Backend.ASSISTANTS: (Kind.CONNECTOR_DOWN, Kind.REDELIVERY)}
_BUNDLE = Path(sys.prefix).parent / ".cache" / "webchat" / "dist" / "webchat.js"  # where `make run` puts it


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMemory:
    """What the page keeps: on disk what was said, in memory what went over the wire and which weather it is."""

    transcripts: Transcripts
    weather: Weather
    calls: Calls = field(default_factory=Calls)

    def assistant_of(self, key: ConversationKey) -> str | None:
        """The assistant that a chat of the page was begun with."""
        return self.transcripts.assistant_of(key.conversation) if key.channel == CHANNEL else None


@asynccontextmanager
async def page_memory(folder: Path, backend: Backend) -> AsyncIterator[PageMemory]:
    """Opened before the first turn goes on, for turns ask who answers. Raises StorageError."""
    transcripts = await Transcripts.open(folder / "webchat.sqlite")
    try:
        yield PageMemory(transcripts=transcripts, weather=Weather(possible=_POSSIBLE[backend]))
    finally:
        await transcripts.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the service listens; `files_url` is where people fetch plots."""

    address: str
    port: int
    files_url: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """What the page looks at."""

    client: Client
    assistant_id: str
    conversations: Conversations
    turns: TurnsOfConversation
    session: aiohttp.ClientSession


@asynccontextmanager
async def chat_page(
    settings: Settings, place: Place, memory: PageMemory, bot: Bot, app: web.Application
) -> AsyncIterator[None]:
    """The page in an application that is not yet running."""
    async with open_web_chat(_page(settings, place, bot), _around(settings, place, memory, bot), app):
        yield


def _page(settings: Settings, place: Place, bot: Bot) -> WebChatSettings:
    key, _ = kept_key(place.folder / "webchat.key", None)
    return WebChatSettings(
        uploads=place.folder / "uploads",
        key=key.reveal(),
        address=place.address,
        files_url=place.files_url,
        bundle=_BUNDLE,
        words=PageWords(
            assistant=settings.assistant_name,
            assistant_id=bot.assistant_id,
            speaker=describe_assistant(settings),
            can_connect=settings.endpoint is None,
        ),
    )


def _around(settings: Settings, place: Place, memory: PageMemory, bot: Bot) -> Surroundings:
    return Surroundings(
        session=bot.session,
        transcripts=memory.transcripts,
        conversations=bot.conversations,
        turns=bot.turns,
        calls=memory.calls,
        weather=memory.weather,
        read=partial(_read, bot.client),
        make=partial(_make, bot.client, settings),
        restart=partial(restart_at_once, port=place.port) if can_restart() else None,
    )


async def _read(client: Client, path: str, query: Mapping[str, object]) -> object:
    return (await client.get(path, query)).body


async def _make(client: Client, settings: Settings, name: str, instructions: str) -> object:
    profile = AssistantProfile(name=name, instructions=instructions, model=settings.model or TUTOR)
    return await make_assistant(client, profile)
