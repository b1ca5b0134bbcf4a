"""The page's switches for the weather, and the one that kills the program and starts it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from adapters.webchat.page_access import allowed, from_own_page, read_object
from adapters.webchat.streams import Streams
from adapters.webchat.tokens import Tokens
from adapters.webchat.transcripts import Activity
from adapters.webchat.weather import Kind, Weather
from httpkit.http_errors import RequestRefusedError

_NEWS: Final[Activity] = {
    "type": "event",
    "name": "webchat/weather",
    "id": "weather",
    "from": {"id": "bot", "role": "bot"},
    "timestamp": "1970-01-01T00:00:00Z",
}
_ANSWER_FIRST_S: Final = 0.1


class WeatherRoutes:
    """Routes below `/chat/weather`, for pages that hold a token. Every open page hears each change."""

    def __init__(
        self, *, tokens: Tokens, weather: Weather, streams: Streams, restart: Callable[[], None] | None
    ) -> None:
        """`restart` ends the process with nothing finished, and begins it again; None where that cannot be done."""
        self._tokens = tokens
        self._weather = weather
        self._restart = restart
        weather.changed = lambda: streams.tell_all(_NEWS)

    def add_routes(self, app: web.Application) -> None:
        """Serve them."""
        app.add_routes(
            [
                web.get("/chat/weather", from_own_page(self._show)),
                web.post("/chat/weather", from_own_page(self._switch)),
                web.post("/chat/restart", from_own_page(self._kill)),
            ]
        )

    async def _show(self, request: web.Request) -> web.Response:
        allowed(request, self._tokens)
        return web.json_response(self._weather.to_json() | {"can_restart": self._restart is not None})

    async def _switch(self, request: web.Request) -> web.Response:
        allowed(request, self._tokens)
        body = await read_object(request)
        kind, on = body.get("kind"), body.get("on")
        if not isinstance(kind, str) or kind not in self._weather.possible or not isinstance(on, bool):
            raise RequestRefusedError(400, "NoSuchWeather", "Name a kind of weather, and whether it is on.")
        (self._weather.begin if on else self._weather.end)(Kind(kind))
        return await self._show(request)

    async def _kill(self, request: web.Request) -> web.Response:
        allowed(request, self._tokens)
        if self._restart is None:
            raise RequestRefusedError(501, "NoRestart", "This system cannot start the program again by itself.")
        asyncio.get_running_loop().call_later(_ANSWER_FIRST_S, self._restart)
        return web.json_response({"killed": True}, status=202)
