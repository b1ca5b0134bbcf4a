"""The local chat, put together: one file for what was said, the page's side, the bot's side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from adapters.webchat import connector, direct_line
from adapters.webchat.activities import Parties
from adapters.webchat.bot_endpoint import BotEndpoint
from adapters.webchat.page import ChatPage, PageWords
from adapters.webchat.panel import Panel, Read
from adapters.webchat.streams import Streams
from adapters.webchat.tokens import Tokens
from adapters.webchat.transcripts import Transcripts
from bot.ports import Conversations


@dataclass(frozen=True, slots=True, kw_only=True)
class WebChatSettings:
    """`address` is this service's own, `files_url` where its plots are served, both without a slash at the end."""

    file: Path
    key: str
    address: str
    files_url: str
    bundle: Path
    words: PageWords


@asynccontextmanager
async def open_web_chat(
    settings: WebChatSettings,
    *,
    session: aiohttp.ClientSession,
    conversations: Conversations,
    read: Read,
    app: web.Application,
) -> AsyncIterator[None]:
    """The chat in an application that is not yet running. Raises StorageError."""
    transcripts = await Transcripts.open(settings.file)
    try:
        streams = Streams(transcripts=transcripts)
        tokens = Tokens(key=settings.key)
        parties = Parties(bot_name=settings.words.assistant, service_url=settings.address + connector.ROOT)
        parts = (
            ChatPage(
                words=settings.words,
                transcripts=transcripts,
                tokens=tokens,
                files_url=settings.files_url,
                bundle=settings.bundle,
            ),
            direct_line.DirectLine(
                transcripts=transcripts,
                streams=streams,
                tokens=tokens,
                bot=BotEndpoint(session=session, url=f"{settings.address}/api/messages"),
                parties=parties,
            ),
            Panel(tokens=tokens, conversations=conversations, read=read),
            connector.ConnectorRoutes(transcripts=transcripts, streams=streams, parties=parties),
        )
        for part in parts:
            part.add_routes(app)

        async def let_pages_go(_: web.Application) -> None:
            await streams.close()

        app.on_shutdown.append(let_pages_go)
        yield
    finally:
        await transcripts.close()
