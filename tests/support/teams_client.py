"""The way in from Teams as the service builds it, with recorded activities to knock with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from adapters.teams.authentication import Authentication, LoopbackAuthentication
from adapters.teams.endpoint import MessagesEndpoint
from adapters.teams.handler import TeamsDispatch
from bot.conversation import EDIT_MARK, ActivityId, ConversationKey, ConversationReference, Incoming
from bot.errors import StorageError
from bot.feedback import Feedback
from httpkit.http_errors import errors_as_json
from httpkit.http_server import IDLE_S, HttpRunner
from httpkit.loopback import loopback_only

_RECORDED = Path(__file__).parents[1] / "activities"


def recorded(shape: str, /, **changes: Any) -> dict[str, Any]:
    """An activity as a client sent it; a change to None takes a field away."""
    activity = {**json.loads((_RECORDED / f"{shape}.json").read_text()), **changes}
    return {name: value for name, value in activity.items() if value is not None}


@dataclass(slots=True)
class Accepted:
    """Remembers what was accepted, and knows a message that comes again."""

    messages: list[Incoming] = field(default_factory=list)
    deleted: list[ActivityId] = field(default_factory=list)
    left: list[ConversationKey] = field(default_factory=list)
    refused: list[Incoming] = field(default_factory=list)  # each time, though it is told once
    rated: list[Feedback] = field(default_factory=list)
    overheard: list[Incoming] = field(default_factory=list)
    full: bool = False

    async def accept(self, message: Incoming) -> bool:
        if self.full:
            raise StorageError("the disk is full")
        if any((known.id, known.key) == (message.id, message.key) for known in self.messages):
            return False
        self.messages.append(message)
        return True

    async def refuse(self, message: Incoming) -> None:
        self.refused.append(message)

    async def replace(self, message: Incoming) -> bool:
        """Whatever was accepted can be replaced, for nothing is ever begun here."""
        if self.full:
            raise StorageError("the disk is full")
        for place, known in enumerate(self.messages):
            if (known.id, known.key) == (message.id, message.key):
                self.messages[place] = message
                return True
        return False

    async def ask_again(self, edited: Incoming) -> bool:
        """The latest message is asked again, as if it had been answered."""
        if self.full:
            raise StorageError("the disk is full")
        if not self.messages or self.messages[-1].id.partition(EDIT_MARK)[0] != edited.reference.reply_to:
            return False
        await self.accept(edited)
        return True

    async def rate(self, feedback: Feedback) -> bool:
        if self.full:
            raise StorageError("the disk is full")
        self.rated.append(feedback)
        return True

    def overhear(self, message: Incoming) -> None:
        self.overheard.append(message)

    async def delete(self, message_id: ActivityId, reference: ConversationReference) -> bool:
        if self.full:
            raise StorageError("the disk is full")
        self.deleted.append(message_id)
        return True

    async def leave(self, reference: ConversationReference) -> bool:
        if self.full:
            raise StorageError("the disk is full")
        self.left.append(reference.key)
        return True


@dataclass(slots=True, kw_only=True)
class Door:
    """A running server and a client of it."""

    port: int
    accepted: Accepted
    client: aiohttp.ClientSession

    async def post(self, activity: object, **headers: str) -> tuple[int, Any]:
        """Send an activity: the status, and the answer's JSON if it has any."""
        return await self.send(json.dumps(activity).encode(), **headers)

    async def send(self, body: bytes, **headers: str) -> tuple[int, Any]:
        """Send bytes as they are; `Content_Type=` and the like set headers."""
        named = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        url = f"http://127.0.0.1:{self.port}/api/messages"
        async with self.client.post(url, data=body, headers=named) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def raw(self, *chunks: bytes, pause_s: float = 0.02, patience_s: float = 30.0) -> bytes:
        """Speak whatever over a bare connection: all that was answered until the server closed it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(pause_s)
            async with asyncio.timeout(patience_s):
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def open_door(*, idle_s: float = IDLE_S, authentication: Authentication | None = None) -> AsyncIterator[Door]:
    """The endpoint behind its guards on a port of its own; without authentication it serves loopback only."""
    accepted = Accepted()
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        app = web.Application(middlewares=[errors_as_json, *([] if authentication else [loopback_only])])
        dispatch = TeamsDispatch(accepted)
        MessagesEndpoint(dispatch=dispatch, authentication=authentication or LoopbackAuthentication()).add_routes(app)
        runner = HttpRunner(app, idle_s=idle_s, shutdown_timeout_s=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield Door(port=runner.addresses[0][1], accepted=accepted, client=client)
        finally:
            await runner.cleanup()
