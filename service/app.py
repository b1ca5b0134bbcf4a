"""The composition root: who is built from which settings, who is handed what, in which order they start and stop.

What is started first is stopped last: the listener closes before the engine drains, the engine before what it uses.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from adapters.file_links import add_file_routes
from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client
from adapters.sandbox.confined_pictures import ConfinedPictures
from adapters.sandbox.sandbox import Sandbox
from adapters.teams.attachments import ConnectorFiles
from adapters.teams.channel import TeamsChannel
from adapters.teams.connector import Connector, connector_session
from adapters.teams.endpoint import MessagesEndpoint
from adapters.teams.handler import TeamsDispatch
from bot.engine import Engine
from bot.intake import Intake
from bot.reply import ReplyWriter
from bot.run_turn import Outside, give_up, run_turn
from httpkit.http_errors import errors_as_json
from httpkit.http_server import HttpRunner
from httpkit.loopback import loopback_only
from service.assistant import assistant_at, opened_client, opened_sandbox, opened_server
from service.chat_page import Bot, PageMemory, Place, chat_page, page_memory
from service.data_dir import kept_key, prepare_data_dir
from service.greeting import Started
from service.listening import BACKLOG, LOOPBACK, address_of, take_port
from service.settings import Settings
from service.stores import Turns, opened_files, opened_turns

if TYPE_CHECKING:
    from service.stores import Files

log = logging.getLogger(__name__)

_DRAIN_S = 10.0

Announce = Callable[[Started], None]
"""Told once everything listens."""


async def serve(settings: Settings, announce: Announce) -> None:
    """Run the bot until SIGINT or SIGTERM. Raises PortTakenError, BotError."""
    asked = _stop_signals()
    async with running(settings) as started:
        announce(started)
        await asked.wait()


async def serve_assistants(settings: Settings, port: int, announce: Announce) -> None:
    """Run the Assistants server alone until SIGINT or SIGTERM. Raises PortTakenError, BotError."""
    asked = _stop_signals()
    take_port(LOOPBACK, port).close()  # to say so before anything else is started
    folder = prepare_data_dir(settings.data_dir)
    key, made = kept_key(folder / "assistants.key", settings.assistants_api_key)
    async with opened_sandbox(settings) as sandbox, opened_server(settings, sandbox, key, port=port) as server:
        announce(
            Started(
                address=server.base_url.removesuffix("/v1"),
                isolation=sandbox.isolation,
                sandbox_unavailable_reason=sandbox.reason,
                generated_key=key if made else None,
            )
        )
        await asked.wait()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Started]:
    """The whole bot, listening. What was accepted and is not answered at the end goes on at the next start."""
    async with AsyncExitStack() as stack:
        port = stack.enter_context(take_port(settings.host, settings.port))
        address = address_of(port)
        opened = await stack.enter_async_context(_opened(settings, address))
        connector = Connector(session=opened.session)
        channel = TeamsChannel(connector=connector)
        engine = await stack.enter_async_context(_working(opened, channel))
        intake = Intake(engine=engine, channel=channel)
        stack.push_async_callback(intake.stop)
        app = _application(intake, opened.files)
        if opened.memory is not None:
            place = Place(
                address=address, port=port.getsockname()[1], files_url=opened.files_url, folder=settings.data_dir
            )
            await stack.enter_async_context(chat_page(settings, place, opened.memory, _looked_at(opened), app))
        await stack.enter_async_context(_listening(app, port))
        yield Started(
            address=address, isolation=opened.sandbox.isolation, sandbox_unavailable_reason=opened.sandbox.reason
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What turns need. `memory` is None where other processes answer too: they would not know the page's chats."""

    turns: Turns
    sandbox: Sandbox
    memory: PageMemory | None
    client: Client
    assistant: AssistantsBackend
    session: aiohttp.ClientSession
    files: Files
    files_url: str
    incoming: ConnectorFiles


@asynccontextmanager
async def _opened(settings: Settings, address: str) -> AsyncIterator[_Opened]:
    async with AsyncExitStack() as stack:
        folder = prepare_data_dir(settings.data_dir)
        turns = await stack.enter_async_context(opened_turns(settings, folder))
        sandbox = await stack.enter_async_context(opened_sandbox(settings))
        alone = settings.database_url is None
        memory = await stack.enter_async_context(page_memory(folder, settings.backend)) if alone else None
        client = await stack.enter_async_context(opened_client(settings, sandbox, memory))
        assistant = await assistant_at(client, settings, memory)
        session = await stack.enter_async_context(connector_session())
        files_url = settings.public_url or address
        if not alone and settings.public_url is None:
            log.warning("links to plots name this process, and end with it: set PUBLIC_URL", extra={"address": address})
        incoming = ConnectorFiles(session=session, folder=folder / "incoming")
        incoming.open()
        yield _Opened(
            turns=turns,
            sandbox=sandbox,
            memory=memory,
            client=client,
            assistant=assistant,
            session=session,
            files=await stack.enter_async_context(opened_files(settings, folder, public_url=files_url)),
            files_url=files_url,
            incoming=incoming,
        )


@asynccontextmanager
async def _working(opened: _Opened, channel: TeamsChannel) -> AsyncIterator[Engine]:
    """The engine, at work on what an earlier life left; at the end it drains."""
    pictures = ConfinedPictures(sandbox=opened.sandbox)
    outside = Outside(
        assistant=opened.assistant,
        channel=channel,
        conversations=opened.turns.conversations,
        files=opened.incoming,
        writer=ReplyWriter(assistant=opened.assistant, files=opened.files, pictures=pictures),
    )
    engine = Engine(
        ledger=opened.turns.ledger,
        handler=partial(run_turn, outside=outside),
        give_up=partial(give_up, outside=outside),
    )
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop(deadline_s=_DRAIN_S)


def _application(intake: Intake, files: Files) -> web.Application:
    app = web.Application(middlewares=[errors_as_json, loopback_only])
    dispatch = TeamsDispatch(intake)
    MessagesEndpoint(dispatch=dispatch).add_routes(app)
    add_file_routes(app, files)
    return app


def _looked_at(opened: _Opened) -> Bot:
    return Bot(
        client=opened.client,
        assistant_id=opened.assistant.assistant_id,
        conversations=opened.turns.conversations,
        turns=opened.turns.timelines,
        session=opened.session,
    )


@asynccontextmanager
async def _listening(app: web.Application, port: socket.socket) -> AsyncIterator[None]:
    runner = HttpRunner(app)
    await runner.setup()
    try:
        await web.SockSite(runner, port, backlog=BACKLOG).start()
        yield
    finally:
        await runner.cleanup()


def _stop_signals() -> asyncio.Event:
    """Set by SIGINT or SIGTERM, from now on: one that comes during the start ends it as cleanly as a later one.

    A second signal ends the process at once, which loses nothing: turns are on disk.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        log.info("stopping")
        asked.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    return asked
