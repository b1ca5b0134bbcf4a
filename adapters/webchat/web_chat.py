"""The local chat, put together: one file for what was said, the page's side, the bot's side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from adapters.webchat import direct_line, page_connector
from adapters.webchat.assistant_editing import AssistantEditor, AssistantRoutes
from adapters.webchat.bot_endpoint import BotEndpoint
from adapters.webchat.chats import ChatRoutes, Forget, Offered
from adapters.webchat.message_tools import MessageTools
from adapters.webchat.page import ChatPage, PageFacts
from adapters.webchat.page_access import KEYS, Tokens
from adapters.webchat.page_activities import Parties
from adapters.webchat.panel import Make, Panel, Read
from adapters.webchat.streams import Streams
from adapters.webchat.transcripts import Transcripts
from adapters.webchat.turns import Calls, TurnRoutes
from adapters.webchat.uploads import Uploads
from adapters.webchat.weather import Weather, WeatherRoutes
from bot.ports import Conversations, TurnsOfConversation


@dataclass(frozen=True, slots=True, kw_only=True)
class WebChatSettings:
    """`address` is this service's own, `files_url` where its plots are served, both without a slash at the end."""

    uploads: Path
    key: str
    address: str
    files_url: str
    bundle: Path  # Web Chat
    highlighter: Path
    facts: PageFacts

    def __post_init__(self) -> None:
        if urlsplit(self.address).hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("The chat page, its panel and its weather are for this machine alone.")


def service_url_of(address: str, key: str) -> str:
    """Where the bot's answers go. Nobody but the bot is given it, for it lets the bot's words in."""
    return f"{address}{page_connector.ROOT}/{Tokens(key=key).connector_key}"


def page_url_of(address: str, key: str) -> str:
    """The page's address for a person whose user the kernel cannot tell."""
    return f"{address}/?key={Tokens(key=key).page_key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDependencies:
    """What the page's server works with.

    `read` and `make` are None for a service without assistants and threads, `editor` for one that keeps them itself;
    `restart` where the program cannot begin again by itself.
    """

    session: aiohttp.ClientSession
    transcripts: Transcripts
    conversations: Conversations
    turns: TurnsOfConversation
    calls: Calls
    weather: Weather
    read: Read | None
    make: Make | None
    forget: Forget
    offered: Offered
    editor: AssistantEditor | None = None
    restart: Callable[[], None] | None = None


@asynccontextmanager
async def open_web_chat(settings: WebChatSettings, deps: PageDependencies, app: web.Application) -> AsyncIterator[None]:
    """The chat in an application that is not yet running."""
    streams = Streams(transcripts=deps.transcripts)
    bot = BotEndpoint(session=deps.session, url=f"{settings.address}/api/messages", weather=deps.weather)
    tokens = Tokens(key=settings.key)
    app[KEYS] = tokens
    for part in _parts(settings, deps, streams, bot, tokens):
        part.add_routes(app)

    async def let_pages_go(_: web.Application) -> None:
        await streams.close()

    app.on_shutdown.append(let_pages_go)
    try:
        yield
    finally:
        await bot.close()


def _parts(
    settings: WebChatSettings, deps: PageDependencies, streams: Streams, bot: BotEndpoint, tokens: Tokens
) -> tuple[_Part, ...]:
    transcripts, weather = deps.transcripts, deps.weather
    parties = Parties(bot_name=settings.facts.assistant, service_url=service_url_of(settings.address, settings.key))
    uploads = Uploads(folder=settings.uploads, address=settings.address)
    uploads.open()
    return (
        ChatPage(
            facts=settings.facts,
            picture_sources=(settings.files_url, settings.address),
            bundle=settings.bundle,
            highlighter=settings.highlighter,
            has_threads=deps.read is not None,
        ),
        uploads,
        ChatRoutes(
            transcripts=transcripts,
            uploads=uploads,
            tokens=tokens,
            forget=deps.forget,
            offered=deps.offered,
            usual_assistant=settings.facts.assistant_id,
        ),
        direct_line.DirectLine(
            transcripts=transcripts, streams=streams, tokens=tokens, uploads=uploads, bot=bot, parties=parties
        ),
        Panel(
            tokens=tokens,
            conversations=deps.conversations,
            turns=deps.turns,
            read=deps.read,
            make=deps.make,
        ),
        AssistantRoutes(tokens=tokens, uploads=uploads, editor=deps.editor),
        TurnRoutes(tokens=tokens, transcripts=transcripts, turns=deps.turns, calls=deps.calls),
        MessageTools(transcripts=transcripts, streams=streams, tokens=tokens, bot=bot, parties=parties),
        WeatherRoutes(tokens=tokens, weather=weather, streams=streams, restart=deps.restart),
        page_connector.ConnectorRoutes(transcripts=transcripts, streams=streams, parties=parties, weather=weather),
    )


class _Part(Protocol):
    def add_routes(self, app: web.Application) -> None: ...
