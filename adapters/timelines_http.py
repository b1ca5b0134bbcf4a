"""Time lines and feedback over HTTP: a running service holds the ledger, so programs that show it ask the service.

`GET /turns?limit=N`, `GET /turns/{number}` and `GET /feedback?after=N`, for callers that show the key of this start.
Served on loopback alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
from aiohttp import web

from bot.errors import StorageError
from bot.feedback import FeedbackRecord
from bot.ports import FeedbackStore, Timelines
from bot.timeline import Timeline

MAX_LISTED: Final = 1_000
MAX_FEEDBACK: Final = 500  # records in one answer
_ANSWER_S: Final = 10.0

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def timelines_app(timelines: Timelines, feedback: FeedbackStore | None = None, *, key: str) -> web.Application:
    """The serving end."""

    @web.middleware
    async def only_with_key(request: web.Request, handler: _Handler) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(shown, f"Bearer {key}".encode()):
            return web.json_response({"error": "the key is missing or wrong"}, status=401)
        try:
            return await handler(request)
        except StorageError as error:
            return web.json_response({"error": str(error)}, status=503)

    async def latest(request: web.Request) -> web.Response:
        limit = request.query.get("limit", "")
        if not (limit.isascii() and limit.isdigit() and len(limit) < 9):
            return web.json_response({"error": "`limit` must be a number"}, status=400)
        found = await timelines.latest(min(int(limit), MAX_LISTED))
        return web.json_response([line.to_json() for line in found])

    async def one(request: web.Request) -> web.Response:
        line = await timelines.timeline(int(request.match_info["number"]))
        return web.json_response(None if line is None else line.to_json())

    app = web.Application(middlewares=[only_with_key])
    if feedback is not None:
        app.router.add_get("/feedback", _FeedbackPage(feedback).get)
    app.router.add_get("/turns", latest)
    app.router.add_get(r"/turns/{number:[0-9]{1,19}}", one)
    return app


class _FeedbackPage:
    """`GET /feedback?after=N`."""

    def __init__(self, feedback: FeedbackStore) -> None:
        self._feedback = feedback

    async def get(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "")
        if not (after.isascii() and after.isdigit() and len(after) < 20):
            return web.json_response({"error": "`after` must be a number"}, status=400)
        return web.json_response([record.to_json() for record in await self._feedback.page(int(after), MAX_FEEDBACK)])


class NobodyThereError(StorageError):
    """No service listens at the address."""


class HttpTimelines:
    """The asking end. Implements `bot.ports.Timelines`."""

    def __init__(self, *, session: aiohttp.ClientSession, address: str, key: str) -> None:
        self._session = session
        self._address = address
        self._headers = {"Authorization": f"Bearer {key}"}

    async def latest(self, limit: int) -> list[Timeline]:
        """At most `MAX_LISTED`."""
        return [Timeline.from_json(row) for row in await self._get(f"/turns?limit={limit}")]

    async def timeline(self, number: int) -> Timeline | None:
        """Look the turn up."""
        row = await self._get(f"/turns/{number}")
        return None if row is None else Timeline.from_json(row)

    async def feedback_after(self, number: int) -> list[FeedbackRecord]:
        """At most `MAX_FEEDBACK` records with greater numbers."""
        return [FeedbackRecord(**row) for row in await self._get(f"/feedback?after={number}")]

    async def _get(self, path: str) -> Any:
        """The JSON of an answer. Raises NobodyThereError, StorageError."""
        limits = aiohttp.ClientTimeout(total=_ANSWER_S)
        try:
            async with self._session.get(f"{self._address}{path}", headers=self._headers, timeout=limits) as answer:
                if answer.status != 200:
                    raise StorageError(f"the running teamsbot does not tell of its turns (status {answer.status})")
                return await answer.json()
        except aiohttp.ClientConnectorError as error:
            raise NobodyThereError("the teamsbot that ran here has stopped") from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise StorageError(f"the running teamsbot does not answer: {type(error).__name__}") from error
