"""The chat page's server as the service builds it, before a bot that remembers what it was told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from adapters.webchat.assistant_editing import AssistantEditor
from adapters.webchat.chats import OfferedAssistant
from adapters.webchat.page import PageFacts, Starter
from adapters.webchat.web_chat import PageDependencies, WebChatSettings, open_web_chat
from bot.conversation import ConversationKey, ThreadId
from bot.errors import AssistantError
from bot.profiles import Speaker, SpeakerKind
from bot.timeline import Timeline
from httpkit.http_errors import errors_as_json
from httpkit.http_server import HttpRunner
from httpkit.loopback import loopback_only
from service.chat_page import LocalPage, open_local_page
from service.listen_socket import take_port, url_of
from service.settings import Settings

_DEADLINE_S = 5.0


@dataclass(slots=True)
class Bot:
    """Takes activities, or answers with the status it was told to; waits with the answer where it was told to."""

    heard: list[dict[str, Any]] = field(default_factory=list)
    status: int = 202
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    has_heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def take(self, request: web.Request) -> web.Response:
        self.heard.append(await request.json())
        self.has_heard.set()
        await self.may_answer.wait()
        return web.Response(status=self.status)


@dataclass(slots=True)
class Api:
    """The assistant's API: threads of conversations, what was read, and what it answers or how it fails."""

    threads: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    turns: dict[str, list[Timeline]] = field(default_factory=dict)
    made: list[tuple[str, str]] = field(default_factory=list)
    error: AssistantError | None = None

    async def thread_of(self, key: ConversationKey) -> ThreadId | None:
        thread = self.threads.get(key.conversation) if key.channel == "webchat" else None
        return ThreadId(thread) if thread else None

    async def remember(self, key: ConversationKey, thread: ThreadId) -> None:
        self.threads[key.conversation] = thread

    async def forget(self, key: ConversationKey) -> None:
        self.threads.pop(key.conversation, None)

    async def chosen_assistant(self, key: ConversationKey) -> str | None:
        return None

    async def choose_assistant(self, key: ConversationKey, name: str | None) -> None:
        raise NotImplementedError

    async def offered(self, key: ConversationKey) -> list[OfferedAssistant]:
        return []

    async def of(self, key: ConversationKey, limit: int) -> list[Timeline]:
        return self.turns.get(key.conversation, [])[-limit:]

    async def make(self, name: str, instructions: str) -> object:
        self.made.append((name, instructions))
        if self.error is not None:
            raise self.error
        return {"id": f"asst_{len(self.made)}", "name": name}

    async def read(self, path: str, query: Mapping[str, object]) -> object:
        self.asked.append((path, dict(query)))
        if self.error is not None:
            raise self.error
        return {"path": path}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation, as the page's script speaks with the server."""

    client: aiohttp.ClientSession
    address: str
    conversation: str
    token: str
    empty: bool
    assistant: str
    usual: str
    assistants: list[dict[str, object]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.address}/v3/directline/conversations/{self.conversation}"

    @property
    def allowed(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def say(self, text: str, **fields: object) -> tuple[int, dict[str, Any]]:
        activity = {"type": "message", "text": text, "from": {"id": "user"}, **fields}
        async with self.client.post(f"{self.url}/activities", json=activity, headers=self.allowed) as response:
            return response.status, await response.json()

    async def api(self, path: str) -> tuple[int, Any]:
        """What the panel reads."""
        async with self.client.get(f"{self.address}/chat/api{path}", headers=self.allowed) as response:
            return response.status, await response.json()

    async def transcript(self, watermark: str = "") -> list[dict[str, Any]]:
        address = f"{self.url}/activities?watermark={watermark}"
        async with self.client.get(address, headers=self.allowed) as response:
            return list((await response.json())["activities"])

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        start = f"{self.address}/v3/directline/conversations"
        async with self.client.post(start, json={}, headers=self.allowed) as response:
            url = (await response.json())["streamUrl"]
        async with self.client.ws_connect(url) as socket:
            yield socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running server."""

    client: aiohttp.ClientSession
    address: str
    bot: Bot
    api: Api
    page: LocalPage
    restarts: list[float]

    async def open(self, conversation: str | None = None, **wishes: object) -> Chat:
        wish = {"conversation": conversation, **wishes}
        async with self.client.post(f"{self.address}/chat/tokens", json=wish) as response:
            opened = await response.json()
        return Chat(client=self.client, address=self.address, **opened)

    async def chats(self, **query: str) -> list[dict[str, str]]:
        async with self.client.get(f"{self.address}/chat/conversations", params=query) as response:
            return list(await response.json())

    async def answer(self, chat: Chat, method: str = "POST", activity: str = "", **fields: object) -> tuple[int, Any]:
        """Speak for the bot, through the routes that its connector uses."""
        url = f"{self.bot.heard[-1]['serviceUrl']}/v3/conversations/{chat.conversation}/activities"
        body = {"type": "message", **fields} if method != "DELETE" else None
        async with self.client.request(method, f"{url}/{activity}".rstrip("/"), json=body) as response:
            return response.status, await response.json() if response.content_length else None


@asynccontextmanager
async def running_site(
    folder: Path,
    *,
    bundle: Path | None = None,
    key: str = "a key",
    has_threads: bool = True,
    starters: Sequence[Starter] | None = None,
    editor: AssistantEditor | None = None,
) -> AsyncIterator[Site]:
    """One life of the server; a folder that was used before goes on. `has_threads`: so does the assistant's service."""
    bot, api = Bot(), Api()
    port = take_port("127.0.0.1", 0)
    address = url_of(port)
    app = web.Application(middlewares=[errors_as_json, loopback_only])
    app.router.add_post("/api/messages", bot.take)
    settings = WebChatSettings(
        uploads=folder / "uploads",
        key=key,
        address=address,
        files_url=address,
        bundle=bundle or folder / "no bundle",
        highlighter=folder / "no highlighter",
        facts=PageFacts(
            assistant="Math <Tutor>",
            assistant_id="asst_usual",
            speaker=Speaker(kind=SpeakerKind.MODEL, name="a model & more", address="http://model"),
            can_connect=True,
            starters=starters,
        ),
    )
    limits = aiohttp.ClientTimeout(total=_DEADLINE_S)
    restarts: list[float] = []
    async with (
        aiohttp.ClientSession(timeout=limits) as client,
        open_local_page(Settings.read({"DATA_DIR": str(folder)}, Path("no .env file"))) as page,
        open_web_chat(
            settings, replace(_around(client, page, api, restarts, has_threads=has_threads), editor=editor), app
        ),
    ):
        runner = HttpRunner(app, shutdown_timeout_s=0.1)
        await runner.setup()
        try:
            await web.SockSite(runner, port).start()
            yield Site(client=client, address=address, bot=bot, api=api, page=page, restarts=restarts)
        finally:
            await runner.cleanup()


def _around(
    client: aiohttp.ClientSession, page: LocalPage, api: Api, restarts: list[float], *, has_threads: bool
) -> PageDependencies:
    return PageDependencies(
        session=client,
        transcripts=page.transcripts,
        conversations=api,
        turns=api,
        calls=page.calls,
        weather=page.weather,
        read=api.read if has_threads else None,
        make=api.make if has_threads else None,
        forget=api.forget,
        offered=api.offered,
        restart=lambda: restarts.append(time.monotonic()),
    )
