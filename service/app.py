"""The composition root: who is built from which settings, who is handed what, in which order they start and stop.

What is started first is stopped last: the listener closes before the engine drains, the engine before what it uses.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from adapters.embedded.server import AssistantsServer, open_server
from adapters.embedded.store import StoreError, StoreInUseError
from adapters.file_links import add_file_routes
from adapters.openai.assistant_setup import AssistantProfile, ensure_assistant
from adapters.openai.assistants import AssistantsBackend, nobody
from adapters.openai.client import Client, Endpoint
from adapters.openai.polling import Pace
from adapters.sandbox.picture_header import PictureKind
from adapters.sandbox.pictures import ConfinedPictures
from adapters.sandbox.sandbox import Sandbox, SandboxSettings
from adapters.teams.attachments import ConnectorFiles
from adapters.teams.bot_adapter import ConnectorAdapter
from adapters.teams.channel import TeamsChannel
from adapters.teams.connector import Connector, connector_session
from adapters.teams.endpoint import MessagesEndpoint
from adapters.teams.faults import faults_as_json
from adapters.teams.guard import loopback_only
from adapters.teams.handler import TeamsDispatch
from adapters.teams.server import HttpRunner
from adapters.webchat.weather import Weather
from bot.engine import Engine
from bot.errors import StorageError, StorageInUseError
from bot.intake import Intake
from bot.reply import ReplyWriter
from bot.run_turn import Outside, give_up, run_turn
from service.chat_page import Bot, PageMemory, Place, chat_page, page_memory
from service.data_dir import kept_key, prepare_data_dir
from service.greeting import Started
from service.listening import BACKLOG, address_of, take_port
from service.model import TUTOR, model_behind
from service.secret import Secret
from service.settings import AzureEndpoint, Backend, OpenAIEndpoint, Settings
from service.stores import opened_files, opened_turns
from service.weather import WeatheredModel

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_DRAIN_S = 10.0
_UPLOADS_KEPT_S = 30 * 24 * 60 * 60  # in our own server, the most that the API allows; others keep them as they do

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
    take_port(_LOOPBACK, port).close()  # to say so before anything else is started
    folder = prepare_data_dir(settings.data_dir)
    key, made = kept_key(folder / "assistants.key", settings.assistants_api_key)
    async with opened_sandbox(settings) as sandbox, opened_server(settings, sandbox, key, port=port) as server:
        announce(
            Started(
                address=server.base_url.removesuffix("/v1"),
                wall=sandbox.wall,
                no_wall_because=sandbox.reason,
                made_key=key if made else None,
            )
        )
        await asked.wait()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Started]:
    """The whole bot, listening. What was accepted and is not answered at the end goes on at the next start."""
    async with AsyncExitStack() as stack:
        port = stack.enter_context(take_port(settings.host, settings.port))
        address = address_of(port)
        folder = prepare_data_dir(settings.data_dir)
        turns = await stack.enter_async_context(opened_turns(settings, folder))

        sandbox = await stack.enter_async_context(opened_sandbox(settings))
        alone = settings.database_url is None  # else other processes answer too, and would not know the page's chats
        memory = await stack.enter_async_context(page_memory(folder, settings.backend)) if alone else None
        client = await stack.enter_async_context(opened_client(settings, sandbox, memory))
        assistant = await _assistant_at(client, settings, memory)
        session = await stack.enter_async_context(connector_session())
        files_url = settings.public_url or address
        if not alone and settings.public_url is None:
            log.warning("links to plots name this process, and end with it: set PUBLIC_URL", extra={"address": address})
        files = await stack.enter_async_context(opened_files(settings, folder, public_url=files_url))
        connector = Connector(session=session)
        channel = TeamsChannel(connector=connector)
        incoming = ConnectorFiles(session=session, folder=folder / "incoming")
        incoming.open()
        outside = Outside(
            assistant=assistant,
            channel=channel,
            conversations=turns.conversations,
            files=incoming,
            writer=ReplyWriter(assistant=assistant, files=files, pictures=ConfinedPictures(sandbox=sandbox)),
        )
        engine = Engine(
            ledger=turns.ledger,
            handler=partial(run_turn, outside=outside),
            give_up=partial(give_up, outside=outside),
        )
        await engine.start()
        stack.push_async_callback(engine.stop, deadline_s=_DRAIN_S)

        app = web.Application(middlewares=[faults_as_json, loopback_only])
        intake = Intake(engine=engine, channel=channel)
        stack.push_async_callback(intake.stop)
        dispatch = TeamsDispatch(accept=intake.accept, replace=intake.replace)
        MessagesEndpoint(adapter=ConnectorAdapter(connector=connector), dispatch=dispatch).add_routes(app)
        add_file_routes(app, files)
        if memory is not None:
            place = Place(address=address, port=port.getsockname()[1], files_url=files_url, folder=folder)
            looked_at = Bot(
                client=client,
                assistant_id=assistant.assistant_id,
                conversations=turns.conversations,
                turns=turns.timelines,
                session=session,
            )
            await stack.enter_async_context(chat_page(settings, place, memory, looked_at, app))
        runner = HttpRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, port, backlog=BACKLOG).start()
        yield Started(address=address, wall=sandbox.wall, no_wall_because=sandbox.reason)


@asynccontextmanager
async def opened_sandbox(settings: Settings) -> AsyncIterator[Sandbox]:
    """The sandbox behind the best walls of this machine, or one that refuses to run code and says why."""
    sandbox = await Sandbox.open(SandboxSettings(python=settings.sandbox_python))
    try:
        yield sandbox
    finally:
        await sandbox.close()


@asynccontextmanager
async def opened_server(
    settings: Settings, sandbox: Sandbox, key: Secret, *, port: int = 0, weather: Weather | None = None
) -> AsyncIterator[AssistantsServer]:
    """The embedded Assistants server, with whichever model the settings name behind it."""
    model = model_behind(settings)
    model = WeatheredModel(model, weather=weather) if weather else model
    try:
        server = await open_server(
            data_dir=settings.data_dir / "assistants",
            model=model,
            sandbox=sandbox,
            api_key=key.reveal(),
            pictures=ConfinedPictures(sandbox=sandbox, unchanged=frozenset({PictureKind.PNG, PictureKind.JPEG})),
            host=_LOOPBACK,
            port=port,
            run_deadline_s=int(settings.run_deadline_s),
        )
    except StoreInUseError as error:
        raise StorageInUseError(str(error)) from error
    except StoreError as error:
        raise StorageError(str(error)) from error
    try:
        yield server
    finally:
        await server.stop()
        await model.close()


@asynccontextmanager
async def opened_assistant(settings: Settings, sandbox: Sandbox) -> AsyncIterator[AssistantsBackend]:
    """The assistant that answers."""
    async with opened_client(settings, sandbox) as client:
        yield await _assistant_at(client, settings)


@asynccontextmanager
async def opened_client(
    settings: Settings, sandbox: Sandbox, memory: PageMemory | None = None
) -> AsyncIterator[Client]:
    """A client of the embedded server, which is started for it, or of the service named."""
    async with AsyncExitStack() as stack:
        if settings.backend is Backend.EMBEDDED:
            key, _ = kept_key(settings.data_dir / "assistants.key", settings.assistants_api_key)
            server = await stack.enter_async_context(
                opened_server(settings, sandbox, key, weather=memory.weather if memory else None)
            )
            endpoint = Endpoint(base_url=server.base_url, api_key=key.reveal())
        else:
            endpoint = _endpoint_of(settings)
        client = Client(endpoint=endpoint, listener=memory.calls if memory else None)
        stack.push_async_callback(client.close)
        yield client


async def _assistant_at(client: Client, settings: Settings, memory: PageMemory | None = None) -> AssistantsBackend:
    profile = AssistantProfile(
        name=settings.assistant_name,
        instructions=settings.assistant_instructions,
        model=settings.model or TUTOR,
    )
    return AssistantsBackend(
        assistant_id=settings.assistant_id or await ensure_assistant(client, profile),
        client=client,
        chosen=memory.assistant_of if memory else nobody,
        uploads_kept_s=_UPLOADS_KEPT_S if settings.backend is Backend.EMBEDDED else None,
        pace=Pace(deadline_s=settings.run_deadline_s),
    )


def _endpoint_of(settings: Settings) -> Endpoint:
    match settings.endpoint:
        case OpenAIEndpoint(base_url=url, api_key=key):
            return Endpoint(base_url=url, api_key=key.reveal() if key else "none")
        case AzureEndpoint(url=url, api_key=key, api_version=version):
            return Endpoint(base_url=f"{url}/openai", api_key=key.reveal(), api_version=version or "", azure_key=True)
        case None:
            raise AssertionError("the settings demand an address for this backend")


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
