"""The bot as the page sees it: the same `/api/messages` that Teams would speak to."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

import aiohttp

from adapters.webchat.transcripts import Activity

log = logging.getLogger(__name__)

_ANSWER_DEADLINE: Final = aiohttp.ClientTimeout(total=10.0)


class NotTakenError(Exception):
    """The bot did not store a message; the text says why."""


class BotEndpoint:
    """Brings activities to the bot, which stores them before it answers."""

    def __init__(self, *, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def deliver(self, activity: Activity) -> None:
        """Hand over one activity. Raises NotTakenError."""
        try:
            async with self._session.post(self._url, json=activity, timeout=_ANSWER_DEADLINE) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotTakenError(type(error).__name__) from error
        if status != HTTPStatus.ACCEPTED:
            raise NotTakenError(f"the bot answered {status}")
