"""The Bot Connector's REST interface, as far as this bot speaks it.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
import orjson
from yarl import URL

from adapters.teams.pace import Pace
from adapters.teams.place import Place
from adapters.teams.retries import Effect, RetryPolicy, may_work_later
from bot.errors import ConversationGoneError, DeliveryError
from httpkit.retry_after import retry_after_s

log = logging.getLogger(__name__)

_MAX_ANSWER_BYTES: Final = 65_536

# Error codes after which nothing said into the conversation will be heard: Teams' page "Status codes from bot APIs".
_GONE: Final = frozenset(
    {
        "BotDisabledByAdmin",
        "BotNotInConversationRoster",
        "ConversationBlockedByUser",
        "ConversationNotFound",
        "ForbiddenOperationException",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: object  # the JSON, or None for anything else: gateways answer in HTML
    retry_after_s: float | None

    @property
    def id(self) -> str | None:
        """The id of what was posted; typing and split messages get none."""
        match self.body:
            case {"id": str(id_)} if id_:
                return id_
            case _:
                return None

    @property
    def code(self) -> str:
        """The error's code, in the connector's two ways of writing it."""
        match self.body:
            case {"error": {"code": str(code)}} | {"code": str(code)}:
                return code
            case _:
                return ""


class Connector:
    """Posts activities into conversations. Every method raises DeliveryError or ConversationGoneError, nothing else."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        policy: RetryPolicy | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._session = session
        self._policy = policy or RetryPolicy()
        self._pace = pace or Pace()

    async def create(self, place: Place, activity: dict[str, object]) -> str | None:
        """Post a new activity, once Teams' limits allow it; its id, if it got one."""
        return (await self._call("POST", place, None, Effect.TWICE, activity)).id

    async def send_ephemeral(self, place: Place, activity: dict[str, object]) -> None:
        """Post an activity that is worth something only now, such as typing, without a retry.

        It is dropped where it would make other requests wait for Teams' rate limits.
        """
        if self._pace.has_room(place.tenant, place.conversation):
            await self._call("POST", place, None, Effect.WORTHLESS, activity)
        else:
            log.debug("ephemeral activity dropped")

    async def update(self, place: Place, activity_id: str, activity: dict[str, object]) -> None:
        """Replace an activity of the bot's own."""
        await self._call("PUT", place, activity_id, Effect.SAME, activity)

    async def delete(self, place: Place, activity_id: str) -> None:
        """Take back an activity of the bot's own."""
        await self._call("DELETE", place, activity_id, Effect.SAME, None)

    async def _call(
        self,
        method: str,
        place: Place,
        activity_id: str | None,
        effect: Effect,
        activity: dict[str, object] | None,
    ) -> _Answer:
        url = place.url(activity_id)
        tries = 0
        while True:
            tries += 1
            await self._wait_in_line(method, place)
            answer = await self._ask(method, url, activity)
            if answer is not None and answer.status < 300:
                return answer
            wish_s = answer.retry_after_s if answer else None
            pause_s = self._policy.pause_s(answer.status if answer else None, effect, tries, wish_s)
            if pause_s is None:
                raise _error(method, answer)
            log.info("asking the connector again", extra={"method": method, "tries": tries, "pause_s": pause_s})
            await asyncio.sleep(pause_s)

    async def _wait_in_line(self, method: str, place: Place) -> None:
        try:
            async with asyncio.timeout(self._policy.max_queue_wait_s):
                await self._pace.take(place.tenant, place.conversation)
        except TimeoutError:
            raise DeliveryError(f"{method}: too many requests wait for Teams' limits", retryable=True) from None

    async def _ask(self, method: str, url: URL, activity: dict[str, object] | None) -> _Answer | None:
        """One request; None if no answer came. A redirect is an answer: an activity goes to the address we judged."""
        body = None if activity is None else _bytes(activity)
        headers = {"Content-Type": "application/json"} if body else None
        try:
            request = self._session.request(method, url, data=body, headers=headers, allow_redirects=False)
            async with request as response:
                start = await _start_of(response)
                return _Answer(status=response.status, body=_json(start), retry_after_s=retry_after_s(response.headers))
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("connector gave no answer", extra={"method": method, "error": type(error).__name__})
            return None


@asynccontextmanager
async def connector_session(answer_s: float = 15.0) -> AsyncIterator[aiohttp.ClientSession]:
    """The one pool of connections to the connector, with a time limit for each request and no cookies."""
    limits = aiohttp.ClientTimeout(total=answer_s, sock_connect=5.0)
    async with aiohttp.ClientSession(
        timeout=limits,
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=200),
    ) as session:
        yield session


def _bytes(activity: dict[str, object]) -> bytes:
    """JSON in UTF-8. Half a surrogate pair, which a model's tool may print, becomes a question mark and no failure."""
    return json.dumps(activity, ensure_ascii=False).encode(errors="replace")


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    start = bytearray()
    async for chunk in response.content.iter_any():
        start += chunk
        if len(start) > _MAX_ANSWER_BYTES:
            break
    return bytes(start)


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _error(method: str, answer: _Answer | None) -> DeliveryError | ConversationGoneError:
    if answer is None:
        return DeliveryError(f"{method}: the connector gave no answer", retryable=True)
    what = f"{method}: the connector answered {answer.status} {answer.code}".rstrip()
    if answer.code in _GONE:
        return ConversationGoneError(what)
    return DeliveryError(what, retryable=may_work_later(answer.status), retry_after_s=answer.retry_after_s)
