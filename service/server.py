"""The running program: its sockets, what each of them serves, and how it starts and stops."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web

from adapters.file_links import add_file_routes
from adapters.teams.authentication import LoopbackAuthentication
from adapters.teams.endpoint import MessagesEndpoint
from adapters.teams.handler import TeamsDispatch
from bot.conversation import ConversationKey
from bot.errors import StorageError
from bot.ports import Conversations, Ledger
from httpkit.http_errors import errors_as_json
from httpkit.http_server import listening, raise_descriptor_limit
from httpkit.loopback import loopback_only
from service.chat_page import LocalPage, open_local_page
from service.code_sandbox import open_sandbox
from service.compose import (
    Bot,
    Hooks,
    open_assistants_server,
    open_bot,
    open_turn_stores,
)
from service.data_dir import kept_key, prepare_data_dir
from service.file_storage import FileStorage
from service.greeting import Started
from service.last_request import address_noted
from service.listen_socket import BACKLOG, LOOPBACK, take_port, url_of
from service.model_check import find_model_fault
from service.settings import Backend, Settings

log = logging.getLogger(__name__)

Announce = Callable[[Started], None]
"""Called once everything listens."""


async def serve(settings: Settings, announce: Announce) -> None:
    """Run the bot until SIGINT, SIGTERM or SIGHUP. Raises PortTakenError, BotError."""
    stop = _stop_event()
    raise_descriptor_limit()
    await _until_stopped(open_service(settings), announce, stop)


async def serve_assistants(settings: Settings, port: int, announce: Announce) -> None:
    """Run the Assistants server alone until a signal, as `serve`. Raises PortTakenError, BotError."""
    stop = _stop_event()
    raise_descriptor_limit()
    await _until_stopped(_open_assistants(settings, port), announce, stop)


@asynccontextmanager
async def _open_assistants(settings: Settings, port: int) -> AsyncIterator[Started]:
    take_port(LOOPBACK, port).close()  # a taken port is reported before anything else is started
    folder = prepare_data_dir(settings.data_dir)
    key, made = kept_key(folder / "assistants.key", settings.assistants_api_key)
    async with open_sandbox(settings) as sandbox, open_assistants_server(settings, sandbox, key, port=port) as server:
        yield Started(
            address=server.base_url.removesuffix("/v1"),
            isolation=sandbox.isolation,
            sandbox_unavailable_reason=sandbox.reason,
            generated_key=key if made else None,
            model_fault=await find_model_fault(settings),
        )


async def _until_stopped(
    service: AbstractAsyncContextManager[Started], announce: Announce, stop: asyncio.Event
) -> None:
    """Open the service, announce it, and close it when `stop` is set; a start that still waits is given up."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(None) as start:
                watch = asyncio.create_task(_give_up(start, stop), name="stop during the start")
                started = await stack.enter_async_context(service)
        except TimeoutError:
            if stop.is_set():
                return
            raise
        finally:
            watch.cancel()
        announce(started)
        await stop.wait()


async def _give_up(start: asyncio.Timeout, stop: asyncio.Event) -> None:
    await stop.wait()
    start.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Started]:
    """The whole bot, listening. Accepted messages without an answer at the end are answered after the next start.

    Without an app id one loopback socket serves everything. With one, HOST and PORT serve the public routes to
    authenticated callers, and the chat page, if it is wanted, has a loopback socket of its own.
    """
    async with AsyncExitStack() as stack:
        port = stack.enter_context(take_port(settings.host, settings.port))
        page_port = port
        if settings.is_public and settings.chat_page_port is not None:
            page_port = stack.enter_context(take_port(LOOPBACK, settings.chat_page_port))
        folder = prepare_data_dir(settings.data_dir)
        stores = await stack.enter_async_context(open_turn_stores(settings, folder))
        page: LocalPage | None = None
        if settings.chat_page_port is not None:
            page = await stack.enter_async_context(open_local_page(settings))
        if settings.database_url is not None and settings.public_url is None:
            log.warning("PUBLIC_URL is not set: links to plots end with this process")
        hooks = page.hooks() if page else Hooks()
        bot = await stack.enter_async_context(open_bot(settings, stores, address=url_of(port), hooks=hooks))
        health = HealthRoutes(
            ledger=stores.ledger, conversations=stores.conversations, sandbox=_sandbox_summary(settings, bot)
        )
        if settings.is_public:
            app = public_app(authenticated_endpoint(settings, bot), bot.storage, health)
            await stack.enter_async_context(listening(app, port, backlog=BACKLOG))
        if page is not None or not settings.is_public:
            own_channels = page.own_channels(url_of(page_port)) if page else {}
            messages = local_endpoint(bot, own_channels, takes_others=not settings.is_public)
            app = loopback_app(messages, bot.storage, health)
            if page is not None:
                await stack.enter_async_context(page.served(app, bot, port=page_port))
            await stack.enter_async_context(listening(app, page_port, backlog=BACKLOG))
        stack.enter_context(address_noted(folder, url_of(port)))
        yield Started(
            address=url_of(port),
            isolation=bot.sandbox.isolation,
            sandbox_unavailable_reason=bot.sandbox.reason,
            chat_url=None if page is None else page.url(url_of(page_port)),
            model_fault=await find_model_fault(settings),
        )


def authenticated_endpoint(settings: Settings, bot: Bot) -> MessagesEndpoint:
    """The endpoint that strangers can reach: it proves each caller before it reads a body."""
    if settings.teams is None:
        raise AssertionError("a public bot has a registration, so that its callers are authenticated")
    return MessagesEndpoint(dispatch=TeamsDispatch(bot.intake), authentication=bot.teams.authentication)


def local_endpoint(bot: Bot, own_channels: Mapping[str, str], *, takes_others: bool) -> MessagesEndpoint:
    """The endpoint for programs of this machine, or for the chat page alone, behind the guard of `loopback_app`."""
    authentication = LoopbackAuthentication(own_channels=own_channels, takes_others=takes_others)
    return MessagesEndpoint(dispatch=TeamsDispatch(bot.intake), authentication=authentication)


def public_app(messages: MessagesEndpoint, storage: FileStorage, health: HealthRoutes) -> web.Application:
    """The routes of the public listener, and no others: the chat page, its connector and its switches are not here.

    It usually stands behind a TLS proxy. What a proxy says in `Forwarded` or `X-Forwarded-*` is neither believed nor
    refused, because nothing here depends on the caller's address or on the name it was reached by.
    """
    app = web.Application(middlewares=[errors_as_json])
    add_file_routes(app, storage.files, storage.signed)
    for prefix in sorted({"", storage.signed.path}):  # a proxy may take the path of PUBLIC_URL away or leave it
        messages.add_routes(app, prefix)
        health.add_routes(app, prefix)
    return app


def loopback_app(messages: MessagesEndpoint, storage: FileStorage, health: HealthRoutes) -> web.Application:
    """The same routes for programs of this machine; the chat page may add its own."""
    app = web.Application(middlewares=[errors_as_json, loopback_only])
    messages.add_routes(app)
    add_file_routes(app, storage.files, storage.signed)
    health.add_routes(app)
    return app


def _sandbox_summary(settings: Settings, bot: Bot) -> str:
    if settings.backend is not Backend.EMBEDDED:
        return "external"
    # Everybody can read it, so without the version, which would say which holes to try.
    return str(bot.sandbox.level or "none")


def _stop_event() -> asyncio.Event:
    """Set by SIGINT, SIGTERM or SIGHUP, from now on: a signal during the start stops as cleanly as a later one.

    A second signal ends the process at once, which loses nothing: turns are on disk.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A terminal that closes sends SIGHUP; `nohup` has it ignored, and ignored it stays.
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    numbers = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hangs_up else ()))

    def request_stop() -> None:
        log.info("stop requested")
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, request_stop)
    return stop


_CHECK_INTERVAL_S: Final = 1.0
_CHECK_DEADLINE_S: Final = 2.0
_PROBE: Final = ConversationKey(channel="readyz", tenant="", conversation="")
_NO_STORE: Final = {"Cache-Control": "no-store"}


class HealthRoutes:
    """`GET /healthz` and `GET /readyz`, for supervisors and load balancers.

    Alive: the event loop answers. Ready: the database would take a message now, as far as it tells without one.

    A store of files that is down does not count: all replicas share it, and most answers need no file. `sandbox` says
    what isolates the assistant's code, or `none`. Anybody may ask on the public listener, so the answers name no
    version, no setting and no host.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        conversations: Conversations,
        sandbox: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._conversations = conversations
        self._sandbox = sandbox
        self._clock = clock
        self._lock = asyncio.Lock()
        self._is_ready = False
        self._checked_at_s = -_CHECK_INTERVAL_S

    def add_routes(self, app: web.Application, prefix: str = "") -> None:
        """Serve both, behind a prefix."""
        app.router.add_get(f"{prefix}/healthz", self._health)
        app.router.add_get(f"{prefix}/readyz", self._readiness)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"}, headers=_NO_STORE)

    async def _readiness(self, request: web.Request) -> web.Response:
        # One check at a time, whose result all callers share: a flood of requests must not become one of queries.
        async with self._lock:
            if self._clock() - self._checked_at_s >= _CHECK_INTERVAL_S:
                try:
                    async with asyncio.timeout(_CHECK_DEADLINE_S):
                        await self._ledger.check()
                        await self._conversations.thread_of(_PROBE)
                    self._is_ready = True
                except (StorageError, TimeoutError):
                    self._is_ready = False
                self._checked_at_s = self._clock()
        if self._is_ready:
            return web.json_response({"status": "ready", "sandbox": self._sandbox}, headers=_NO_STORE)
        return web.json_response(
            {"status": "unavailable", "sandbox": self._sandbox}, status=503, headers={**_NO_STORE, "Retry-After": "1"}
        )
