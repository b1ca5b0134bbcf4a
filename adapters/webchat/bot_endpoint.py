"""The bot as the page sees it: the same `/api/messages` that Teams would speak to."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Final

import aiohttp

from adapters.webchat.transcripts import Activity
from adapters.webchat.weather import REDELIVERED_AFTER_S, Kind, Weather
from httpkit.json_body import json_bytes

log = logging.getLogger(__name__)

_ANSWER_DEADLINE: Final = aiohttp.ClientTimeout(total=10.0)


class NotTakenError(Exception):
    """The bot did not store a message; the text says why."""


class BotEndpoint:
    """Brings activities to the bot, which stores them before it answers; in some weather it brings them twice."""

    def __init__(self, *, session: aiohttp.ClientSession, url: str, weather: Weather) -> None:
        self._session = session
        self._url = url
        self._weather = weather
        self._again: set[asyncio.Task[None]] = set()

    async def deliver(self, activity: Activity) -> None:
        """Hand over one activity. Raises NotTakenError."""
        await self._post(activity)
        if self._weather.left_s(Kind.REDELIVERY):
            again = asyncio.create_task(self._deliver_again(activity), name=f"{activity['id']} again")
            self._again.add(again)
            again.add_done_callback(self._again.discard)

    async def close(self) -> None:
        """Bring nothing any more."""
        for task in self._again:
            task.cancel()
        await asyncio.gather(*self._again, return_exceptions=True)

    async def _deliver_again(self, activity: Activity) -> None:
        await asyncio.sleep(REDELIVERED_AFTER_S)
        if self._weather.strikes(Kind.REDELIVERY):
            try:
                await self._post(activity)
            except NotTakenError as error:
                log.info("second delivery not taken", extra={"why": str(error)})

    async def _post(self, activity: Activity) -> None:
        try:
            try:
                status = await self._status(activity)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientConnectionResetError):
                # An idle connection that the bot closed in this moment; it knows a message that it has already.
                status = await self._status(activity)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotTakenError(type(error).__name__) from error
        if status not in (HTTPStatus.ACCEPTED, HTTPStatus.OK):  # OK for an invoke
            raise NotTakenError(f"the bot answered {status}")

    async def _status(self, activity: Activity) -> int:
        headers = {"Content-Type": "application/json"}
        async with self._session.post(
            self._url, data=json_bytes(activity), headers=headers, timeout=_ANSWER_DEADLINE
        ) as response:
            return response.status
