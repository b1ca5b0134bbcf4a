"""Everything outside the bot, behind one door that can kill the bot at any call.

The bot reaches the Assistants service and the Bot Connector through this test's proxy, so each outside call is counted
and can become the moment of death: before its effect, after it without an answer, or right after the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

import aiohttp
import yarl
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.connector_double import StandInConnector
from tests.support.fake_assistants import FakeAssistants


class Moment(StrEnum):
    """When the bot dies, seen from a call."""

    BEFORE = "before its effect"
    DURING = "after its effect, without an answer"
    AFTER = "after the answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that the bot made."""

    number: int
    method: str
    path: str
    is_typing: bool = False
    shows: str = ""  # of an activity: informative, streaming or final of a stream; "status" of a "Working on it"


@dataclass(slots=True, kw_only=True)
class Trap:
    """Kill at the call of this number (counted from 1, typing left out), at this moment."""

    number: int
    moment: Moment


class Dependencies:
    """`async with Outside() as outside`: the service, the connector, and the door to both."""

    def __init__(self) -> None:
        self.service = FakeAssistants()
        self.connector = StandInConnector()
        self.calls: list[Call] = []
        self.kill: Callable[[], None] = lambda: None
        self.trap: Trap | None = None
        self.fired: list[Call] = []
        self.chance: Callable[[Call], Moment | None] = lambda _call: None
        self._app = web.Application(client_max_size=50_000_000)
        self._app.router.add_route("*", "/{where}/{path:.*}", self._pass)
        self._door = TestServer(self._app)

    @property
    def was_sending(self) -> bool:
        """Once the bot is dead: a message was on its way, so it may rightly come a second time."""
        last = [call for call in self.calls if not call.is_typing][-1]
        return last.path.startswith("/connector/")

    @property
    def service_address(self) -> str:
        """For OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self._door.port}/service"

    @property
    def connector_address(self) -> str:
        """For an activity's serviceUrl."""
        return f"http://127.0.0.1:{self._door.port}/connector"

    async def __aenter__(self) -> Self:
        await self.service.__aenter__()
        await self.connector.__aenter__()
        await self._door.start_server()
        self._session = aiohttp.ClientSession(auto_decompress=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._door.close()
        await self.connector.__aexit__(None, None, None)
        await self.service.__aexit__(None, None, None)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call(
            number=sum(not call.is_typing for call in self.calls) + 1,
            method=request.method,
            path=request.path,
            is_typing=b'"typing"' in body and b'"streaminfo"' not in body,
            shows=_shown_by(body),
        )
        self.calls.append(call)
        moment = self._moment_of(call)
        if moment is Moment.BEFORE:
            return await self._die(call)
        answer = await self._forward(request, body)
        if moment is Moment.DURING:
            return await self._die(call)
        if moment is Moment.AFTER:
            asyncio.get_running_loop().call_later(0.005, self._kill, call)
        return answer

    def _moment_of(self, call: Call) -> Moment | None:
        if call.is_typing:
            return None
        if self.trap is not None and self.trap.number == call.number:
            moment, self.trap = self.trap.moment, None
            return moment
        return self.chance(call)

    async def _die(self, call: Call) -> web.StreamResponse:
        self._kill(call)
        return web.Response(status=500)  # nobody is there to read it

    def _kill(self, call: Call) -> None:
        self.fired.append(call)
        self.kill()

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        base = self.service.base_url if request.match_info["where"] == "service" else self.connector.service_url
        url = f"{base}/{request.raw_path.split('/', 2)[2]}"
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        async with self._session.request(
            request.method, yarl.URL(url, encoded=True), data=body, headers=headers
        ) as answer:
            kept = {name: answer.headers[name] for name in ("Content-Type",) if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


def _shown_by(body: bytes) -> str:
    activity = json.loads(body) if body.startswith(b"{") else {}
    for entity in activity.get("entities", ()):
        if entity["type"] == "streaminfo":
            return str(entity["streamType"])
    return "status" if str(activity.get("text", "")).startswith("Working on it") else ""
