"""The panel beside the chat: what the assistant's API says of it, read with a key that the page never sees."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from adapters.webchat.activities import CHANNEL
from adapters.webchat.door import RefusedError, allowed, from_own_page
from adapters.webchat.tokens import Tokens
from adapters.webchat.transcripts import ConversationId
from bot.conversation import ConversationKey
from bot.errors import AssistantError
from bot.ports import Conversations

log = logging.getLogger(__name__)

Read = Callable[[str, Mapping[str, object]], Awaitable[object]]
"""GET a path below the API's root, such as `/assistants`; the JSON that was answered. Raises AssistantError."""

_ANSWER_DEADLINE_S: Final = 10.0
_ID = "[A-Za-z0-9_-]+"
_READABLE: Final = re.compile(
    rf"/assistants(/{_ID})?|/threads/(?P<thread>{_ID})(/messages(/{_ID})?|/runs(/{_ID}(/steps(/{_ID})?)?)?)?", re.ASCII
)
_QUERY: Final = frozenset({"after", "before", "limit", "order", "run_id"})


class Panel:
    """Reads, and nothing else; of threads only the one that the conversation has."""

    def __init__(self, *, tokens: Tokens, conversations: Conversations, read: Read) -> None:
        self._tokens = tokens
        self._conversations = conversations
        self._read = read

    def add_routes(self, app: web.Application) -> None:
        """Serve below `/chat`."""
        app.add_routes(
            [
                web.get("/chat/thread", from_own_page(self._thread)),
                web.get("/chat/api/{path:.*}", from_own_page(self._show)),
            ]
        )

    async def _thread(self, request: web.Request) -> web.Response:
        return web.json_response({"thread": await self._thread_of(allowed(request, self._tokens))})

    async def _show(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        path = "/" + request.match_info["path"]
        readable = _READABLE.fullmatch(path)
        if readable is None or not _QUERY.issuperset(request.query):
            raise RefusedError(404, "NotReadable", "The panel does not read this.")
        thread = readable["thread"]
        if thread is not None and thread != await self._thread_of(conversation):
            raise RefusedError(403, "ForeignThread", "This conversation has another thread.")
        return web.json_response(await self._answer(path, dict(request.query)))

    async def _answer(self, path: str, query: Mapping[str, object]) -> object:
        try:
            async with asyncio.timeout(_ANSWER_DEADLINE_S):
                return await self._read(path, query)
        except TimeoutError:
            raise RefusedError(504, "NoAnswer", "The assistant's service took too long to answer.") from None
        except AssistantError as error:
            log.info("panel not served", extra={"error": type(error).__name__})
            raise RefusedError(502, "NoAnswer", "The assistant's service refused or did not answer.") from None

    async def _thread_of(self, conversation: ConversationId) -> str | None:
        key = ConversationKey(channel=CHANNEL, tenant="", conversation=conversation)
        return await self._conversations.thread_of(key)
