"""Bad weather to order: the user of this machine sees, and tests see, what the bot does in trouble.

Off unless somebody switches it on; each kind ends by itself. It exists with the chat page alone, in memory alone. The
page's switches are here, too, with the one that kills the program and starts it again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiohttp import web

from adapters.webchat.page_access import Tokens, allowed, from_own_page, read_object
from adapters.webchat.streams import Streams
from adapters.webchat.transcripts import Activity
from httpkit.http_errors import RequestRefusedError

_MAX_NOTES: Final = 20

_NEWS: Final[Activity] = {
    "type": "event",
    "name": "webchat/weather",
    "id": "weather",
    "from": {"id": "bot", "role": "bot"},
    "timestamp": "1970-01-01T00:00:00Z",
}
_ANSWER_FIRST_S: Final = 0.1


class Kind(StrEnum):
    """What goes wrong."""

    SLOW_MODEL = "slow-model"
    MODEL_LIMIT = "model-429"
    CONNECTOR_DOWN = "connector-502"
    REDELIVERY = "redelivery"


LASTS_S: Final = {Kind.SLOW_MODEL: 120.0, Kind.MODEL_LIMIT: 45.0, Kind.CONNECTOR_DOWN: 20.0, Kind.REDELIVERY: 120.0}
MODEL_PAUSE_S: Final = 8.0
"""How much slower a slow model is, at each exchange."""

MODEL_RETRY_AFTER_S: Final = 5.0
"""When to try again, as a model says with its 429."""

REDELIVERED_AFTER_S: Final = 15.0
"""Teams sends a message again when it was not acknowledged within 15 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fault that struck; `at_s` is in unix seconds."""

    at_s: float
    kind: Kind


class Weather:
    """Which kinds are on, and until when. `changed` is called whenever there is something new to show."""

    def __init__(
        self, *, possible: Collection[Kind] = tuple(Kind), clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`possible`: a model of somebody else's service, say, cannot be made slow from here."""
        self.possible = possible
        self._clock = clock
        self._ends_at: dict[Kind, float] = {}
        self._notes: deque[Note] = deque(maxlen=_MAX_NOTES)
        self.changed: Callable[[], None] = lambda: None

    def begin(self, kind: Kind) -> None:
        """From now on, for as long as `LASTS_S` says."""
        self._ends_at[kind] = self._clock() + LASTS_S[kind]
        self.changed()

    def end(self, kind: Kind) -> None:
        """No more."""
        self._ends_at.pop(kind, None)
        self.changed()

    def left_s(self, kind: Kind) -> float:
        """How long it goes on; 0 when it is off."""
        return max(0.0, self._ends_at.get(kind, 0.0) - self._clock())

    def strikes(self, kind: Kind) -> bool:
        """Whether this kind is on; if so, the page is told that it strikes."""
        if not self.left_s(kind):
            return False
        self._notes.append(Note(at_s=time.time(), kind=kind))
        self.changed()
        return True

    def to_json(self) -> dict[str, Any]:
        """For the page: the seconds that are left of each kind that is on, and what happened, the latest first."""
        left = {kind.value: round(left_s, 1) for kind in Kind if (left_s := self.left_s(kind))}
        possible = [kind.value for kind in self.possible]
        return {
            "possible": possible,
            "left_s": left,
            "notes": [{"at_s": note.at_s, "kind": note.kind.value} for note in reversed(self._notes)],
        }


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
